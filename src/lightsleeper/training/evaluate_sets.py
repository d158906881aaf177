"""How good a model is where any number of labels may apply to a text. Needs no torch."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from lightsleeper.bulk.records import Reading, Records
from lightsleeper.bulk.records.label_sets import labelled_sets
from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import InvalidInput
from lightsleeper.model.head import THRESHOLD
from lightsleeper.model.model import Model
from lightsleeper.training.evaluate import Report, evaluate
from lightsleeper.training.evaluate_numbers import NumberReport, evaluate_numbers, numbered


@dataclass(frozen=True)
class SetReport:
    """What was found; a label is predicted from a score of a half on. Shares are between 0 and 1."""

    rows: int
    #: Share of texts with exactly the true labels, and no other.
    accuracy: float
    #: Of all decisions about a label of a text together (micro), and the mean over the labels (macro).
    f1: float
    macro_f1: float
    #: Of each text, in order, whether it got exactly its labels.
    correct: tuple[bool, ...] = ()

    def figures(self) -> dict[str, float]:
        """What a manifest says; the first is what int8 must not lose."""
        return {"accuracy": self.accuracy, "f1": self.f1}

    def as_json(self) -> dict[str, float]:
        """The report as plain values, without a word on single texts."""
        return {"rows": self.rows, "accuracy": self.accuracy, "f1": self.f1, "macro_f1": self.macro_f1}

    def as_table(self) -> str:
        """The report for people."""
        return (
            f"texts           {self.rows:>9,}\nexactly right   {self.accuracy:>9.2%}\n"
            f"F1 (micro)      {self.f1:>9.4f}\nF1 (macro)      {self.macro_f1:>9.4f}"
        )


AnyReport = Report | SetReport | NumberReport


def evaluate_records(
    model: Model,
    records: Records,
    reading: Reading,
    *,
    workers: int,
    counts: Counter[tuple[str, str | None]] | None = None,
) -> AnyReport:
    """The report on labelled records, as the model's head has it.

    `counts`, unless the answer is a number, is told how often what was taken for which.
    """
    if model.head.one_output:
        return evaluate_numbers(model, numbered(records, reading), workers=workers)
    if model.head.many_labels:
        sets = labelled_sets(records, model.labels, reading, counts)
        return evaluate_sets(model, sets, workers=workers)
    return evaluate(model, reading.labelled(records, model.labels, counts), workers=workers)


def evaluate_sets(model: Model, rows: Iterable[tuple[str, frozenset[int]]], *, workers: int) -> SetReport:
    """Classify the texts the way the service would and compare; `rows` as `label_sets.labelled_sets` reads them."""
    truth: list[list[bool]] = []

    def texts() -> Iterator[str]:
        for text, labels in rows:
            truth.append([index in labels for index in range(len(model.labels))])
            yield text

    answers = tqdm(classify_all(model, texts(), workers=workers), unit=" texts", desc="evaluate", disable=None)
    scores = [model.head.scores(answer.logits) for answer in answers]
    if not scores:
        raise InvalidInput("there are no labelled texts to evaluate on")
    predicted, expected = np.array(scores) >= THRESHOLD, np.array(truth)
    correct = (predicted == expected).all(axis=1)
    hits, either = (predicted & expected).sum(axis=0), predicted.sum(axis=0) + expected.sum(axis=0)
    return SetReport(
        rows=len(scores),
        accuracy=float(correct.mean()),
        f1=float(2 * hits.sum() / max(either.sum(), 1)),
        macro_f1=float((2 * hits / np.maximum(either, 1)).mean()),
        correct=tuple(map(bool, correct)),
    )
