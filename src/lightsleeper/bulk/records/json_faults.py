"""Where what should be JSON is none: its first fault, by line and column. As `web/many/reading/json_faults.js`."""

import re
from typing import Final

from lightsleeper.bulk.records.json_values import skip_space

_CHARS = re.compile(r'"[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\]*+)*+')
_PLAIN = re.compile(
    r"(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9A-Za-z_.+-])"
)
#: What is likely to be meant by a character that stands where none may.
_MEANT: Final = {
    "'": "names and strings stand in double quotes",
    "/": "JSON has no comments",
    "#": "JSON has no comments",
    "\\": "a backslash in a string is written twice",
}
_LETTER = re.compile("[A-Za-z_]")


def fault_in(text: str, *, whole: bool) -> str:
    """The first fault in one JSON value or several, in words; empty if there is none in `text`, `whole` or cut."""
    position = _first_fault(text)
    if position is None or (position >= len(text) and not whole):
        return ""
    line, column = 1 + text.count("\n", 0, position), position - text.rfind("\n", 0, position)
    if position >= len(text):
        return f"it breaks off in line {line}, column {column}"
    sign = "'" if _LETTER.match(text, position) else text[position]
    is_behind_comma = sign in "}]" and text[:position].rstrip(" \t\r\n").endswith(",")
    meant = "behind the last value stands no comma" if is_behind_comma else _MEANT.get(sign)
    return f"line {line}, column {column} is not JSON" + (f": {meant}" if meant else "")


def complaint(text: str, *, whole: bool) -> str:
    """What is wrong with the beginning of a file that is called JSON and holds none."""
    fault = fault_in(text, whole=whole) if text.lstrip()[:1] in {"{", "[", '"', "/"} else ""
    return fault or "its beginning holds neither objects nor lists nor strings"


def _first_fault(text: str) -> int | None:  # noqa: C901  # one automaton
    """Where no JSON can go on; the length of `text` if more of it must come; None if it is JSON."""
    closing: list[str] = []
    expected, position = "value", skip_space(text, 0)
    while position < len(text):
        sign = text[position]
        if expected == "next" and not closing:
            expected = "value"
            position += sign == ","
        elif expected == "next" and sign == ",":
            expected, position = "name" if closing[-1] == "}" else "value", position + 1
        elif closing and sign == closing[-1] and expected in {"next", "first"}:
            closing.pop()
            expected, position = "next", position + 1
        elif expected == "colon" and sign == ":":
            expected, position = "value", position + 1
        elif expected in {"next", "colon"}:
            return position
        elif sign == '"':
            position = _CHARS.match(text, position).end()  # type: ignore[union-attr]  # it begins with the quote
            if not text.startswith('"', position):
                return position
            is_name = expected == "name" or (expected == "first" and closing[-1] == "}")
            expected, position = "colon" if is_name else "next", position + 1
        elif expected == "name" or (expected == "first" and closing[-1] == "}"):
            return position
        elif sign in "{[":
            closing.append("}" if sign == "{" else "]")
            expected, position = "first", position + 1
        elif plain := _PLAIN.match(text, position):
            expected, position = "next", plain.end()
        else:
            return position
        position = skip_space(text, position)
    return position if closing else None
