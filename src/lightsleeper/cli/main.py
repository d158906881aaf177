"""The command line: serve · predict · train · prepare · evaluate · bench.

Each command imports what it needs when it runs: `serve` must wake fast, and most machines have no torch.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lightsleeper import __version__
from lightsleeper.errors import LightsleeperError
from lightsleeper.training.commands import add_prepare, add_train

if TYPE_CHECKING:
    from lightsleeper.bulk.records import Record
    from lightsleeper.model.model import Model
    from lightsleeper.model.prediction import LabelScore

_EPILOG = """\
examples:
  lightsleeper serve                                      the API and the page on http://localhost:8080
  lightsleeper predict "What a film!" "Dull and long."    two texts, one line each
  lightsleeper predict --file reviews.csv --out labelled.csv
  cat reviews.txt | lightsleeper predict --file - --format txt --output-format jsonl
  lightsleeper evaluate labelled.tsv                      accuracy, F1, calibration of the embedded model
  lightsleeper train mine.csv --out my-bundle             your own labels
  LIGHTSLEEPER_BUNDLE=my-bundle lightsleeper serve

`lightsleeper COMMAND --help` explains each.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 could not be done (one line says why), 2 misused, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
    except LightsleeperError as error:
        sys.exit(f"lightsleeper: {error.message}")
    except BrokenPipeError:  # `lightsleeper predict … | head`
        sys.stderr.close()
        status = 0
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightsleeper",
        description="A text classifier that sleeps at zero and wakes in well under a second.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_predict(commands)
    add_train(commands)
    add_prepare(commands)
    _add_evaluate(commands)
    _add_bench(commands)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name


def _add_serve(commands: "Commands") -> None:
    command = commands.add_parser(
        "serve",
        help="run the API and the page",
        description="Run the service until SIGTERM. Every setting is an environment variable; README.md lists them.",
    )
    command.set_defaults(run=_serve)


def _serve(_: argparse.Namespace) -> int:
    from lightsleeper.serving.server import serve  # noqa: PLC0415  # see the module's docstring

    return serve()


def _add_predict(commands: "Commands") -> None:
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
    from lightsleeper.model.prediction import rank  # noqa: PLC0415  # see the module's docstring

    model = _open_model(bundle)
    for text in texts:
        (logits,) = model.run(model.tokenizer.encode([text]))
        best = rank(logits, model.labels)[0]
        print(f"{best.label}  {best.score:.4f}  {text}")


def _predict_file(options: argparse.Namespace) -> None:
    from tqdm import tqdm  # noqa: PLC0415  # see the module's docstring

    from lightsleeper.bulk.library import classify_all  # noqa: PLC0415
    from lightsleeper.bulk.records import Writer  # noqa: PLC0415
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415
    from lightsleeper.model.prediction import rank  # noqa: PLC0415

    model = _open_model(options.bundle)
    records, again = tee(_read(options))  # the two never drift apart by more than one chunk
    answers = classify_all(model, (record.text for record in again), workers=worker_count(cpus()))
    with ExitStack() as files:
        stream, file_format = _output(options, files)
        writer = Writer(stream, file_format)
        for record, (logits, truncated) in tqdm(zip(records, answers, strict=True), unit=" texts", disable=None):
            writer.write({**record.columns, **_verdict(record, rank(logits, model.labels)[0], truncated=truncated)})


def _verdict(record: "Record", best: "LabelScore", *, truncated: bool) -> dict[str, object]:
    """The columns added to a row; a blank text gets no label, and no column of the file is overwritten."""
    blank = not record.text.strip()
    verdict = {
        "label": None if blank else best.label,
        "score": None if blank else round(best.score, 6),
        "truncated": truncated,
    }
    return {f"predicted_{name}" if name in record.columns else name: value for name, value in verdict.items()}


def _read(options: argparse.Namespace) -> Iterator["Record"]:
    from lightsleeper.bulk.records import read, read_file  # noqa: PLC0415  # see the module's docstring

    if options.file == "-":
        return read(sys.stdin, options.format or "txt", name="standard input", text_column=options.text_column)
    return read_file(Path(options.file), file_format=options.format, text_column=options.text_column)


def _output(options: argparse.Namespace, files: ExitStack) -> tuple[TextIO, str]:
    if options.out is None:
        return sys.stdout, options.output_format or "csv"
    file_format = options.output_format or ("jsonl" if options.out.suffix == ".jsonl" else "csv")
    return files.enter_context(options.out.open("w", encoding="utf-8", newline="")), file_format


def _open_model(bundle: Path | None) -> "Model":
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # see the module's docstring
    from lightsleeper.model.model import load_model  # noqa: PLC0415

    return load_model(bundle or EMBEDDED)


def _add_evaluate(commands: "Commands") -> None:
    command = commands.add_parser(
        "evaluate",
        help="accuracy, F1, calibration, confusion and speed on labelled files",
        description="Judge a bundle on csv, tsv or jsonl files with a text and a label column.",
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="csv, tsv or jsonl with text and label")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.add_argument("--text-column", metavar="NAME", help="column with the text, if its name is unusual")
    command.add_argument("--label-column", metavar="NAME", help="column with the label, if its name is unusual")
    command.add_argument("--json", action="store_true", help="one JSON object per file instead of a table")
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415  # see the module's docstring

    from lightsleeper.bulk.records import labelled, read_file  # noqa: PLC0415
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415
    from lightsleeper.training.evaluate import evaluate  # noqa: PLC0415

    model = _open_model(options.bundle)
    for file in options.files:
        rows = labelled(
            read_file(file, text_column=options.text_column), model.labels, label_column=options.label_column
        )
        report = evaluate(model, rows, workers=worker_count(cpus()))
        print(json.dumps({"file": str(file), **report.as_json()}) if options.json else f"{file}\n{report.as_table()}")
    return 0


def _add_bench(commands: "Commands") -> None:
    command = commands.add_parser(
        "bench",
        help="measure one pod here and recommend its Knative numbers",
        description="Start the service, measure service time, throughput and memory, and print the concurrency "
        "target, containerConcurrency, CPU and memory for knative/base/service.yaml, with the arithmetic.",
    )
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.add_argument("--cpus", type=int, default=1, metavar="N", help="CPUs of the pod; 1 by default")
    command.add_argument("--tokens", type=int, default=32, metavar="N", help="tokens of a typical text; 32 by default")
    command.add_argument(
        "--latency-target-ms", type=float, default=250, metavar="MS", help="p99 to stay below; 250 by default"
    )
    command.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    from lightsleeper.capacity.bench import measure  # noqa: PLC0415  # see the module's docstring
    from lightsleeper.capacity.capacity import describe  # noqa: PLC0415
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415
    from lightsleeper.serving.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    found = measure(
        options.bundle or EMBEDDED,
        cache_bytes=settings.cache_bytes if settings.cache_entries else 0,
        cpus=options.cpus,
        tokens=options.tokens,
        latency_target_ms=options.latency_target_ms,
    )
    print(*describe(found), sep="\n")
    return 0
