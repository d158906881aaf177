"""`lightsleeper train`: your own labels → a bundle."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lightsleeper.cli.files import add_labels, add_reading, how_labelled, how_read, reading_of
from lightsleeper.cli.making import add_making, print_bundle, require_torch

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands
    from lightsleeper.training.mix import Source

_AUGMENTATIONS = "--augment writes rows ({written}) or changes those of the files ({changed})."


class _Naming(argparse.HelpFormatter):
    """Fills in what `--augment` takes when it is shown: its templates take longer to read than all other options."""

    def add_text(self, text: str | None) -> None:
        """See argparse."""
        if text == _AUGMENTATIONS:
            from lightsleeper.training.augment import CHANGES, WRITERS  # noqa: PLC0415  # see above

            text = text.format(written=", ".join(WRITERS), changed=", ".join(CHANGES))
        super().add_text(text)


def add_train(commands: "Commands") -> None:
    """Add `lightsleeper train`."""
    command = commands.add_parser(
        "train",
        help="fine-tune on your own labels and make a bundle",
        description="Fine-tune the embedded model's encoder on labelled files and write a verified bundle. An "
        "interrupted run continues when the same command is given again. Needs torch; says how to install it.",
        epilog=_AUGMENTATIONS,
        formatter_class=_Naming,
    )
    command.add_argument(
        "files",
        nargs="*",
        metavar="FILE[@WEIGHT]",
        help="csv, tsv or jsonl: text and label, or score (0-1)",
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    command.add_argument("--dev", nargs="+", type=Path, default=[], metavar="FILE", help="labelled, only to measure on")
    command.add_argument(
        "--held-out", type=float, metavar="X", help="share kept from training, to stop by and report on; 0.2, 0 is none"
    )
    command.add_argument("--labels", metavar="A,B,…", help="label names in id order, where FILE holds ids")
    command.add_argument(
        "--graded", nargs="+", default=[], metavar="FILE[@WEIGHT]", help="labels are 0 (all the first label) to N"
    )
    command.add_argument(
        "--neutral", nargs="+", default=[], metavar="FILE[@WEIGHT]", help="texts that bear no label: aim at the middle"
    )
    command.add_argument("--teacher", type=Path, metavar="DIR", help="bundle or checkpoint that labels --unlabelled")
    command.add_argument(
        "--unlabelled", nargs="+", default=[], metavar="FILE[@WEIGHT]", help="texts to learn the teacher's answers to"
    )
    command.add_argument(
        "--augment", nargs="+", default=[], metavar="NAME[@SHARE]", help="rows written, or changed, by name; see below"
    )
    command.add_argument("--emoji", action="store_true", help="give the most used emoji tokens of their own")
    command.add_argument(
        "--encoder",
        type=Path,
        metavar="DIR",
        help="encoder of prepare's families, earlier checkpoint, or bundle to start from",
    )
    command.add_argument("--epochs", type=int, metavar="N", help="times every text is read; 3, or more for few")
    command.add_argument("--steps", type=int, metavar="N", help="batches to learn from, instead of --epochs")
    command.add_argument("--learning-rate", type=float, metavar="X", help="its peak; 8e-5 by default")
    command.add_argument("--decay", type=float, metavar="X", help="share of the run in which the rate falls; 0.94")
    command.add_argument("--word-dropout", type=float, metavar="X", help="share of tokens hidden in training; 0")
    command.add_argument("--whole", type=float, metavar="X", help="share of long texts that are read whole; 0.34")
    command.add_argument("--averaged-steps", type=int, metavar="N", help="that the averaged weights span; 1000")
    command.add_argument("--batch-tokens", type=int, metavar="N", help="texts of a batch times its longest; 2048")
    command.add_argument("--freeze-embeddings", action="store_true", help="leave what single words mean as it is")
    command.add_argument("--keep-start", type=float, metavar="X", help="share of the starting weights kept; 0")
    command.add_argument("--lean", type=float, metavar="X", help="of two labels: logits towards the second; 0")
    command.add_argument("--sharpness", type=float, metavar="X", help="logits are multiplied by it in the end; 1")
    command.add_argument("--hints", type=float, metavar="X", help="weight of the teacher's hidden states; 0")
    command.add_argument("--name", help="the model's name in the manifest; by default that of DIR")
    command.add_argument("--work", type=Path, metavar="DIR", help="where checkpoints are kept meanwhile")
    add_making(command)
    add_labels(command)
    add_reading(command)
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    require_torch()
    from lightsleeper.bulk.records.pipes import rereadable  # noqa: PLC0415  # see `main`
    from lightsleeper.training.made_from import Run  # noqa: PLC0415  # torch is imported by who needs it
    from lightsleeper.training.mix import Source, parse_augmentation, parse_source  # noqa: PLC0415  # see above
    from lightsleeper.training.recipe import Recipe  # noqa: PLC0415  # see above
    from lightsleeper.training.run import train  # noqa: PLC0415  # see above

    chosen = {
        "epochs": options.epochs,
        "steps": options.steps,
        "peak_learning_rate": options.learning_rate,
        "decay_fraction": options.decay,
        "word_dropout": options.word_dropout,
        "whole_share": options.whole,
        "averaged_steps": options.averaged_steps,
        "kept_share": options.keep_start,
        "lean": options.lean,
        "sharpness": options.sharpness,
        "hint_weight": options.hints,
        "tokens_per_batch": options.batch_tokens,
        "freeze_embeddings": options.freeze_embeddings,
    }
    reading = reading_of(options)
    sources = [
        *(parse_source(argument, reading=reading) for argument in options.files),
        *(parse_source(argument, "graded", reading) for argument in options.graded),
        *(parse_source(argument, "neutral", reading) for argument in options.neutral),
        *(parse_source(argument, "unlabelled", reading) for argument in options.unlabelled),
    ]
    with rereadable() as again:
        sources = [replace(source, file=again(source.file)) for source in sources]
        dev = [again(file) for file in options.dev]
        for source in [*sources, *(Source(file, reading=reading) for file in dev)]:
            sys.stderr.writelines(f"{line}\n" for line in _how_read(source))
        bundle = train(
            Run(
                sources,
                augmentations=[parse_augmentation(argument) for argument in options.augment],
                labels=None if options.labels is None else [name.strip() for name in options.labels.split(",")],
                encoder=options.encoder,
                emoji=options.emoji,
                teacher=options.teacher,
                **({} if options.held_out is None else {"held_out": options.held_out}),
                recipe=Recipe(**{name: value for name, value in chosen.items() if value is not None}),
            ),
            options.out,
            dev=dev,
            reading=reading,
            name=options.name,
            work=options.work,
            keep_checkpoint=options.keep_checkpoint,
            max_loss_points=options.max_loss_points,
            say=lambda line: print(line, file=sys.stderr),
        )
    print_bundle(bundle)
    return 0


def _how_read(source: "Source") -> list[str]:
    """How a file is read, and where in it stands what to learn."""
    from lightsleeper.bulk.records.labels import said_of  # noqa: PLC0415  # see `main`
    from lightsleeper.bulk.records.table import open_table  # noqa: PLC0415  # see above
    from lightsleeper.training.mix import target_column  # noqa: PLC0415  # see above

    if source.kind in {"labelled", "graded"}:
        with said_of(Path(source.file.name)):
            return how_labelled(source.file, source.reading, lambda records: target_column(list(records), source))
    with open_table(source.file, choices=source.reading.choices_of_texts(source.file)) as table:
        return how_read(table)
