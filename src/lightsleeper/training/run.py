"""Labelled files → fine-tuned checkpoint → verified bundle, resumable at any point."""

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import DistilBertForSequenceClassification

from lightsleeper.bulk.records import label_names, read_file
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.bundle import MANIFEST, TOKENIZER, Bundle, open_bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.training import augment
from lightsleeper.training.checkpoint import Checkpoint, local_revision
from lightsleeper.training.encoder import ENCODER_ID, ENCODER_SHA256, load_encoder, packaged_encoder
from lightsleeper.training.mix import Augmentation, Row, Source, epoch_rows, read_rows
from lightsleeper.training.prepare import MAX_LOSS_POINTS, make_bundle, own_texts, refuse_foreign
from lightsleeper.training.train import Example, Recipe, fine_tune, tokenize
from lightsleeper.training.vocabulary import add_emoji

_RUN = "run.json"
#: Beside a checkpoint's weights: what it was trained from and how.
_MADE_BY = "made_by.json"
_CALIBRATION_TEXTS = 300


def train(
    sources: Sequence[Source],
    out: Path,
    *,
    augmentations: Sequence[Augmentation] = (),
    dev: Sequence[Path] = (),
    labels: Sequence[str] | None = None,
    encoder: Path | None = None,
    emoji: bool = False,
    recipe: Recipe | None = None,
    work: Path | None = None,
    name: str | None = None,
    keep_checkpoint: bool = False,
    max_loss_points: float = MAX_LOSS_POINTS,
) -> Bundle:
    """Fine-tune `encoder` (default: the packaged one) on files and augmentations and write the bundle `out`.

    `encoder` is a folder with a BERT encoder, an earlier checkpoint, or a bundle. `emoji` gives emoji tokens of their
    own. `labels` are the names in id order, needed where the files hold ids; by default those found, sorted.
    `dev` files are never trained on; the manifest tells the bundle's accuracy on each.
    `work` (default: `out` + ".training") keeps the checkpoint of an unfinished run: the same command continues it.
    It is removed once the bundle stands. Raises InvalidInput for a bad file, BundleError for a bad bundle.
    """
    recipe = recipe or Recipe()
    folder = packaged_encoder() if encoder is None else encoder
    refuse_foreign(out)
    labels = _labels([source.file for source in sources]) if labels is None else labels
    rows = [(source, read_rows(source, labels)) for source in sources]
    work = out.with_name(out.name + ".training") if work is None else work
    facts = _facts(sources, augmentations, labels, folder, emoji=emoji)
    _claim(work, facts)
    start = starting_point(folder, labels, seed=recipe.seed, emoji=emoji)
    checkpoint = _fine_tuned(start, rows, augmentations, recipe=recipe, work=work, name=name or out.name)
    (checkpoint.folder / _MADE_BY).write_text(json.dumps({**facts, "recipe": asdict(recipe)}, indent=2) + "\n")
    bundle = make_bundle(
        checkpoint,
        out,
        calibration=_calibration([row.text for row in epoch_rows(rows, augmentations, seed=recipe.seed, epoch=0)]),
        data=dev,
        keep_checkpoint=keep_checkpoint,
        max_loss_points=max_loss_points,
        made_by={"command": "lightsleeper train", **facts, "recipe": asdict(recipe)},
    )
    shutil.rmtree(work)
    return bundle


def _labels(files: Sequence[Path]) -> list[str]:
    labels = label_names(record for file in files for record in read_file(file))
    if len(labels) < 2:  # noqa: PLR2004  # there is nothing to tell apart
        raise InvalidInput(f"{', '.join(file.name for file in files)}: only the label {labels} occurs")
    return labels


def _facts(
    sources: Sequence[Source],
    augmentations: Sequence[Augmentation],
    labels: Sequence[str],
    encoder: Path,
    *,
    emoji: bool,
) -> dict[str, Any]:
    """What a run was made from: the same facts, the same run."""
    return {
        "data": {
            f"{source.file.resolve().parent.name}/{source.file.name}": {
                "sha256": _sha256(source.file),
                "kind": source.kind,
                "weight": source.weight,
            }
            for source in sources
        },
        "augment": {augmentation.name: augmentation.share for augmentation in augmentations},
        "emoji": emoji,
        "labels": list(labels),
        "encoder": _origin(encoder),
    }


def _origin(encoder: Path) -> dict[str, Any]:
    """What training starts from: the packaged encoder, a bundle, or a checkpoint, with the run that made it."""
    if (encoder / MANIFEST).exists():
        bundle = open_bundle(encoder)
        return {"bundle": bundle.manifest.model_id, "digest": bundle.digest, "made_by": bundle.manifest.made_by}
    sha256 = _sha256(encoder / "model.safetensors")
    if sha256 == ENCODER_SHA256:
        return {"id": ENCODER_ID, "sha256": sha256}
    made_by = encoder / _MADE_BY
    return {"sha256": sha256, **({"made_by": json.loads(made_by.read_text())} if made_by.exists() else {})}


def _claim(work: Path, facts: dict[str, Any]) -> None:
    """Mark `work` as the folder of this run; BundleError if it holds the checkpoint of another one."""
    work.mkdir(parents=True, exist_ok=True)
    note = work / _RUN
    if note.exists() and json.loads(note.read_text()) != facts:
        raise BundleError(f"{work} holds an unfinished run on other data or labels: remove it, or finish that one")
    note.write_text(json.dumps(facts, indent=2) + "\n")


def starting_point(
    folder: Path, labels: Sequence[str], *, seed: int, emoji: bool
) -> tuple[DistilBertForSequenceClassification, Tokenizer]:
    """The model and the tokenizer that training starts from."""
    torch.manual_seed(seed)  # draws a new head
    model = load_encoder(folder, list(labels))
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    if emoji:
        words = {sign: meaning for signs in augment.emoji().values() for sign, meaning in signs.items()}
        tokenizer = add_emoji(tokenizer, model, words)
    return model, tokenizer


def _fine_tuned(
    start: tuple[DistilBertForSequenceClassification, Tokenizer],
    rows: Sequence[tuple[Source, Sequence[Row]]],
    augmentations: Sequence[Augmentation],
    *,
    recipe: Recipe,
    work: Path,
    name: str,
) -> Checkpoint:
    torch.set_num_threads(worker_count(cpus()))
    model, tokenizer = start
    folder = work / "model"
    mask_token_id = tokenizer.token_to_id("[MASK]")
    if mask_token_id is None:
        raise BundleError("the encoder's tokenizer has no [MASK]")

    def epoch(number: int) -> list[Example]:
        return tokenize(tokenizer, epoch_rows(rows, augmentations, seed=recipe.seed, epoch=number))

    fine_tune(model, epoch, recipe, work, mask_token_id=mask_token_id).save_pretrained(folder)
    tokenizer.save(str(folder / TOKENIZER))
    return Checkpoint(folder, name, local_revision(folder))


def _calibration(texts: Sequence[str]) -> list[str]:
    """The first of the training texts, which stand in random order, and our own about other things."""
    mixed = [*texts[:_CALIBRATION_TEXTS], *own_texts()]
    random.Random(0).shuffle(mixed)  # noqa: S311  # not for secrets
    return mixed


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
