"""Texts → batches of like length, in the order in which a run reads them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from lightsleeper.training.recipe import Recipe

#: Fewer steps than this leave the head where chance put it: 18 of them answered every text with one label.
_LEAST_STEPS, _MOST_EPOCHS = 400, 40
_LEAST_BATCHES, _LEAST_TOKENS = 16, 256


@dataclass(frozen=True)
class Example:
    """One tokenised text, special tokens included, and the probability that each label should get."""

    ids: Sequence[int]
    target: Sequence[float]


#: The examples of an epoch by its number.
Epochs = Callable[[int], Sequence[Example]]


def tokenize(tokenizer: Tokenizer, rows: Sequence[tuple[str, Sequence[float]]]) -> list[Example]:
    """Every text as token ids, whole: the recipe cuts them."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast([text for text, _ in rows])
    return [Example(encoding.ids, target) for encoding, (_, target) in zip(encodings, rows, strict=True)]


@dataclass(frozen=True)
class Batch:
    """Texts that are learned from at once, and what the model should say of each."""

    rows: Sequence[Sequence[int]]
    targets: Sequence[Sequence[float]]


def plan_of(epochs: Epochs, recipe: Recipe, mask_token_id: int) -> list[Batch]:
    """Every batch of the run, in order."""
    first = epochs(0)
    tokens = sum(min(len(example.ids), recipe.window_tokens) for example in first)
    fitting = max(_LEAST_TOKENS, tokens // _LEAST_BATCHES)
    recipe = replace(recipe, tokens_per_batch=min(recipe.tokens_per_batch, fitting))
    plan = _epoch(first, recipe, 0, mask_token_id)
    wanted = recipe.epochs or min(_MOST_EPOCHS, max(3, -(-_LEAST_STEPS // len(plan))))
    epoch = 1
    while epoch < wanted if recipe.steps is None else len(plan) < recipe.steps:
        plan += _epoch(epochs(epoch), recipe, epoch, mask_token_id)
        epoch += 1
    return plan[: recipe.steps]


def _epoch(examples: Sequence[Example], recipe: Recipe, epoch: int, mask_token_id: int) -> list[Batch]:
    """The batches of one epoch, in random order, each of texts of like length."""
    draw = random.Random(recipe.seed * 1_000 + epoch)  # noqa: S311  # not for secrets
    views = [(_view(example.ids, recipe, draw), example.target) for example in examples]
    if recipe.word_dropout:
        views = [(_masked(ids, recipe.word_dropout, mask_token_id, draw), target) for ids, target in views]
    # Noise in the key keeps the company of a text different in every epoch.
    views.sort(key=lambda view: len(view[0]) * draw.uniform(0.9, 1.1))
    batches: list[Batch] = []
    rows: list[Sequence[int]] = []
    targets: list[Sequence[float]] = []
    width = 0
    for ids, target in views:
        width = max(width, len(ids))
        if rows and width * (len(rows) + 1) > recipe.tokens_per_batch:
            batches.append(Batch(rows, targets))
            rows, targets, width = [], [], len(ids)
        rows.append(ids)
        targets.append(target)
    batches.append(Batch(rows, targets))
    draw.shuffle(batches)
    return batches


def _view(ids: Sequence[int], recipe: Recipe, draw: random.Random) -> Sequence[int]:
    """The text through a random window, or from its start; the first and last id are the special tokens."""
    whole = draw.random() < recipe.whole_share
    longest = recipe.max_tokens if whole else recipe.window_tokens
    if len(ids) <= longest:
        return ids
    return cut(ids, longest, 1 if whole else draw.randrange(1, len(ids) - longest + 2))


def cut(ids: Sequence[int], longest: int, start: int = 1) -> Sequence[int]:
    """The first and last id around those from `start`, `longest` together."""
    return ids if len(ids) <= longest else [ids[0], *ids[start : start + longest - 2], ids[-1]]


def _masked(ids: Sequence[int], share: float, mask_token_id: int, draw: random.Random) -> Sequence[int]:
    """About `share` of the text's own ids replaced by the mask token."""
    inner = (mask_token_id if draw.random() < share else token for token in ids[1:-1])
    return [ids[0], *inner, ids[-1]]
