"""How good a model is on labelled texts: accuracy, F1, calibration, confusion, speed. Needs no torch."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import InvalidInput
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import softmax

_ECE_BINS = 15


@dataclass(frozen=True)
class Report:
    """What `evaluate` found. Shares are between 0 and 1."""

    rows: int
    labels: tuple[str, ...]
    accuracy: float
    #: Of the last label where there are two (POSITIVE), else the mean over the labels.
    f1: float
    #: Expected calibration error: how far confidence and accuracy lie apart, on average.
    ece: float
    #: Texts by true label (row) and predicted label (column).
    confusion: tuple[tuple[int, ...], ...]
    #: Texts of which the model read only the first `max_tokens` tokens.
    truncated: int
    texts_per_s: float
    #: Of each text, in order, whether the predicted label is the true one.
    correct: tuple[bool, ...] = ()

    def figures(self) -> dict[str, float]:
        """What a manifest says; the first is what int8 must not lose."""
        return {"accuracy": self.accuracy, "f1": self.f1, "ece": self.ece}

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, without a word on single texts."""
        return {name: value for name, value in asdict(self).items() if name != "correct"}

    def as_table(self) -> str:
        """The report for people."""
        f1 = f"F1 ({self.labels[-1]})" if len(self.labels) == 2 else "F1 (macro)"  # noqa: PLR2004  # a pair
        figures = [
            ("texts", f"{self.rows:,}"),
            ("accuracy", f"{self.accuracy:.2%}"),
            (f1, f"{self.f1:.4f}"),
            ("calibration error", f"{self.ece:.4f}"),
            ("truncated texts", f"{self.truncated:,}"),
            ("texts per second", f"{self.texts_per_s:,.1f}"),
        ]
        width = max(len(name) for name, _ in figures)
        return "\n".join([*(f"{name:<{width}}  {value:>9}" for name, value in figures), "", *self._confusion_lines()])

    def _confusion_lines(self) -> Iterator[str]:
        width = max(9, *map(len, self.labels))
        yield f"{'true / predicted':<{max(16, width)}}  " + "  ".join(f"{label:>{width}}" for label in self.labels)
        for label, counts in zip(self.labels, self.confusion, strict=True):
            yield f"{label:<{max(16, width)}}  " + "  ".join(f"{count:>{width},}" for count in counts)


def evaluate(model: Model, rows: Iterable[tuple[str, int]], *, workers: int, total: int | None = None) -> Report:
    """Classify the labelled texts the way the service would and compare; InvalidInput if there are none.

    `rows` are texts and label indices, as `records.labelled` reads them; only the indices and the logits are kept in
    memory. `total` is for the progress bar alone.
    """
    truth: list[int] = []

    def texts() -> Iterator[str]:
        for text, label in rows:
            truth.append(label)
            yield text

    answers = []
    truncated = 0
    started = time.perf_counter()
    for logits, was_cut, *_ in tqdm(
        classify_all(model, texts(), workers=workers), total=total, unit=" texts", desc="evaluate", disable=None
    ):
        answers.append(softmax(logits))
        truncated += was_cut
    seconds = time.perf_counter() - started
    if not answers:
        raise InvalidInput("there are no labelled texts to evaluate on")
    return measure(np.array(answers), np.array(truth), model.labels, truncated=truncated, seconds=seconds)


def measure(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    *,
    truncated: int,
    seconds: float,
) -> Report:
    """The report on `probabilities` [texts, labels] against the `truth`, label indices [texts]."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    return Report(
        rows=len(truth),
        labels=tuple(labels),
        accuracy=float((predicted == truth).mean()),
        f1=_f1(confusion),
        ece=expected_calibration_error(probabilities.max(axis=1), predicted == truth),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        truncated=truncated,
        texts_per_s=len(truth) / max(seconds, 1e-9),
        correct=tuple(map(bool, predicted == truth)),
    )


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean distance between confidence and accuracy over 15 equal bins of confidence (Guo et al. 2017)."""
    # A bin holds (low, high]: confidence 1.0 belongs to the last one.
    bins = np.clip(np.ceil(confidence * _ECE_BINS).astype(int) - 1, 0, _ECE_BINS - 1)
    distance = np.bincount(bins, correct - confidence, minlength=_ECE_BINS)
    return float(np.abs(distance).sum() / len(confidence))


def _f1(confusion: NDArray[np.int64]) -> float:
    hits = confusion.diagonal()
    scores = 2 * hits / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    return float(scores[-1] if len(scores) == 2 else scores.mean())  # noqa: PLR2004  # two labels: the second's
