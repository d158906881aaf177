"""Labelled files: which column holds the labels, and which of the model's labels people mean by what they wrote."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final
from unicodedata import normalize

from lightsleeper.bulk.records.columns import is_placeholder, words_of_name
from lightsleeper.bulk.records.rules import LABEL_COLUMNS
from lightsleeper.bulk.records.table import Choices, open_table
from lightsleeper.errors import InvalidInput

_POSITIVE: Final = frozenset({"positive", "pos", "+", "true", "yes", "good"})
_NEGATIVE: Final = frozenset({"negative", "neg", "-", "false", "no", "bad"})
_MOST_STARS: Final = 5
_LABELS: Final = _POSITIVE | _NEGATIVE | {"neutral", "mixed", *map(str, range(-1, _MOST_STARS + 1))}
_SAMPLE_ROWS: Final = 1000
_LISTED: Final = 10
_LABEL_CHARS: Final = 40


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
        with open_table(path, choices=replace(self.choices, text_column=None)) as table:
            choices = table.format == "txt" and replace(self.choices, text_column=None)
        return [record.text for record in read_file(path, choices=choices or self.choices)]

    def labelled(
        self, records: Iterable[Record], labels: Sequence[str], counts: Counter[tuple[str, str | None]] | None = None
    ) -> Iterator[tuple[str, int]]:
        """Each record's text and the index of its label; see `labelled`."""
        how = {"label_column": self.label_column, "label_map": self.label_map, "skip_other": self.skip_other}
        return labelled(records, labels, counts=counts, **how)  # type: ignore[arg-type]  # as they are declared above


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


def parse_map(argument: str) -> dict[str, str]:
    """`4,5=POSITIVE;1,2=NEGATIVE` → what each is taken for; InvalidInput for anything else."""
    meaning: dict[str, str] = {}
    for part in filter(None, argument.split(";")):
        written, equals, label = part.partition("=")
        if not equals or not label.strip() or not written.strip():
            raise InvalidInput(f"--map: {part!r} is not like 4,5=POSITIVE", field="map")
        for each in map(fold, written.split(",")):
            if fold(meaning.setdefault(each, label.strip())) != fold(label):
                raise InvalidInput(f"--map: {each!r} is both {meaning[each]} and {label.strip()}", field="map")
    return meaning


def meaning_of(
    found: Mapping[str, int],
    labels: Sequence[str],
    *,
    label_map: Mapping[str, str] | None = None,
    skip_other: bool = False,
    column: str = "label",
) -> dict[str, str]:
    """Which of `labels` each label written in a file stands for; InvalidInput if some stand for none."""
    known = {**_usual(found, labels), **known_names(labels, label_map)}
    meaning = {written: known[fold(written)] for written in found if fold(written) in known}
    other = {written: times for written, times in found.items() if written and written not in meaning}
    if other and not skip_other:
        raise InvalidInput(_complaint(other, labels, column), field=column)
    return meaning


def known_names(labels: Sequence[str], label_map: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which of `labels` each name stands for, folded: its own, and what `label_map` adds."""
    names = {fold(name): name for name in labels}
    known = dict(names)
    for written, said in (label_map or {}).items():
        if fold(said) not in names:
            raise InvalidInput(f"--map: {said!r} is none of {', '.join(labels)}", field="map")
        known[written] = names[fold(said)]
    return known


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
    raise InvalidInput(f"which column holds the labels? {', '.join(columns)}: name it with --label-column")


def _holds_labels(values: Sequence[str]) -> bool:
    """Whether a column without a telling name holds a few different words or numbers that are labels everywhere."""
    different = {fold(value) for value in values if value}
    return 2 <= len(different) <= _MOST_STARS + 1 and different <= _LABELS  # noqa: PLR2004  # one value tells nothing


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


def fold(written: str) -> str:
    """`Positive`, `POSITIVE` and `positive` are one; so are 1, 1.0 and +1, and é however it is composed."""
    folded = normalize("NFC", written.strip()).casefold()
    try:
        number = float(folded)
    except ValueError:
        return folded
    return str(int(number)) if number.is_integer() else folded


def _usual(found: Mapping[str, int], labels: Sequence[str]) -> dict[str, str]:
    """What everybody means by true, neg, -1 and the like; numbers only if all of them can be indices."""
    usual: dict[str, str] = {}
    numbers = {written for written in map(fold, found) if _is_whole(written)}
    if numbers <= {str(index) for index in range(len(labels))}:
        usual |= {str(index): label for index, label in enumerate(labels)}
    if len(labels) == 2:  # noqa: PLR2004  # no and yes
        if numbers == {"-1", "1"}:
            usual |= {"-1": labels[0], "1": labels[1]}
        folded = [label.casefold() for label in labels]
        if folded[0] in _NEGATIVE and folded[1] in _POSITIVE:
            usual |= dict.fromkeys(_NEGATIVE, labels[0]) | dict.fromkeys(_POSITIVE, labels[1])
        usual |= {"false": labels[0], "true": labels[1]}
    return usual


def _is_whole(written: str) -> bool:
    return written.removeprefix("-").isdecimal()


def _complaint(other: Mapping[str, int], labels: Sequence[str], column: str) -> str:
    most = sorted(other.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{written[:_LABEL_CHARS]!r} ({times:,})" for written, times in most[:_LISTED])
    more = f" and {len(most) - _LISTED} others" if len(most) > _LISTED else ""
    numbers = sorted({int(fold(written)) for written in other if _is_whole(fold(written))})
    # Two labels, and a scale of more than two stars.
    scale = numbers and numbers[0] >= 0 and 2 < numbers[-1] <= _MOST_STARS  # noqa: PLR2004  # 0, 1, 2 may be ids
    stars = len(labels) == 2 and scale  # noqa: PLR2004  # the bad one and the good one
    example = f"4,5={labels[1]};1,2={labels[0]}" if stars else f"{most[0][0][:_LABEL_CHARS]}={labels[0]}"
    return (
        f"column {column}: {listed}{more} are none of {', '.join(labels)}: say what they are with "
        f"--map '{example}', and leave out the rest with --skip-other"
    )
