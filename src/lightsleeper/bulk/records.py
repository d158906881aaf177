"""Rows of text files, one at a time: txt, csv, tsv and jsonl in; csv and jsonl out with the original columns kept.

A file of any length is read in constant memory. A tsv is GLUE's: tab-separated, quotes are plain characters.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from lightsleeper.errors import InvalidInput

FORMATS = ("txt", "csv", "tsv", "jsonl")

#: Names that data sets commonly give these columns, most specific first.
TEXT_COLUMNS = ("text", "sentence", "review", "content", "comment", "body", "message")
LABEL_COLUMNS = ("label", "sentiment", "class", "category", "target")

# csv refuses fields of more than 128 KiB by default; a field is bounded by memory alone here.
_MAX_FIELD_CHARS = 2**27


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its text, and all of its columns as they were."""

    text: str
    columns: Mapping[str, Any]
    #: Where it stands, for error messages: "reviews.csv, line 3".
    place: str


def format_of(path: Path) -> str:
    """The format its suffix names; InvalidInput for any other."""
    name = path.suffix.removeprefix(".").lower()
    if name == "json":
        name = "jsonl"
    if name not in FORMATS:
        raise InvalidInput(f"{path.name}: the format is not one of {', '.join(FORMATS)}; name it with --format")
    return name


def read_file(path: Path, *, file_format: str | None = None, text_column: str | None = None) -> Iterator[Record]:
    """The records of a file, as `read` gives them; InvalidInput if it cannot be opened."""
    file_format = file_format or format_of(path)
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    with stream:
        yield from read(stream, file_format, name=path.name, text_column=text_column)


def read(stream: TextIO, file_format: str, *, name: str, text_column: str | None = None) -> Iterator[Record]:
    """Every row of `stream`, in order; InvalidInput naming the line of the first that is not of `file_format`.

    Without `text_column` the text is the column of a common name (`TEXT_COLUMNS`), or the only one.
    """
    rows = {"txt": _txt, "csv": _csv, "tsv": _tsv, "jsonl": _jsonl}[file_format](stream)
    number = 0
    try:
        for number, columns in rows:
            place = f"{name}, line {number}"
            text_column = text_column or _pick(columns, TEXT_COLUMNS, place, "--text-column")
            text = columns.get(text_column)
            if not isinstance(text, str):
                raise InvalidInput(f"{place}: no text in column {text_column!r}", field=text_column)
            yield Record(text, columns, place)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name}, after line {number}: not UTF-8 (byte {error.object[error.start]:#04x})") from error
    except csv.Error as error:
        raise InvalidInput(f"{name}, after line {number}: {error}") from error


def labelled(
    records: Iterable[Record], labels: Sequence[str], *, label_column: str | None = None
) -> Iterator[tuple[str, int]]:
    """Each record's text and label index; InvalidInput for a label that is neither a name in `labels` nor an index."""
    # A name wins over an index: of the labels 1 to 5, "1" is the first.
    by_name = {str(index): index for index in range(len(labels))} | {name: index for index, name in enumerate(labels)}
    for record in records:
        label_column = label_column or _pick(record.columns, LABEL_COLUMNS, record.place, "--label-column")
        label = str(record.columns.get(label_column)).strip()
        if label not in by_name:
            raise InvalidInput(f"{record.place}: label {label!r} is none of {list(labels)}", field=label_column)
        yield record.text, by_name[label]


def label_names(records: Iterable[Record], *, label_column: str | None = None) -> list[str]:
    """The different labels of `records`, sorted; numbers by their value."""
    names: set[str] = set()
    for record in records:
        label_column = label_column or _pick(record.columns, LABEL_COLUMNS, record.place, "--label-column")
        names.add(str(record.columns.get(label_column)).strip())
    return sorted(names, key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name))


class Writer:
    """Rows out, in csv or jsonl; the columns of the first row make the header."""

    def __init__(self, stream: TextIO, file_format: str) -> None:
        """`file_format` is csv or jsonl."""
        self._stream = stream
        self._csv: csv.DictWriter[str] | None = None
        self._jsonl = file_format == "jsonl"

    def write(self, row: Mapping[str, Any]) -> None:
        """One row; columns that the first row did not have are an error of the input file in csv."""
        if self._jsonl:
            self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            return
        if self._csv is None:
            self._csv = csv.DictWriter(self._stream, list(row), lineterminator="\n", extrasaction="ignore")
            self._csv.writeheader()
        self._csv.writerow(row)


def _txt(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(stream, start=1):
        yield number, {"text": line.rstrip("\r\n")}


def _csv(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from _table(stream, delimiter=",", quoting=csv.QUOTE_MINIMAL)


def _tsv(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from _table(stream, delimiter="\t", quoting=csv.QUOTE_NONE)


def _table(stream: TextIO, *, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(_MAX_FIELD_CHARS)
    reader = csv.DictReader(stream, delimiter=delimiter, quoting=quoting, restkey="", strict=True)
    for row in reader:
        if row.get(""):
            raise csv.Error(f"line {reader.line_num} has more columns than the header")
        yield reader.line_num, row


def _jsonl(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(stream, start=1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise csv.Error(f"line {number} is not JSON: {error}") from error
        if isinstance(row, str):
            row = {"text": row}
        if not isinstance(row, dict):
            raise csv.Error(f"line {number} is neither a JSON object nor a string")
        yield number, row


def _pick(columns: Mapping[str, Any], names: Sequence[str], place: str, option: str) -> str:
    by_lower_case = {column.lower(): column for column in columns}
    for name in names:
        if name in by_lower_case:
            return by_lower_case[name]
    if len(columns) == 1:
        return next(iter(columns))
    raise InvalidInput(f"{place}: which column? {', '.join(columns)}: name it with {option}")
