"""Files in which any number of labels may stand at a text: a column for each label, or one with all of them."""

import json
from collections.abc import Iterator, Sequence

from lightsleeper.bulk.records.labels import Record, Records, label_column_of
from lightsleeper.errors import InvalidInput

#: Between the labels of a cell; a comma may be part of a name.
_BETWEEN = ("|", ";")
_YES = frozenset({"1", "1.0", "true", "yes"})
_NO = frozenset({"0", "0.0", "false", "no", ""})


def labelled_sets(
    records: Records, labels: Sequence[str], *, label_column: str | None = None
) -> Iterator[tuple[str, frozenset[int]]]:
    """Each record's text and the indices of its labels in `labels`, perhaps none.

    Either every label has a column of 0 and 1, as in Kaggle's toxic comments, or one column has them all: a JSON list,
    or names with `|` or `;` between them. InvalidInput, with the place, for anything else.
    """
    places = {label.strip().casefold(): index for index, label in enumerate(labels)}
    for record in records:
        by_name = {name.strip().casefold(): cell.strip().casefold() for name, cell in record.columns.items()}
        if label_column is None and places.keys() <= by_name.keys():
            yield record.text, frozenset(index for name, index in places.items() if _applies(by_name[name], record))
        else:
            column = label_column or label_column_of(records)
            names = _names(record.columns.get(column, ""), places)
            unknown = [name for name in names if name not in places]
            if unknown:
                raise InvalidInput(f"{record.place}: {unknown[0][:100]!r} is none of {', '.join(labels)}", field=column)
            yield record.text, frozenset(places[name] for name in names)


def _applies(cell: str, record: Record) -> bool:
    if cell not in _YES | _NO:
        raise InvalidInput(f"{record.place}: {cell[:100]!r} stands in the column of a label; expected 0 or 1")
    return cell in _YES


def _names(cell: str, places: dict[str, int]) -> list[str]:
    folded = cell.strip().casefold()
    if folded in places or not folded:
        return [folded] if folded else []
    try:
        listed = json.loads(cell)
    except ValueError:
        listed = None
    if not isinstance(listed, list):
        between = next((sign for sign in _BETWEEN if sign in cell), None)
        listed = cell.split(between) if between else [cell]
    return [str(name).strip().casefold() for name in listed if str(name).strip()]
