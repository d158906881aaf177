"""Labelled files → fine-tuned checkpoint → verified bundle, resumable at any point."""

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import DistilBertForSequenceClassification

from lightsleeper.bulk.records import Reading
from lightsleeper.errors import BundleError, ConfigurationError, InvalidInput
from lightsleeper.model.bundle import MANIFEST, TOKENIZER, Bundle, open_bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.training import augment
from lightsleeper.training.batches import Example, tokenize
from lightsleeper.training.checkpoint import Checkpoint, local_revision
from lightsleeper.training.distil import labelled_by
from lightsleeper.training.encoder import ENCODER_ID, ENCODER_SHA256, load_encoder, packaged_encoder, require_encoder
from lightsleeper.training.files import SAFETENSORS, read_json
from lightsleeper.training.held_out import SHARE, Split, Verdict, best, judge, label_weights, score, split
from lightsleeper.training.hub_tokenizer import fast_form, read_tokenizer, save_tokenizer
from lightsleeper.training.labels import describe, names_of
from lightsleeper.training.mix import Augmentation, Row, Source, epoch_rows, read_rows
from lightsleeper.training.prepare import MAX_LOSS_POINTS, make_bundle, own_texts, refuse_foreign
from lightsleeper.training.recipe import Recipe
from lightsleeper.training.train import fine_tune, predict
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
    reading: Reading | None = None,
    labels: Sequence[str] | None = None,
    encoder: Path | None = None,
    emoji: bool = False,
    teacher: Path | None = None,
    held_out: float = SHARE,
    recipe: Recipe | None = None,
    work: Path | None = None,
    name: str | None = None,
    keep_checkpoint: bool = False,
    max_loss_points: float = MAX_LOSS_POINTS,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Fine-tune `encoder` (default: the packaged one) on files and augmentations and write the bundle `out`.

    `encoder` is a folder with a BERT encoder, an earlier checkpoint, or a bundle. `emoji` gives emoji tokens of their
    own. `teacher`, a bundle or a checkpoint of the same labels, labels the unlabelled files.
    `labels` are the names in id order, needed where the files hold ids; by default those found, sorted.
    `dev` files are never trained on; the manifest tells the bundle's accuracy on each; `reading` is how they are read.
    Nor is the share `held_out` of the rows with labels, which says when to stop and what was reached: `say` is told,
    and so is the manifest.
    `work` (default: `out` + ".training") keeps the checkpoint of an unfinished run: the same command continues it.
    It is removed once the bundle stands. Raises InvalidInput for a bad file, BundleError for a bad bundle
    or a model that is no better than the commonest label.
    """
    recipe = recipe or Recipe()
    folder = packaged_encoder() if encoder is None else encoder
    refuse_foreign(out)
    labels = _labels(sources) if labels is None else labels
    if recipe.lean and len(labels) != 2:  # noqa: PLR2004  # what it moves apart
        raise ConfigurationError(f"lean moves two labels apart; there are {len(labels)}")
    gold: Rows = [(source, read_rows(source, labels)) for source in sources if source.kind != "unlabelled"]
    rows, parts = _held_out(gold, held_out, recipe.seed)
    for line in _described(rows, parts, labels, held_out):
        say(line)
    work = out.with_name(out.name + ".training") if work is None else work
    facts = _facts(sources, augmentations, labels, folder, emoji=emoji, held_out=held_out)
    if teacher is not None:
        facts["teacher"] = _origin(teacher)
    _claim(work, facts)
    rows += _taught(sources, teacher, labels, work)
    start = starting_point(folder, labels, seed=recipe.seed, emoji=emoji)
    name = name or out.name
    checkpoint, verdict = _fine_tuned(start, rows, parts, augmentations, recipe=recipe, work=work, name=name)
    if verdict:
        for line in verdict.lines(labels):
            say(line)
        verdict.require_use()
    (checkpoint.folder / _MADE_BY).write_text(json.dumps({**facts, "recipe": asdict(recipe)}, indent=2) + "\n")
    bundle = make_bundle(
        checkpoint,
        out,
        calibration=_calibration([row.text for row in epoch_rows(rows, augmentations, seed=recipe.seed, epoch=0)]),
        data=[*((file, reading or Reading()) for file in dev), *_written(parts, labels, work)],
        keep_checkpoint=keep_checkpoint,
        max_loss_points=max_loss_points,
        made_by={
            "command": "lightsleeper train",
            **facts,
            "recipe": asdict(recipe),
            **({"verdict": asdict(verdict)} if verdict else {}),
        },
    )
    shutil.rmtree(work)
    return bundle


def _taught(sources: Sequence[Source], teacher: Path | None, labels: Sequence[str], work: Path) -> "Rows":
    """The unlabelled files as the teacher sees them."""
    unlabelled = [source for source in sources if source.kind == "unlabelled"]
    if unlabelled and teacher is None:
        raise ConfigurationError("unlabelled files need a --teacher to label them")
    if teacher is None:
        return []
    taught: Rows = []
    for source in unlabelled:
        cache = work / f"teacher-{_sha256(source.file)[:12]}.jsonl"
        taught.append((source, labelled_by(teacher, source.file, labels, cache, source.reading)))
    return taught


def _labels(sources: Sequence[Source]) -> list[str]:
    labelled = [source for source in sources if source.kind == "labelled"]
    if not labelled:
        raise InvalidInput("no file with labels: name one, or say --labels")
    mapped = {label for source in labelled for label in (source.reading.label_map or {}).values()}
    if len(mapped) > 1:
        return sorted(mapped)
    records = [record for source in labelled for record in source.reading.records(source.file)]
    where = ", ".join(source.file.name for source in labelled)
    return names_of(records, where, label_column=labelled[0].reading.label_column)


Rows = list[tuple[Source, Sequence[Row]]]


def _held_out(rows: Rows, share: float, seed: int) -> tuple[Rows, Split | None]:
    """The rows to learn from by source, and the split; no split where nothing is to be held out."""
    labelled = [row for source, own in rows if source.kind == "labelled" for row in own]
    parts = split(labelled, share=share, seed=seed) if share and labelled else None
    if parts is None or not parts.report or not parts.stop:
        return rows, None
    kept = {row.text for row in (*parts.stop, *parts.report)}
    return [(source, [row for row in own if row.text not in kept]) for source, own in rows], parts


def _described(rows: Rows, parts: Split | None, labels: Sequence[str], held_out: float) -> Iterator[str]:
    """What there is to learn from, before it starts."""
    counts = Counter(labels[best(row.target)] for source, own in rows if source.kind == "labelled" for row in own)
    if counts:
        yield f"{sum(counts.values()):,} rows to learn from:"
        yield from describe({label: counts[label] for label in labels})
    if parts:
        yield f"{len(parts.stop):,} rows held out to stop by, {len(parts.report):,} to report on"
    elif held_out and counts:
        yield "too few rows to hold any out: nothing will say how good the model is"


def _written(parts: Split | None, labels: Sequence[str], work: Path) -> list[tuple[Path, Reading]]:
    """The rows to report on as a file, so that int8 is measured on them too."""
    if parts is None:
        return []
    file = work / "held-out.jsonl"
    rows = ({"text": row.text, "label": labels[best(row.target)]} for row in parts.report)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [(file, Reading())]


def _facts(
    sources: Sequence[Source],
    augmentations: Sequence[Augmentation],
    labels: Sequence[str],
    encoder: Path,
    *,
    emoji: bool,
    held_out: float,
) -> dict[str, Any]:
    """What a run was made from: the same facts, the same run."""
    return {
        "data": {
            f"{source.file.resolve().parent.name}/{source.file.name}": {
                "sha256": _sha256(source.file),
                "kind": source.kind,
                "weight": source.weight,
                **({"read": asdict(source.reading)} if source.reading != Reading() else {}),
            }
            for source in sources
        },
        "augment": {augmentation.name: augmentation.share for augmentation in augmentations},
        "emoji": emoji,
        "held_out": held_out,
        "labels": list(labels),
        "encoder": _origin(encoder),
    }


def _origin(encoder: Path) -> dict[str, Any]:
    """What training starts from: the packaged encoder, a bundle, or a checkpoint, with the run that made it."""
    if (encoder / MANIFEST).exists():
        bundle = open_bundle(encoder)
        return {"bundle": bundle.manifest.model_id, "digest": bundle.digest, "made_by": bundle.manifest.made_by}
    require_encoder(encoder)
    sha256 = _sha256(encoder / SAFETENSORS)
    if sha256 == ENCODER_SHA256:
        return {"id": ENCODER_ID, "sha256": sha256}
    made_by = encoder / _MADE_BY
    return {"sha256": sha256, **({"made_by": read_json(made_by)} if made_by.exists() else {})}


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
    tokenizer = _tokenizer_of(folder, model)
    if emoji:
        words = {sign: meaning for signs in augment.emoji().values() for sign, meaning in signs.items()}
        tokenizer = add_emoji(tokenizer, model, words)
    return model, tokenizer


def _tokenizer_of(folder: Path, model: DistilBertForSequenceClassification) -> Tokenizer:
    """A bundle's own; of a checkpoint what all of its files say, which more than `tokenizer.json` decide."""
    if (folder / MANIFEST).exists():
        return Tokenizer.from_file(str(folder / TOKENIZER))
    try:
        return fast_form(read_tokenizer(folder, model.config))
    except BundleError as error:
        raise BundleError(f"{folder}: {error.message}") from error


def _fine_tuned(
    start: tuple[DistilBertForSequenceClassification, Tokenizer],
    rows: Rows,
    parts: Split | None,
    augmentations: Sequence[Augmentation],
    *,
    recipe: Recipe,
    work: Path,
    name: str,
) -> tuple[Checkpoint, Verdict | None]:
    torch.set_num_threads(worker_count(cpus()))
    model, tokenizer = start
    folder = work / "model"
    mask_token_id = tokenizer.token_to_id("[MASK]")
    if mask_token_id is None:
        raise BundleError("the encoder's tokenizer has no [MASK]")

    def epoch(number: int) -> list[Example]:
        return tokenize(tokenizer, epoch_rows(rows, augmentations, seed=recipe.seed, epoch=number))

    def macro_f1(model: DistilBertForSequenceClassification, held: Sequence[Row]) -> float:
        truth = np.array([best(row.target) for row in held])
        return score(truth, predict(model, tokenize(tokenizer, held), recipe), model.config.num_labels).macro_f1

    tuned = fine_tune(
        model,
        epoch,
        recipe,
        work,
        mask_token_id=mask_token_id,
        label_weights=label_weights(parts.train, model.config.num_labels) if parts else None,
        judge=(lambda model: macro_f1(model, parts.stop)) if parts else None,
    )
    tuned.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    verdict = None
    if parts:
        predicted = predict(tuned, tokenize(tokenizer, parts.report), recipe)
        verdict = judge(parts, predicted, tuned.config.num_labels)
    return Checkpoint(folder, name, local_revision(folder)), verdict


def _calibration(texts: Sequence[str]) -> list[str]:
    """The first of the training texts, which stand in random order, and our own about other things."""
    mixed = [*texts[:_CALIBRATION_TEXTS], *own_texts()]
    random.Random(0).shuffle(mixed)  # noqa: S311  # not for secrets
    return mixed


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
