"""Cells that are no texts and no names: numbers, dates, addresses."""

import re
from collections.abc import Iterable
from typing import Final

from lightsleeper.bulk.records.rules import MOSTLY

_NUMBER = re.compile(r"[-+]?[$€£]?[ ]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?[ ]?[%$€£]?")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*")
_ADDRESS = re.compile(r"(https?://|www\.)\S+|[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+", re.IGNORECASE)
_YEAR = re.compile(r"(19|20)[0-9]{2}")
#: What `str.strip` takes away, and the byte order mark, which browsers take away too.
_BLANKS: Final = "".join(char for char in map(chr, range(0x3001)) if char.isspace()) + "\ufeff"


def trimmed(cell: str) -> str:
    """`cell` without the blanks around it."""
    return cell.strip(_BLANKS) if "\ufeff" in cell else cell.strip()


def are_values(cells: Iterable[str]) -> bool:
    """Whether nearly all of those that are not blank are numbers, dates or addresses."""
    filled = [cell for cell in cells if cell]
    return len(filled) > 0 and sum(map(is_value, filled)) >= MOSTLY * len(filled)


def is_value(text: str) -> bool:
    """Whether it is a number, a date or an address."""
    return any(pattern.fullmatch(text) for pattern in (_NUMBER, _DATE, _ADDRESS))


def is_year(text: str) -> bool:
    """Whether it may be a year of our time."""
    return _YEAR.fullmatch(text) is not None
