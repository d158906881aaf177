"""JSON values as they are written: where one ends, what is in it, and what it shows."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

#: With the sign that RFC 7464 puts before each value.
_SPACE = re.compile(r"[ \t\n\r\x1e]*")
_LONE = re.compile("[\ud800-\udfff]")
_STRUCTURE = re.compile(r'["{}\[\]]')
#: Possessive, for what may be given back is kept: a hundred bytes a character of a string that never closes.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_WORD = re.compile(r"/\*.*?\*/|(?!/\*)[^,\]\n]+", re.DOTALL)
#: What may go on behind the end of what was read: a number, a word, an escape.
_CUT = re.compile(r"\\?[-+.\w]*")
_CONTROL = re.compile(r"[\x00-\x1f]")
_STRING_OR_CONTROL = re.compile(f"{_STRING.pattern}|{_CONTROL.pattern}", re.DOTALL)
_DECODER: Final = json.JSONDecoder(strict=False)


class NotJson(ValueError):
    """These characters are not a JSON value."""

    #: Whether they may be the beginning of one, where that was asked.
    is_cut = False


def value_end(text: str, start: int) -> int:
    """Where the JSON value at `start` ends; NotJson if none is there, or not all of it."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except RecursionError:
        return _nested_end(text, start)
    except ValueError as error:
        raise NotJson from error


def first_end(text: str) -> int:
    """Where the JSON value ends that `text` begins with; NotJson if there is none, it is cut or nested too deeply."""
    try:
        return _DECODER.raw_decode(text)[1]
    except json.JSONDecodeError as error:
        fault = NotJson()
        fault.is_cut = error.msg.startswith("Unterminated") or may_go_on(text, error.pos)
        raise fault from error
    except RecursionError as error:
        raise NotJson from error


def may_go_on(text: str, position: int) -> bool:
    """Whether `text` ends within what is read at `position`, as where a piece of a file ends within a number."""
    return _CUT.fullmatch(text, position) is not None


def _nested_end(text: str, start: int) -> int:
    """Where brackets close that are nested more deeply than Python's parser goes; what is in them is not looked at."""
    depth, position = 0, start
    while match := _STRUCTURE.search(text, position):
        position = match.end()
        if match[0] == '"':
            string = _STRING.match(text, match.start())
            if string is None:
                break
            position = string.end()
        else:
            depth += 1 if match[0] in "{[" else -1
        if not depth:
            return position
    raise NotJson


def closed_end(text: str, start: int) -> int | None:
    """Where what begins at `start` closes, be it JSON or not: a bracket, a string, a word; None if it does not."""
    try:
        if text[start] in "{[":
            return _nested_end(text, start)
    except NotJson:
        return None
    found = (_STRING if text[start] == '"' else _WORD).match(text, start)
    return found.end() if found and found.end() < len(text) else None


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


def one_line(raw: str) -> str:
    """The value without a line break or any other raw control character: escaped in a string, a blank outside."""
    return _STRING_OR_CONTROL.sub(_printable, raw) if _CONTROL.search(raw) else raw


def _printable(match: re.Match[str]) -> str:
    if not match[0].startswith('"'):
        return " "
    return _CONTROL.sub(lambda control: json.dumps(control[0])[1:-1], match[0])


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


def object_of(fields: Iterable[tuple[str, str]]) -> str:
    """An object as it is written, of names and of values as they are written."""
    return "{" + ", ".join(f"{written(name)}: {value}" for name, value in fields) + "}"


def written(name: str) -> str:
    """A string as JSON writes it."""
    return json.dumps(name, ensure_ascii=False)


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
