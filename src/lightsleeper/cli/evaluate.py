"""`lightsleeper evaluate`: judge a bundle on labelled files."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.commands import open_model

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands
    from lightsleeper.model.model import Model


def add_evaluate(commands: "Commands") -> None:
    """Add `lightsleeper evaluate`."""
    command = commands.add_parser(
        "evaluate",
        help="accuracy, F1, calibration, confusion and speed on labelled files; behaviours",
        description="Judge a bundle on csv, tsv or jsonl files with a text and a label column, or by its behaviours: "
        "negation, time, whose opinion, questions, names, places, typos, groups, sentences without a sentiment.",
    )
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="csv, tsv or jsonl with text and label")
    command.add_argument("--behaviours", action="store_true", help="failure rates and worst examples by capability")
    command.add_argument("--record", action="store_true", help="write what --behaviours finds into the --bundle")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.add_argument("--text-column", metavar="NAME", help="column with the text, if its name is unusual")
    command.add_argument("--label-column", metavar="NAME", help="column with the label, if its name is unusual")
    command.add_argument("--json", action="store_true", help="one JSON object per file instead of a table")
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    if not (options.files or options.behaviours):
        sys.stderr.write("lightsleeper evaluate: give FILE, or --behaviours\n")
        return 2
    if options.record and not (options.behaviours and options.bundle):
        sys.stderr.write("lightsleeper evaluate: --record needs --behaviours and --bundle DIR\n")
        return 2
    model = open_model(options.bundle)
    if options.files:
        _evaluate_files(options, model)
    if options.behaviours:
        _evaluate_behaviours(options, model)
    return 0


def _evaluate_behaviours(options: argparse.Namespace, model: "Model") -> None:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.model.bundle import record_behaviours  # noqa: PLC0415
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415
    from lightsleeper.training.behaviours import as_table, measure_behaviours  # noqa: PLC0415

    findings = measure_behaviours(model, workers=worker_count(cpus()))
    found = {finding.name: finding.as_json() for finding in findings}
    print(json.dumps({"behaviours": found}, ensure_ascii=False) if options.json else as_table(findings))
    if options.record:
        bundle = record_behaviours(options.bundle, found)
        print(f"recorded in {bundle.folder}: digest {bundle.digest[:12]}", file=sys.stderr)


def _evaluate_files(options: argparse.Namespace, model: "Model") -> None:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.bulk.records import labelled, read_file  # noqa: PLC0415
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415
    from lightsleeper.training.evaluate import evaluate  # noqa: PLC0415

    for file in options.files:
        rows = labelled(
            read_file(file, text_column=options.text_column), model.labels, label_column=options.label_column
        )
        report = evaluate(model, rows, workers=worker_count(cpus()))
        print(json.dumps({"file": str(file), **report.as_json()}) if options.json else f"{file}\n{report.as_table()}")
