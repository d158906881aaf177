"""A file, whatever it is → its rows, the column that holds the texts, and how it was read.

The rules stand in `tests/files/README.md`; the page goes by the same (`web/many/reading/`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Final

from lightsleeper.bulk.records import json_faults, json_rows, single_quotes
from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect, rows_of
from lightsleeper.bulk.records.columns import Column, column_named, describe, sparseness, text_column, unique_names
from lightsleeper.bulk.records.containers import Content, opened, refuse_within
from lightsleeper.bulk.records.dialect import (
    ONE_COLUMN,
    decide,
    header_of,
    line_end,
    looks_like_table,
    separator_line,
    title_rows,
    with_carriage_returns,
)
from lightsleeper.bulk.records.encoding import Encoding, decode, detect, named, require_text
from lightsleeper.bulk.records.markup import require_no_markup
from lightsleeper.bulk.records.rows import Row, json_row, table_rows
from lightsleeper.bulk.records.rules import PIECE_BYTES, WINDOW_BYTES
from lightsleeper.bulk.records.second_header import said_of, second_header_rows
from lightsleeper.bulk.records.workbooks import parquet_rows, xlsx_sheets
from lightsleeper.errors import InvalidInput

FORMATS: Final = ("txt", "csv", "tsv", "jsonl", "json", "xlsx", "parquet")
_BY_ENDING: Final = {"ndjson": "jsonl", "tab": "tsv", **{name: name for name in FORMATS}}
_ROWS_SEEN: Final = 1000
_SPARSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody says about a file; the rest is decided by what is in it."""

    #: One of txt, csv, tsv, jsonl, json.
    file_format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    text_column: str | None = None


@dataclass(slots=True)
class Table:
    """An open file. Rows come one at a time; nothing but the beginning is held."""

    name: str
    format: str
    #: As its beginning shows them; a JSON file may have more in later rows (`names`).
    columns: list[Column]
    #: The column with the texts; None if there is none to be found.
    text_index: int | None
    #: The first row as the file writes it; None if it names no columns.
    header: list[str] | None
    encoding: Encoding | None
    dialect: Dialect | None
    #: What was guessed or left out, in words.
    notes: list[str]
    #: One name for each column met so far.
    names: list[str]
    rows: Iterator[Row] = field(repr=False)
    #: Parquet's own bytes, for who wants its types; None for all else.
    parquet: IO[bytes] | None = field(default=None, repr=False)

    @property
    def delimiter(self) -> str | None:
        """What stands between cells; None where nothing does."""
        return self.dialect.delimiter if self.dialect and self.dialect.delimiter != ONE_COLUMN else None

    @property
    def text_name(self) -> str:
        """The name of the column with the texts; InvalidInput that names the columns if none was found."""
        return self.names[self.text]

    @property
    def text(self) -> int:
        """The index of the column with the texts; InvalidInput that names the columns if none was found."""
        if self.text_index is None and not self.names:
            raise InvalidInput(f"{self.name}: no row of it has a column", field="text_column")
        if self.text_index is None:
            raise InvalidInput(
                f"{self.name}: which column holds the texts? {', '.join(self.names)}: name it with --text-column",
                field="text_column",
            )
        return self.text_index

    def place(self, row: Row) -> str:
        """Where a row stands, for messages: "reviews.csv, row 3 (line 4)"."""
        return f"{self.name}, row {row.number} (line {row.line})"


@contextmanager
def open_table(source: Path | IO[bytes], *, name: str | None = None, choices: Choices | None = None) -> Iterator[Table]:
    """The table in a file, or in a stream of bytes called `name`; InvalidInput in one line if nothing can read it."""
    choices = choices or Choices()
    known_as = name or (source.name if isinstance(source, Path) else "standard input")
    with opened(source, known_as) as content:
        if content.kind == "xlsx":
            table = _from_sheet(content, known_as, choices)
        elif content.kind == "parquet":
            rows = ((raw, number) for number, raw in enumerate(parquet_rows(content.stream, known_as), start=1))
            table = _from_json(rows, known_as, "parquet", choices)
            table.parquet = content.stream
        else:
            again = source if isinstance(source, Path) and source.is_file() else None  # not a pipe, which that empties
            table = _from_bytes(content, known_as, choices, again=again)
        yield table


def _from_bytes(content: Content, name: str, choices: Choices, *, again: Path | None) -> Table:
    window = content.read(WINDOW_BYTES)
    whole = len(window) < WINDOW_BYTES
    refuse_within(window, content.name)
    sample = window if whole or not window.isascii() or again is None else _beyond_ascii(again, name)
    encoding = named(choices.encoding, window) if choices.encoding else detect(sample)
    text = "".join(decode([window], encoding, final=whole))
    require_text(text, name)
    require_no_markup(text, content.name, whole=whole, said=choices.file_format is not None)
    characters = decode(chain([window], iter(lambda: content.read(PIECE_BYTES), b"")), encoding)
    if name_chars := json_rows.begin_of_script(text):
        characters, text = _without_start(characters, name_chars), text[name_chars:]
    file_format, shape = _format(content.name, text, choices, whole=whole)
    if shape:
        left_out: list[str] = []
        fault = partial(json_faults.fault_in, text, whole=whole)
        table = _from_json(json_rows.rows_of(shape, characters, left_out), name, file_format, choices, fault)
        table.notes = left_out + table.notes
    else:
        table = _from_text(characters, text, name, file_format, choices, whole=whole)
    table.encoding = encoding
    if encoding.guessed:
        table.notes.insert(0, f"read as {encoding.name}, a guess")
    return table


def _beyond_ascii(path: Path, name: str) -> bytes:
    """A piece of the file with characters beyond ASCII, if there is one: what the beginning does not show."""
    with opened(path, name) as content:
        for piece in iter(lambda: content.read(PIECE_BYTES), b""):
            if not piece.isascii():
                first = next(index for index, byte in enumerate(piece) if byte > 0x7F)  # noqa: PLR2004  # ASCII's last
                return piece[max(0, first - 1) :]
    return b""


def _format(name: str, text: str, choices: Choices, *, whole: bool) -> tuple[str, str | None]:
    """The format, and for JSON its shape. What a file holds goes before what it is called."""
    said = choices.file_format
    if said in {"txt", "csv", "tsv"}:
        return said, None
    called = said or _BY_ENDING.get(PurePosixPath(name).suffix[1:].lower(), "")
    shape = json_rows.shape_of(text, whole=whole, is_json=called in {"jsonl", "json"})
    if shape:
        return "jsonl" if shape == "lines" else "json", shape
    if called in {"csv", "tsv"} or choices.delimiter or choices.header is not None:
        return called if called == "tsv" else "csv", None
    if not said and looks_like_table(separator_line(text)[1], whole=whole):
        return "csv", None
    if called in {"jsonl", "json"} and text.strip():
        raise InvalidInput(f"{name} is no {called}: {json_faults.complaint(text, whole=whole)}")
    return "txt", None


def _from_text(
    characters: Iterator[str], text: str, name: str, file_format: str, choices: Choices, *, whole: bool
) -> Table:
    if line_end(text) == "\r" and "\n" in text:  # an old Mac's file that was edited elsewhere: both end rows
        quoted = file_format != "txt"
        characters = with_carriage_returns(characters, quoted=quoted)
        text = "".join(with_carriage_returns([text], quoted=quoted))
    said, shown = separator_line(text)
    single = file_format != "txt" and single_quotes.are_usual(shown, whole=whole, delimiter=choices.delimiter or said)
    if single:
        characters, text = single_quotes.pieces_exchanged(characters), single_quotes.exchanged(text)
        shown = single_quotes.exchanged(shown)
    if file_format == "txt":
        dialect, skipped, shown = Dialect(None, "none", line_end(text)), 0, text
    else:
        dialect, skipped = decide(shown, whole=whole, delimiter=choices.delimiter or said), len(text) - len(shown)
    rows = rows_of(_without_start(characters, skipped), dialect, line=1 + text.count("\n", 0, skipped))
    sample = list(CellReader(dialect).push(shown, last=whole))
    if single:
        rows, sample = single_quotes.cells_exchanged(rows), list(single_quotes.cells_exchanged(sample))
    table = _from_cells(rows, sample, name, choices, dialect=dialect, has_quotes='"' in shown)
    if single:
        table.notes.append("cells stand in single quotes")
    if table.format == "csv" and dialect.delimiter == "\t":
        table.format = "tsv"
    return table


def _without_start(characters: Iterator[str], count: int) -> Iterator[str]:
    for piece in characters:
        yield piece[count:]
        count = max(0, count - len(piece))


def _from_sheet(content: Content, name: str, choices: Choices) -> Table:
    title, others, rows = xlsx_sheets(content.stream, name)
    sample = list(islice(rows, _ROWS_SEEN))
    width = max((len(row.cells) for row in sample), default=0)
    sample = [_pad(row, width) for row in sample]
    rows = chain(sample, (_pad(row, width) for row in rows))
    table = _from_cells(rows, sample, name, choices, dialect=None, has_quotes=True)
    table.format = "xlsx"
    if others:
        table.notes.append(f"the sheet {title!r} was read, not {', '.join(map(repr, others))}")
    if any(row.kinds for row in sample):
        table.notes.append("formulas that were never computed are blank: save the file in a spreadsheet program")
    return table


def _pad(row: Cells, width: int) -> Cells:
    """A sheet has no end of its rows: what is blank at it is blank, not missing."""
    row.cells += [""] * (width - len(row.cells)) if row.cells else []
    return row


def _from_cells(
    rows: Iterator[Cells],
    sample: Sequence[Cells],
    name: str,
    choices: Choices,
    *,
    dialect: Dialect | None,
    has_quotes: bool,
) -> Table:
    """`sample`: the first of `rows`, from which header, width and text column are decided."""
    lines = bool(dialect and dialect.delimiter is None)
    filled = [row.cells for row in sample if row.cells not in ([""], [])]
    guessed = not lines and choices.header is None
    titles = filled[: title_rows(filled)] if guessed else []
    header, width = (None, 1) if lines else header_of(filled[len(titles) :], choices.header)
    names = ["text"] if lines else unique_names(header or [], width)
    second = filled[len(titles) + 1 :][: second_header_rows(filled[len(titles) + 1 :])] if guessed and header else []
    skip = len(titles) + (header is not None) + len(second)
    shown = list(table_rows(sample, width, skip=skip, keep_blank=lines, header=header))
    table = _described(name, "txt" if lines else "csv", names, [row.cells for row in shown], choices)
    table.header, table.dialect = header, dialect
    if above := [cell.strip() for cells in titles for cell in cells if cell.strip()]:
        table.notes.append(f"left out above the header: {'; '.join(above)}")
    if second:
        table.notes.append(said_of(second))
    if header and len(header) > len(filled[len(titles)]):
        table.notes.append("the header has one name too few: the first column is taken to have none")
    # Who quotes nothing may well leave commas in the texts of the last column.
    last = table.text_index == width - 1 and width > 1 and not has_quotes and dialect is not None
    joiner = dialect.delimiter if last and dialect else None
    table.rows = table_rows(rows, width, skip=skip, keep_blank=lines, joiner=joiner, header=header)
    return table


def _from_json(
    rows: Iterator[tuple[str, int]], name: str, file_format: str, choices: Choices, fault: Callable[[], str] = str
) -> Table:
    sample = list(islice(rows, _ROWS_SEEN))
    places: dict[str, int] = {}
    shown = list(_json_rows(iter(sample), places, names=[]))
    if shown and all(row.problem for row in shown):
        why = f": {found}" if (found := fault()) else ""
        raise InvalidInput(f"{name}: none of its first {len(shown):,} rows is a JSON object or a string{why}")
    names = list(places)
    table = _described(name, file_format, names, [row.cells for row in shown if not row.problem], choices)
    table.rows = _json_rows(chain(sample, rows), places, names)
    return table


def _json_rows(rows: Iterator[tuple[str, int]], places: dict[str, int], names: list[str]) -> Iterator[Row]:
    """Rows whose cells stand under `names`, which grow with every new key."""

    def place(key: str) -> int:
        if key not in places:
            places[key] = len(places)
            names.append(key)
        return places[key]

    for number, (raw, line) in enumerate(rows, start=1):
        yield json_row(number, raw, line, place)


def _described(
    name: str, file_format: str, names: list[str], rows: Sequence[Sequence[str | None]], choices: Choices
) -> Table:
    columns = describe(names, rows)
    chosen = column_named(choices.text_column, names, name) if choices.text_column else text_column(columns)
    table = Table(name, file_format, columns, chosen, None, None, None, [], names, iter(()))
    if chosen is not None and rows and columns[chosen].filled < _SPARSE:
        table.notes.append(sparseness(columns, chosen, len(rows)))
    return table
