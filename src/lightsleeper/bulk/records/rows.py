"""One row of a file, whatever the file is, and why it may have no text."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat

from lightsleeper.bulk.records import json_rows, json_values
from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.columns import is_blank, is_filled
from lightsleeper.bulk.records.encoding import is_damaged, mended
from lightsleeper.bulk.records.titles import begins_another_table
from lightsleeper.bulk.records.values import trimmed

BLANK = "blank"
PLACEHOLDER = "placeholder"
HEADER_AGAIN = "the header again"
HEADER_OTHERWISE = "the header again, in another order"
OTHER_TABLE = "of another table"
OTHER_HEADER = "the header of another table"


@dataclass(slots=True)
class Row:
    """One row: its cells, and all that is needed to write it again as it was."""

    #: 1 is the first row behind the header.
    number: int
    #: The line of the file it begins in.
    line: int
    #: One for each column known so far; None where the row has none.
    cells: list[str | None]
    #: A JSON row as it is written.
    raw: str | None = None
    #: Why the row as a whole cannot be read; empty if it can.
    problem: str = ""
    #: What of it has no place among the cells.
    surplus: str = ""
    #: Columns that hold something else than text, and what: "a number".
    kinds: Mapping[int, str] | None = None
    #: Whether a byte or half a character was replaced by what it most likely meant.
    damaged: bool = False
    #: Whether it has fewer cells than there are columns.
    is_short: bool = False

    def text(self, column: int) -> str | None:
        """The cell of that column; None if the row has none."""
        return self.cells[column] if column < len(self.cells) else None

    def reason(self, column: int, name: str) -> str:
        """Why the row gets no label: its problem, BLANK, PLACEHOLDER; empty if there is a text."""
        text = self.cells[column] if column < len(self.cells) else None
        if self.problem:
            return self.problem
        if text is None:
            return f"no cell for {name}"
        if self.kinds and (kind := self.kinds.get(column)):
            return f"{name} is {kind}, not a text"
        if is_filled(text):
            return ""
        return BLANK if is_blank(text) else PLACEHOLDER


@dataclass(slots=True)
class Shape:
    """What a table's lines are made rows by."""

    width: int
    #: The first lines with something on them that are no rows: titles and the header.
    skip: int = 0
    #: Whether a line with nothing on it is a blank behind the rows, too, not only between those of one column.
    keep_blank: bool = False
    header: Sequence[str] | None = None
    #: Whether a row is as wide as it was written; those of a sheet are all alike.
    is_delimited: bool = True
    #: The delimiter, if what is too much belongs to the column `joined`.
    joiner: str | None = None
    joined: int = 0


def table_rows(lines: Iterable[Cells], shape: Shape) -> Iterator[Row]:
    """The rows that `lines` are; lines with nothing on them are none, but between the rows of one column.

    A row that is the header again comes of files put behind each other: if its names stand in another order, so do the
    cells below it. Behind an empty line there may be another table.
    """
    number, skip, other = 0, shape.skip, 0
    empty: list[int] = []
    again, width, ahead = _HeaderAgain(shape.header or []), shape.width, _Ahead(lines)
    for line in ahead:
        cells = line.cells
        # Nearly every row of nearly every file.
        if (
            line.is_sound
            and len(cells) == width
            and cells[0][:1] not in again.initials
            and not (empty or skip or other or again.order)
        ):
            number += 1
            yield Row(number, line.line, cells)  # type: ignore[arg-type]  # a list of cells, of which none is None
            continue
        if len(cells) < 2 and not shape.keep_blank and _is_nothing(cells, width, skip):  # noqa: PLR2004  # quick for all others
            empty.append(line.line)
            continue
        if skip:
            skip -= 1
            empty.clear()
            continue
        if empty:
            for blank in empty if width == 1 else []:
                number += 1
                yield Row(number, blank, [""])
            empty.clear()
            if shape.header and shape.is_delimited and begins_another_table(cells, ahead.below(), width):
                other = len(cells)
        number += 1
        yield _row(number, line, shape, again, is_other=len(cells) == other)
        other = 0 if len(cells) == width else other  # below another header, too, it is not told


class _Ahead:
    """Lines, and the one below, which is not taken by looking at it."""

    def __init__(self, lines: Iterable[Cells]) -> None:
        self._lines = iter(lines)
        self._seen: list[Cells] = []

    def __iter__(self) -> Iterator[Cells]:
        for line in self._lines:
            yield line
            while self._seen:
                yield self._seen.pop()

    def below(self) -> list[str] | None:
        """Its cells; None at the end."""
        self._seen.extend(islice(self._lines, 1))
        return self._seen[-1].cells if self._seen else None


class _HeaderAgain:
    """Knows the header, and in which order its names stood when it came last."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = list(header)
        self._folded = [trimmed(name).lower() for name in header]
        self._sorted = sorted(self._folded)
        #: What a row begins with that may be the header again.
        self.initials = {"", " "} | {cell[:1] for name in self._folded for cell in (name, name.upper())}
        #: Where the cell of each column stands; empty if all stand in their places.
        self.order: list[int] = []

    def is_met(self, cells: Sequence[str]) -> bool:
        if not cells or len(cells) != len(self._header) or cells[0][:1] not in self.initials:
            return False
        if len(cells) == 1:  # a text, if it is written otherwise
            return cells == self._header
        folded = [trimmed(cell).lower() for cell in cells]
        if sorted(folded) != self._sorted:
            return False
        self.order = [] if folded == self._folded else [folded.index(name) for name in self._folded]
        return True


def _is_nothing(cells: Sequence[str], width: int, skip: int) -> bool:
    """Whether a line is no row. In one column quotes with nothing in them are a blank cell, below the header."""
    return not cells or (cells == [""] and (width > 1 or skip > 0))


def _row(number: int, line: Cells, shape: Shape, again: _HeaderAgain, *, is_other: bool) -> Row:
    cells, damaged = line.cells, mend(line)
    if again.is_met(cells):
        row = Row(number, line.line, [*cells], problem=HEADER_OTHERWISE if again.order else HEADER_AGAIN)
    elif is_other:
        row = _problem_row(number, line, shape.width, OTHER_HEADER if len(cells) == shape.width else OTHER_TABLE)
    else:
        row = _table_row(number, line, shape, again.order)
    row.damaged = damaged
    return row


def mend(line: Cells) -> bool:
    """Read what in its cells is no text as is likely; whether there was any."""
    if line.is_sound:
        return False
    damaged = False
    for index, cell in enumerate(line.cells):
        if is_damaged(cell):
            line.cells[index], damaged = mended(cell), True
    return damaged


def _problem_row(number: int, line: Cells, width: int, problem: str) -> Row:
    cells: list[str | None] = [*line.cells[:width], *repeat(None, width - len(line.cells))]
    surplus = line.cells[width:]
    said = json.dumps(surplus, ensure_ascii=False) if any(map(trimmed, surplus)) else ""
    return Row(number, line.line, cells, problem=problem, surplus=said, kinds=line.kinds)


def _table_row(number: int, line: Cells, shape: Shape, order: Sequence[int]) -> Row:
    found = _joined(line.cells, shape)
    problem = f"{len(found)} cells, not {shape.width}" if any(map(trimmed, found[shape.width :])) else ""
    row = _problem_row(number, Cells(found, line.line, kinds=line.kinds), shape.width, problem)
    if order and not problem:
        row.cells = [row.cells[index] for index in order]
    row.is_short = len(line.cells) < shape.width
    return row


def _joined(cells: list[str], shape: Shape) -> list[str]:
    """The cells, of which one holds what is too much: that of the texts, if it is the last or blanks say so."""
    count = len(cells) - shape.width + 1
    if shape.joiner is None or count < 2 or not any(map(trimmed, cells[shape.width :])):  # noqa: PLR2004  # one cell is as it is
        return cells
    behind = cells[shape.joined + count :]
    if behind and (
        any(cell.startswith(" ") for cell in behind)
        or not all(cell.startswith(" ") for cell in cells[shape.joined + 1 : shape.joined + count])
    ):
        return cells
    return [*cells[: shape.joined], shape.joiner.join(cells[shape.joined : shape.joined + count]), *behind]


def json_row(number: int, raw: str, line: int, place: Callable[[str], int]) -> Row:
    """The row that `raw` is; `place` gives the column of a name, a new one if it must."""
    damaged = is_damaged(raw)
    row = Row(number, line, [], mended(raw) if damaged else raw, damaged=damaged)
    try:
        found = json_rows.fields(row.raw or "")
    except ValueError:
        row.problem, row.surplus = json_rows.complaint(row.raw or ""), row.raw or ""
        return row
    kinds = {}
    for written, value in found:
        name, cell = written, json_values.cell_of(value)
        if json_values.has_lone_surrogate(name + cell):
            name, cell = map(json_values.without_lone_surrogates, (name, cell))
            row.damaged = True
        index = _free_place(name, row.cells, place)
        if kind := json_values.kind_of(value):
            kinds[index] = kind
        row.cells.extend(repeat(None, index + 1 - len(row.cells)))
        row.cells[index] = cell
    row.kinds = kinds or None
    return row


def _free_place(name: str, cells: Sequence[str | None], place: Callable[[str], int]) -> int:
    """The column of `name`; if the row has it already, which JSON does not forbid, that of `name 2`."""
    index, count = place(name), 1
    while index < len(cells) and cells[index] is not None:
        count += 1
        index = place(f"{name} {count}")
    return index
