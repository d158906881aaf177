"""Which delimiter, quotes and line ends, and whether the first row names the columns: decided on a file's beginning."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Final

from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect, LineEnd, Quoting
from lightsleeper.bulk.records.columns import words_of_name
from lightsleeper.bulk.records.rules import (
    DELIMITERS,
    LAST_DELIMITERS,
    LEAST_FIT,
    OTHER_NAMES,
    RARE_DELIMITERS,
    TEXT_NAMES,
)

_NUMBER = re.compile(r"[-+]?[$€£]?[ ]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?[ ]?[%$€£]?")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*")
_ADDRESS = re.compile(r"(https?://|www\.)\S+|\S+@\S+\.\S+", re.IGNORECASE)
#: Of a table with one column: quotes count, and no character that texts hold splits them.
ONE_COLUMN: Final = "\x1f"
_QUOTED: Final = re.compile(r'"[^"]*"')
#: Rows that the header is compared with.
_HEADER_ROWS: Final = 200
#: Lines above the header.
_MOST_TITLES: Final = 10
_NAME_WORDS: Final = 4
_SENTENCE_WORDS: Final = 8
_LONG_NAME_CHARS: Final = 60
#: A question above so many cells without one is what they answer.
_FEW_CELLS: Final = 3
_MOSTLY: Final = 0.9


@dataclass(frozen=True, slots=True)
class _Trial:
    """How well a dialect explains the beginning of a file."""

    dialect: Dialect
    rows: list[Cells]
    lines_left: int

    @property
    def width(self) -> int:
        return len(self.rows[0].cells) if self.rows else 0

    @property
    def fit(self) -> float:
        """Share of the rows as wide as the first, longer ones counting half: texts hold delimiters, names do not."""
        if self.width < 2:  # noqa: PLR2004  # one cell: nothing was delimited
            return 0.0
        widths = [len(row.cells) for row in self.rows]
        return (widths.count(self.width) + sum(width > self.width for width in widths) / 2) / len(widths)

    @property
    def is_headed(self) -> bool:
        """Whether the first row surely names the columns."""
        return sum(_evidences([row.cells for row in self.rows])) > 0

    @property
    def is_even(self) -> bool:
        """Whether nearly all rows are as wide as the first, or all others one wider: R does not name its row names."""
        widths = [len(row.cells) for row in self.rows]
        shifted = widths.count(self.width + 1) == len(widths) - 1 > 0
        return self.width > 1 and (shifted or widths.count(self.width) >= _MOSTLY * len(widths))

    @property
    def is_set_apart(self) -> bool:
        """Whether what the delimiter may do in texts is not done here: blanks in quotes, no blank behind a colon."""
        if self.dialect.delimiter == " ":
            return any(" " in cell for row in self.rows for cell in row.cells)
        return not any(cell.startswith(" ") for row in self.rows for cell in row.cells)

    @property
    def is_prose(self) -> bool:
        """Whether its commas are those of texts: a blank behind each, in rows of any width, and no header above."""
        blanks = all(cell.startswith(" ") for row in self.rows for cell in row.cells[1:])
        return self.dialect.delimiter == "," and blanks and not self.is_headed

    @property
    def strangeness(self) -> int:
        """What it leaves unexplained: rows of another width or without end, quotes within and around whole cells."""
        ragged = sum(len(row.cells) != self.width for row in self.rows) + self.lines_left
        if self.dialect.quoting != "none":
            return ragged + sum(row.odd_quotes for row in self.rows)
        return ragged + sum(is_quoted(cell) for row in self.rows for cell in row.cells)


def separator_line(text: str) -> tuple[str | None, str]:
    """The delimiter that a first line `sep=;` names, as Excel writes it, and the text behind that line."""
    match = re.match(r'"?sep=(.)"?(\r\n|\n|\r)', text, re.IGNORECASE)
    return (match[1], text[match.end() :]) if match else (None, text)


def line_end(text: str) -> LineEnd:
    """A lone carriage return ends a row only where such are more than the line feeds; those in quotes end none."""
    bare = _QUOTED.sub("", text)
    return "\r" if bare.count("\r") - bare.count("\r\n") > bare.count("\n") else "\n"


def with_carriage_returns(pieces: Iterable[str], *, quoted: bool) -> Iterator[str]:
    """Every end of a row as a carriage return; what stands in quotes is left as it is where they count."""
    kept, inside = "", False
    for piece in chain(pieces, [""]):
        whole = kept + piece
        kept = "\r" if piece and whole.endswith("\r") else ""  # half an end, it may be
        parts = whole[: len(whole) - len(kept)].split('"') if quoted else [whole[: len(whole) - len(kept)]]
        ends = [inside ^ (index % 2 == 1) for index in range(len(parts))]
        yield '"'.join(
            part if in_quotes else part.replace("\r\n", "\r").replace("\n", "\r")
            for part, in_quotes in zip(parts, ends, strict=True)
        )
        inside = ends[-1]


def decide(text: str, *, whole: bool, delimiter: str | None = None) -> Dialect:
    """The dialect of a table that begins with `text`; `whole`: there is no more of it."""
    base = Dialect(",", "doubled", line_end(text))
    possible = (delimiter,) if delimiter else [each for each in DELIMITERS if each in text]
    trials = [_try(text, replace(base, delimiter=each), whole=whole) for each in possible]
    if not delimiter:  # what may be half a smiley splits nothing without a header
        trials = [trial for trial in trials if trial.dialect.delimiter not in RARE_DELIMITERS or trial.is_headed]
    best = max(trials, key=lambda trial: (round(trial.fit, 2), trial.width), default=None)
    if best is None or (not delimiter and (best.fit < LEAST_FIT or best.is_prose)):
        # One column: a comma can be quoted there, and no unquoted one may split a text.
        best = _last(text, base, whole=whole) or _try(text, replace(base, delimiter=ONE_COLUMN), whole=whole)
    if '"' in text:
        best = _quotes(best, text, whole=whole)
    if "\r\n" in text and re.search(r"(?<!\r)\n", text):
        best = min(
            best, _try(text, replace(best.dialect, line_end="\r\n"), whole=whole), key=lambda trial: trial.strangeness
        )
    return best.dialect


def _last(text: str, base: Dialect, *, whole: bool) -> _Trial | None:
    """What splits only where nothing else does, below a header, into even rows: a blank if quotes hold others."""
    for delimiter in LAST_DELIMITERS:
        trial = _try(text, replace(base, delimiter=delimiter), whole=whole) if delimiter in text else None
        if trial and trial.is_even and trial.is_headed and trial.is_set_apart:
            return trial
    return None


def looks_like_table(text: str, *, whole: bool) -> bool:
    """Whether a file without a telling name is a table: tabs in every row, a header, or `text` above other lines."""
    trial = _try(text, decide(text, whole=whole), whole=whole)
    cells = [row.cells for row in trial.rows]
    if len(cells) < 2:  # noqa: PLR2004  # one line is a text
        return False
    if trial.width == 1:
        return cells[0][0].strip().lower() in TEXT_NAMES
    if (trial.fit < _MOSTLY and not trial.is_even) or trial.dialect.delimiter == ":":
        return False
    return trial.dialect.delimiter == "\t" or (is_header(cells) and any(map(_is_named, cells[0])))


def _is_named(cell: str) -> bool:
    return bool(words_of_name(cell) & (TEXT_NAMES | OTHER_NAMES)) and len(cell.split()) <= _NAME_WORDS


def _try(text: str, dialect: Dialect, *, whole: bool) -> _Trial:
    reader = CellReader(dialect)
    rows = [row for row in reader.push(text, last=whole) if row.cells not in ([""], [])]
    rows = rows[title_rows([row.cells for row in rows]) :]
    return _Trial(dialect, rows, reader.rest.count(dialect.line_end))


def _quotes(trial: _Trial, text: str, *, whole: bool) -> _Trial:
    ways: tuple[Quoting, ...] = ("backslash", "none") if '\\"' in text else ("none",)
    others = [_try(text, replace(trial.dialect, quoting=way), whole=whole) for way in ways]
    return min(trial, *(other for other in others if other.rows), key=lambda each: each.strangeness)


def is_quoted(cell: str) -> bool:
    """Whether quotes stand around all of it."""
    return len(cell) > 1 and cell.startswith('"') and cell.endswith('"')


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of `rows` names the columns, by what it holds and how the others differ."""
    evidence = _evidences(rows)
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
    if usual > len(header) and times >= _MOSTLY * len(body) and any(map(str.strip, chain(*map(surplus, body)))):
        # R names no column for the names of its rows.
        header = ["", *header] if usual == len(header) + 1 else header
        return header, usual
    return header, len(header)


def title_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are titles: comments, or one cell with something in it, above what surely is a header.

    A comment begins with `#`, and may hold delimiters; a header that does is as wide as the rows below it and has no
    blank behind.
    """
    first = rows[: 1 + _MOST_TITLES]
    usual = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    count = next((index for index, cells in enumerate(first) if not _is_title(cells, usual)), 0)
    body = rows[count + 1 :]
    if not count or not body or sum(len(row) == len(rows[count]) for row in body) < _MOSTLY * len(body):
        return 0
    return count if sum(_evidences(rows[count:])) > 0 else 0


def _is_title(cells: Sequence[str], usual: int) -> bool:
    comment = cells and (cells[0].startswith("# ") or (cells[0].startswith("#") and len(cells) != usual))
    return bool(comment) or sum(bool(cell.strip()) for cell in cells) <= 1


def _evidences(rows: Sequence[Sequence[str]]) -> list[int]:
    """For each cell of the first row how much it looks like the name of its column; none if it is blank."""
    if not rows or all(not cell.strip() for cell in rows[0]):
        return []
    head, body = rows[0], rows[1 : 1 + _HEADER_ROWS]
    columns = [[row[index].strip() for row in body if index < len(row)] for index in range(len(head))]
    if _are_numbered(head) and not all(map(are_values, columns)):
        return [3] * len(head)
    return [_evidence(cell, below) for cell, below in zip(head, columns, strict=True)]


def _evidence(cell: str, below: Sequence[str]) -> int:  # noqa: PLR0911  # a list of rules, the first one counts
    """How much the cell at the top of a column looks like its name; below 0, like a value of it."""
    name, filled = cell.strip(), [value for value in below if value]
    if not name:
        counts = [int(value) for value in filled if value.isascii() and value.isdigit()]
        return 3 if len(counts) == len(filled) > 0 and counts == list(range(counts[0], counts[0] + len(counts))) else 0
    if is_value(name):
        return -3
    known = _is_named(name)
    if filled.count(name) and not known:
        return -2
    if are_values(filled):
        return 3
    if known:
        return 2
    if name.endswith("?") and len(filled) >= _FEW_CELLS and not any(value.endswith("?") for value in filled):
        return 1
    if len(name.split()) > _SENTENCE_WORDS or len(name) > _LONG_NAME_CHARS:
        return 0 if name.endswith(("?", ":")) else -2
    if re.fullmatch(r"[A-Za-z]+([_.][A-Za-z0-9]+)+|[a-z]+([A-Z][a-z0-9]+)+", name):
        return 1
    return 0


def _are_numbered(head: Sequence[str]) -> bool:
    """Whether pandas named the columns 0, 1, 2, …, perhaps beside its index, which has no name."""
    names = head[1:] if len(head) > 1 and not head[0].strip() else head
    return len(head) > 1 and list(names) == [str(index) for index in range(len(names))]


def are_values(cells: Sequence[str]) -> bool:
    """Whether nearly all of those that are not blank are numbers, dates or addresses."""
    filled = [cell for cell in cells if cell]
    return len(filled) > 0 and sum(map(is_value, filled)) >= _MOSTLY * len(filled)


def is_value(text: str) -> bool:
    """Whether it is a number, a date or an address."""
    return any(pattern.fullmatch(text) for pattern in (_NUMBER, _DATE, _ADDRESS))
