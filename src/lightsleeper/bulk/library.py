"""Many texts without a server: grouped by width like the service does, on every core, in order, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from lightsleeper.model.model import Model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText

#: Texts tokenised together: enough of each width to fill batches, few enough for steady progress.
CHUNK_TEXTS = 256
_BATCH_TOKENS = 1024


def classify_all(model: Model, texts: Iterable[str], *, workers: int) -> Iterator[tuple[Logits, bool]]:
    """Logits of every text and whether it was truncated, in order, computed by `workers` threads.

    Holds at most `CHUNK_TEXTS` texts at a time.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="inference") as threads:
        remaining = iter(texts)
        while chunk := list(islice(remaining, CHUNK_TEXTS)):
            tokenized = model.tokenizer.encode(chunk)
            batches = list(_batches(tokenized))
            answers: dict[int, Logits] = {}
            runs = threads.map(model.run, [[tokenized[index] for index in batch] for batch in batches])
            for batch, logits in zip(batches, runs, strict=True):
                answers.update(zip(batch, logits, strict=True))
            for index, text in enumerate(tokenized):
                yield answers[index], text.truncated


def _batches(texts: Sequence[TokenizedText]) -> Iterator[list[int]]:
    """Indices of texts of one width, at most `_BATCH_TOKENS` tokens together; the longest first, to finish evenly."""
    widths: dict[int, list[int]] = {}
    for index, text in enumerate(texts):
        widths.setdefault(text.width, []).append(index)
    for width in sorted(widths, reverse=True):
        size = max(1, _BATCH_TOKENS // width)
        indices = widths[width]
        yield from (indices[start : start + size] for start in range(0, len(indices), size))
