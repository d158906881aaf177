"""How good a model is that answers with a number. Needs no torch."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lightsleeper.bulk.records import Reading, Records
from lightsleeper.bulk.records.label_meanings import fold
from lightsleeper.bulk.records.labels import label_column_of
from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import InvalidInput
from lightsleeper.model.model import Model


@dataclass(frozen=True)
class NumberReport:
    """What was found: scores against the numbers of a file."""

    rows: int
    #: Correlation of the numbers, and of their ranks, ties sharing the mean of theirs; -1 to 1.
    pearson: float
    spearman: float
    #: Mean absolute error, in the unit of the score.
    mae: float
    #: No single answer is right or wrong.
    correct: tuple[bool, ...] = ()

    def figures(self) -> dict[str, float]:
        """What a manifest says; the first is what int8 must not lose."""
        return {"pearson": self.pearson, "spearman": self.spearman, "mae": self.mae}

    def as_json(self) -> dict[str, float]:
        """The report as plain values."""
        return {"rows": self.rows, **self.figures()}

    def as_table(self) -> str:
        """The report for people."""
        return (
            f"texts           {self.rows:>9,}\nPearson's r     {self.pearson:>9.4f}\n"
            f"Spearman's rho  {self.spearman:>9.4f}\nmean error      {self.mae:>9.4f}"
        )


def numbered(records: Records, reading: Reading | None = None) -> Iterator[tuple[str, float]]:
    """Each record's text and the number in its column of labels, or that `reading` maps what stands there to.

    InvalidInput, with the place, for anything else, unless `reading` says to leave such rows out.
    """
    reading = reading or Reading()
    meant = {written: _number(said) for written, said in (reading.label_map or {}).items()}
    if any(map(math.isnan, meant.values())):
        raise InvalidInput("--map: this model answers with a number, and has no labels: map to numbers", field="map")
    column = label_column_of(records, reading.label_column)
    for record in records:
        cell = record.columns.get(column, "").strip()
        number = meant.get(fold(cell), _number(cell))
        if math.isnan(number):
            if reading.skip_other:
                continue
            raise InvalidInput(f"{record.place}: {cell[:100]!r} stands in {column}; expected a number", field=column)
        yield record.text, number


def _number(written: str) -> float:
    """Finite, or not a number."""
    try:
        number = float(written)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def evaluate_numbers(model: Model, rows: Iterable[tuple[str, float]], *, workers: int) -> NumberReport:
    """Score the texts the way the service would and compare; `rows` as `numbered` reads them."""
    truth: list[float] = []

    def texts() -> Iterator[str]:
        for text, number in rows:
            truth.append(number)
            yield text

    answers = tqdm(classify_all(model, texts(), workers=workers), unit=" texts", desc="evaluate", disable=None)
    scores = np.array([model.head.scores(answer.logits)[0] for answer in answers])
    expected = np.array(truth)
    if np.unique(expected).size < 2:  # noqa: PLR2004  # nothing to be above or below
        raise InvalidInput(f"{len(truth)} labelled texts with one number at most: there is nothing to compare")
    return NumberReport(
        rows=len(truth),
        pearson=_correlation(scores, expected),
        spearman=_correlation(_ranks(scores), _ranks(expected)),
        mae=float(np.abs(scores - expected).mean()),
    )


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them never changes."""
    one, other = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
