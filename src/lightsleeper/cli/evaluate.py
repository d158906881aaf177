"""`lightsleeper evaluate`: judge a bundle on labelled files."""

import argparse
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.commands import open_model
from lightsleeper.cli.files import add_labels, add_reading, how_labelled, reading_of

if TYPE_CHECKING:
    from lightsleeper.bulk.records import Reading, Records
    from lightsleeper.cli.commands import Commands
    from lightsleeper.model.model import Model


def add_evaluate(commands: "Commands") -> None:
    """Add `lightsleeper evaluate`."""
    command = commands.add_parser(
        "evaluate",
        help="accuracy, F1, calibration, confusion and speed on labelled files; behaviours",
        description="Judge a bundle on labelled files of every kind that `predict` reads, or by its behaviours: "
        "negation, time, whose opinion, questions, names, places, typos, groups, sentences without a sentiment.",
    )
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="with a column of texts and one of labels")
    command.add_argument("--behaviours", action="store_true", help="failure rates and worst examples by capability")
    command.add_argument("--record", action="store_true", help="write what --behaviours finds into the --bundle")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    add_labels(command)
    add_reading(command)
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

    from lightsleeper.model.bundle import record_behaviours  # noqa: PLC0415  # see above
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415  # see above
    from lightsleeper.training.behaviours import as_table, measure_behaviours  # noqa: PLC0415  # see above

    findings = measure_behaviours(model, workers=worker_count(cpus()))
    found = {finding.name: finding.as_json() for finding in findings}
    print(json.dumps({"behaviours": found}, ensure_ascii=False) if options.json else as_table(findings))
    if options.record:
        bundle = record_behaviours(options.bundle, found)
        print(f"recorded in {bundle.folder}: digest {bundle.digest[:12]}", file=sys.stderr)


def _evaluate_files(options: argparse.Namespace, model: "Model") -> None:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.bulk.records.labels import said_of  # noqa: PLC0415  # see above
    from lightsleeper.bulk.records.pipes import rereadable  # noqa: PLC0415  # see above
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415  # see above
    from lightsleeper.training.evaluate_sets import evaluate_records  # noqa: PLC0415  # see above

    reading = reading_of(options)
    for file in options.files:
        counts: Counter[tuple[str, str | None]] = Counter()
        with rereadable() as again, said_of(file):
            records = reading.records(again(file))
            column_of = partial(_column_of, model=model, reading=reading)
            sys.stderr.writelines(f"{line}\n" for line in how_labelled(again(file), reading, column_of))
            report = evaluate_records(model, records, reading, workers=worker_count(cpus()), counts=counts)
        if counts:
            sys.stderr.write(f"{file}: {_labels_read(counts, records)}\n")
        print(json.dumps({"file": str(file), **report.as_json()}) if options.json else f"{file}\n{report.as_table()}")


def _column_of(records: "Records", *, model: "Model", reading: "Reading") -> str | None:
    from lightsleeper.bulk.records.label_sets import column_of_sets  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.labels import label_column_of  # noqa: PLC0415  # see above

    if model.head.many_labels:
        return column_of_sets(records, model.labels, reading)
    return label_column_of(records, reading.label_column)


def _labels_read(counts: Counter[tuple[str, str | None]], records: "Records") -> str:
    """What was taken for which label, and what was left out."""
    taken = [f"{written} is {label} ({times:,})" for (written, label), times in counts.most_common() if label]
    left = [f"{written or 'no label'} ({times:,})" for (written, label), times in counts.most_common() if not label]
    left += [f"{why} text ({times:,})" for why, times in records.left_out.items()]
    return "; ".join([", ".join(taken), *(["left out: " + ", ".join(left)] if left else [])])
