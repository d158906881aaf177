"""Labelled files → fine-tuned checkpoint → verified bundle, resumable at any point."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from lightsleeper.bulk.records import Reading
from lightsleeper.errors import BundleError, ConfigurationError, InvalidInput
from lightsleeper.model.bundle import CHECKPOINT, MANIFEST, TOKENIZER, Bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.training import augment
from lightsleeper.training.batches import Example, tokenize
from lightsleeper.training.checkpoint import Checkpoint, find_checkpoint, local_revision
from lightsleeper.training.distil import labelled_by
from lightsleeper.training.encoder import load_encoder, packaged_encoder
from lightsleeper.training.held_out import Split, Verdict, best, judge, label_weights, score, split
from lightsleeper.training.hints import MASKS, Hints, same_tokens
from lightsleeper.training.hub_tokenizer import fast_form, read_tokenizer, save_tokenizer
from lightsleeper.training.labels import describe, names_of
from lightsleeper.training.made_from import Run, claim, facts_of, note_maker, sha256_of
from lightsleeper.training.mix import Row, Source, epoch_rows, read_rows
from lightsleeper.training.prepare import MAX_LOSS_POINTS, make_bundle, own_texts, refuse_foreign
from lightsleeper.training.train import fine_tune, log_probabilities
from lightsleeper.training.vocabulary import add_emoji

_CALIBRATION_TEXTS = 300

#: What there is to learn from, by where it is from.
Rows = list[tuple[Source, Sequence[Row]]]


def train(
    run: Run,
    out: Path,
    *,
    dev: Sequence[Path] = (),
    reading: Reading | None = None,
    work: Path | None = None,
    name: str | None = None,
    keep_checkpoint: bool = False,
    max_loss_points: float = MAX_LOSS_POINTS,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Fine-tune an encoder on files and written rows, and write the bundle `out`, named as the folder or `name`.

    `dev` files are never trained on; the manifest tells the bundle's accuracy on each; `reading` is how they are read.
    What was reached on the rows held out, `say` is told, and so is the manifest.
    `work` (default: `out` + ".training") keeps the checkpoint of an unfinished run: the same command continues it.
    It is removed once the bundle stands. Raises InvalidInput for a bad file, BundleError for a bad bundle
    or a model that is no better than the commonest label.
    """
    encoder = packaged_encoder() if run.encoder is None else run.encoder
    refuse_foreign(out)
    labels = _labels(run.sources) if run.labels is None else run.labels
    if run.recipe.lean and len(labels) != 2:  # noqa: PLR2004  # what it moves apart
        raise ConfigurationError(f"lean moves two labels apart; there are {len(labels)}")
    rows, parts = _held_out(run, labels)
    for line in _described(rows, parts, labels, run.held_out):
        say(line)
    work = out.with_name(out.name + ".training") if work is None else work
    if out.resolve() in (work.resolve(), *work.resolve().parents):
        raise BundleError(f"--work {work} lies where the bundle goes: choose another folder")
    facts = facts_of(run, labels, encoder)
    claim(work, facts)
    rows += _taught(run, labels, work)
    start = starting_point(encoder, labels, seed=run.recipe.seed, emoji=run.emoji)
    checkpoint, verdict = _fine_tuned(start, rows, parts, run, work=work, name=name or out.name)
    if verdict:
        for line in verdict.lines(labels):
            say(line)
        verdict.require_use()
    made_by = {**facts, "recipe": asdict(run.recipe)}
    note_maker(checkpoint.folder, made_by)
    bundle = make_bundle(
        checkpoint,
        out,
        calibration=_calibration(rows, run),
        data=[*((file, reading or Reading()) for file in dev), *_written(parts, labels, work)],
        keep_checkpoint=keep_checkpoint,
        max_loss_points=max_loss_points,
        made_by={"command": "lightsleeper train", **made_by, **({"verdict": asdict(verdict)} if verdict else {})},
    )
    shutil.rmtree(work)
    return bundle


def _taught(run: Run, labels: Sequence[str], work: Path) -> Rows:
    """The unlabelled files as the teacher sees them."""
    unlabelled = [source for source in run.sources if source.kind == "unlabelled"]
    if unlabelled and run.teacher is None:
        raise ConfigurationError("unlabelled files need a --teacher to label them")
    if run.teacher is None:
        return []
    taught: Rows = []
    for source in unlabelled:
        cache = work / f"teacher-{sha256_of(source.file)[:12]}.jsonl"
        taught.append((source, labelled_by(run.teacher, source.file, labels, cache, source.reading)))
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


def _held_out(run: Run, labels: Sequence[str]) -> tuple[Rows, Split | None]:
    """The rows to learn from by source, and the split; no split where nothing is to be held out."""
    rows: Rows = [(source, read_rows(source, labels)) for source in run.sources if source.kind != "unlabelled"]
    labelled = [row for source, own in rows if source.kind == "labelled" for row in own]
    share = run.held_out
    parts = split(labelled, share=share, seed=run.recipe.seed) if share and labelled else None
    if parts is None or not parts.report or not parts.stop:
        return rows, None
    if len({best(row.target) for row in labelled}) < 2:  # noqa: PLR2004  # nothing to tell apart
        only = labels[best(labelled[0].target)]
        raise InvalidInput(
            f"of the labels only {only!r} occurs: there is nothing to judge by, unless with --held-out 0"
        )
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


def starting_point(folder: Path, labels: Sequence[str], *, seed: int, emoji: bool) -> tuple[PreTrainedModel, Tokenizer]:
    """The model and the tokenizer that training starts from."""
    torch.manual_seed(seed)  # draws a new head
    model = load_encoder(folder, list(labels))
    tokenizer = _tokenizer_of(folder, model)
    if emoji:
        words = {sign: meaning for signs in augment.emoji().values() for sign, meaning in signs.items()}
        tokenizer = add_emoji(tokenizer, model, words)
    return model, tokenizer


def _tokenizer_of(folder: Path, model: PreTrainedModel) -> Tokenizer:
    """A bundle's own; of a checkpoint what all of its files say, which more than `tokenizer.json` decide."""
    if (folder / MANIFEST).exists():
        return Tokenizer.from_file(str(folder / TOKENIZER))
    try:
        return fast_form(read_tokenizer(folder, model.config))
    except BundleError as error:
        raise BundleError(f"{folder}: {error.message}") from error


def _fine_tuned(
    start: tuple[PreTrainedModel, Tokenizer],
    rows: Rows,
    parts: Split | None,
    run: Run,
    *,
    work: Path,
    name: str,
) -> tuple[Checkpoint, Verdict | None]:
    torch.set_num_threads(worker_count(cpus()))
    model, tokenizer = start
    recipe = run.recipe
    folder = work / "model"
    mask_token_id = next(filter(None, map(tokenizer.token_to_id, MASKS)), None)
    if mask_token_id is None:
        raise BundleError(f"the encoder's tokenizer has no {' or '.join(MASKS)}")

    def epoch(number: int) -> list[Example]:
        return tokenize(tokenizer, epoch_rows(rows, run.augmentations, seed=recipe.seed, epoch=number))

    def judged(model: PreTrainedModel, held: Sequence[Row]) -> tuple[float, float]:
        """Macro F1, and of equal ones the likelihood: the first that is right is hardly surer than chance."""
        said = log_probabilities(model, tokenize(tokenizer, held), recipe)
        truth = np.array([best(row.target) for row in held])
        likelihood = float((said * np.array([row.target for row in held])).sum(axis=1).mean())
        return score(truth, said.argmax(axis=1), model.config.num_labels).macro_f1, likelihood

    tuned = fine_tune(
        model,
        epoch,
        recipe,
        work,
        mask_token_id=mask_token_id,
        label_weights=label_weights(parts.train, model.config.num_labels) if parts else None,
        judge=(lambda model: judged(model, parts.stop)) if parts else None,
        hints=_hints(model, tokenizer, run) if recipe.hint_weight else None,
    )
    tuned.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    verdict = None
    if parts:
        predicted = log_probabilities(tuned, tokenize(tokenizer, parts.report), recipe).argmax(axis=1)
        verdict = judge(parts, predicted, tuned.config.num_labels)
    return Checkpoint(folder, name, local_revision(folder)), verdict


def _hints(model: PreTrainedModel, tokenizer: Tokenizer, run: Run) -> Hints:
    if run.teacher is None:
        raise ConfigurationError("--hints needs a --teacher to give them")
    kept = run.teacher / CHECKPOINT
    if (run.teacher / MANIFEST).exists() and not kept.is_dir():
        raise BundleError(f"{run.teacher} has no {CHECKPOINT}/ to give hints: make it with --keep-checkpoint")
    teacher = find_checkpoint(str(kept if kept.is_dir() else run.teacher))
    padding = model.config.pad_token_id, teacher.config().pad_token_id
    return Hints(model, teacher.model(), same_tokens(tokenizer, teacher.tokenizer(), padding))


def _calibration(rows: Rows, run: Run) -> list[str]:
    """The first of the training texts, which stand in random order, and our own about other things."""
    texts = [row.text for row in epoch_rows(rows, run.augmentations, seed=run.recipe.seed, epoch=0)]
    mixed = [*texts[:_CALIBRATION_TEXTS], *own_texts()]
    random.Random(0).shuffle(mixed)  # noqa: S311  # not for secrets
    return mixed
