"""`lightsleeper predict`: texts, files or standard input → labels."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from lightsleeper.bulk.library import Prediction
    from lightsleeper.bulk.records import Record
    from lightsleeper.cli.commands import Commands


def add_predict(commands: "Commands") -> None:
    """Add `lightsleeper predict`."""
    command = commands.add_parser(
        "predict",
        help="classify texts, files or standard input",
        description="Label texts without a server. A file may have any length; its columns are kept.",
    )
    command.add_argument("texts", nargs="*", metavar="TEXT", help="texts to classify")
    command.add_argument("--file", metavar="FILE", help="txt, csv, tsv or jsonl; - is standard input")
    command.add_argument("--format", choices=("txt", "csv", "tsv", "jsonl"), help="of FILE, if its name does not say")
    command.add_argument("--text-column", metavar="NAME", help="column with the text, if its name is unusual")
    command.add_argument("--out", type=Path, metavar="FILE", help="where to write; standard output by default")
    command.add_argument("--output-format", choices=("csv", "jsonl"), help="csv unless --out ends in .jsonl")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> int:
    if bool(options.texts) == bool(options.file):
        sys.stderr.write('lightsleeper predict: give texts, or --file FILE ("-" is standard input), not both\n')
        return 2
    if options.texts:
        _predict_texts(options.texts, options.bundle)
    else:
        _predict_file(options)
    return 0


def _predict_texts(texts: list[str], bundle: Path | None) -> None:
    from lightsleeper.bulk.library import load  # noqa: PLC0415  # see `main`

    for text, prediction in zip(texts, load(bundle).predict(texts), strict=True):
        print(f"{prediction.label}  {prediction.score:.4f}  {text}" if prediction else f"(blank)  {text}")


def _predict_file(options: argparse.Namespace) -> None:
    from tqdm import tqdm  # noqa: PLC0415  # see `main`

    from lightsleeper.bulk.library import load  # noqa: PLC0415
    from lightsleeper.bulk.records import Writer  # noqa: PLC0415

    records, again = tee(_read(options))  # the two never drift apart by more than two windows
    predictions = load(options.bundle).stream(record.text for record in again)
    with ExitStack() as files:
        stream, file_format = _output(options, files)
        writer = Writer(stream, file_format)
        for record, prediction in tqdm(zip(records, predictions, strict=True), unit=" texts", disable=None):
            writer.write({**record.columns, **_verdict(record, prediction)})


def _verdict(record: "Record", prediction: "Prediction | None") -> dict[str, object]:
    """The columns added to a row; a blank text gets no label, and no column of the file is overwritten."""
    verdict = {
        "label": prediction and prediction.label,
        "score": prediction and round(prediction.score, 6),
        "truncated": prediction is not None and prediction.truncated,
    }
    return {f"predicted_{name}" if name in record.columns else name: value for name, value in verdict.items()}


def _read(options: argparse.Namespace) -> Iterator["Record"]:
    from lightsleeper.bulk.records import read, read_file  # noqa: PLC0415  # see `main`

    if options.file == "-":
        return read(sys.stdin, options.format or "txt", name="standard input", text_column=options.text_column)
    return read_file(Path(options.file), file_format=options.format, text_column=options.text_column)


def _output(options: argparse.Namespace, files: ExitStack) -> tuple[TextIO, str]:
    if options.out is None:
        return sys.stdout, options.output_format or "csv"
    file_format = options.output_format or ("jsonl" if options.out.suffix == ".jsonl" else "csv")
    return files.enter_context(options.out.open("w", encoding="utf-8", newline="")), file_format
