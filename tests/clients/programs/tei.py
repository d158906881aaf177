"""Drives tei-client."""

from said import asked, outcome, say
from tei_client import HttpClient

QUESTION = asked()
HEADERS = {"authorization": f"Bearer {QUESTION.key}"} if QUESTION.key else {}


def classified(texts, **options):
    client = HttpClient(QUESTION.url, headers=HEADERS, timeout=60)
    answer = client.classify(texts if len(texts) > 1 else texts[0], **options)
    rows = answer if isinstance(answer, list) else [answer]
    return [[[each.label, each.score] for each in row.scores] for row in rows]


say({name: outcome(classified, texts) for name, texts in QUESTION.batches.items()})
