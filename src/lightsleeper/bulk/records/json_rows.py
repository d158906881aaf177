"""JSON → rows: one value a line, an array, or a document with the rows somewhere in it.

A row keeps its own characters (`raw`), so that a number of twenty digits, a `null` and the order of keys come out as
they went in.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from lightsleeper.bulk.records.rules import MAX_DOCUMENT_BYTES, MAX_ROW_CHARS
from lightsleeper.errors import InvalidInput

#: Objects within objects become columns named `user.name`; deeper than this they stay JSON.
_MAX_DEPTH: Final = 4
_SPACE = re.compile(r"[ \t\n\r]*")
_LONE = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder(strict=False)


class NotJson(ValueError):
    """These characters are not a JSON value."""


def value_end(text: str, start: int) -> int:
    """Where the JSON value at `start` ends; NotJson if none is there, or not all of it."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError) as error:
        raise NotJson from error


def skip_space(text: str, start: int) -> int:
    """The position of the first character at or after `start` that is no white space."""
    match = _SPACE.match(text, start)
    return match.end() if match else start


def members(raw: str) -> list[tuple[str, str]]:
    """Name and value of each member of a JSON object, in order, the values as they are written; NotJson otherwise."""
    found: list[tuple[str, str]] = []
    position = skip_space(raw, 0)
    for name_at in _items(raw, position, "{}"):
        name_end = value_end(raw, name_at)
        colon = skip_space(raw, name_end)
        if raw[name_at] != '"' or raw[colon : colon + 1] != ":":
            raise NotJson
        value_at = skip_space(raw, colon + 1)
        found.append((json.loads(raw[name_at:name_end], strict=False), raw[value_at : value_end(raw, value_at)]))
    return found


def elements(raw: str) -> list[str]:
    """The elements of a JSON array as they are written; NotJson otherwise."""
    return [raw[start : value_end(raw, start)] for start in _items(raw, skip_space(raw, 0), "[]")]


def _items(raw: str, start: int, brackets: str) -> Iterator[int]:
    """Where each item between `brackets` begins."""
    if raw[start : start + 1] != brackets[0]:
        raise NotJson
    position = skip_space(raw, start + 1)
    while raw[position : position + 1] != brackets[1]:
        yield position
        position = skip_space(raw, value_end(raw, position))
        if brackets == "{}":
            position = skip_space(raw, value_end(raw, skip_space(raw, position + 1)))
        if raw[position : position + 1] == ",":
            position = skip_space(raw, position + 1)
        elif raw[position : position + 1] != brackets[1]:
            raise NotJson


def fields(raw: str) -> list[tuple[str, str]]:
    """Columns and written values of a row: a string is the column `text`; NotJson if it is no object and no string."""
    if not raw.startswith(('"', "{")) or value_end(raw, 0) != len(raw):
        raise NotJson
    return [("text", raw)] if raw.startswith('"') else list(_flat("", raw, 1))


def complaint(raw: str) -> str:
    """What is wrong with a row that has no fields."""
    try:
        is_json = value_end(raw, 0) == len(raw)
    except NotJson:
        is_json = False
    return "neither a JSON object nor a string" if is_json else "this line is not JSON"


def _flat(prefix: str, raw: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, value in members(raw):
        if (
            value.startswith("{")
            and depth < _MAX_DEPTH
            and (inner := list(_flat(f"{prefix}{name}.", value, depth + 1)))
        ):
            yield from inner
        else:
            yield f"{prefix}{name}", value


def cell_of(value: str) -> str:
    """What a written value shows: a string's characters, nothing for null, the value as it stands for all others."""
    if value.startswith('"'):
        return str(json.loads(value, strict=False))
    return "" if value == "null" else value


def kind_of(value: str) -> str:
    """What a written value is, for people; empty for a string and null."""
    if value.startswith('"') or value == "null":
        return ""
    return {"{": "an object", "[": "a list", "t": "true", "f": "false"}.get(value[0], "a number")


def without_lone_surrogates(text: str) -> str:
    """`text` as Unicode can hold it."""
    return _LONE.sub("\ufffd", text)


def has_lone_surrogate(text: str) -> bool:
    """Whether `text` holds half of a character, as a JSON escape can."""
    return not text.isascii() and _LONE.search(text) is not None


def shape_of(text: str, *, whole: bool, is_json: bool) -> str | None:
    """How a file that begins with `text` is JSON: lines, array or document; None if it is not.

    `is_json`: its name or somebody says that it is JSON, so that a line that is a string is one.
    """
    start = skip_space(text, 0)
    if text.startswith("[", start):
        first = skip_space(text, start + 1)
        if text.startswith("[", first):
            return "document" if _begins(text, first, whole=whole) else None
        return "array" if text.startswith("]", first) or _begins(text, first, whole=whole) else None
    if not text.startswith(("{", '"') if is_json else "{", start):
        return "lines" if is_json else None
    line = text[start : text.find("\n", start) if "\n" in text[start:] else len(text)].strip()
    try:
        fields(line)
    except ValueError:
        broken = line.startswith("{") and text.find('"', start) != -1
        return "document" if broken and _is_document(text, start, whole=whole) else "lines" if is_json else None
    alone = not text[start + len(line) :].strip()
    return "document" if line.startswith("{") and alone and whole and _rows_within(line) is not None else "lines"


def _begins(text: str, start: int, *, whole: bool) -> bool:
    if not text.startswith(("{", "[", '"'), start):
        return False
    try:
        value_end(text, start)
    except NotJson:
        return not whole and text.startswith("{", start)
    return True


def _is_document(text: str, start: int, *, whole: bool) -> bool:
    """Whether an object that does not end in its first line is JSON all the same."""
    try:
        value_end(text, start)
    except NotJson:
        return not whole and re.match(r'\{\s*"(?:[^"\\]|\\.)*"\s*:', text[start:]) is not None
    return True


def lines(pieces: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Every line that is not blank, with its number."""
    rest, number = "", 0
    for piece in chain(pieces, ["\n"]):
        *complete, rest = (rest + piece).split("\n")
        for line in complete:
            number += 1
            if line.strip(" \t\r"):
                yield line.strip(" \t\r"), number
        _bound(rest, number + 1)


def array(pieces: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Every element of a JSON array, with the line it begins in; what is not JSON ends it as one last row."""
    text, position, line, opened = "", 0, 1, False
    for piece, last in _with_last(pieces):
        text, position = text[position:] + piece, 0
        while True:
            start = skip_space(text, position)
            if not opened or text[start : start + 1] == ",":
                opened, start = True, skip_space(text, start + 1)
            if start >= len(text) or text[start] == "]":
                break
            try:
                end = value_end(text, start)
            except NotJson:
                end = len(text) if last else -1
            # A number at the very end may go on in the next piece.
            if end == -1 or (end == len(text) and not last):
                break
            line += text.count("\n", position, start)
            yield text[start:end].strip(), line
            line += text.count("\n", start, end)
            position = end
        _bound(text[position:], line)


def document(pieces: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The rows of a JSON document, wherever they are in it; InvalidInput if it is too large to be read whole."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > MAX_DOCUMENT_BYTES:
            raise InvalidInput(
                f"a JSON document of more than {MAX_DOCUMENT_BYTES:,} characters; write one row a line (jq -c '.[]')",
                limit=MAX_DOCUMENT_BYTES,
            )
    rows, rest = [], skip_space(text, 0)
    while rest < len(text):  # objects over several lines each may follow each other
        try:
            end = value_end(text, rest)
        except NotJson:
            end = len(text)
        rows.append(text[rest:end].strip())
        rest = skip_space(text, end)
    if len(rows) == 1:
        rows = _rows_within(rows[0]) or rows
    yield from ((row, number) for number, row in enumerate(rows, start=1))


def _rows_within(raw: str) -> list[str] | None:
    """The rows that a JSON document holds: lists, pandas' shapes, else its longest array, at any depth."""
    try:
        if raw.startswith("["):
            return _from_lists(elements(raw))
        found = members(raw)
    except NotJson:
        return None
    by_name = dict(found)
    if by_name.keys() >= {"columns", "data"}:
        return _from_lists([by_name["columns"], *elements(by_name["data"])])
    arrays = [elements(value) for _, value in found if value.startswith("[")]
    tables = [array for array in arrays if array and array[0].startswith(("{", "["))]
    if tables:
        rows = max(tables, key=lambda table: sum(map(len, table)))
        return _from_lists(rows) if rows[0].startswith("[") else rows
    if len(arrays) == len(found) > 0 and len({len(array) for array in arrays}) == 1:
        return [_object(zip((name for name, _ in found), row, strict=True)) for row in zip(*arrays, strict=True)]
    return _from_objects(found)


def _from_lists(rows: list[str]) -> list[str]:
    """Rows of an array of arrays whose first names the columns."""
    header = [cell_of(name) for name in elements(rows[0])]
    return [_object(zip(header, elements(row), strict=False)) for row in rows[1:]]


def _from_objects(found: list[tuple[str, str]]) -> list[str] | None:
    """Objects in an object: by column (`{"text": {"0": …}}`), by row (`{"a1": {"text": …}}`), or rows further in."""
    inner = [members(value) for _, value in found if value.startswith("{")]
    for value in (value for _, value in found if value.startswith("{")):
        if rows := _rows_within(value):
            return rows
    if len(inner) != len(found) or not inner or not inner[0]:
        return None
    keys = [name for name, _ in inner[0]]
    if any([name for name, _ in each] != keys for each in inner):
        return [value for _, value in found] if len(found) > 1 else None
    if not all(key.isdigit() for key in keys):
        return [value for _, value in found] if len(found) > 1 else None
    columns = [[value for _, value in each] for each in inner]
    return [_object(zip((name for name, _ in found), row, strict=True)) for row in zip(*columns, strict=True)]


def _object(fields: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in fields) + "}"


def _with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for piece in pieces:
        yield piece, False
    yield "", True


def _bound(rest: str, line: int) -> None:
    if len(rest) > MAX_ROW_CHARS:
        raise InvalidInput(f"line {line} goes on for more than {MAX_ROW_CHARS:,} characters", limit=MAX_ROW_CHARS)
