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

from lightsleeper.bulk.records import label_names, labelled, read_file
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.bundle import Bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.training.checkpoint import Checkpoint, local_revision
from lightsleeper.training.encoder import ENCODER_ID, ENCODER_SHA256, load_encoder, packaged_encoder
from lightsleeper.training.prepare import MAX_LOSS_POINTS, make_bundle, own_texts, refuse_foreign
from lightsleeper.training.train import Recipe, fine_tune, tokenize

_RUN = "run.json"
#: Beside a checkpoint's weights: what it was trained from and how.
_MADE_BY = "made_by.json"
_CALIBRATION_TEXTS = 300


def train(
    files: Sequence[Path],
    out: Path,
    *,
    dev: Sequence[Path] = (),
    labels: Sequence[str] | None = None,
    encoder: Path | None = None,
    recipe: Recipe | None = None,
    work: Path | None = None,
    name: str | None = None,
    keep_checkpoint: bool = False,
    max_loss_points: float = MAX_LOSS_POINTS,
) -> Bundle:
    """Fine-tune `encoder` (default: the packaged one) on labelled files and write the bundle `out`.

    `labels` are the names in id order, needed where the files hold ids; by default those found in the files, sorted.
    `dev` files are never trained on; the manifest tells the bundle's accuracy on each.
    `work` (default: `out` + ".training") keeps the checkpoint of an unfinished run: the same command continues it.
    It is removed once the bundle stands. Raises InvalidInput for a bad file, BundleError for a bad bundle.
    """
    recipe = recipe or Recipe()
    folder = packaged_encoder() if encoder is None else encoder
    refuse_foreign(out)
    labels = _labels(files) if labels is None else labels
    rows = [row for file in files for row in labelled(read_file(file), labels)]
    work = out.with_name(out.name + ".training") if work is None else work
    facts = _facts(files, labels, folder)
    _claim(work, facts)
    checkpoint = _fine_tuned(rows, labels, encoder=folder, recipe=recipe, work=work, name=name or out.name)
    (checkpoint.folder / _MADE_BY).write_text(json.dumps({**facts, "recipe": asdict(recipe)}, indent=2) + "\n")
    bundle = make_bundle(
        checkpoint,
        out,
        calibration=_calibration([text for text, _ in rows], recipe.seed),
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


def _facts(files: Sequence[Path], labels: Sequence[str], encoder: Path) -> dict[str, Any]:
    """What a run was made from: the same facts, the same run."""
    return {
        "data": {f"{file.resolve().parent.name}/{file.name}": _sha256(file) for file in files},
        "labels": list(labels),
        "encoder": _origin(encoder),
    }


def _origin(encoder: Path) -> dict[str, Any]:
    """What training starts from: the packaged encoder, or a checkpoint, with the run that made it where it says so."""
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


def _fine_tuned(
    rows: Sequence[tuple[str, int]], labels: Sequence[str], *, encoder: Path, recipe: Recipe, work: Path, name: str
) -> Checkpoint:
    torch.set_num_threads(worker_count(cpus()))
    torch.manual_seed(recipe.seed)  # draws the new head
    model = load_encoder(encoder, list(labels))
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    texts, targets = zip(*rows, strict=True)
    examples = tokenize(tokenizer, texts, targets)
    folder = work / "model"
    mask_token_id = tokenizer.token_to_id("[MASK]")
    if mask_token_id is None:
        raise BundleError(f"{encoder}: the tokenizer has no [MASK]")
    fine_tune(model, examples, recipe, work, mask_token_id=mask_token_id).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return Checkpoint(folder, name, local_revision(folder))


def _calibration(texts: Sequence[str], seed: int) -> list[str]:
    """A sample of the training texts, and our own about other things."""
    sample = random.Random(seed).sample(texts, min(len(texts), _CALIBRATION_TEXTS))  # noqa: S311  # not for secrets
    mixed = [*sample, *own_texts()]
    random.Random(seed).shuffle(mixed)  # noqa: S311
    return mixed


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
