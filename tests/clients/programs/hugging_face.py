"""Drives huggingface_hub's inference clients, of its first and its second major version."""

import asyncio

from huggingface_hub import AsyncInferenceClient, InferenceClient
from said import asked, outcome, say

QUESTION = asked()
CLIENT = InferenceClient(QUESTION.url, token=QUESTION.key, timeout=60)


def elements(labels):
    return [[each.label, each.score] for each in labels]


def first_of(texts):
    """These clients hand out the answer to the first text only, whatever they sent."""
    return elements(CLIENT.text_classification(texts[0] if len(texts) == 1 else texts))


async def first_of_async(texts):
    client = AsyncInferenceClient(QUESTION.url, token=QUESTION.key, timeout=60)
    return elements(await client.text_classification(texts[0] if len(texts) == 1 else texts))


say(
    {
        **{name: outcome(first_of, texts) for name, texts in QUESTION.batches.items()},
        **{f"{name} async": outcome(asyncio.run, first_of_async(texts)) for name, texts in QUESTION.batches.items()},
    }
)
