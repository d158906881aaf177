"""A file, whatever it is → its rows, the column that holds the texts, and how it was read.

The rules stand in `tests/files/README.md`; the page goes by the same (`web/many/reading/`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Final

from lightsleeper.bulk.records import json_faults, json_rows
from lightsleeper.bulk.records.cell_table import from_text, without_start
from lightsleeper.bulk.records.containers import Content, opened, refuse_within
from lightsleeper.bulk.records.described import SAMPLE_ROWS, Choices, Table, described
from lightsleeper.bulk.records.dialect import looks_like_table, separator_line
from lightsleeper.bulk.records.encoding import decode, detect, named, require_text
from lightsleeper.bulk.records.foreign import require_rows
from lightsleeper.bulk.records.rows import Row, json_row
from lightsleeper.bulk.records.rules import PIECE_BYTES, WINDOW_BYTES
from lightsleeper.bulk.records.sheet_table import from_sheet
from lightsleeper.bulk.records.workbooks import parquet_names, parquet_rows
from lightsleeper.errors import InvalidInput

__all__ = ["FORMATS", "Choices", "Table", "open_table"]

FORMATS: Final = ("txt", "csv", "tsv", "jsonl", "json", "xlsx", "parquet")
#: What is no document, whatever it looks like.
_TEXT_FORMATS: Final = frozenset({"txt", "csv", "tsv"})
_BY_ENDING: Final = {"ndjson": "jsonl", "tab": "tsv", **{name: name for name in FORMATS}}


@contextmanager
def open_table(source: Path | IO[bytes], *, name: str | None = None, choices: Choices | None = None) -> Iterator[Table]:
    """The table in a file, or in a stream of bytes called `name`; InvalidInput in one line if nothing can read it."""
    choices = choices or Choices()
    known_as = name or (source.name if isinstance(source, Path) else "standard input")
    with opened(source, known_as) as content:
        if choices.sheet and content.kind != "xlsx":
            raise InvalidInput(f"{known_as} has no sheets: --sheet is for xlsx", field="sheet")
        if content.kind == "xlsx":
            table = from_sheet(content, known_as, choices)
        elif content.kind == "parquet":
            rows = ((raw, number) for number, raw in enumerate(parquet_rows(content.stream, known_as), start=1))
            table = _from_json(rows, known_as, "parquet", choices)
            table.parquet = content.stream
            if not table.names:  # there is no row: what is written has its columns all the same
                table.names += parquet_names(content.stream)
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
    require_rows(text, content.name, whole=whole, said=choices.file_format is not None)
    characters = decode(chain([window], iter(lambda: content.read(PIECE_BYTES), b"")), encoding)
    if name_chars := _script_chars(text, choices, whole=whole):
        characters, text = without_start(characters, name_chars), text[name_chars:]
    file_format, shape = _format(content.name, text, choices, whole=whole)
    if shape:
        left_out: list[str] = []
        fault = partial(json_faults.fault_in, text, whole=whole)
        table = _from_json(json_rows.rows_of(shape, characters, left_out), name, file_format, choices, fault)
        table.notes = left_out + table.notes
    else:
        table = from_text(characters, text, name, file_format, choices, whole=whole)
    table.encoding = encoding
    if encoding.guessed:
        table.notes.insert(0, encoding.note())
    return table


def _beyond_ascii(path: Path, name: str) -> bytes:
    """A piece of the file with characters beyond ASCII, if there is one: what the beginning does not show."""
    with opened(path, name) as content:
        for piece in iter(lambda: content.read(PIECE_BYTES), b""):
            if not piece.isascii():
                first = next(index for index, byte in enumerate(piece) if byte > 0x7F)  # noqa: PLR2004  # ASCII's last
                return piece[max(0, first - 1) :]
    return b""


def _script_chars(text: str, choices: Choices, *, whole: bool) -> int:
    """How much a script has before its JSON; nothing of what is text, or said to be."""
    chars = 0 if choices.file_format in _TEXT_FORMATS else json_rows.begin_of_script(text)
    return chars if chars and json_rows.shape_of(text[chars:], whole=whole, is_json=False) else 0


def _format(name: str, text: str, choices: Choices, *, whole: bool) -> tuple[str, str | None]:
    """The format, and for JSON its shape. What a file holds goes before what it is called."""
    said = choices.file_format
    if said in _TEXT_FORMATS:
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


def _from_json(
    rows: Iterator[tuple[str, int]], name: str, file_format: str, choices: Choices, fault: Callable[[], str] = str
) -> Table:
    sample = list(islice(rows, SAMPLE_ROWS))
    places: dict[str, int] = {}
    shown = list(_json_rows(iter(sample), places, names=[]))
    if shown and all(row.problem for row in shown):
        why = f": {found}" if (found := fault()) else ""
        raise InvalidInput(f"{name}: none of its first {len(shown):,} rows is a JSON object or a string{why}")
    names = list(places)
    table = described(name, file_format, names, [row.cells for row in shown if not row.problem], choices)
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
