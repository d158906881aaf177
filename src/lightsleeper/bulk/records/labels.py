"""Labelled files: their rows, which column holds the labels, and the label of each row; see `label_meanings`."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from lightsleeper.bulk.records.columns import is_placeholder, words_of_name
from lightsleeper.bulk.records.label_meanings import MOST_STARS, NEGATIVE, POSITIVE, fold, meaning_of
from lightsleeper.bulk.records.rules import LABEL_COLUMNS
from lightsleeper.bulk.records.table import Choices, open_table
from lightsleeper.errors import InvalidInput

_LABELS: Final = POSITIVE | NEGATIVE | {"neutral", "mixed", *map(str, range(-1, MOST_STARS + 1))}
_SAMPLE_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """One row that has a text: the text, and all of its columns; empty where it has no cell."""

    text: str
    columns: Mapping[str, str]
    #: Where it stands, for error messages: "reviews.csv, row 3 (line 4)".
    place: str


@dataclass(slots=True)
class Records:
    """The rows of a file that have a text, as often as they are asked for."""

    path: Path
    choices: Choices = field(default_factory=Choices)
    #: Rows that the last reading left out, by why: "blank", "placeholder", "unreadable".
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Record]:
        self.left_out.clear()
        with open_table(self.path, choices=self.choices) as table:
            text, name, names = table.text_index, None, table.names  # the names grow
            for row in table.rows:
                if text is None or name is None:
                    text, name = table.text, table.text_name
                if reason := row.reason(text, name):
                    self.left_out[reason if reason in {"blank", "placeholder"} else "unreadable"] += 1
                    continue
                columns = {key: cell or "" for key, cell in zip_longest(names, row.cells, fillvalue="")}
                yield Record(columns[name], columns, table.place(row))


@dataclass(frozen=True, slots=True)
class Reading:
    """How labelled files are read where the guess is wrong; without a word about it, all is guessed."""

    choices: Choices = field(default_factory=Choices)
    label_column: str | None = None
    #: What else is one of the labels; see `parse_map`.
    label_map: Mapping[str, str] | None = None
    #: Leave out rows with any other label.
    skip_other: bool = False

    def records(self, path: Path) -> Records:
        """The rows of a file that have a text."""
        return read_file(path, choices=self.choices)

    def texts(self, path: Path) -> list[str]:
        """The texts of a file without labels; where every line of it is one, there is no column to name."""
        return [record.text for record in read_file(path, choices=self.choices_of_texts(path))]

    def choices_of_texts(self, path: Path) -> Choices:
        """How `texts` reads a file."""
        unnamed = replace(self.choices, text_column=None)
        with open_table(path, choices=unnamed) as table:
            return unnamed if table.format == "txt" else self.choices

    def labelled(
        self, records: Iterable[Record], labels: Sequence[str], counts: Counter[tuple[str, str | None]] | None = None
    ) -> Iterator[tuple[str, int]]:
        """Each record's text and the index of its label; see `labelled`."""
        return labelled(
            records,
            labels,
            label_column=self.label_column,
            label_map=self.label_map,
            skip_other=self.skip_other,
            counts=counts,
        )


@contextmanager
def said_of(file: Path) -> Iterator[None]:
    """What is refused, with its file: there may be several."""
    try:
        yield
    except InvalidInput as error:
        if str(file) in error.message or error.message.startswith(file.name):
            raise
        raise InvalidInput(f"{file}: {error.message}", field=error.field, limit=error.limit) from error


def read_file(path: Path, *, text_column: str | None = None, choices: Choices | None = None) -> Records:
    """The rows of a file that have a text; InvalidInput, when they are read, if nothing can read it."""
    return Records(path, choices or Choices(text_column=text_column))


def labelled(
    records: Iterable[Record],
    labels: Sequence[str],
    *,
    label_column: str | None = None,
    label_map: Mapping[str, str] | None = None,
    skip_other: bool = False,
    counts: Counter[tuple[str, str | None]] | None = None,
) -> Iterator[tuple[str, int]]:
    """Each record's text and the index of its label in `labels`; records without a label are left out.

    What is written may be a label's name in any case, its index, true and false, -1 and 1; `label_map` says what else
    is one of `labels`. Anything else is InvalidInput, unless `skip_other` leaves it out. All labels are looked at
    before the first row is given: a 1 among 2, 3, 4 and 5 is a star, not an index. `counts` is told how often what was
    taken for which label, or for none.
    """
    known = records if isinstance(records, Records) else list(records)
    column = label_column_of(known, label_column)
    names = {fold(label) for label in labels}  # a label may be called none
    found = Counter(_written(record, column, names) for record in known)
    meaning = meaning_of(found, labels, label_map=label_map, skip_other=skip_other, column=column)
    if counts is not None:
        counts.update({(written, meaning.get(written)): times for written, times in found.items()})
    for record in known:
        label = meaning.get(_written(record, column, names))
        if label is not None:
            yield record.text, labels.index(label)


def label_names(records: Iterable[Record], *, label_column: str | None = None) -> list[str]:
    """The different labels of `records`, sorted, numbers by their value; of `Positive` and `positive` the commoner."""
    known = records if isinstance(records, Records) else list(records)
    column = label_column_of(known, label_column)
    spellings: dict[str, Counter[str]] = {}
    for record in known:
        if written := _written(record, column):
            spellings.setdefault(written.casefold(), Counter())[written] += 1
    names = [spelling.most_common(1)[0][0] for spelling in spellings.values()]
    return sorted(names, key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name))


def without_label(records: Iterable[Record], *, label_column: str | None = None) -> Record | None:
    """The first record whose label is empty, null or another word for nothing; InvalidInput if no column holds any."""
    known = records if isinstance(records, Records) else list(records)
    column = label_column_of(known, label_column)
    return next((record for record in known if not _written(record, column)), None)


def label_column_of(records: Iterable[Record], named: str | None = None) -> str:
    """The column `named`, or that is named like one of labels; InvalidInput with the columns if none surely is."""
    if named:
        return _column_named(records, named)
    sample = list(islice(records, _SAMPLE_ROWS))
    columns = list(sample[0].columns) if sample else []
    folded = {column.strip().casefold(): column for column in columns}
    for name in LABEL_COLUMNS:
        if name in folded:
            return folded[name]
    alike = [column for column in columns if words_of_name(column) & set(LABEL_COLUMNS)]
    held = [column for column in columns if _holds_labels([_written(record, column) for record in sample])]
    for fitting in ([column for column in alike if column in held], held, alike):
        if len(fitting) == 1:
            return fitting[0]
    if not columns:
        raise InvalidInput("no row of it has a text", field="text_column")
    raise InvalidInput(f"which column holds the labels? {', '.join(columns)}: name it with --label-column")


def other_label_columns(columns: Iterable[str], chosen: str) -> list[str]:
    """Columns that are named like labels, too: whoever is told can say that one of them was meant."""
    return [name for name in columns if name != chosen and words_of_name(name) & set(LABEL_COLUMNS)]


def _holds_labels(values: Sequence[str]) -> bool:
    """Whether a column without a telling name holds a few different words or numbers that are labels everywhere."""
    different = {fold(value) for value in values if value}
    return 2 <= len(different) <= MOST_STARS + 1 and different <= _LABELS  # noqa: PLR2004  # one value tells nothing


def _column_named(records: Iterable[Record], name: str) -> str:
    for record in records:
        folded = {column.strip().casefold(): column for column in record.columns}
        if name in record.columns:
            return name
        if name.strip().casefold() in folded:
            return folded[name.strip().casefold()]
        raise InvalidInput(f"no column {name!r} among {', '.join(record.columns)}", field="label_column")
    return name


def _written(record: Record, column: str, names: Collection[str] = ()) -> str:
    """The label as it is written; empty if there is none, which the model's own `names` never say."""
    written = record.columns.get(column, "").strip()
    return "" if is_placeholder(written) and written != "-" and fold(written) not in names else written
