"""Files in which any number of labels may stand at a text: a column for each label, or one with all of them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lightsleeper.bulk.records.label_meanings import fold, known_names
from lightsleeper.bulk.records.labels import Reading, Record, Records, label_column_of
from lightsleeper.errors import InvalidInput, shortened

#: Between the labels of a cell; a comma may be part of a name.
_BETWEEN = ("|", ";")
_YES = frozenset({"1", "1.0", "true", "yes"})
_NO = frozenset({"0", "0.0", "false", "no", ""})


def labelled_sets(
    records: Records,
    labels: Sequence[str],
    reading: Reading | None = None,
    counts: Counter[tuple[str, str | None]] | None = None,
) -> Iterator[tuple[str, frozenset[int]]]:
    """Each record's text and the indices of its labels in `labels`, perhaps none.

    Either every label has a column of 0 and 1, as in Kaggle's toxic comments, or one column has them all: a JSON list,
    or names with `|` or `;` between them. Names are taken as `reading` maps them. InvalidInput, with the place, for
    anything else, unless `reading` says to leave such rows out. `counts` is told how often which name of such a column
    was taken for which label, and for how many rows that were left out it was none.
    """
    reading = reading or Reading()
    known = _indices(labels, reading)
    column = column_of_sets(records, labels, reading)
    for record in records:
        try:
            if column is None:
                own = _own_columns(record, known, labels)
                found = {name: index for name, index in own.items() if _applies(record, name)}
            else:
                found = _named(record, column, known, labels)
                if counts is not None:
                    counts.update((name, labels[index]) for name, index in found.items())
        except _OtherLabel as other:
            if not reading.skip_other:
                raise InvalidInput(str(other), field=other.column) from None
            if counts is not None:
                counts[other.written, None] += 1
            continue
        yield record.text, frozenset(found.values())


class _OtherLabel(Exception):
    """What stands where a label should is none."""

    def __init__(self, message: str, written: str, column: str) -> None:
        super().__init__(message)
        self.written, self.column = written, column


def column_of_sets(records: Records, labels: Sequence[str], reading: Reading) -> str | None:
    """The column with all labels; None if every label has one, which the first row shows."""
    known, first = _indices(labels, reading), next(iter(records), None)
    if reading.label_column is None and first and _own_columns(first, known, labels):
        return None
    return label_column_of(records, reading.label_column)


def _indices(labels: Sequence[str], reading: Reading) -> dict[str, int]:
    return {name: labels.index(label) for name, label in known_names(labels, reading.label_map).items()}


def _own_columns(record: Record, known: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    """The columns that each stand for a label; empty unless every label has one."""
    own = {name: known[fold(name)] for name in record.columns if fold(name) in known}
    return own if len(set(own.values())) == len(labels) else {}


def _applies(record: Record, column: str) -> bool:
    cell = record.columns[column].strip().casefold()
    if cell not in _YES | _NO:
        raise _OtherLabel(
            f"{record.place}: {shortened(cell)!r} stands in the column of a label; expected 0 or 1", cell, column
        )
    return cell in _YES


def _named(record: Record, column: str, known: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    names = _names(record.columns.get(column, ""), known)
    for name in names:
        if fold(name) not in known:
            message = f"{record.place}: {shortened(name)!r} is none of {', '.join(labels)}"
            raise _OtherLabel(message, name, column)
    return {name: known[fold(name)] for name in names}


def _names(cell: str, known: Mapping[str, int]) -> list[str]:
    written = cell.strip()
    if fold(written) in known or not written:
        return [written] if written else []
    try:
        listed = json.loads(cell)
    except ValueError:
        listed = None
    if not isinstance(listed, list):
        between = next((sign for sign in _BETWEEN if sign in cell), None)
        listed = cell.split(between) if between else [cell]
    return [str(name).strip() for name in listed if str(name).strip()]
