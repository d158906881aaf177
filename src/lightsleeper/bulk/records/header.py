"""Whether a first row names the columns, and how many columns there are."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

from lightsleeper.bulk.records.columns import is_called_text, words_of_name
from lightsleeper.bulk.records.rules import MOSTLY, OTHER_NAMES, TEXT_NAMES
from lightsleeper.bulk.records.values import are_values, is_value, is_year, trimmed

#: Rows that the header is compared with.
_HEADER_ROWS: Final = 200
_NAME_WORDS: Final = 4
_SENTENCE_WORDS: Final = 8
_LONG_NAME_CHARS: Final = 60
#: A question above so many cells without one is what they answer.
_FEW_CELLS: Final = 3
#: Of a number that counts rows; `int` takes long over thousands, and then raises.
_MOST_DIGITS: Final = 18
#: What a known name says for a header.
_KNOWN: Final = 2
#: Names do not end as sentences do; "Tel. Nr." is none.
_EXCLAIMED = re.compile(r"\s\S*[!\u2026]$|\uff01$")
_STATED = re.compile(r"\s\S{4,}\.$|\u3002$")
_IDS: Final = frozenset({"id", "nr", "no", "number", "index", "key", "row", "#"})


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of `rows` names the columns, by what it holds and how the others differ."""
    evidence = evidences(rows)
    total = sum(evidence)
    return total > 0 or (total == 0 and len(evidence) > 1 and all(each >= 0 for each in evidence))


def header_of(rows: Sequence[list[str]], said: bool | None) -> tuple[list[str] | None, int]:  # noqa: FBT001  # None: guess
    """The row of names, if there is one, and how many columns there are."""
    if not rows:
        return None, 1
    header = rows[0] if (is_header(rows) if said is None else said) else None
    body = rows[1:] if header else rows
    surplus = itemgetter(slice(len(rows[0]), None))
    counts = Counter(map(len, body))
    usual, times = counts.most_common(1)[0] if counts else (len(rows[0]), 0)
    if header is None:
        return None, usual
    is_usual = usual > len(header) and times >= MOSTLY * len(body)
    if is_usual and not _is_prose(header, body, usual) and any(map(trimmed, chain(*map(surplus, body)))):
        # R names no column for the names of its rows.
        header = ["", *header] if usual == len(header) + 1 else header
        return header, usual
    return header, len(header)


def _is_prose(header: Sequence[str], body: Sequence[Sequence[str]], usual: int) -> bool:
    """Whether what is too much in nearly every row is of a text: the first column has a name, or is no row's name.

    That is so where a blank begins a cell, as it begins no name; where cells of the first column are alike; and where
    they are numbers below `id` with none beside them.
    """
    alike = [row for row in body if len(row) == usual]
    begins = [sum(row[index].startswith(" ") for row in alike) >= MOSTLY * len(alike) for index in range(usual)]
    if any(begins) and not any(name.startswith(" ") for name in header):
        return True
    first, second = ([trimmed(row[index]) for row in alike] for index in (0, 1))
    is_id = trimmed(header[0]).lower() in _IDS and are_values(first) and not are_values(second)
    return is_id or (usual == len(header) + 1 and len(set(first)) < len(first))


def evidences(rows: Sequence[Sequence[str]]) -> list[int]:
    """For each cell of the first row how much it looks like the name of its column; none if it is blank."""
    if not rows or all(not trimmed(cell) for cell in rows[0]):
        return []
    head, body = rows[0], rows[1 : 1 + _HEADER_ROWS]
    columns = [[trimmed(row[index]) for row in body if index < len(row)] for index in range(len(head))]
    if _are_numbered(head) and not all(map(are_values, columns)):
        return [3] * len(head)
    found = [_evidence(cell, below) for cell, below in zip(head, columns, strict=True)]
    if len(head) == 1 and found == [_KNOWN] and not _names_texts(head[0]):
        return [0]
    # One year may be a number of the first row; several, or one beside a name, are names of what was counted in them.
    years = [index for index, cell in enumerate(head) if _names_a_year(trimmed(cell), columns[index])]
    if len(years) > 1 or any(trimmed(cell).lower() in TEXT_NAMES | OTHER_NAMES for cell in head):
        for index in years:
            found[index] = 0
    return found


def is_named(cell: str) -> bool:
    """Whether a known name is in it, and little else."""
    known = bool(words_of_name(cell) & (TEXT_NAMES | OTHER_NAMES))
    return (known and len(cell.split()) <= _NAME_WORDS) or is_called_text(cell)


def _names_texts(cell: str) -> bool:
    """Of a column that is all there is: `Great product` is a text, `Comment on the product` is none."""
    return len(cell.split()) == 1 or bool(words_of_name(cell) & TEXT_NAMES)


def _names_a_year(name: str, below: Sequence[str]) -> bool:
    filled = [value for value in below if value]
    return is_year(name) and are_values(filled) and not any(map(is_year, filled))


def _evidence(cell: str, below: Sequence[str]) -> int:  # noqa: PLR0911  # a list of rules, the first one counts
    """How much the cell at the top of a column looks like its name; below 0, like a value of it."""
    name, filled = trimmed(cell), [value for value in below if value]
    if not name:
        counts = [int(value) for value in filled if value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS]
        return 3 if len(counts) == len(filled) > 0 and counts == list(range(counts[0], counts[0] + len(counts))) else 0
    if is_value(name) or _EXCLAIMED.search(name):
        return -3
    known = is_named(name)
    if filled.count(name) and not known:
        return -2
    if are_values(filled):
        return 3
    if known:
        return _KNOWN
    if name.endswith("?") and len(filled) >= _FEW_CELLS and not any(value.endswith("?") for value in filled):
        return 1
    if _STATED.search(name):
        return -2
    if len(name.split()) > _SENTENCE_WORDS or len(name) > _LONG_NAME_CHARS:
        return 0 if name.endswith(("?", ":")) else -2
    if re.fullmatch(r"[A-Za-z]+([_.][A-Za-z0-9]+)+|[a-z]+([A-Z][a-z0-9]+)+", name):
        return 1
    return 0


def _are_numbered(head: Sequence[str]) -> bool:
    """Whether pandas named the columns 0, 1, 2, …, perhaps beside its index, which has no name."""
    names = head[1:] if len(head) > 1 and not trimmed(head[0]) else head
    return len(head) > 1 and list(names) == [str(index) for index in range(len(names))]
