"""Where a table begins and ends in a file that holds more: titles, comments, names and values above, tables below."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from lightsleeper.bulk.records.header import evidences, is_named
from lightsleeper.bulk.records.rules import MOSTLY, OTHER_NAMES, TEXT_NAMES
from lightsleeper.bulk.records.values import are_values, is_value, trimmed

#: Lines above the header.
_MOST_TITLES: Final = 30
#: Of them, those of more than one cell.
_MOST_PAIRS: Final = 10
_KNOWN: Final = TEXT_NAMES | OTHER_NAMES
_NAME_WORDS: Final = 4
_PAIR: Final = 2
_COMMENTS: Final = ("# ", "// ", "-- ", "% ")

Line = Sequence[str]


def is_empty(cells: Line) -> bool:
    """Whether a line has nothing on it."""
    return not cells or (len(cells) == 1 and not cells[0])


def begins_another_table(cells: Line, below: Line | None, width: int) -> bool:
    """Whether a line behind an empty one names other columns than the `width` that there are, for the line `below`.

    As many columns are others only if most have a name that is known: a row may hold short words alone.
    """
    if len(cells) < _PAIR or below is None or len(below) != len(cells):
        return False
    known = sum(trimmed(cell).lower() in _KNOWN for cell in cells)
    is_sure = len(cells) != width or 2 * known > len(cells)
    return is_sure and all(cell and not cell[0].isspace() and _may_name(trimmed(cell)) for cell in cells)


def _may_name(cell: str) -> bool:
    return bool(cell) and not is_value(cell) and len(cell.split()) <= _NAME_WORDS


class Lines:
    """The beginning of a file: lines with something on them, and which of them stand behind an empty one."""

    def __init__(self, rows: Sequence[Line]) -> None:
        """`rows`: as they are read, with the empty ones."""
        self.filled: list[Line] = []
        self._behind_empty: set[int] = set()
        for index, cells in enumerate(rows):
            if index and not any(map(trimmed, rows[index - 1])):
                self._behind_empty.add(len(self.filled))
            if not is_empty(cells):
                self.filled.append(cells)

    def titles(self) -> int:
        """How many of the first lines are no part of the table: comments, titles, names and values above its header.

        A comment begins with `#`, and may hold delimiters; a header that does is as wide as the rows below it and has
        no blank behind. A title is one cell with something in it. Names and values are in fewer cells than the header.
        All of this only above what surely is a header.
        """
        first = self.filled[: 1 + _MOST_TITLES]
        usual = Counter(map(len, self.filled)).most_common(1)[0][0] if self.filled else 0
        count = next((index for index, cells in enumerate(first) if not _is_title(cells, usual)), 0)
        if count and self._is_head(count):
            return count
        most = 0
        for index in range(1, min(len(first), 1 + _MOST_PAIRS)):
            most = max(most, 1 if _is_prose(first[index - 1]) else _filled(first[index - 1]))
            if self._is_below_pairs(index, most) and self._is_head(index) and self._is_better_head(index):
                return index
        return 0

    def table(self, start: int) -> list[Line]:
        """The lines from `start` on, up to those of another table."""
        return self.filled[start : self._end(start)]

    def _end(self, start: int) -> int:
        width = len(self.filled[start]) if start < len(self.filled) else 0
        begins = (
            index
            for index in sorted(self._behind_empty)
            if start + 1 < index < len(self.filled)
            and len(self.filled[index]) != width
            and begins_another_table(self.filled[index], self._below(index), width)
        )
        return next(begins, self._footer(start, width))

    def _below(self, index: int) -> Line | None:
        """The line that follows without an empty one between."""
        is_last = index + 1 == len(self.filled) or index + 1 in self._behind_empty
        return None if is_last else self.filled[index + 1]

    def _footer(self, start: int, width: int) -> int:
        """Where lines of one cell begin that an empty line sets apart at the end, in a table of more columns."""
        end = len(self.filled)
        first = next((index for index in range(end, start + 1, -1) if len(self.filled[index - 1]) > 1), end)
        return next((index for index in range(first, end) if width > 1 and index in self._behind_empty), end)

    def _is_below_pairs(self, index: int, most: int) -> bool:
        """Whether the lines above are narrower, of `most` cells, or pairs that an empty line sets apart."""
        wide = _filled(self.filled[index])
        return (most < wide and most <= max(_PAIR, wide // 2)) or (
            most == wide == _PAIR and index in self._behind_empty
        )

    def _is_head(self, index: int) -> bool:
        """Whether what surely is a header stands there, above rows that are as wide."""
        head, *body = self.table(index)
        even = sum(len(row) == len(head) for row in body)
        return len(body) > 0 and even >= MOSTLY * len(body) and sum(evidences([head, *body])) > 0

    def _is_better_head(self, index: int) -> bool:
        """Whether it looks more like names than the first line, which then has no table of its own."""
        table, above = self.table(index), self.filled[:index]
        first = [trimmed(cell) for cell in above[0] if trimmed(cell)]
        if are_values([trimmed(row[0]) for row in above[1:]]) or {cell.lower() for cell in first} <= _KNOWN:
            return False
        ours = sum(evidences(table)) / max(1, _filled(table[0]))
        theirs = 2 * sum(map(is_named, first)) / max(1, len(first))
        return ours > theirs or (ours == theirs and len(table) > len(above))


def _filled(cells: Line) -> int:
    return sum(bool(trimmed(cell)) for cell in cells)


def _is_prose(cells: Line) -> bool:
    return all(cell.startswith(" ") for cell in cells[1:])


def _is_title(cells: Line, usual: int) -> bool:
    comment = cells and (cells[0].startswith(_COMMENTS) or (cells[0].startswith("#") and len(cells) != usual))
    return bool(comment) or _filled(cells) <= 1
