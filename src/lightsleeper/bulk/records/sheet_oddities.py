"""What openpyxl does not tell of a sheet: formulas that were never computed, and days that are none."""

import re
import zipfile
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

from lightsleeper.errors import InvalidInput

NOT_COMPUTED: Final = "a formula that was never computed"
#: The year 10000, beyond which Excel knows no dates; a day less than 1 January 1904 is earlier where days begin there.
_END_OF_DATES: Final = {False: 2_958_466, True: 2_958_466 - 1462}
_LETTERS = re.compile(rb"[A-Za-z]{1,8}")
_MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384
_DISORDER: Final = "its rows or cells are out of order; save it in a spreadsheet program"
_PIECE_BYTES: Final = 1 << 20
_ELEMENT = re.compile(rb"<(?:\w+:)?(?:row\b([^>]*)>|c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>))", re.DOTALL)
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*?(?:/>|>(.*?)</)", re.DOTALL)
_ATTRIBUTE = re.compile(rb"""(?:^|\s)(r|t|s)\s*=\s*["']([^"']*)["']""")


class Oddity(NamedTuple):
    """A cell that is not as openpyxl has it."""

    #: What it is instead of a text; empty if it is one.
    kind: str
    #: The number that is no date, as it is written.
    written: str


def oddities(stream: IO[bytes], path: str, *, is_1904: bool) -> dict[tuple[int, int], Oddity]:
    """By row and column, from 1 on, the odd cells of the sheet at `path`; numbers only if they have a style.

    InvalidInput for rows or cells that stand behind later ones, which openpyxl leaves out, and for more of them than a
    sheet can have.
    """
    found: dict[tuple[int, int], Oddity] = {}
    row = column = 0
    with zipfile.ZipFile(stream) as archive, archive.open(path) as sheet:
        for rows in _whole_rows(sheet):
            for element in _ELEMENT.finditer(rows):
                attributes = dict(_ATTRIBUTE.findall(element[2] if element[1] is None else element[1]))
                if element[1] is not None:
                    row, column = _next(row, int(attributes.get(b"r", row + 1)), _MOST_ROWS), 0
                    continue
                column = _next(column, _column(attributes.get(b"r", b"")) or column + 1, _MOST_COLUMNS)
                if element[3] and (odd := _oddity(element[3], attributes, _END_OF_DATES[is_1904])):
                    found[row, column] = odd
    return found


def _next(before: int, number: int, most: int) -> int:
    if not before < number <= most:
        raise InvalidInput(_DISORDER)
    return number


def _oddity(inner: bytes, attributes: dict[bytes, bytes], end_of_dates: int) -> Oddity | None:
    value, kind = _VALUE.search(inner), attributes.get(b"t", b"n")
    written = (value[1] or b"") if value else b""
    if not written:
        is_computed = value is not None and kind == b"str"  # to nothing
        return None if is_computed or not _FORMULA.search(inner) else Oddity(NOT_COMPUTED, "")
    if kind != b"n" or attributes.get(b"s", b"0") == b"0":
        return None
    return None if 0 <= float(written) < end_of_dates else Oddity("", written.decode())


def _whole_rows(sheet: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in iter(lambda: sheet.read(_PIECE_BYTES), b""):
        rest += piece
        end = rest.rfind(b"row>") + 4
        if end > 4:  # noqa: PLR2004  # found
            yield rest[:end]
            rest = rest[end:]
    yield rest


def _column(reference: bytes) -> int | None:
    """`C7` is in column 3; None if no letter says which."""
    letters = _LETTERS.match(reference)
    if not letters:
        return None
    number = 0
    for letter in letters[0].upper():
        number = number * 26 + letter - ord("A") + 1
    return number
