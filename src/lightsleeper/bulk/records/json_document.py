"""A JSON document → the rows that are somewhere in it, and what stands beside them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lightsleeper.bulk.records.columns import unique_names, words_of_name
from lightsleeper.bulk.records.header import is_header
from lightsleeper.bulk.records.json_maps import (
    are_alike,
    by_key,
    keyed,
    may_be_texts_by_key,
    rows_of_objects,
    texts_by_key,
)
from lightsleeper.bulk.records.json_values import (
    NotJson,
    cell_of,
    elements,
    members,
    object_of,
    skip_space,
    value_end,
    written,
)
from lightsleeper.bulk.records.rules import MAX_DOCUMENT_BYTES, TEXT_NAMES
from lightsleeper.errors import InvalidInput

#: Lists that may hold the rows whose names stand in one called columns: pandas', Datasette's, Elasticsearch's.
_BESIDE_COLUMNS: Final = ("data", "rows", "values")
#: Lists that say what columns there are, where another one holds the rows.
_DESCRIBING: Final = frozenset({"columns", "features", "fields", "schema"})
_NEXT_LINE = re.compile(r"\n(?=[\[{])")
_DOUBT: Final = "read as one row; if each key is a row, write a list of the texts"
#: Objects within objects in which rows are looked for.
_MAX_DEPTH: Final = 32
#: Names of what is left out that are listed.
_LISTED: Final = 10


@dataclass(slots=True)
class Within:
    """Rows that were found in a document."""

    rows: list[str]
    #: The keys that lead to them.
    path: list[str] = field(default_factory=list)
    #: The names of what stands beside them and is no row.
    beside: list[str] = field(default_factory=list)
    #: How keys were taken, where that is a guess.
    guess: str = ""

    def note(self) -> list[str]:
        """What was guessed or left out, in words; nothing if nothing was."""
        return [*([self.guess] if self.guess else []), *self._left_out()]

    def _left_out(self) -> list[str]:
        if not self.beside:
            return []
        more = ", …" if len(self.beside) > _LISTED else ""
        place = f"the rows are in {'.'.join(self.path)}; " if self.path else ""
        return [f"{place}left out beside them: {', '.join(self.beside[:_LISTED])}{more}"]


def document(pieces: Iterable[str], notes: list[str]) -> Iterator[tuple[str, int]]:
    """The rows of a JSON document, wherever they are in it; `notes` is told what was left out.

    InvalidInput if it is too large to be read whole.
    """
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > MAX_DOCUMENT_BYTES:
            raise InvalidInput(
                f"a JSON document of more than {MAX_DOCUMENT_BYTES:,} characters; write one row a line (jq -c '.[]')",
                limit=MAX_DOCUMENT_BYTES,
            )
    rows = list(_values(text))
    found = within(rows[0]) if len(rows) == 1 else None
    if found:
        notes += found.note()
    elif len(rows) == 1 and is_doubtful(rows[0]):
        notes.append(_DOUBT)
    elif len(rows) > 1 and rows[0].startswith("["):  # a list a line
        found = Within(_from_lists(rows))
    yield from ((row, number) for number, row in enumerate(found.rows if found else rows, start=1))


def is_doubtful(raw: str) -> bool:
    """Whether a document that holds no rows, but is one, may be meant otherwise."""
    try:
        return raw.startswith("{") and may_be_texts_by_key(members(raw))
    except NotJson:
        return False


def _values(text: str) -> Iterator[str]:
    """Objects over several lines each may follow each other; what is no JSON ends above the next that begins a line."""
    position = skip_space(text, 0)
    while position < len(text):
        try:
            end = value_end(text, position)
        except NotJson:
            next_line = _NEXT_LINE.search(text, position)
            end = next_line.start() if next_line else len(text)
        yield text[position:end].strip()
        position = skip_space(text, end)
        if text.startswith((",", ";"), position):
            position = skip_space(text, position + 1)


def within(raw: str) -> Within | None:
    """The rows that a JSON document holds: lists, pandas' shapes, else its longest array of texts; None if none."""
    try:
        return _within(raw, may_be_texts=True, depth=1)
    except NotJson:  # a fault may lie deeper than Python's parser looks, and be met on the way
        return None


def _within(raw: str, *, may_be_texts: bool, depth: int) -> Within | None:
    """`may_be_texts`: strings by key may be the texts of rows."""
    if raw.startswith("["):
        return Within(_from_lists(elements(raw)))
    found = members(raw)
    lists = {name: elements(value) for name, value in found if value.startswith("[")}
    others = [name for name, _ in found]
    if named := _named_lists(dict(found), lists, others):
        return named
    if rows_of_lists := (len(lists) == len(found) and _by_list(lists)) or _longest(lists, others):
        return rows_of_lists
    if len(lists) == len(found) > 0 and len({len(column) for column in lists.values()}) == 1:
        return Within([object_of(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)])
    return _texts(found, lists) or _from_objects(found, may_be_texts=may_be_texts, depth=depth)


def _named_lists(found: Mapping[str, str], lists: Mapping[str, list[str]], names: Sequence[str]) -> Within | None:
    """Rows whose columns, or whose one column, are named beside them: a table of pandas or Datasette, a series."""
    index = lists.get("index", [])
    if "columns" in lists:
        place = next((each for each in _BESIDE_COLUMNS if _are_lists(lists.get(each))), None)
        if place:
            rows = _from_lists(lists[place], list(map(_name_of, lists["columns"])))
            return Within(keyed("index", index, rows), [], _without(names, "columns", place, "index"))
    if lists.keys() >= {"data", "index"} and len(lists["data"]) == len(index):
        called, value = _name_of_series(found, lists.get("columns", []))
        name = cell_of(value) or "text"
        if not any(value.startswith(("{", "[")) for value in lists["data"]):
            rows = [object_of([(name, value)]) for value in lists["data"]]
            return Within(keyed("index", index, rows), [], _without(names, called, "data", "index"))
    return None


def _are_lists(rows: Sequence[str] | None) -> bool:
    return rows is not None and all(row.startswith("[") for row in rows)


def _name_of_series(found: Mapping[str, str], columns: Sequence[str]) -> tuple[str, str]:
    """Where the name of the one column stands, and the name as it is written."""
    return ("columns", _name_of(columns[0])) if len(columns) == 1 else ("name", found.get("name", "null"))


def _name_of(column: str) -> str:
    """A column's name as it is written; some write more about it."""
    return dict(members(column)).get("name", '""') if column.startswith("{") else column


def _longest(lists: Mapping[str, list[str]], names: Sequence[str]) -> Within | None:
    """The rows of the longest list of rows; of those called text, review, … if there are any."""
    tables = [name for name, rows in lists.items() if rows and rows[0].startswith(("{", "["))]
    if not tables:
        return None
    tables = [name for name in tables if name not in _DESCRIBING] or tables
    name = max(tables, key=lambda table: (_is_of_texts(table, lists[table][0]), sum(map(len, lists[table]))))
    rows = lists[name]
    return Within(_from_lists(rows) if rows[0].startswith("[") else rows, [name], _without(names, name))


def _is_of_texts(name: str, row: str) -> bool:
    """Whether a list, or something in its rows, is called text, review or the like."""
    names = [name, *(each for each, _ in members(row))] if row.startswith("{") else [name]
    return any(words_of_name(each) & TEXT_NAMES for each in names)


def _without(names: Sequence[str], *known: str) -> list[str]:
    return [name for name in names if name not in known]


def _texts(found: Sequence[tuple[str, str]], lists: Mapping[str, list[str]]) -> Within | None:
    """A list of strings that is called texts, reviews, …, where no string is."""
    called = [(name, value) for name, value in found if words_of_name(name) & TEXT_NAMES]
    if len(called) != 1 or called[0][0] not in lists:
        return None
    rows = lists[called[0][0]]
    if not rows or not all(row.startswith('"') for row in rows):
        return None
    return Within(rows, [called[0][0]], [name for name, _ in found if name != called[0][0]])


def _from_lists(rows: Sequence[str], columns: Sequence[str] | None = None) -> list[str]:
    """Rows of lists, whose names stand in `columns` or in the first of them, if that is a header."""
    lists = list(map(_cells_of, rows))
    if columns is None and all(map(_is_page, lists)):
        return [row for page in lists for row in page or []]
    if columns is None and lists[:1] != [None]:
        shown = [list(map(cell_of, cells)) for cells in lists[:200] if cells is not None]
        if all(name.startswith('"') for name in lists[0] or []) and is_header(shown):
            columns, lists, rows = lists[0], lists[1:], rows[1:]
    width = max(map(len, filter(None, [columns, *lists])), default=0)
    names = unique_names([cell_of(name) for name in columns or []], width)
    return [
        row if cells is None else object_of(zip(names, cells, strict=False))
        for row, cells in zip(rows, lists, strict=True)
    ]


def _cells_of(row: str) -> list[str] | None:
    """None of what is no list."""
    try:
        return elements(row) if row.startswith("[") else None
    except NotJson:
        return None


def _is_page(cells: Sequence[str] | None) -> bool:
    """Whether a list holds nothing but objects: rows, as a scraper keeps them by page."""
    return cells is not None and all(cell.startswith("{") for cell in cells)


def _by_list(lists: Mapping[str, list[str]]) -> Within | None:
    """The rows of every list, where all hold objects that are alike, each with the list's name."""
    rows = [row for table in lists.values() for row in table]
    if len(lists) < 2 or not rows or not all(map(_is_page, lists.values())):  # noqa: PLR2004  # one is the table
        return None
    first = dict(members(rows[0]))
    if not all(are_alike(dict(members(table[0])), first) for table in lists.values() if table):
        return None
    return Within(keyed("key", [written(name) for name, table in lists.items() for _ in table], rows))


def _from_objects(found: Sequence[tuple[str, str]], *, may_be_texts: bool, depth: int) -> Within | None:
    """Objects or texts by key, or rows further in."""
    names = [name for name, _ in found]
    only_objects = bool(found) and all(value.startswith("{") for _, value in found)
    if only_objects and all(members(value) for _, value in found) and (rows := rows_of_objects(found)):
        return Within(rows)
    if may_be_texts and (texts := texts_by_key(found)):
        return Within(texts, guess="each key was taken for a row, and what stands at it for its text")
    has_text = any(value.startswith('"') and words_of_name(name) & TEXT_NAMES for name, value in found)
    inner = [(name, value) for name, value in found if value.startswith("{") and depth < _MAX_DEPTH]
    for name, value in inner:
        if deeper := _within(value, may_be_texts=may_be_texts and not has_text, depth=depth + 1):
            beside = [*_without(names, name), *(f"{name}.{other}" for other in deeper.beside)]
            return Within(deeper.rows, [name, *deeper.path], beside, deeper.guess)
    if len(found) > 1 and only_objects:
        return Within(by_key(found))
    return None
