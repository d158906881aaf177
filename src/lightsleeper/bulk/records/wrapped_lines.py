"""Tables of which every line was put in quotes once more, as a spreadsheet does with what it took for one column."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect
from lightsleeper.bulk.records.dialect import decide, line_end
from lightsleeper.bulk.records.header import evidences
from lightsleeper.bulk.records.rules import MOSTLY, ONE_COLUMN

_QUOTED = re.compile(r'"(?:[^"]|"")*"\r?')


def dialects(text: str, *, whole: bool, delimiter: str | None) -> tuple[Dialect, Dialect] | None:
    """That of the lines and that within, if all that is quoted splits evenly, below a header or with quotes in it."""
    lines = text.split(line_end(text))
    if not any(map(_QUOTED.fullmatch, lines[:2])):  # quick for nearly all
        return None
    outer = Dialect(ONE_COLUMN, "doubled", line_end(text))
    rows = [row for row in CellReader(outer).push(text, last=whole) if row.cells not in ([""], [])]
    quoted = sum(lines[row.line - 1].startswith('"') for row in rows)
    if len(rows) < 2 or quoted < MOSTLY * (len(rows) - 1) or any(row.odd_quotes for row in rows):  # noqa: PLR2004  # a header and a row
        return None
    inner = replace(decide("\n".join(row.cells[0] for row in rows), whole=True, delimiter=delimiter), line_end="\n")
    has_quotes = any('"' in row.cells[0] for row in rows)
    table = list(split(rows, inner))
    cells = [row.cells for row in table]
    even = sum(len(row) == len(cells[0]) for row in cells)
    is_sure = sum(evidences(cells)) > 0 or (
        has_quotes and even == len(cells) and not any(row.odd_quotes for row in table)
    )
    is_table = len(cells[0]) > 1 and even >= MOSTLY * len(cells) and is_sure
    return (outer, inner) if is_table else None


def split(rows: Iterable[Cells], inner: Dialect) -> Iterator[Cells]:
    """Rows of one cell, each split again."""
    for row in rows:
        if row.cells and row.cells[0]:
            within, *rest = CellReader(inner).push(row.cells[0], last=True)
            within.cells = within.cells or [""]  # of a line with nothing on it
            if rest:  # a line end that no quote of its own holds is the last cell's
                ends = [(inner.delimiter or "").join(line.cells) for line in rest]
                within.cells[-1] = "\n".join([within.cells[-1], *ends])
            row.cells, row.odd_quotes = within.cells, within.odd_quotes
        yield row
