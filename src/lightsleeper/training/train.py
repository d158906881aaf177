"""Fine-tune the encoder on labelled text: AdamW, warm-up and linear decay, averaged weights.

The method is BERT fine-tuning (Devlin et al. 2019, arXiv:1810.04805) towards soft labels, with three changes that pay
on a CPU: bfloat16 where the CPU has it; batches of one length class, bounded by tokens instead of texts; and a random
window of most long texts instead of the whole of them. What is kept is an exponential moving average of
the weights (Polyak averaging), which varies less from run to run than the last step.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import DistilBertForSequenceClassification

from lightsleeper.errors import BundleError
from lightsleeper.training.early_stopping import Best, Judge

CHECKPOINT = "checkpoint.pt"

#: Fewer steps than this leave the head where chance put it: 18 of them answered every text with one label.
_LEAST_STEPS, _MOST_EPOCHS = 400, 40
_LEAST_BATCHES, _LEAST_TOKENS = 16, 256
_JUDGED_AT_ONCE = 32


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run's result besides the data and the encoder."""

    #: Times that every row is read; None: 3, or as many as make `_LEAST_STEPS` batches.
    epochs: int | None = None
    #: Batches to learn from; None: as many as the epochs hold. More than that, and the epochs go on.
    steps: int | None = None
    peak_learning_rate: float = 8e-5
    #: Steps in which the rate rises; at most a tenth of the run.
    warmup_steps: int = 50
    #: Share of the run, at its end, in which the rate falls to zero. Up to there a run of more steps is the same run,
    #: so an unfinished one may be cut short or prolonged (Hägele et al. 2024, arXiv:2405.18392).
    decay_fraction: float = 0.94
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    #: A batch's texts times its longest text stay below this: 128 phrases of 16 tokens, or 10 of 200. Few rows are read
    #: in smaller batches, or an epoch would be a handful of steps.
    tokens_per_batch: int = 2048
    max_tokens: int = 512
    #: A longer text is read through one random window of this many tokens …
    window_tokens: int = 192
    #: … but this share of them whole, up to `max_tokens`.
    whole_share: float = 0.34
    #: Time constant of the averaged weights, in steps; at most a fifth of the run.
    averaged_steps: int = 1_000
    #: Share of the tokens hidden behind the mask token: a model that knows its texts by heart learns from this again.
    word_dropout: float = 0.0
    #: Share of the starting point in the weights that are returned: what it knew and the data do not show is kept
    #: (Wortsman et al. 2022, arXiv:2109.01903).
    kept_share: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """One tokenised text, special tokens included, and the probability that each label should get."""

    ids: Sequence[int]
    target: Sequence[float]


#: The examples of an epoch by its number.
Epochs = Callable[[int], Sequence[Example]]


def fine_tune(
    model: DistilBertForSequenceClassification,
    epochs: Epochs,
    recipe: Recipe,
    out: Path,
    *,
    mask_token_id: int,
    label_weights: Sequence[float] | None = None,
    judge: Judge | None = None,
    checkpoint_every_steps: int = 100,
) -> DistilBertForSequenceClassification:
    """Train `model` on `epochs` and return its averaged copy; continue from `out/checkpoint.pt` if there.

    Runs on CUDA where there is one. `label_weights` scale the loss of each label, 1 by default. With a `judge` the run
    ends early once it finds nothing better, and what it found best is returned.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = _plan(epochs, recipe, mask_token_id)
    model = model.to(device)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()} if recipe.kept_share else {}
    weights = torch.tensor(label_weights, device=device) if label_weights else None
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, recipe.weight_decay), lr=recipe.peak_learning_rate, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(plan), recipe))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(_decay(recipe, len(plan))))
    checkpoint = out / CHECKPOINT
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    found = Best(judge, len(plan))
    done = _restore(checkpoint, parts, recipe, len(plan), found) if checkpoint.exists() else 0
    model.train()
    with tqdm(total=len(plan), initial=done, unit="batch", desc="train", smoothing=0.02) as bar:
        for step in range(done, len(plan)):
            # Seeded per step: a resumed run draws the same dropout as an uninterrupted one.
            torch.manual_seed(recipe.seed + step)
            loss = _step(model, plan[step], recipe, weights)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            average.update_parameters(model)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            found.consider(average.module, step + 1)
            if found.enough:
                break
            if (step + 1) % checkpoint_every_steps == 0 or step + 1 == len(plan):
                _save(checkpoint, parts, recipe, (step + 1, len(plan)), found)
    averaged: DistilBertForSequenceClassification = average.module
    if found.weights is not None:
        averaged.load_state_dict(found.weights)
    averaged.load_state_dict(averaged.state_dict() | _between(start, averaged.state_dict(), recipe.kept_share))
    return averaged.cpu().eval()


def _between(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], kept_share: float
) -> dict[str, torch.Tensor]:
    """Weights on the line from `start` to `end`."""
    return {name: torch.lerp(end[name], tensor, kept_share) for name, tensor in start.items()}


def tokenize(tokenizer: Tokenizer, rows: Sequence[tuple[str, Sequence[float]]]) -> list[Example]:
    """Every text as token ids, whole: the recipe cuts them."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast([text for text, _ in rows])
    return [Example(encoding.ids, target) for encoding, (_, target) in zip(encodings, rows, strict=True)]


@torch.no_grad()
def predict(
    model: DistilBertForSequenceClassification, examples: Sequence[Example], recipe: Recipe
) -> NDArray[np.int64]:
    """The best label index of each example, in order."""
    answers = np.zeros(len(examples), dtype=np.int64)
    rows = [(index, _cut(example.ids, recipe.max_tokens)) for index, example in enumerate(examples)]
    rows.sort(key=lambda row: len(row[1]))
    for start in range(0, len(rows), _JUDGED_AT_ONCE):
        part = rows[start : start + _JUDGED_AT_ONCE]
        ids, mask = _padded([row for _, row in part], model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits
        answers[[index for index, _ in part]] = logits.argmax(dim=-1).cpu().numpy()
    return answers


@dataclass(frozen=True)
class _Batch:
    rows: Sequence[Sequence[int]]
    targets: Sequence[Sequence[float]]


def _plan(epochs: Epochs, recipe: Recipe, mask_token_id: int) -> list[_Batch]:
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


def _epoch(examples: Sequence[Example], recipe: Recipe, epoch: int, mask_token_id: int) -> list[_Batch]:
    """The batches of one epoch, in random order, each of texts of like length."""
    draw = random.Random(recipe.seed * 1_000 + epoch)  # noqa: S311  # not for secrets
    views = [(_view(example.ids, recipe, draw), example.target) for example in examples]
    if recipe.word_dropout:
        views = [(_masked(ids, recipe.word_dropout, mask_token_id, draw), target) for ids, target in views]
    # Noise in the key keeps the company of a text different in every epoch.
    views.sort(key=lambda view: len(view[0]) * draw.uniform(0.9, 1.1))
    batches: list[_Batch] = []
    rows: list[Sequence[int]] = []
    targets: list[Sequence[float]] = []
    width = 0
    for ids, target in views:
        width = max(width, len(ids))
        if rows and width * (len(rows) + 1) > recipe.tokens_per_batch:
            batches.append(_Batch(rows, targets))
            rows, targets, width = [], [], len(ids)
        rows.append(ids)
        targets.append(target)
    batches.append(_Batch(rows, targets))
    draw.shuffle(batches)
    return batches


def _view(ids: Sequence[int], recipe: Recipe, draw: random.Random) -> Sequence[int]:
    """The text through a random window, or from its start; the first and last id are the special tokens."""
    whole = draw.random() < recipe.whole_share
    longest = recipe.max_tokens if whole else recipe.window_tokens
    if len(ids) <= longest:
        return ids
    return _cut(ids, longest, 1 if whole else draw.randrange(1, len(ids) - longest + 2))


def _cut(ids: Sequence[int], longest: int, start: int = 1) -> Sequence[int]:
    """The first and last id around those from `start`, `longest` together."""
    return ids if len(ids) <= longest else [ids[0], *ids[start : start + longest - 2], ids[-1]]


def _masked(ids: Sequence[int], share: float, mask_token_id: int, draw: random.Random) -> Sequence[int]:
    """About `share` of the text's own ids replaced by the mask token."""
    inner = (mask_token_id if draw.random() < share else token for token in ids[1:-1])
    return [ids[0], *inner, ids[-1]]


def _step(
    model: DistilBertForSequenceClassification, batch: _Batch, recipe: Recipe, weights: torch.Tensor | None
) -> float:
    device = model.device
    ids, mask = _padded(batch.rows, device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(device)):
        logits = model(input_ids=ids, attention_mask=mask).logits
    loss = torch.nn.functional.cross_entropy(
        logits.float(),
        torch.tensor(batch.targets, device=device),
        weight=weights,
        label_smoothing=recipe.label_smoothing,
    )
    loss.backward()
    return float(loss.item())


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask of texts side by side, int64 [texts, width]."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return ids, mask


def _has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster there; on a CPU without instructions for it, it is many times slower."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001  # no public name


def _rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate at `step` as a share of its peak: linear up, level, linear down to zero."""
    warmup = max(1, min(recipe.warmup_steps, steps // 10))
    decay = max(1, round(steps * recipe.decay_fraction))
    return min((step + 1) / warmup, 1.0, (steps - step) / (decay + 1))


def _decay(recipe: Recipe, steps: int) -> float:
    """Of the exponential moving average, for its time constant."""
    return 1 - 1 / max(2.0, min(float(recipe.averaged_steps), 0.2 * steps))


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases and LayerNorm gains do not (Devlin et al. 2019, appendix A.2)."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _save(
    checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe, done: tuple[int, int], found: Best
) -> None:
    """`done` steps of how many."""
    state = {name: part.state_dict() for name, part in parts.items()}
    best = {"score": found.score, "weights": found.weights, "waited": found.waited}
    partial = checkpoint.with_suffix(".partial")
    torch.save({**state, "best": best, "step": done[0], "steps": done[1], "recipe": asdict(recipe)}, partial)
    partial.replace(checkpoint)


def _restore(checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe, steps: int, found: Best) -> int:
    """Load what was saved; BundleError unless this recipe, too, would have come there."""
    state = torch.load(checkpoint, weights_only=True)
    differing = [name for name, value in asdict(recipe).items() if state["recipe"].get(name) != value]
    if differing and not (differing == ["steps"] and _same_so_far(recipe, state["step"], (steps, state["steps"]))):
        raise BundleError(f"{checkpoint} was made with another recipe ({state['recipe']}): remove it or match it")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    found.score, found.weights, found.waited = (state["best"][name] for name in ("score", "weights", "waited"))
    return int(state["step"])


def _same_so_far(recipe: Recipe, step: int, totals: tuple[int, int]) -> bool:
    """Whether runs of these totals do not differ up to `step`."""
    rates = [[_rate(at, steps, recipe) for at in range(step)] for steps in totals]
    return rates[0] == rates[1] and _decay(recipe, totals[0]) == _decay(recipe, totals[1])
