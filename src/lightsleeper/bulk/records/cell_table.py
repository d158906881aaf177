"""A table of cells, out of lines, delimited text or a sheet: its header, its width and its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from lightsleeper.bulk.records import escaped_ends, single_quotes, wrapped_lines
from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect
from lightsleeper.bulk.records.columns import unique_names
from lightsleeper.bulk.records.described import Choices, Table, described
from lightsleeper.bulk.records.dialect import decide, line_end, separator_line, with_carriage_returns
from lightsleeper.bulk.records.header import header_of
from lightsleeper.bulk.records.rows import OTHER_HEADER, OTHER_TABLE, Row, Shape, mend, table_rows
from lightsleeper.bulk.records.rules import MOSTLY
from lightsleeper.bulk.records.second_header import said_of, second_header_rows
from lightsleeper.bulk.records.titles import Line, Lines, is_empty
from lightsleeper.bulk.records.values import trimmed

_LISTED: Final = 20
_ROWS_NAMED: Final = 5


def from_text(
    characters: Iterator[str], text: str, name: str, file_format: str, choices: Choices, *, whole: bool
) -> Table:
    """The table in `characters`, which begin with `text`; `whole`: there is no more of it."""
    if line_end(text) == "\r" and "\n" in text:  # an old Mac's file that was edited elsewhere: both end rows
        quoted = file_format != "txt"
        characters = with_carriage_returns(characters, quoted=quoted)
        text = "".join(with_carriage_returns([text], quoted=quoted))
    said, shown = separator_line(text)
    if file_format == "txt":
        dialect = Dialect(None, "none", line_end(text))
        return from_cells(rows_of(characters, dialect), _sample(text, dialect, whole=whole), name, choices, dialect)
    begin = len(text) - len(shown)
    has_tabs = file_format == "tsv" and (choices.file_format == "tsv" or "\t" in shown.partition("\n")[0])
    form = _form_of(shown, whole=whole, delimiter=choices.delimiter or said or ("\t" if has_tabs else None))
    shown = "".join(form.pieces([shown]))
    line = 1 + text.count("\n", 0, begin)
    rows = rows_of(form.pieces(without_start(characters, begin)), form.dialect, line=line)
    sample = list(form.rows(_sample(shown, form.dialect, whole=whole, line=line)))
    table = from_cells(form.rows(rows), sample, name, choices, form.inner, has_quotes='"' in shown)
    table.notes += form.notes
    if table.format == "csv" and form.inner.delimiter == "\t":
        table.format = "tsv"
    return table


def _sample(text: str, dialect: Dialect, *, whole: bool, line: int = 1) -> list[Cells]:
    return list(CellReader(dialect, line).push(text, last=whole))


@dataclass(frozen=True, slots=True)
class _Form:
    """How a table is written: what is done to its text before cells are told apart, and to its rows behind that."""

    dialect: Dialect
    #: That of the cells, where lines stand in quotes.
    inner: Dialect
    pieces: Callable[[Iterable[str]], Iterator[str]] = iter
    rows: Callable[[Iterable[Cells]], Iterator[Cells]] = iter
    notes: tuple[str, ...] = ()


def _form_of(text: str, *, whole: bool, delimiter: str | None) -> _Form:
    if single_quotes.are_usual(text, whole=whole, delimiter=delimiter):
        dialect = decide(single_quotes.exchanged(text), whole=whole, delimiter=delimiter)
        said = "cells stand in single quotes"
        return _Form(dialect, dialect, single_quotes.pieces_exchanged, single_quotes.cells_exchanged, (said,))
    if escaped_ends.are_usual(text, whole=whole, delimiter=delimiter):
        dialect = decide(escaped_ends.exchanged(text), whole=whole, delimiter="\t")
        said = "a backslash before a line end or a tab makes it a part of the text"
        return _Form(dialect, dialect, escaped_ends.pieces_exchanged, escaped_ends.cells_exchanged, (said,))
    if wrapped := wrapped_lines.dialects(text, whole=whole, delimiter=delimiter):
        outer, inner = wrapped
        said = "whole lines stand in quotes: what is in them was split again"
        return _Form(outer, inner, iter, partial(wrapped_lines.split, inner=inner), (said,))
    dialect = decide(text, whole=whole, delimiter=delimiter)
    return _Form(dialect, dialect)


def without_start(characters: Iterator[str], count: int) -> Iterator[str]:
    """What comes behind the first `count` characters."""
    for piece in characters:
        yield piece[count:]
        count = max(0, count - len(piece))


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands at the top of a table, and how wide it is."""

    titles: Sequence[Line]
    header: list[str] | None
    second: Sequence[Line]
    width: int
    #: Whether nearly all rows hold more than that.
    is_narrow: bool
    has_name_too_few: bool

    @property
    def lines(self) -> int:
        """With something on them, none of which is a row."""
        return len(self.titles) + (self.header is not None) + len(self.second)

    def notes(self) -> list[str]:
        """What was left out, in words."""
        notes = []
        if above := [trimmed(cell) for cells in self.titles for cell in cells if trimmed(cell)]:
            more = "; …" if len(above) > _LISTED else ""
            notes.append(f"left out above the header: {'; '.join(above[:_LISTED])}{more}")
        if self.second:
            notes.append(said_of(self.second))
        if self.has_name_too_few:
            notes.append("the header has one name too few: the first column is taken to have none")
        return notes


def _head_of(sample: Sequence[Cells], said: bool | None) -> _Head:  # noqa: FBT001  # None: guess
    lines = Lines([row.cells for row in sample])
    count = lines.titles() if said is None else 0
    table = [list(cells) for cells in lines.table(count)]
    header, width = header_of(table, said)
    body = table[1:] if header else table
    second = body[: second_header_rows(body)] if said is None and header else []
    is_narrow = sum(any(map(trimmed, cells[width:])) for cells in body) >= MOSTLY * len(body) > 0
    has_too_few = header is not None and len(header) > len(table[0])
    return _Head(lines.filled[:count], header, second, width, is_narrow, has_too_few)


def from_cells(
    rows: Iterator[Cells],
    sample: Sequence[Cells],
    name: str,
    choices: Choices,
    dialect: Dialect | None,
    *,
    has_quotes: bool = True,
) -> Table:
    """`sample`: the first of `rows`, from which header, width and text column are decided."""
    lines = bool(dialect and dialect.delimiter is None)
    damaged = [mend(line) for line in sample if not is_empty(line.cells)]
    head = _Head([], None, [], 1, False, False) if lines else _head_of(sample, choices.header)  # noqa: FBT003  # plain
    names = ["text"] if lines else unique_names(head.header or [], head.width)
    shape = Shape(head.width, head.lines, keep_blank=lines, header=head.header, is_delimited=dialect is not None)
    shown = list(table_rows(sample, shape))
    ours = [row.cells for row in shown if row.problem != OTHER_TABLE]
    table = described(name, "txt" if lines else "csv", names, ours, choices)
    table.header, table.dialect = head.header, dialect
    table.notes += head.notes()
    if any(damaged[: head.lines]):
        table.notes.append("bytes above the rows that are no text were read as is likely")
    # Who quotes nothing may well leave commas in the texts.
    if dialect and not has_quotes and head.width > 1 and table.text_index is not None:
        shape.joiner, shape.joined = dialect.delimiter, table.text_index
        if head.is_narrow:
            table.notes.append(f"nearly every row has a cell too many: taken for a part of {table.text_name}")
    if others := [row.line for row in shown if row.problem == OTHER_TABLE]:
        table.notes.append(f"another table begins in line {others[0]:,}: its rows get no label")
    if others := [row.line for row in shown if row.problem == OTHER_HEADER]:
        table.notes.append(f"another table begins in line {others[0]:,}: its rows are read as those of the first")
    table.notes += _short_rows(shown)
    table.rows = table_rows(rows, shape)
    return table


def _short_rows(shown: Sequence[Row]) -> list[str]:
    """Words for rows with fewer cells than there are columns."""
    short = [row.number for row in shown if row.is_short]
    if not short:
        return []
    listed = ", ".join(map(str, short[:_ROWS_NAMED])) + (", …" if len(short) > _ROWS_NAMED else "")
    have, rows = ("has", "row") if len(short) == 1 else ("have", "rows")
    return [f"{len(short):,} of the first {len(shown):,} rows {have} too few cells: {rows} {listed}"]


def rows_of(pieces: Iterable[str], dialect: Dialect, *, line: int = 1) -> Iterator[Cells]:
    """Every row of a text that comes in pieces and begins in `line` of its file."""
    reader = CellReader(dialect, line)
    for piece in pieces:
        yield from reader.push(piece)
    yield from reader.push("", last=True)
