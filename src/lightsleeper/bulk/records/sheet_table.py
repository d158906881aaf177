"""The table in a workbook: in the sheet that is named, else in the one that clearly has most to read."""

from itertools import chain, islice
from typing import Final

from lightsleeper.bulk.records.cell_table import from_cells
from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.containers import Content
from lightsleeper.bulk.records.described import SAMPLE_ROWS, Choices, Table
from lightsleeper.bulk.records.workbooks import Sheets
from lightsleeper.errors import InvalidInput

#: A later sheet is taken before the first only if it has so many times as much to read: of twelve months one is as good
#: as another, a cover with a sentence is not.
_CLEARLY: Final = 2


def from_sheet(content: Content, name: str, choices: Choices) -> Table:
    """The table in one sheet of a workbook."""
    sheets = Sheets(content.stream, name)
    title = sheets.named(choices.sheet) if choices.sheet else _fullest(sheets, name, choices)
    others = [other for other in sheets.titles if other != title]
    rows = sheets.rows(title)
    sample = _padded(list(islice(rows, SAMPLE_ROWS)))
    width = max((len(row.cells) for row in sample), default=0)
    rows = chain(sample, (_pad(row, width) for row in rows))
    table = from_cells(rows, sample, name, choices, None)
    table.format = "xlsx"
    if others:
        table.notes.append(f"the sheet {title!r} was read, not {', '.join(map(repr, others))}")
    if any(row.kinds for row in sample):
        table.notes.append("formulas that were never computed are blank: save the file in a spreadsheet program")
    return table


def _fullest(sheets: Sheets, name: str, choices: Choices) -> str:
    """The first sheet that holds anything, or one with clearly more to read."""
    filled = [title for title in sheets.titles if sheets.is_filled(title)] or sheets.titles[:1]
    if len(filled) == 1:
        return filled[0]
    words = {title: _words(sheets.beginning(title, SAMPLE_ROWS), name, choices) for title in filled}
    best = max(filled, key=lambda title: words[title])
    return best if words[best] >= _CLEARLY * words[filled[0]] else filled[0]


def _words(sample: list[Cells], name: str, choices: Choices) -> float:
    """How much there is to read in the column of texts; 0 if there is none, or none of the name that is said."""
    padded = _padded(sample)
    try:
        table = from_cells(iter(padded), padded, name, choices, None)
    except InvalidInput:
        return 0.0
    if table.text_index is None:
        return 0.0
    likeness = table.columns[table.text_index].likeness or (1.0 if choices.text_column else 0.0)
    return likeness * sum(1 for _ in table.rows)


def _padded(rows: list[Cells]) -> list[Cells]:
    width = max((len(row.cells) for row in rows), default=0)
    return [_pad(row, width) for row in rows]


def _pad(row: Cells, width: int) -> Cells:
    """A sheet has no end of its rows: what is blank at it is blank, not missing."""
    row.cells += [""] * (width - len(row.cells)) if row.cells else []
    return row
