"""Which delimiter, quotes and line ends, and whether the first row names the columns: decided on a file's beginning."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect, LineEnd, Quoting
from lightsleeper.bulk.records.header import evidences, is_header, is_named
from lightsleeper.bulk.records.rules import (
    DELIMITERS,
    LAST_DELIMITERS,
    LEAST_FIT,
    MOSTLY,
    ONE_COLUMN,
    RARE_DELIMITERS,
    TEXT_NAMES,
)
from lightsleeper.bulk.records.titles import Lines, is_empty

_QUOTED: Final = re.compile(r'"[^"]*"')


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
        return sum(evidences([row.cells for row in self.rows])) > 0

    @property
    def is_even(self) -> bool:
        """Whether nearly all rows are as wide as the first, or all others one wider: R does not name its row names."""
        widths = [len(row.cells) for row in self.rows]
        shifted = widths.count(self.width + 1) == len(widths) - 1 > 0
        return self.width > 1 and (shifted or widths.count(self.width) >= MOSTLY * len(widths))

    @property
    def is_set_apart(self) -> bool:
        """Whether what the delimiter may do in texts is not done here: blanks in quotes, no blank behind a colon."""
        if self.dialect.delimiter == " ":
            return any(" " in cell for row in self.rows for cell in row.cells)
        return not any(cell.startswith(" ") for row in self.rows for cell in row.cells)

    @property
    def is_spaced(self) -> bool:
        """Whether a blank stands behind each delimiter, as it does in texts."""
        return all(cell.startswith(" ") for row in self.rows for cell in row.cells[1:])

    @property
    def is_prose(self) -> bool:
        """Whether its commas are those of texts: a blank behind each, in rows of any width, and no header above."""
        return self.dialect.delimiter == "," and self.is_spaced and not self.is_headed

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
    best = max(trials, key=lambda trial: (round(trial.fit, 2), not trial.is_spaced, trial.width), default=None)
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
    if (trial.fit < MOSTLY and not trial.is_even) or trial.dialect.delimiter == ":":
        return False
    return trial.dialect.delimiter == "\t" or (is_header(cells) and any(map(is_named, cells[0])))


def _try(text: str, dialect: Dialect, *, whole: bool) -> _Trial:
    reader = CellReader(dialect)
    rows = list(reader.push(text, last=whole))
    lines = Lines([row.cells for row in rows])
    start = lines.titles()
    count = len(lines.table(start)) if lines.filled else 0
    filled = [row for row in rows if not is_empty(row.cells)][start : start + count]
    return _Trial(dialect, filled, reader.rest.count(dialect.line_end))


def _quotes(trial: _Trial, text: str, *, whole: bool) -> _Trial:
    ways: tuple[Quoting, ...] = ("backslash", "none") if '\\"' in text else ("none",)
    others = [_try(text, replace(trial.dialect, quoting=way), whole=whole) for way in ways]
    return min(trial, *(other for other in others if other.rows), key=lambda each: each.strangeness)


def is_quoted(cell: str) -> bool:
    """Whether quotes stand around all of it."""
    return len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
