"""Objects in an object → rows: its keys may be those of rows or of columns. As `web/many/reading/json_maps.js`."""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

from lightsleeper.bulk.records.columns import words_of_name
from lightsleeper.bulk.records.json_values import members, object_of, skip_space, written
from lightsleeper.bulk.records.rules import OTHER_NAMES, TEXT_NAMES

#: So many texts by key may be the columns of one row, where their keys do not say otherwise.
_FEW: Final = 3
_DIGITS = re.compile("[0-9]+")


def rows_of_objects(found: Sequence[tuple[str, str]]) -> list[str] | None:
    """Rows of objects that are alike: by column, as pandas writes (`{"text": {"0": …}}`), or by row; else None."""
    inner = {name: dict(members(value)) for name, value in found}
    keys = list(dict.fromkeys(key for each in inner.values() for key in each))
    counted = all(map(_DIGITS.fullmatch, keys))
    of_rows = len(inner) > 1 or all(map(_DIGITS.fullmatch, inner))
    alike = of_rows and all(are_alike(each, next(iter(inner.values()))) for each in inner.values())
    if counted or (alike and _are_names(list(inner)) and not _are_names(keys)):
        rows = [object_of((name, each[key]) for name, each in inner.items() if key in each) for key in keys]
        return keyed("index", list(map(written, keys)), rows)
    return by_key(found) if alike else None


def by_key(found: Sequence[tuple[str, str]]) -> list[str]:
    """What stands at each key as a row, behind its key."""
    return keyed("key", [written(name) for name, _ in found], [value for _, value in found])


def texts_by_key(found: Sequence[tuple[str, str]]) -> list[str] | None:
    """A row for each text of an object that holds nothing else, by key, as pandas writes a series.

    None where its keys may be the names of columns: those are few, or called text, id and the like.
    """
    names = [name for name, _ in found]
    if not _hold_texts(found) or not (_are_ids(names) or (len(names) > _FEW and not _are_names(names))):
        return None
    rows = [object_of([("text", value)]) for _, value in found]
    return keyed("index" if all(map(_DIGITS.fullmatch, names)) else "key", list(map(written, names)), rows)


def may_be_texts_by_key(found: Sequence[tuple[str, str]]) -> bool:
    """Whether an object that is read as one row may be several all the same."""
    return len(found) > 1 and _hold_texts(found) and not _are_names([name for name, _ in found])


def _hold_texts(found: Sequence[tuple[str, str]]) -> bool:
    strings = sum(value.startswith('"') for _, value in found)
    return 2 * strings > len(found) and all(value.startswith('"') or value == "null" for _, value in found)


def _are_names(names: Sequence[str]) -> bool:
    """Whether keys are called as columns are: one of them text, id, stars or the like, and not all with a number."""
    return not _are_ids(names) and any(words_of_name(name) & (TEXT_NAMES | OTHER_NAMES) for name in names)


def _are_ids(names: Sequence[str]) -> bool:
    """Whether keys differ in nothing but their numbers."""
    return len(names) > 1 and len({re.sub("[0-9]+", "0", name) for name in names}) == 1


def are_alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two objects have more than half of their keys in common."""
    return 2 * len(one.keys() & other.keys()) > max(len(one), len(other))


def keyed(name: str, keys: Sequence[str], rows: list[str]) -> list[str]:
    """Every row with its key, as it is written, in front; unless the keys only count: 0, 1, 2 and so on."""
    if [key.strip('"') for key in keys] == [str(number) for number in range(len(keys))]:
        return rows
    taken = {each for row in rows if row.startswith("{") for each, _ in members(row)}
    while name in taken:
        name += "_"
    return [_with_first(name, key, row) for key, row in zip_longest(keys[: len(rows)], rows, fillvalue="null")]


def _with_first(name: str, key: str, row: str) -> str:
    if not row.startswith("{"):
        return row
    rest = row[skip_space(row, 1) :]
    return object_of([(name, key)])[:-1] + (f", {rest}" if rest != "}" else rest)
