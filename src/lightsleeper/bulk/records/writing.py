"""Rows out, with columns added: csv, tsv, Excel's csv and jsonl. No cell is lost or changed, but for Excel's guard."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final, Protocol, TextIO

from lightsleeper.bulk.records.findings import FOUND, Value, found_values, free_names
from lightsleeper.bulk.records.json_rows import fields
from lightsleeper.bulk.records.json_values import one_line
from lightsleeper.bulk.records.rows import Row
from lightsleeper.bulk.records.spool import Spool
from lightsleeper.bulk.records.table import Table
from lightsleeper.errors import InvalidInput

OUTPUT_FORMATS: Final = ("csv", "tsv", "excel", "jsonl", "parquet")
_BY_ENDING: Final = {
    **dict.fromkeys(("", "csv", "txt"), "csv"),
    **dict.fromkeys(("tsv", "tab"), "tsv"),
    **dict.fromkeys(("jsonl", "ndjson", "json"), "jsonl"),
    **dict.fromkeys(("parquet", "pq"), "parquet"),
}
#: What the names of files end in that can be written.
WRITTEN_ENDINGS: Final = frozenset(f".{ending}" for ending in _BY_ENDING if ending)
_GROWING: Final = ("jsonl", "json", "parquet")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*([eE][-+]?[0-9]+)?%?")


class Writer(Protocol):
    """Rows out in one format."""

    def write(self, row: Row, found: Mapping[str, Value]) -> None:
        """The row, and what was found out about it."""

    def finish(self) -> None:
        """Write what waited for the last row."""


def output_format_of(path: Path) -> str:
    """The format that a file's name asks for; InvalidInput if that is none we write."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in _BY_ENDING:
        raise InvalidInput(
            f"{path.name}: {ending} is not written; name a csv, tsv, jsonl or parquet, or say --output-format"
        )
    return _BY_ENDING[ending]


class JsonlWriter:
    """One object a row; a row that was JSON keeps its own characters, and ours stand behind them.

    Ours have one name in all rows, which is known when the last row was read: until then they wait, on disk.
    """

    def __init__(self, stream: TextIO, table: Table) -> None:
        """`table` is where the rows come from."""
        self._stream, self._table = stream, table
        self._waiting = Spool() if table.format in _GROWING else None

    def write(self, row: Row, found: Mapping[str, Value]) -> None:
        """The row, and what was found out about it."""
        if self._waiting is None:
            self._line(self._original(row), list(found.values()))
        else:
            self._waiting.add([self._original(row)], list(found.values()))

    def finish(self) -> None:
        """Write what waited for the last column."""
        if self._waiting is None:
            return
        with self._waiting as waiting:
            for (original,), found in waiting:
                self._line(original or "{}", found)

    def _line(self, original: str, found: Sequence[Value]) -> None:
        # A column `error.code` may be a member of a member `error`.
        taken = {name for column in self._table.names for name in (column, column.split(".")[0])}
        ours = json.dumps(dict(zip(free_names(FOUND, taken), found, strict=True)), ensure_ascii=False)
        self._stream.write(f"{original[:-1].rstrip()}, {ours[1:]}\n" if original[1:-1].strip() else f"{ours}\n")

    def _original(self, row: Row) -> str:
        if row.raw is None:
            cells = dict(zip_longest(self._table.names, row.cells))
            (name,) = free_names(["surplus"], self._table.names)
            surplus = {name: json.loads(row.surplus)} if row.surplus else {}
            return json.dumps({**cells, **surplus}, ensure_ascii=False)
        if row.problem:
            return json.dumps({"line": row.raw}, ensure_ascii=False)
        # A string becomes an object with one text; an object may not go on over several lines.
        raw = row.raw if row.raw.startswith("{") else f'{{"text": {dict(fields(row.raw))["text"]}}}'
        return one_line(raw)


class CsvWriter:
    """Rows with a delimiter between their cells; columns that turn up late are waited for, on disk."""

    def __init__(self, stream: TextIO, table: Table, *, delimiter: str = ",", excel: bool = False) -> None:
        """`excel`: with the mark that tells Excel the encoding, and no cell that it would compute."""
        self._stream, self._table, self._delimiter, self._excel = stream, table, delimiter, excel
        self._end = "\r\n" if excel else "\n"
        self._waiting = Spool() if table.format in _GROWING else None
        if self._waiting is None:
            self._header(table.header or [])

    def write(self, row: Row, found: Mapping[str, Value]) -> None:
        """The row, and what was found out about it."""
        if self._waiting is None:
            self._line(row.cells, found_values(row, found))
        else:
            self._waiting.add(row.cells, found_values(row, found))

    def finish(self) -> None:
        """Write what waited for the last column."""
        if self._waiting is None:
            return
        with self._waiting as waiting:
            self._header([])
            for cells, found in waiting:
                self._line(cells, found)

    def _header(self, header: Sequence[str]) -> None:
        """The file's own names as it writes them, and ours."""
        names = self._table.names
        if self._excel:
            self._stream.write("\ufeff")
        self._line([*header, *names[len(header) :]], free_names(FOUND, names))

    def _line(self, cells: Sequence[str | None], found: Sequence[Value]) -> None:
        padding = [""] * (len(self._table.names) - len(cells))
        line = [*(cell or "" for cell in cells), *padding, *map(_shown, found)]
        self._stream.write(self._delimiter.join(map(self._cell, line)) + self._end)

    def _cell(self, cell: str) -> str:
        if self._excel and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} and not _NUMBER.fullmatch(cell):
            cell = f"'{cell}"
        quoted = any(char in cell for char in ('"', "\r", "\n", self._delimiter)) or cell != cell.strip()
        return '"' + cell.replace('"', '""') + '"' if quoted else cell


def writer_for(output_format: str, stream: TextIO, table: Table) -> Writer:
    """A writer of one of OUTPUT_FORMATS; csv keeps the delimiter that the file came with."""
    if output_format == "jsonl":
        return JsonlWriter(stream, table)
    if output_format == "parquet":
        from lightsleeper.bulk.records.parquet_writing import ParquetWriter  # noqa: PLC0415  # it needs an extra

        return ParquetWriter(stream.buffer, table)
    own = table.delimiter if table.delimiter in {";", "|"} else ","
    return CsvWriter(stream, table, delimiter="\t" if output_format == "tsv" else own, excel=output_format == "excel")


def _shown(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
