"""Lines below the names of the columns that are no rows: units, questions in full, ids for machines."""

import re
from collections.abc import Sequence
from typing import Final

from lightsleeper.bulk.records.columns import is_filled
from lightsleeper.bulk.records.values import are_values, is_value, trimmed

_HEADER_ROWS: Final = 200
#: What SurveyMonkey writes below a question.
_ANSWERS: Final = frozenset({"Response", "Open-Ended Response"})
#: What Qualtrics writes below its questions.
_IMPORT_ID: Final = '{"ImportId":'
_LISTED: Final = 5
_LEAST_COLUMNS: Final = 2
#: A longer cell above texts is one of them.
_UNIT_WORDS: Final = 2
_RULE = re.compile(r":?-{2,}:?")
#: Two dashes alone are what some write where nothing is.
_LEAST_RULE: Final = 3
_BRACKETED = re.compile(r"\s*[(\[].*[)\]]\s*")


def second_header_rows(body: Sequence[Sequence[str]]) -> int:
    """How many of the first rows below the header belong to it."""
    for count, row in enumerate(body[:2], 1):
        if all(cell.startswith(_IMPORT_ID) for cell in row if cell) and any(row):
            return count
    if body and _is_rule(body[0]):
        return 1
    if len(body) < 2:  # noqa: PLR2004  # a row would be all there is
        return 0
    first, below = body[0], body[1 : 1 + _HEADER_ROWS]
    if not first[0] and _ANSWERS & set(first):
        return 1
    columns = [[trimmed(row[index]) for row in below if index < len(row)] for index in range(len(first))]
    are_numbers = [are_values(column) for column in columns]
    if any(
        len(cell.split()) > _UNIT_WORDS and not _BRACKETED.fullmatch(cell)
        for cell, numbers in zip(first, are_numbers, strict=True)
        if not numbers
    ):
        return 0
    cells = [
        (trimmed(cell), column) for cell, column, numbers in zip(first, columns, are_numbers, strict=True) if numbers
    ]
    units = [(cell, column) for cell, column in cells if is_filled(cell)]
    are_units = all(not is_value(cell) and cell not in column for cell, column in units)
    return int(len(units) >= _LEAST_COLUMNS and are_units)


def _is_rule(row: Sequence[str]) -> bool:
    """Whether lines are drawn below all names, as Markdown and sqlcmd do."""
    cells = [trimmed(cell) for cell in row if trimmed(cell)]
    return max(map(len, cells), default=0) >= _LEAST_RULE and all(map(_RULE.fullmatch, cells))


def said_of(rows: Sequence[Sequence[str]]) -> str:
    """What of them was left out, in words."""
    cells = [cell.strip() for row in rows for cell in row if cell.strip()]
    return f"left out below the header: {'; '.join(cells[:_LISTED])}{'; …' if len(cells) > _LISTED else ''}"
