"""Characters → rows of cells, one row at a time.

Our own and not Python's `csv`, which before 3.11.9 ends a row at a lone carriage return, drops the quotes inside a
cell that does not double them, and swallows the rest of a file behind one that never closes. The page's
`web/many/reading/cells.js` is the same, line by line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lightsleeper.bulk.records.agreed_rows import agreed_cells, agreed_pattern
from lightsleeper.bulk.records.encoding import is_damaged
from lightsleeper.bulk.records.rules import MAX_ROW_CHARS, MOSTLY
from lightsleeper.errors import InvalidInput

Quoting = Literal["doubled", "backslash", "none"]
LineEnd = Literal["\n", "\r\n", "\r"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How rows and cells are told apart."""

    #: None: a line is a cell.
    delimiter: str | None = None
    #: How a quote inside a quoted cell is written; "none": a quote is a plain character.
    quoting: Quoting = "none"
    #: What ends a row. Of "\n" a carriage return before it is part; a lone one is a plain character.
    line_end: LineEnd = "\n"


@dataclass(slots=True)
class Cells:
    """One row."""

    #: None of a line with nothing on it, unless a line is a cell.
    cells: list[str]
    #: The line of the file it begins in; 1 is the first.
    line: int
    #: Cells whose quotes are neither doubled nor escaped: taken as they stand.
    odd_quotes: int = 0
    #: Whether it is known that nothing in it was damaged.
    is_sound: bool = False
    #: Cells of a sheet that are no text, and what they are: "a formula that was never computed".
    kinds: Mapping[int, str] | None = None


#: A byte order mark begins a file, and a row where files were put behind each other: it is no part of a cell.
_MARK: Final = "\ufeff"
_MORE: Final = -1
_PLAIN: Final = -2
_ESCAPE = re.compile(r'\\(["\\])|""')


@dataclass(slots=True)
class CellReader:
    """Takes a file in pieces; gives every row that is complete."""

    dialect: Dialect
    #: The line of the file that comes next.
    line: int = 1
    _text: str = ""
    _position: int = 0
    #: Before this position no quoted cell closes: what makes a thousand stray quotes no slower than one.
    _no_close_before: int = field(default=-1)
    _agreed: re.Pattern[str] | None = None
    _without_quotes: bool = False
    _is_sound: bool = False
    #: Cells of the row above.
    _width: int = 0

    def __post_init__(self) -> None:
        """Know the rows that are quick to read."""
        dialect = self.dialect
        self._without_quotes = dialect.delimiter is None or dialect.quoting == "none"
        if (dialect.quoting, dialect.line_end) == ("doubled", "\n"):
            self._agreed = agreed_pattern(dialect.delimiter)

    def push(self, piece: str, *, last: bool = False) -> Iterator[Cells]:
        """The rows that `piece` completes; with `last`, the rest. InvalidInput for a row without end."""
        self._no_close_before = -1
        self._text = self._text[self._position :] + piece
        self._position = 0
        self._is_sound = not is_damaged(self._text)
        has_marks = _MARK in self._text
        while self._position < len(self._text):
            rows = self._many() or self._row(last=last)
            if not rows:
                break
            self._width = len(rows[-1].cells)
            for row in rows if has_marks else []:
                row.cells[:1] = [cell.lstrip(_MARK) for cell in row.cells[:1]]
            yield from rows
        if len(self._text) - self._position > MAX_ROW_CHARS:
            raise InvalidInput(
                f"line {self.line} goes on for more than {MAX_ROW_CHARS:,} characters", limit=MAX_ROW_CHARS
            )

    @property
    def rest(self) -> str:
        """What belongs to a row that is not complete."""
        return self._text[self._position :]

    def _many(self) -> list[Cells]:
        """All complete rows from here on that are quick to read; none if the next is not."""
        if self.dialect.line_end != "\n":
            return []
        quote = -1 if self._without_quotes else self._text.find('"', self._position)
        if quote != -1 and self._agreed:
            return self._as_agreed(self._agreed)
        end = self._text.rfind("\n", self._position, None if quote == -1 else quote)
        return self._plain_lines(end) if end != -1 else []

    def _plain_lines(self, end: int) -> list[Cells]:
        """Those up to the line end at `end`, none of which has a quote that counts."""
        lines = self._text[self._position : end].split("\n")
        if self._text.find("\r", self._position, end) != -1:
            lines = [line.removesuffix("\r") for line in lines]
        first, delimiter, is_sound = self.line, self.dialect.delimiter, self._is_sound
        self._position, self.line = end + 1, first + len(lines)
        if delimiter is None:
            return [Cells([line], number, 0, is_sound) for number, line in enumerate(lines, first)]
        return [Cells(line.split(delimiter) if line else [], no, 0, is_sound) for no, line in enumerate(lines, first)]

    def _as_agreed(self, pattern: re.Pattern[str]) -> list[Cells]:
        """Those that RFC 4180 describes, up to the first that it does not."""
        begin, first, is_sound = self._position, self.line, self._is_sound
        self._position, rows, lines = agreed_cells(pattern, self._text, begin, self.dialect.delimiter or ",")
        self.line += self._text.count("\n", begin, self._position)
        return [Cells(row, first + above, 0, is_sound) for row, above in zip(rows, lines, strict=False)]

    def _row(self, *, last: bool) -> list[Cells]:
        """The next row alone; none if it may go on in the next piece."""
        text, start, line_end = self._text, self._position, self.dialect.line_end
        end = text.find(line_end, start)
        if end == -1:
            if not last:
                return []
            end = len(text)
        line = text[start:end]
        if self._without_quotes or '"' not in line:
            self._position = min(len(text), end + len(line_end))
            if line_end == "\n" and end < len(text) and line.endswith("\r"):
                line = line[:-1]
            delimiter = self.dialect.delimiter
            row = Cells([line] if delimiter is None else line.split(delimiter) if line else [], self.line)
            self.line += self._breaks(start, self._position) if line_end == "\r\n" else 1
            return [row]
        row = Cells([], self.line)
        if not self._slowly(row, last=last):
            return []
        self.line += 1 if line_end == "\r" else self._breaks(start, self._position)
        return [row]

    def _breaks(self, start: int, end: int) -> int:
        return max(1, self._text.count("\n", start, end))

    def _slowly(self, row: Cells, *, last: bool) -> bool:
        """Cell by cell, for rows with quotes; False if the row may go on in the next piece."""
        position = self._position
        while True:
            value, position, ends = self._cell(row, position, last=last)
            if position == _MORE:
                return False
            row.cells.append(value)
            if ends:
                self._position = position
                return True

    def _cell(self, row: Cells, start: int, *, last: bool) -> tuple[str, int, bool]:
        """The cell at `start`, where the next begins, whether it is the row's last."""
        text, delimiter = self._text, self.dialect.delimiter or ""
        opening = start
        while start == self._position and text.startswith(_MARK, opening):
            opening += 1
        while text[opening : opening + 1] == " " and delimiter != " ":
            opening += 1
        if text[opening : opening + 1] == '"':
            close = self._close(row, opening, last=last)
            if close == _MORE:
                return "", _MORE, False
            if close != _PLAIN:
                value = self._unquoted(text[opening + 1 : close])
                end = close + 1
                while text[end : end + 1] == " " and delimiter != " ":
                    end += 1
                return value, *self._behind(end)
            row.odd_quotes += 1
        end, breaks = text.find(delimiter, start), text.find(self.dialect.line_end, start)
        if breaks == -1 and not last and end == -1:
            return "", _MORE, False
        if end == -1 or -1 < breaks < end:
            end = breaks if breaks != -1 else len(text)
            if breaks != -1 and self.dialect.line_end == "\n" and end > start and text[end - 1] == "\r":
                end -= 1
        return text[start:end], *self._behind(end)

    def _behind(self, end: int) -> tuple[int, bool]:
        """Where the next cell begins behind a cell that ends at `end`, and whether that is in another row."""
        text, line_end = self._text, self.dialect.line_end
        if text.startswith(self.dialect.delimiter or "", end):
            return end + len(self.dialect.delimiter or ""), False
        if line_end == "\n" and text.startswith("\r", end):
            end += 1
        return min(len(text), end + len(line_end)), True

    def _close(self, row: Cells, opening: int, *, last: bool) -> int:
        """Where the quote at `opening` closes; _MORE if that is still to come, _PLAIN if it is no quoted cell."""
        if opening < self._no_close_before:
            return _PLAIN
        text = self._text
        line = 0  # the one that `quote` is in, once an odd quote was met
        quote = text.find('"', opening + 1)
        while quote != -1:
            if self.dialect.quoting == "backslash" and _escaped(text, quote, opening):
                quote = text.find('"', quote + 1)
            elif text.startswith('"', quote + 1):
                quote = text.find('"', quote + 2)
            elif (ends := self._ends_cell(quote + 1, last=last)) is None:
                return _MORE
            elif ends:
                return self._judged(row, opening, quote, line, last=last)
            elif (line := self._line_of(quote, line, opening, row)) == _PLAIN:
                return _PLAIN
            else:
                quote = text.find('"', quote + 1)
        if not last and len(text) - self._position <= MAX_ROW_CHARS:
            return _MORE
        self._no_close_before = len(text)
        return _PLAIN

    def _judged(self, row: Cells, opening: int, close: int, line: int, *, last: bool) -> int:
        """Tab-separated files are written without quoting by many: there it is one if it makes sense, or beside one."""
        beside = self._text[max(self._position, opening - 2) : opening] + self._text[close + 1 : close + 3]
        is_doubtful = self.dialect.delimiter == "\t" and '"\t' not in beside and '\t"' not in beside
        inner = self._text[opening:close] if is_doubtful else ""
        if inner and line:
            return _PLAIN
        if "\t" in inner and ("\n" in inner or self.dialect.line_end in inner):
            end = self._text.find(self.dialect.line_end, close)
            if end == -1 and not last:
                return _MORE
            if self._are_rows(self._text[self._position : end if end != -1 else None].split(self._break)):
                return _PLAIN
        if line and line <= close and self._is_row(line, close, row):
            return _PLAIN
        row.odd_quotes += line > 0
        return close

    def _are_rows(self, lines: Sequence[str]) -> bool:
        """Whether nearly all of what a quoted cell makes one row has by itself as many tabs as the row above."""
        tabs = [line.count("\t") for line in lines]
        return tabs.count(self._width - 1 if self._width else tabs[0]) >= MOSTLY * len(tabs)

    def _line_of(self, quote: int, line: int, opening: int, row: Cells) -> int:
        """Where the line of `quote` begins; _PLAIN if one from `line` to there is a row: the cell swallowed it.

        So it did where a quote in it is odd, and another line has as many delimiters as stand before the cell.
        """
        line = line or self._text.find(self._break, opening) + 1 or len(self._text)
        while (end := self._text.find(self._break, line, quote)) != -1:
            if self._is_row(line, end, row):
                return _PLAIN
            line = end + 1
        return line

    def _is_row(self, start: int, end: int, row: Cells) -> bool:
        return self._text.count(self.dialect.delimiter or "", start, end) >= max(1, len(row.cells))

    @property
    def _break(self) -> str:
        return self.dialect.line_end[-1]

    def _ends_cell(self, behind: int, *, last: bool) -> bool | None:
        """Whether a cell may end before `behind`; None if the next piece decides."""
        text, delimiter, line_end = self._text, self.dialect.delimiter or "", self.dialect.line_end
        while text.startswith(" ", behind) and delimiter != " ":
            behind += 1
        if text.startswith((delimiter, line_end), behind) or (line_end == "\n" and text.startswith("\r\n", behind)):
            return True
        if len(text) - behind < max(len(delimiter), 2):
            return None if not last else behind >= len(text) or text[behind:] == "\r"
        return False

    def _unquoted(self, inner: str) -> str:
        if self.dialect.quoting == "backslash":
            return _ESCAPE.sub(lambda match: match[1] or '"', inner)
        return inner.replace('""', '"')


def _escaped(text: str, quote: int, opening: int) -> bool:
    backslashes = 0
    while quote - backslashes - 1 > opening and text[quote - backslashes - 1] == "\\":
        backslashes += 1
    return backslashes % 2 == 1
