"""JSON → rows: one value a line, or an array; `json_document` finds rows that are somewhere in a document.

A row keeps its own characters (`raw`), so that a number of twenty digits, a `null` and the order of keys come out as
they went in.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from lightsleeper.bulk.records.json_document import document, is_doubtful, within
from lightsleeper.bulk.records.json_values import (
    NotJson,
    closed_end,
    first_end,
    may_go_on,
    members,
    skip_space,
    value_end,
)
from lightsleeper.bulk.records.rules import MAX_ROW_CHARS
from lightsleeper.errors import InvalidInput

#: Objects within objects become columns named `user.name`; deeper than this they stay JSON.
_MAX_DEPTH: Final = 4
#: `window.YTD.tweets.part0 = [`, `const reviews = {`.
_ASSIGNED = re.compile(r"\s*(?:(?:var|let|const|export)\s+)*[A-Za-z_$][\w$.]*\s*=\s*(?=[\[{])", re.ASCII)
#: Lines of a file called json that are looked at before it is taken for something else.
_LINES_SEEN: Final = 100
#: So much of a file is looked at for the end of an element, then twice as much, and so on.
_SEEN_CHARS: Final = 512


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


def begin_of_script(text: str) -> int:
    """How much of a file stands before the JSON that a script gives a name to, as in an archive of tweets."""
    assigned = _ASSIGNED.match(text)
    return assigned.end() if assigned else 0


def shape_of(text: str, *, whole: bool, is_json: bool) -> str | None:
    """How a file that begins with `text` is JSON: lines, array or document; None if it is not.

    `is_json`: its name or somebody says that it is JSON, so that a line that is a string is one.
    """
    start = skip_space(text, 0)
    if text.startswith("[", start):
        return _shape_of_list(text, start, whole=whole, is_json=is_json)
    if not text.startswith(("{", '"') if is_json else "{", start):
        return "lines" if is_json and any(_is_row(line) for line, _ in islice(lines([text]), _LINES_SEEN)) else None
    line = text[start : text.find("\n", start) if "\n" in text[start:] else len(text)].strip()
    if not _is_row(_without_comma(line)):
        broken = line.startswith("{") and text.find('"', start) != -1
        return "document" if broken and _is_document(text, start, whole=whole) else "lines" if is_json else None
    alone = not text[start + len(line) :].strip()
    is_document = line.startswith("{") and alone and whole and (within(line) is not None or is_doubtful(line))
    return "document" if is_document else "lines"


def _shape_of_list(text: str, start: int, *, whole: bool, is_json: bool) -> str | None:
    """An array of rows, one of lists, or a list a line; in a file called otherwise, a text may begin with a bracket."""
    first = skip_space(text, start + 1)
    of_lists = text.startswith("[", first)
    try:
        end = value_end(text, start)
    except NotJson:
        return ("document" if of_lists else "array") if _begins(text, first, whole=whole, is_json=is_json) else None
    behind = text[skip_space(text, end) :][:1]
    if not is_json and (behind not in {"", "[", ",", ";"} or not text.startswith(("{", "[", '"', "]"), first)):
        return None
    a_line_each = behind == "[" and not text.startswith("{", first)
    return "document" if of_lists or a_line_each else "array"


def _begins(text: str, first: int, *, whole: bool, is_json: bool) -> bool:
    """Whether a list that is cut, or broken, begins with a value."""
    if not is_json and not text.startswith(("{", "[", '"'), first):
        return False
    try:
        end = value_end(text, first)
    except NotJson:
        return text.startswith("{", first) and (not whole or _holds_rows(text))
    return is_json or text[skip_space(text, end) :][:1] in {"", ",", "]"}


def _holds_rows(text: str) -> bool:
    """Whether a list has elements that can be read behind a first that cannot."""
    return any(row.startswith("{") and _is_row(row) for row, _ in islice(array([text]), _LINES_SEEN))


def _is_document(text: str, start: int, *, whole: bool) -> bool:
    """Whether an object that does not end in its first line is JSON all the same."""
    try:
        value_end(text, start)
    except NotJson:
        return not whole and re.match(r'\{\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*:', text[start:]) is not None
    return True


def _is_row(line: str) -> bool:
    try:
        fields(line)
    except NotJson:
        return False
    return True


def _without_comma(line: str) -> str:
    """Lines cut out of an array have commas behind them."""
    cut = (line.startswith("{") and line.endswith("},")) or (line.startswith('"') and line.endswith('",'))
    return line[:-1] if cut else line


def rows_of(shape: str, characters: Iterator[str], notes: list[str]) -> Iterator[tuple[str, int]]:
    """Every row of JSON of that shape, with its line; `notes` is told what was left out of a document."""
    if shape == "document":
        return document(characters, notes)
    return lines(characters) if shape == "lines" else array(characters)


def lines(pieces: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Every line that is not blank, with its number."""
    rest, number = "", 0
    for piece in chain(pieces, ["\n"]):
        *complete, rest = (rest + piece).split("\n")
        for line in complete:
            number += 1
            if row := line.strip(" \t\r\x1e"):
                yield _without_comma(row), number
        _bound(rest, number + 1)


def array(pieces: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Every element of a JSON array, or of several, with the line it begins in; what is no JSON ends where it must."""
    text, position, line, margin, inside, enough = "", 0, 1, 0, False, 0
    for piece, last in _with_last(pieces):
        # The margin is where the line begins: in an earlier piece if negative.
        text, margin, position = text[position:] + piece, margin - position, 0
        if len(text) < min(enough, MAX_ROW_CHARS) and not last:
            continue
        while (start := skip_space(text, position)) < len(text):
            if breaks := text.count("\n", position, start):
                line, margin = line + breaks, text.rfind("\n", position, start) + 1
            position = start
            if text[start] in ",;" or text[start] == "[]"[inside]:
                inside ^= text[start] in "[]"
                position += 1
                continue
            end = _element_end(text, start, start - margin, last=last)
            if end == -1:
                break
            yield text[start:end].strip(), line
            if breaks := text.count("\n", start, end):
                line, margin = line + breaks, text.rfind("\n", start, end) + 1
            position = end
        enough = 2 * (len(text) - position)  # to look at it again with each piece takes the square of the time
        _bound(text[position:], line)


def _element_end(text: str, start: int, indent: int, *, last: bool) -> int:
    """Where an element ends; -1 if more of it must come first.

    One that is no JSON ends where its brackets close, or above a line that begins as an element does and no further in
    than itself, whichever comes first: what is behind it is not lost.
    """
    for seen in _more_and_more(text, start):
        is_all = len(seen) == len(text) - start
        try:
            end = first_end(seen)
        except NotJson as fault:
            if fault.is_cut and not is_all:
                continue
            if fault.is_cut and not last and len(seen) <= MAX_ROW_CHARS:
                return -1
        else:
            if (is_all and last) or not may_go_on(seen, end):
                return start + end
            continue
        above = re.search(rf"\n(?=[ \t]{{0,{indent}}}[{{\]])", seen)
        line_end = above.start() if above else None
        if broken_end := closed_end(seen[:line_end], 0) or line_end:
            return start + broken_end
    return len(text) if last else -1


def _more_and_more(text: str, start: int) -> Iterator[str]:
    """What begins at `start`: to look at all of it for every element would take the square of the time."""
    size = _SEEN_CHARS
    while size < len(text) - start:
        yield text[start : start + size]
        size *= 2
    yield text[start:]


def _with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for piece in pieces:
        yield piece, False
    yield "", True


def _bound(rest: str, line: int) -> None:
    if len(rest) > MAX_ROW_CHARS:
        raise InvalidInput(f"line {line} goes on for more than {MAX_ROW_CHARS:,} characters", limit=MAX_ROW_CHARS)
