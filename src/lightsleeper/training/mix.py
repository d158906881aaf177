"""What one epoch of training reads: rows of several files, each with its weight, and rows that no file holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from lightsleeper.bulk.records import Reading, Record
from lightsleeper.bulk.records.columns import words_of_name
from lightsleeper.bulk.records.labels import label_column_of, said_of
from lightsleeper.bulk.records.rules import LABEL_COLUMNS
from lightsleeper.errors import ConfigurationError, InvalidInput
from lightsleeper.training.augment import CHANGES, WRITERS
from lightsleeper.training.labels import require_labels

Kind = Literal["labelled", "graded", "neutral", "unlabelled"]

#: The column of soft labels: the probability of the last of two labels.
SCORE_COLUMN = "score"
_SAY_WHICH = (
    "If it is, say --label-column score; if not, name the column of labels, or say with --map what its numbers mean"
)
_LABEL_WORDS = frozenset(LABEL_COLUMNS)


@dataclass(frozen=True)
class Source:
    """A file to train on."""

    file: Path
    #: How often a row of it is read per epoch, on average: 0.3 is three rows of ten, 2 is every row twice.
    weight: float = 1.0
    #: `labelled`: a label or a score per row. `graded`: whole numbers from least to most, spread evenly between the
    #: two labels. `neutral`: no labels; the target is the middle. `unlabelled`: a teacher labels it.
    kind: Kind = "labelled"
    #: Of files without labels only the choices count.
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class Augmentation:
    """A name of `augment.WRITERS` or `augment.CHANGES`."""

    name: str
    #: Rows written per row of the files, or the share of those rows that is changed.
    share: float = 0.05


class Row(NamedTuple):
    """A text and the probability that training shall give each label."""

    text: str
    target: tuple[float, ...]


def parse_source(argument: str, kind: Kind = "labelled", reading: Reading | None = None) -> Source:
    """`FILE` or `FILE@WEIGHT`; ConfigurationError for a weight that is no positive number."""
    file, weight = _split(argument, 1.0)
    return Source(Path(file), weight, kind, reading or Reading())


def parse_augmentation(argument: str) -> Augmentation:
    """`NAME` or `NAME@SHARE`; ConfigurationError for an unknown name."""
    name, share = _split(argument, Augmentation.share)
    if name not in {*WRITERS, *CHANGES}:
        raise ConfigurationError(f"no augmentation {name!r}: there are {', '.join((*WRITERS, *CHANGES))}")
    return Augmentation(name, share)


def read_rows(source: Source, labels: Sequence[str]) -> list[Row]:
    """Every row of the file; InvalidInput naming the file, and the line of the first that cannot be read."""
    with said_of(Path(source.file.name)):
        return _rows_of(source, labels)


def _rows_of(source: Source, labels: Sequence[str]) -> list[Row]:
    if source.kind == "neutral":
        return [Row(text, (1 / len(labels),) * len(labels)) for text in source.reading.texts(source.file)]
    rows = list(source.reading.records(source.file))
    if source.kind == "graded":
        return _graded(rows, source)
    if _is_soft(rows, source.reading):
        soft = ((record, _probability(record)) for record in rows)
        left_out = source.reading.skip_other
        return [
            Row(record.text, _soft(record, score, labels))
            for record, score in soft
            if score is not None or not left_out
        ]
    require_labels(rows, label_column=source.reading.label_column)
    certain = [tuple(float(index == label) for index in range(len(labels))) for label in range(len(labels))]
    return [Row(text, certain[label]) for text, label in source.reading.labelled(rows, labels)]


def target_column(records: Sequence[Record], source: Source) -> str:
    """The column that says what to learn: of labels, grades or scores; InvalidInput if none surely does."""
    soft = source.kind == "labelled" and _is_soft(records, source.reading)
    return SCORE_COLUMN if soft else label_column_of(records, source.reading.label_column)


def epoch_rows(
    sources: Sequence[tuple[Source, Sequence[Row]]],
    augmentations: Sequence[Augmentation],
    *,
    seed: int,
    epoch: int,
) -> list[Row]:
    """The rows of one epoch, in random order; the same seed and epoch give the same rows."""
    draw = Random(f"{seed}/{epoch}")  # noqa: S311  # not for secrets
    rows = [row for source, all_rows in sources for row in _drawn(all_rows, source.weight, draw)]
    from_files = len(rows)
    for augmentation in augmentations:
        if augmentation.name in WRITERS:
            write = WRITERS[augmentation.name]
            written = (write(draw) for _ in range(round(augmentation.share * from_files)))
            rows += [Row(text, (1 - score, score)) for text, score in written]
    changed = [_changed(row, augmentations, draw) for row in rows]
    draw.shuffle(changed)
    return changed


def _drawn(rows: Sequence[Row], weight: float, draw: Random) -> Iterator[Row]:
    whole = int(weight)
    for _ in range(whole):
        yield from rows
    yield from draw.sample(rows, round((weight - whole) * len(rows)))


def _changed(row: Row, augmentations: Sequence[Augmentation], draw: Random) -> Row:
    text = row.text
    for augmentation in augmentations:
        if augmentation.name in CHANGES and draw.random() < augmentation.share:
            text = CHANGES[augmentation.name](text, draw)
    return Row(text, row.target)


def _is_soft(records: Sequence[Record], reading: Reading) -> bool:
    """Whether a column of scores says what to learn; InvalidInput where nobody can tell.

    It does not where somebody names another column or maps labels, nor beside one that is called label: there a score
    is how sure somebody is of it.
    """
    columns = records[0].columns if records else {}
    if SCORE_COLUMN not in columns or reading.label_map:
        return False
    if reading.label_column is not None:
        return reading.label_column.strip().casefold() == SCORE_COLUMN
    others = [name for name in columns if name != SCORE_COLUMN and words_of_name(name) & _LABEL_WORDS]
    if any(name.strip().casefold() in LABEL_COLUMNS for name in others):
        return False
    if others:
        why = f"beside {', '.join(map(repr, others))}"
    elif {record.columns.get(SCORE_COLUMN, "").strip() for record in records} <= {"1", "1.0"}:
        why = "which is 1 in every row"  # surely good, or one star
    else:
        return True
    where = records[0].place.partition(",")[0]
    raise InvalidInput(f"{where}: is the column score, {why}, a probability? {_SAY_WHICH}", field=SCORE_COLUMN)


def _probability(record: Record) -> float | None:
    """The row's score; None if that is not a number from 0 to 1."""
    try:
        score = float(record.columns[SCORE_COLUMN])
    except (TypeError, ValueError):
        return None
    return score if 0 <= score <= 1 else None


def _soft(record: Record, score: float | None, labels: Sequence[str]) -> tuple[float, ...]:
    if len(labels) != 2:  # noqa: PLR2004  # a pair
        raise InvalidInput(f"{record.place}: a score is for two labels, not {len(labels)}", field=SCORE_COLUMN)
    if score is None:
        raise InvalidInput(f"{record.place}: the score is not a number from 0 to 1. {_SAY_WHICH}", field=SCORE_COLUMN)
    return (1 - score, score)


def _graded(records: Sequence[Record], source: Source) -> list[Row]:
    column = label_column_of(records, source.reading.label_column) if records else ""
    grades = [record.columns.get(column, "").strip() for record in records]
    if source.reading.skip_other:
        records = [record for record, grade in zip(records, grades, strict=True) if grade.isdecimal()]
        grades = list(filter(str.isdecimal, grades))
    for record, grade in zip(records, grades, strict=True):
        if not grade.isdecimal():
            raise InvalidInput(f"{record.place}: the label is not a whole number from 0 up", field=column)
    most = max(map(int, grades), default=0)
    if most == 0:
        raise InvalidInput(f"{source.file.name}: no grade above 0", field="label")
    return [
        Row(record.text, (1 - int(grade) / most, int(grade) / most))
        for record, grade in zip(records, grades, strict=True)
        if record.text.strip()
    ]


def _split(argument: str, default: float) -> tuple[str, float]:
    name, at, number = argument.rpartition("@")
    if not at:
        return argument, default
    try:
        value = float(number)
    except ValueError:
        return argument, default  # an @ of the file's own name
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{argument}: the number after @ must be above 0")
    return name, value
