"""`lightsleeper prepare`: a sequence classifier of the hub → a bundle."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.files import add_labels, add_reading, reading_of
from lightsleeper.cli.making import add_making, print_bundle, require_torch

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands


def add_prepare(commands: "Commands") -> None:
    """Add `lightsleeper prepare`."""
    command = commands.add_parser(
        "prepare",
        help="make a bundle from a Hugging Face sequence classifier",
        description="Export, quantise to int8, verify against torch, write. Needs the group torch: make torch",
        epilog="example: lightsleeper prepare --model distilbert/distilbert-base-uncased-finetuned-sst-2-english "
        "--out bundle",
    )
    command.add_argument("--model", required=True, metavar="ID|DIR", help="hub id, or folder of a checkpoint")
    command.add_argument("--revision", metavar="SHA", help="commit of the hub id; name it for a repeatable build")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="labelled, to measure on")
    command.add_argument("--calibrate", type=Path, metavar="FILE", help="texts like those that will be served")
    add_making(command)
    add_labels(command)
    add_reading(command)
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    require_torch()
    from lightsleeper.training.prepare import prepare  # noqa: PLC0415  # torch is imported by who needs it

    bundle = prepare(
        options.model,
        options.out,
        revision=options.revision,
        data=options.data,
        reading=reading_of(options),
        calibration=options.calibrate,
        keep_checkpoint=options.keep_checkpoint,
        max_loss_points=options.max_loss_points,
    )
    print_bundle(bundle)
    return 0
