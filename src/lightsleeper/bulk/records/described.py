"""What a table's first rows say about it: its columns, the one with the texts, and what to know about that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from lightsleeper.bulk.records.cells import Dialect
from lightsleeper.bulk.records.columns import (
    Column,
    column_named,
    describe,
    named_otherwise,
    sparseness,
    text_column,
)
from lightsleeper.bulk.records.encoding import Encoding
from lightsleeper.bulk.records.rows import Row
from lightsleeper.bulk.records.rules import ONE_COLUMN
from lightsleeper.errors import InvalidInput

#: How many rows are looked at.
SAMPLE_ROWS: Final = 1000
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
    #: Of an xlsx.
    sheet: str | None = None


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


def described(
    name: str, file_format: str, names: list[str], rows: Sequence[Sequence[str | None]], choices: Choices
) -> Table:
    """The table that `rows`, its first, are of: its columns, the one with the texts, and what to know about that."""
    columns = describe(names, rows)
    said = choices.text_column if names else None  # of no row nobody knows the columns
    chosen = column_named(said, names, name) if said else text_column(columns)
    table = Table(name, file_format, columns, chosen, None, None, None, [], names, iter(()))
    if chosen is not None and rows and columns[chosen].filled < _SPARSE:
        table.notes.append(sparseness(columns, chosen, len(rows)))
    if chosen is not None and not choices.text_column and (otherwise := named_otherwise(columns, chosen)):
        table.notes.append(otherwise)
    return table
