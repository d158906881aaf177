"""`lightsleeper evaluate`: judge a bundle on labelled files."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.commands import open_model

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands


def add_evaluate(commands: "Commands") -> None:
    """Add `lightsleeper evaluate`."""
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
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.bulk.records import labelled, read_file  # noqa: PLC0415
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415
    from lightsleeper.training.evaluate import evaluate  # noqa: PLC0415

    model = open_model(options.bundle)
    for file in options.files:
        rows = labelled(
            read_file(file, text_column=options.text_column), model.labels, label_column=options.label_column
        )
        report = evaluate(model, rows, workers=worker_count(cpus()))
        print(json.dumps({"file": str(file), **report.as_json()}) if options.json else f"{file}\n{report.as_table()}")
    return 0
