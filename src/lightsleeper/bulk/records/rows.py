"""One row of a file, whatever the file is, and why it may have no text."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from lightsleeper.bulk.records import json_rows, json_values
from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.columns import is_blank, is_filled
from lightsleeper.bulk.records.encoding import is_damaged, mended

BLANK = "blank"
PLACEHOLDER = "placeholder"
HEADER_AGAIN = "the header again"


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


def table_rows(
    lines: Iterable[Cells],
    width: int,
    *,
    skip: int = 0,
    keep_blank: bool = False,
    joiner: str | None = None,
    header: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Rows of `width` cells; the first `skip` lines with something in them are none: titles and the header.

    Lines with nothing in them are left out, but between the rows of one column, where they are blanks (`keep_blank`:
    behind them too). `joiner`: the delimiter, if what is too much belongs to the last cell. A row that is the `header`
    again comes of files put behind each other.
    """
    number, empty = 0, []
    for line in lines:
        if len(line.cells) < 2 and not keep_blank and _is_nothing(line.cells, width, skip):  # noqa: PLR2004  # quick for all others
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
        number += 1
        if line.cells == header:
            yield Row(number, line.line, [*line.cells], problem=HEADER_AGAIN)
        elif line.is_sound and len(line.cells) == width:
            yield Row(number, line.line, line.cells)  # type: ignore[arg-type]  # a list of cells, of which none is None
        else:
            yield _table_row(number, line, width, joiner)


def _is_nothing(cells: Sequence[str], width: int, skip: int) -> bool:
    """Whether a line is no row. In one column quotes with nothing in them are a blank cell, below the header."""
    return not cells or (cells == [""] and (width > 1 or skip > 0))


def _table_row(number: int, line: Cells, width: int, joiner: str | None) -> Row:
    cells: list[str | None] = [*line.cells[:width], *repeat(None, width - len(line.cells))]
    row = Row(number, line.line, cells, kinds=line.kinds)
    surplus = line.cells[width:]
    if any(map(str.strip, surplus)):
        if joiner is None:
            row.problem = f"{len(line.cells)} cells, not {width}"
            row.surplus = json.dumps(surplus, ensure_ascii=False)
        else:
            row.cells[-1] = joiner.join(line.cells[width - 1 :])
    for index, cell in enumerate(cells):
        if cell is not None and is_damaged(cell):
            row.cells[index], row.damaged = mended(cell), True
    return row


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
