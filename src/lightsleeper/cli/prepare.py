"""`lightsleeper prepare`: a sequence classifier of the hub → a bundle."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.files import add_labels, add_reading, reading_of
from lightsleeper.cli.making import add_making, print_bundle, require_torch, row

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands
    from lightsleeper.model.bundle import Bundle


def add_prepare(commands: "Commands") -> None:
    """Add `lightsleeper prepare`."""
    command = commands.add_parser(
        "prepare",
        help="make a bundle from a Hugging Face sequence classifier",
        description="Export, quantise to int8, verify against torch, write. Needs torch; says how to install it.",
        epilog="example: lightsleeper prepare --model distilbert/distilbert-base-uncased-finetuned-sst-2-english "
        "--out bundle",
    )
    command.add_argument("--model", required=True, metavar="ID|DIR", help="hub id, or folder of a checkpoint")
    command.add_argument("--revision", metavar="SHA", help="commit of the hub id; name it for a repeatable build")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="labelled, to measure on")
    command.add_argument("--calibrate", type=Path, metavar="FILE", help="texts like those that will be served")
    command.add_argument(
        "--task",
        metavar="TASK",
        help="what the outputs mean, where config.json has no problem_type: text-classification, "
        "multi-label-classification, scoring (one output, 0 to 1) or regression (one output as it is)",
    )
    command.add_argument(
        "--max-tokens", type=int, metavar="N", help="longest text; by default the model's, whose memory grows with N²"
    )
    add_making(command)
    add_labels(command)
    add_reading(command)
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    require_torch()
    from lightsleeper.bulk.records.pipes import rereadable  # noqa: PLC0415  # see `main`
    from lightsleeper.training.prepare import prepare  # noqa: PLC0415  # torch is imported by who needs it

    with rereadable() as again:
        bundle = prepare(
            options.model,
            options.out,
            revision=options.revision,
            data=[again(file) for file in options.data],
            reading=reading_of(options),
            calibration=options.calibrate and again(options.calibrate),
            keep_checkpoint=options.keep_checkpoint,
            max_loss_points=options.max_loss_points,
            task=options.task,
            max_tokens=options.max_tokens,
            say=lambda line: print(line, flush=True),
        )
    print_bundle(bundle)
    print(*_table(bundle), sep="\n")
    return 0


def _table(bundle: "Bundle") -> Iterator[str]:
    """What was made, in figures: of the manifest, and of this machine."""
    manifest = bundle.manifest
    agreement = manifest.quantization["agreement"]
    yield row(
        "agreement",
        f"{agreement['same_label']:.1%} of {agreement['texts']} texts; scores move by "
        f"{agreement['mean_difference']:.4f}, at most by {agreement['largest_difference']:.4f}",
    )
    yield row("size", f"{sum(file['bytes'] for file in manifest.files.values()) / 1e6:,.1f} MB")
    texts, seconds = _timed(bundle)
    yield row("texts per second", f"{texts / seconds:,.1f}, here")
    yield row("wake", f"{_wake_s(bundle):.2f} s from exec to open, here")


def _timed(bundle: "Bundle") -> tuple[int, float]:
    """How many texts of a word to the longest, and how long they took."""
    from lightsleeper.bulk.stream import classify_all  # noqa: PLC0415  # see `main`
    from lightsleeper.model.cpu_quota import cpus, worker_count  # noqa: PLC0415  # see above
    from lightsleeper.model.model import load_model  # noqa: PLC0415  # see above
    from lightsleeper.training.prepare import own_texts  # noqa: PLC0415  # see above

    model, texts = load_model(bundle.folder), own_texts()[::4]
    started_s = time.perf_counter()
    found = sum(1 for _ in classify_all(model, texts, workers=worker_count(cpus())))
    return found, time.perf_counter() - started_s


def _wake_s(bundle: "Bundle") -> float:
    from lightsleeper.capacity.bench import wake_s  # noqa: PLC0415  # see `main`

    return wake_s(bundle.folder)
