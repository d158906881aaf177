"""Which labels a run has, before anything is trained: none missing, none written in two ways."""

from collections.abc import Mapping, Sequence

from lightsleeper.bulk.records import Record, label_names
from lightsleeper.bulk.records.labels import without_label
from lightsleeper.errors import InvalidInput


def names_of(records: Sequence[Record], where: str, *, label_column: str | None = None) -> list[str]:
    """The labels of `records`, sorted; InvalidInput if one is missing, if two are one, or if there is only one."""
    require_labels(records, label_column=label_column)
    names = label_names(records, label_column=label_column)
    if len(names) < 2:  # noqa: PLR2004  # there is nothing to tell apart
        raise InvalidInput(f"{where}: only the label {names} occurs")
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_plain(name), name)
        if other != name:
            raise InvalidInput(f"{where}: are {other!r} and {name!r} one label? Write them alike, or tell them apart")
    return names


def require_labels(records: Sequence[Record], *, label_column: str | None = None) -> None:
    """InvalidInput naming the place of the first record whose label is empty or null."""
    if records and (record := without_label(records, label_column=label_column)):
        raise InvalidInput(f"{record.place}: no label: give the row one, or leave it out", field="label")


def describe(counts: Mapping[str, int]) -> list[str]:
    """A line a label, with its rows and their share."""
    total = sum(counts.values())
    width = max(map(len, counts))
    return [f"  {name:<{width}}  {count:>8,}  {count / total:6.1%}" for name, count in counts.items()]


def _plain(name: str) -> str:
    """What a name is, however it is written: case and surrounding blanks aside, 3.0 as 3."""
    try:
        return f"{float(name):g}"
    except ValueError:
        return name.strip().casefold()
