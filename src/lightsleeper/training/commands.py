"""The commands that make bundles. They import torch when they run, never before."""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.errors import ConfigurationError

if TYPE_CHECKING:
    from lightsleeper.model.bundle import Bundle

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name


def add_train(commands: "Commands") -> None:
    """Add `lightsleeper train`."""
    command = commands.add_parser(
        "train",
        help="fine-tune on your own labels and make a bundle",
        description="Fine-tune the embedded model's encoder on labelled files and write a verified bundle. An "
        "interrupted run continues when the same command is given again. Needs the group torch: make torch",
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="csv, tsv or jsonl with text and label")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    command.add_argument("--dev", nargs="+", type=Path, default=[], metavar="FILE", help="labelled, only to measure on")
    command.add_argument("--labels", metavar="A,B,…", help="label names in id order, where FILE holds ids")
    command.add_argument(
        "--encoder", type=Path, metavar="DIR", help="BERT encoder, or earlier checkpoint, to start from"
    )
    command.add_argument("--epochs", type=int, metavar="N", help="times every text is read; 3 by default")
    command.add_argument("--learning-rate", type=float, metavar="X", help="its peak; 8e-5 by default")
    command.add_argument("--word-dropout", type=float, metavar="X", help="share of tokens hidden in training; 0")
    command.add_argument("--name", help="the model's name in the manifest; by default that of DIR")
    command.add_argument("--work", type=Path, metavar="DIR", help="where checkpoints are kept meanwhile")
    _add_making(command)
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    _require_torch()
    from lightsleeper.training.run import train  # noqa: PLC0415  # see the module's docstring
    from lightsleeper.training.train import Recipe  # noqa: PLC0415

    chosen = {
        "epochs": options.epochs,
        "peak_learning_rate": options.learning_rate,
        "word_dropout": options.word_dropout,
    }
    bundle = train(
        options.files,
        options.out,
        dev=options.dev,
        labels=options.labels.split(",") if options.labels else None,
        encoder=options.encoder,
        recipe=Recipe(**{name: value for name, value in chosen.items() if value is not None}),
        name=options.name,
        work=options.work,
        keep_checkpoint=options.keep_checkpoint,
        max_loss_points=options.max_loss_points,
    )
    _print_bundle(bundle)
    return 0


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
    _add_making(command)
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    _require_torch()
    from lightsleeper.training.prepare import prepare  # noqa: PLC0415  # see the module's docstring

    bundle = prepare(
        options.model,
        options.out,
        revision=options.revision,
        data=options.data,
        calibration=options.calibrate,
        keep_checkpoint=options.keep_checkpoint,
        max_loss_points=options.max_loss_points,
    )
    _print_bundle(bundle)
    return 0


def _add_making(command: argparse.ArgumentParser) -> None:
    """What making a bundle needs, whatever it is made from."""
    command.add_argument("--keep-checkpoint", action="store_true", help="keep what LIGHTSLEEPER_ENGINE=torch runs")
    command.add_argument(
        "--max-loss-points", type=float, default=0.5, metavar="N", help="accuracy int8 may cost, in points; 0.5"
    )


def _require_torch() -> None:
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigurationError(
            "torch is not installed: make torch, or pip install torch transformers onnx onnxscript"
        )


def _print_bundle(bundle: "Bundle") -> None:
    print(f"{bundle.folder}: {bundle.manifest.model_id}, digest {bundle.digest[:12]}")
    for name, measured in bundle.manifest.accuracy.items():
        print(f"  {name}: {measured}")
