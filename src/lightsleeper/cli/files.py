"""What the commands that read files share: options that say how, and the words for what was found."""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lightsleeper.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightsleeper.bulk.records.labels import Reading, Records
    from lightsleeper.bulk.records.rows import Row
    from lightsleeper.bulk.records.table import Choices, Table

_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SHOWN_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
#: What means something else in a csv.
_NO_DELIMITERS = {'"', "'", "\n", "\r", "\0"}
_ROWS_NAMED = 10


def add_reading(command: argparse.ArgumentParser) -> None:
    """Options for everything that is otherwise decided by what a file holds."""
    reading = command.add_argument_group("how files are read, where the guess is wrong")
    reading.add_argument("--format", choices=("txt", "csv", "tsv", "jsonl", "json"), help="txt: every line is a text")
    reading.add_argument("--text-column", metavar="NAME", help="column with the texts")
    reading.add_argument("--sheet", metavar="NAME", help="of an xlsx; by default the first, or one with far more texts")
    reading.add_argument("--delimiter", metavar="CHAR", help="what stands between cells: a character, or tab")
    reading.add_argument("--encoding", metavar="NAME", help="such as utf-8, windows-1252, shift_jis")
    header = reading.add_mutually_exclusive_group()
    header.add_argument("--header", action="store_true", default=None, help="the first row names the columns")
    header.add_argument("--no-header", dest="header", action="store_false", help="it does not: it is a row")


def add_labels(command: argparse.ArgumentParser) -> None:
    """Options for what people call their labels."""
    command.add_argument("--label-column", metavar="NAME", help="column with the labels")
    command.add_argument("--map", metavar="A,B=LABEL;…", help="what labels mean: '4,5=POSITIVE;1,2=NEGATIVE'")
    command.add_argument("--skip-other", action="store_true", help="leave out rows with any other label")


def reading_of(options: argparse.Namespace) -> "Reading":
    """How labelled files are read, as the options of `add_labels` and `add_reading` say."""
    from lightsleeper.bulk.records.label_meanings import parse_map  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.labels import Reading  # noqa: PLC0415  # see above

    label_map = parse_map(options.map) if options.map else None
    return Reading(choices_of(options), options.label_column, label_map, options.skip_other)


def given_reading(options: argparse.Namespace) -> str | None:
    """The first option of `add_reading` that was given, as it is written."""
    given = {"format": options.format, "text-column": options.text_column, "sheet": options.sheet}
    given |= {
        "delimiter": options.delimiter,
        "encoding": options.encoding,
        "header": options.header,
        "no-header": options.header is False,
    }
    return next((f"--{name}" for name, value in given.items() if value), None)


def choices_of(options: argparse.Namespace) -> "Choices":
    """What the options say."""
    from lightsleeper.bulk.records.table import Choices  # noqa: PLC0415  # see `main`

    delimiter = _DELIMITER_NAMES.get(options.delimiter, options.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in _NO_DELIMITERS):
        raise InvalidInput(f"--delimiter is {options.delimiter!r}; one character, tab, comma, semicolon, pipe or space")
    if options.format in {"txt", "jsonl", "json"} and (delimiter or options.header is not None):
        given = "--delimiter" if delimiter else "--header" if options.header else "--no-header"
        raise InvalidInput(f"--format {options.format} has no use for {given}: it is for csv")
    if options.format == "tsv" and delimiter not in {None, "\t"}:
        raise InvalidInput("--format tsv has tabs between its cells; say --format csv with another --delimiter")
    return Choices(
        file_format=options.format,
        delimiter=delimiter,
        encoding=options.encoding,
        header=options.header,
        text_column=options.text_column,
        sheet=options.sheet,
    )


def how_read(table: "Table") -> list[str]:
    """How the file is read, a line each: what was decided, and what may be wrong with it."""
    facts = [table.format]
    if table.delimiter:
        facts.append(_SHOWN_DELIMITERS.get(table.delimiter, repr(table.delimiter)) + " between cells")
    if table.encoding:
        facts.append(table.encoding.name)
    if table.format in {"csv", "tsv", "xlsx"}:
        facts.append(f"{len(table.names)} columns" + ("" if table.header else ", the first row is one of values"))
    if table.text_index is not None and len(table.names) > 1:
        facts.append(f"texts in {table.text_name!r}")
    return [f"{table.name}: {' · '.join(facts)}", *(f"{table.name}: {note}" for note in table.notes)]


def how_labelled(file: "Path", reading: "Reading", column_of: "Callable[[Records], str | None]") -> list[str]:
    """How a labelled file is read, a line each; `column_of` gives the column of labels, None if each has its own."""
    from lightsleeper.bulk.records.labels import other_label_columns  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.table import open_table  # noqa: PLC0415  # see above

    with open_table(file, choices=reading.choices) as table:
        lines = how_read(table)
    column = column_of(reading.records(file))
    if column is None:
        return [*lines, f"{table.name}: a column for each label"]
    others = ", ".join(map(repr, other_label_columns(table.names, column)))
    return [*lines, f"{table.name}: labels in {column!r}" + (f", not in {others}" if others else "")]


@dataclass(slots=True)
class Tally:
    """What became of the rows of a file."""

    #: Rows with an answer.
    classified: int = 0
    #: By label: of how many rows it is one.
    labels: Counter[str] = field(default_factory=Counter)
    #: Of answers that are numbers: their sum.
    score_sum: float | None = None
    blank: int = 0
    placeholders: Counter[str] = field(default_factory=Counter)
    #: By why they could not be read: their numbers.
    unreadable: dict[str, list[int]] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    truncated: int = 0
    unfamiliar: int = 0

    def count(self, row: "Row", reason: str, text: str | None) -> None:
        """A row, and why it gets no label, if it gets none."""
        if row.damaged:
            self.damaged.append(row.number)
        if row.is_short:
            self.short.append(row.number)
        if reason == "blank":
            self.blank += 1
        elif reason == "placeholder":
            self.placeholders[(text or "").strip()] += 1
        elif reason:
            self.unreadable.setdefault(reason, []).append(row.number)

    def add(self, labels: Iterable[str], score: float | None) -> None:
        """A row's answer: the labels that apply, or the number that it is."""
        self.classified += 1
        self.labels.update(labels)
        if score is not None:
            self.score_sum = (self.score_sum or 0.0) + score

    def lines(self) -> list[str]:
        """The summary for people."""
        total = self.classified
        shares = ", ".join(f"{label} {count:,} ({count / total:.0%})" for label, count in self.labels.most_common())
        if self.score_sum is not None:
            shares = f"mean {self.score_sum / total:.4f}"
        lines = [f"{_rows(total)} classified" + (f": {shares}" if shares else "")]
        if self.truncated:
            lines.append(f"{self.truncated:,} of them are longer than the model reads: their beginning was read")
        if self.unfamiliar:
            lines.append(f"{self.unfamiliar:,} of them hold little that the model knows: their scores mean nothing")
        if self.blank:
            lines.append(f"{_rows(self.blank)} without a label: blank")
        if self.placeholders:
            listed = ", ".join(f"{word} {count:,}" for word, count in self.placeholders.most_common())
            lines.append(f"{_rows(self.placeholders.total())} without a label: placeholders ({listed})")
        lines += [f"{_rows(len(rows))} without a label: {why}: {_named(rows)}" for why, rows in self.unreadable.items()]
        if self.short:
            lines.append(f"{_rows(len(self.short))} with too few cells: {_named(self.short)}")
        if self.damaged:
            lines.append(
                f"{_rows(len(self.damaged))} with bytes that are no text, read as is likely: {_named(self.damaged)}"
            )
        return lines


def _rows(count: int) -> str:
    return f"{count:,} row" + ("" if count == 1 else "s")


def _named(rows: list[int]) -> str:
    listed = ", ".join(f"{row:,}" for row in rows[:_ROWS_NAMED])
    return ("row " if len(rows) == 1 else "rows ") + listed + (", …" if len(rows) > _ROWS_NAMED else "")
