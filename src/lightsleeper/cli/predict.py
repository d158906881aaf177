"""`lightsleeper predict`: texts, files or standard input → labels."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.files import Tally, add_reading, choices_of, given_reading, how_read
from lightsleeper.errors import InvalidInput
from lightsleeper.model.head import NO_LABEL

if TYPE_CHECKING:
    from lightsleeper.bulk.library import Prediction, TextClassifier
    from lightsleeper.bulk.records.findings import Value
    from lightsleeper.bulk.records.rows import Row
    from lightsleeper.bulk.records.table import Choices, Table
    from lightsleeper.cli.commands import Commands

    Found = tuple[Row, dict[str, Value]]

_EPILOG = """\
A file is read by what it holds: csv with any delimiter, tsv, txt, JSON in lines or documents, also in gzip, bzip2, xz
or zip; xlsx and parquet where openpyxl and pyarrow are installed. Rows keep all their columns and get predicted_label,
predicted_score, truncated, unfamiliar and error, which says why a row has no label.
"""


def add_predict(commands: "Commands") -> None:
    """Add `lightsleeper predict`."""
    command = commands.add_parser(
        "predict",
        help="classify texts, files or standard input",
        description="Label texts without a server. A file may have any length; its columns are kept.",
        epilog=_EPILOG,
    )
    command.add_argument("texts", nargs="*", metavar="TEXT", help="texts to classify")
    command.add_argument("--file", metavar="FILE", help="what to classify; - is standard input")
    command.add_argument("--event", type=Path, metavar="FILE", help="a CloudEvent in JSON that names --file and --out")
    command.add_argument("--folder", type=Path, metavar="DIR", help="where the files of --event are; by default here")
    command.add_argument("--out", metavar="FILE", help="where to write; standard output by default")
    command.add_argument(
        "--output-format",
        metavar="FORMAT",
        choices=("csv", "tsv", "excel", "jsonl", "parquet"),
        help="csv, tsv, "
        "jsonl, parquet, or excel: csv with the mark that Excel needs, and a ' before what it would compute; "
        "by default what --out ends in, else csv",
    )
    command.add_argument("--strict", action="store_true", help="stop at the first row that cannot be read")
    command.add_argument("--quiet", action="store_true", help="say nothing but errors")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.add_argument(
        "--threshold", type=float, metavar="N", help="where any number of labels may apply: from which score on; 0.5"
    )
    command.add_argument("--top-k", type=int, metavar="N", help="and how many of them at most")
    add_reading(command)
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    if [bool(options.texts), bool(options.file), bool(options.event)].count(True) != 1:
        sys.stderr.write(
            'lightsleeper predict: give texts, or --file FILE ("-" is standard input), or --event: one of them\n'
        )
        return 2
    if unused := _unused(options):
        sys.stderr.write(f"lightsleeper predict: {unused}\n")
        return 2
    if options.event and not _take_order(options):
        return 0
    if options.texts:
        _predict_texts(options)
    else:
        with _ended_by_signals():
            _predict_file(options)
    return 0


def _unused(options: argparse.Namespace) -> str | None:
    """What is wrong with an option that would go unread beside the others."""
    if options.texts and (given := [name for name in ("out", "output_format", "strict") if getattr(options, name)]):
        return f"--{given[0].replace('_', '-')} is for files: put the texts in one, or give them with --file -"
    if options.texts and (reading := given_reading(options)):
        return f"{reading} is for files"
    if options.event and options.out:
        return "--out is for --file: an event names its own"
    return "--folder is for --event" if options.folder is not None and not options.event else None


def _take_order(options: argparse.Namespace) -> bool:
    """Read the event, and do what it says; False if there is nothing to do."""
    from lightsleeper.bulk.event import make_place, read_order  # noqa: PLC0415  # see `main`

    order = read_order(options.event, options.folder or Path())
    if order is None:
        _say(["the event names a file that was labelled here: nothing to do"], quiet=options.quiet)
        return False
    make_place(order.out)
    options.file, options.out = str(order.source), str(order.out)
    return True


def _predict_texts(options: argparse.Namespace) -> None:
    from lightsleeper.bulk.library import load  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.encoding import mended  # noqa: PLC0415  # see above

    readable = [mended(text) for text in options.texts]
    model = load(options.bundle, threshold=options.threshold, top_k=options.top_k)
    for text, prediction in zip(readable, model.predict(readable), strict=True):
        print(f"{_shown(prediction)}  {text}" if prediction else f"(blank)  {text}")
        if prediction and prediction.unfamiliar:
            sys.stderr.write(f"the model knows little of: {text}\n")


def _shown(prediction: "Prediction") -> str:
    """The labels that apply, each with its score; a number alone where the model names nothing."""
    if prediction.label is None:
        return f"{prediction.score:.4f}"
    named = [f"{label}  {prediction.scores[label]:.4f}" for label in prediction.labels]
    return "  ".join(named) or f"{NO_LABEL}  {prediction.score:.4f}"


def _predict_file(options: argparse.Namespace) -> None:
    from lightsleeper.bulk.library import load  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.output import output, stat_of  # noqa: PLC0415  # see above
    from lightsleeper.bulk.records.table import open_table  # noqa: PLC0415  # see above
    from lightsleeper.bulk.records.writing import output_format_of, writer_for  # noqa: PLC0415  # see above

    began_s = time.perf_counter()
    path = None if options.file == "-" else Path(options.file)
    out = None if options.out in {None, "-"} else Path(options.out)
    output_format = options.output_format or (output_format_of(out) if out else "csv")
    choices, tally = choices_of(options), Tally()
    if path is None and sys.stdin is None:
        raise InvalidInput("standard input is closed; name a file with --file")
    model = load(options.bundle, threshold=options.threshold, top_k=options.top_k)
    with open_table(path or sys.stdin.buffer, choices=choices) as table:
        model.open()  # a bundle that is refused leaves no header behind
        source = stat_of(sys.stdin) if path is None else path.stat()
        with output(out, source=source) as stream:
            _say(how_read(table), quiet=options.quiet)
            total = _row_count(path, choices) if _shows_progress(options) else None
            writer = writer_for(output_format, stream, table)
            for row, found in _progress(_answered(model, options, table, tally), total, options):
                writer.write(row, found)
            writer.finish()
    took_s = time.perf_counter() - began_s
    rate = f"in {took_s:,.1f} s, {tally.classified / took_s:,.0f} rows a second"
    _say([*tally.lines(), rate, *([f"written to {out}"] if out else [])], quiet=options.quiet)


def _answered(model: "TextClassifier", options: argparse.Namespace, table: "Table", tally: Tally) -> "Iterator[Found]":
    """Every row with what was found out about it; with --strict InvalidInput for the first that cannot be read."""
    from lightsleeper.bulk.records.rows import BLANK  # noqa: PLC0415  # see `main`

    judged, again = tee(_judged(options, table, tally))  # the two never drift apart by more than two windows
    texts = (None if reason else row.text(table.text) for row, reason in again)
    for (row, reason), prediction in zip(judged, model.stream(texts), strict=True):
        if prediction:
            nothing = () if prediction.label is None else (NO_LABEL,)
            tally.add(prediction.labels or nothing, prediction.score if prediction.label is None else None)
            tally.truncated += prediction.truncated
            tally.unfamiliar += prediction.unfamiliar
        unseen = not prediction and not reason  # by the model, where a person may see a sign
        tally.blank += unseen
        yield row, _found(prediction, BLANK if unseen else reason)


def _judged(options: argparse.Namespace, table: "Table", tally: Tally) -> Iterator[tuple["Row", str]]:
    """Every row and why it gets no label."""
    for row in table.rows:
        reason = row.reason(table.text, table.text_name)
        if options.strict and reason not in {"", "blank", "placeholder"}:
            raise InvalidInput(f"{table.place(row)}: {reason}")
        tally.count(row, reason, row.text(table.text))
        yield row, reason


def _found(prediction: "Prediction | None", reason: str) -> dict[str, "Value"]:
    return {
        "predicted_label": prediction and prediction.cell,
        "predicted_score": prediction and round(prediction.score, 6),
        "truncated": prediction and prediction.truncated,
        "unfamiliar": prediction and prediction.unfamiliar,
        "error": reason or None,
    }


def _shows_progress(options: argparse.Namespace) -> bool:
    """On a terminal, and not between rows that are written to it."""
    return not options.quiet and sys.stderr.isatty() and (options.out is not None or not sys.stdout.isatty())


def _progress(rows: "Iterator[Found]", total: int | None, options: argparse.Namespace) -> "Iterator[Found]":
    from tqdm import tqdm  # noqa: PLC0415  # see `main`

    yield from tqdm(rows, total=total, unit=" rows", disable=not _shows_progress(options))


def _row_count(path: Path | None, choices: "Choices") -> int | None:
    """Reading is a thousand times quicker than classifying: a bar with an end is worth it."""
    from lightsleeper.bulk.records.table import open_table  # noqa: PLC0415  # see `main`

    if path is None or not path.is_file():
        return None
    with open_table(path, choices=choices) as table:
        return sum(1 for _ in table.rows)


def _say(lines: list[str], *, quiet: bool) -> None:
    if not quiet:
        sys.stderr.writelines(f"{line}\n" for line in lines)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Ended from outside, the command still removes what it wrote beside the place of the result."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
