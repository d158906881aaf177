"""The values every layer passes: logits, scores, and where the time went."""

import math
from collections.abc import Sequence
from typing import NamedTuple

#: The model's raw output for one text, one float per label, in label-id order.
Logits = tuple[float, ...]

#: e to the 709th is the largest power that a double holds.
_LEAST_LOGIT = -709.0


class LabelScore(NamedTuple):
    """One label with its probability, or with its logit where raw scores were asked for."""

    label: str
    score: float


class Timings(NamedTuple):
    """Wall seconds one request spent in each stage; the queue and inference of its slowest text."""

    tokenize_s: float = 0.0
    cache_s: float = 0.0
    queue_s: float = 0.0
    inference_s: float = 0.0


class Classification(NamedTuple):
    """The answer to one request: one `Logits` per text, in order."""

    logits: Sequence[Logits]
    #: Indices of the texts of which the model saw only the first `max_tokens` tokens.
    truncated: Sequence[int]
    #: How many texts needed no inference of their own, thanks to a cache.
    hits: int
    timings: Timings
    #: Of all texts, as far as the model read them.
    tokens: int = 0
    #: Indices of the texts of which the model knows little; see `familiar`.
    unfamiliar: Sequence[int] = ()


def softmax(logits: Logits) -> list[float]:
    """Probabilities that sum to 1. In plain Python: for a handful of labels numpy's call overhead is larger."""
    largest = max(logits)
    exponentials = [math.exp(logit - largest) for logit in logits]
    total = sum(exponentials)
    return [exponential / total for exponential in exponentials]


def sigmoid(logits: Logits) -> list[float]:
    """Each label's probability on its own; a logit of -709 and less is 0."""
    return [1 / (1 + math.exp(-logit)) if logit > _LEAST_LOGIT else 0.0 for logit in logits]


def best_first(scores: Sequence[float], labels: Sequence[str], top_k: int | None = None) -> list[LabelScore]:
    """The `top_k` best labels (all by default), best first; labels of equal score keep their id order."""
    ranked = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
    return [LabelScore(label, score) for label, score in ranked[:top_k]]
