"""Fine-tune the encoder on labelled text: AdamW, warm-up and linear decay, averaged weights.

The method is BERT fine-tuning (Devlin et al. 2019, arXiv:1810.04805) towards soft labels, with three changes that pay
on a CPU: bfloat16 where the CPU has it; batches of one length class, bounded by tokens instead of texts; and a random
window of most long texts instead of the whole of them. What is kept is an exponential moving average of
the weights (Polyak averaging), which varies less from run to run than the last step.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import DistilBertForSequenceClassification

from lightsleeper.errors import BundleError

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run's result besides the data and the encoder."""

    epochs: int = 3
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
    #: A batch's texts times its longest text stay below this: 128 phrases of 16 tokens, or 10 of 200.
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
    checkpoint_every_steps: int = 100,
) -> DistilBertForSequenceClassification:
    """Train `model` on `epochs` and return its averaged copy; continue from `out/checkpoint.pt` if there.

    Runs on CUDA where there is one. `label_weights` scale the loss of each label, 1 by default.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = _plan(epochs, recipe, mask_token_id)
    model = model.to(device)
    weights = torch.tensor(label_weights, device=device) if label_weights else None
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, recipe.weight_decay), lr=recipe.peak_learning_rate, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(plan), recipe))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(_decay(recipe, len(plan))))
    checkpoint = out / CHECKPOINT
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    done = _restore(checkpoint, parts, recipe, len(plan)) if checkpoint.exists() else 0
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
            if (step + 1) % checkpoint_every_steps == 0 or step + 1 == len(plan):
                _save(checkpoint, parts, recipe, step + 1, len(plan))
    averaged: DistilBertForSequenceClassification = average.module
    return averaged.cpu().eval()


def tokenize(tokenizer: Tokenizer, rows: Sequence[tuple[str, Sequence[float]]]) -> list[Example]:
    """Every text as token ids, whole: the recipe cuts them."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast([text for text, _ in rows])
    return [Example(encoding.ids, target) for encoding, (_, target) in zip(encodings, rows, strict=True)]


@dataclass(frozen=True)
class _Batch:
    rows: Sequence[Sequence[int]]
    targets: Sequence[Sequence[float]]


def _plan(epochs: Epochs, recipe: Recipe, mask_token_id: int) -> list[_Batch]:
    """Every batch of the run, in order."""
    plan: list[_Batch] = []
    epoch = 0
    while epoch < recipe.epochs if recipe.steps is None else len(plan) < recipe.steps:
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
    start = 1 if whole else draw.randrange(1, len(ids) - longest + 2)
    return [ids[0], *ids[start : start + longest - 2], ids[-1]]


def _masked(ids: Sequence[int], share: float, mask_token_id: int, draw: random.Random) -> Sequence[int]:
    """About `share` of the text's own ids replaced by the mask token."""
    inner = (mask_token_id if draw.random() < share else token for token in ids[1:-1])
    return [ids[0], *inner, ids[-1]]


def _step(
    model: DistilBertForSequenceClassification, batch: _Batch, recipe: Recipe, weights: torch.Tensor | None
) -> float:
    device = model.device
    width = max(map(len, batch.rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in batch.rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch.rows], device=device)
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


def _save(checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe, step: int, steps: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    partial = checkpoint.with_suffix(".partial")
    torch.save({**state, "step": step, "steps": steps, "recipe": asdict(recipe)}, partial)
    partial.replace(checkpoint)


def _restore(checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe, steps: int) -> int:
    """Load what was saved; BundleError unless this recipe, too, would have come there."""
    state = torch.load(checkpoint, weights_only=True)
    differing = [name for name, value in asdict(recipe).items() if state["recipe"].get(name) != value]
    if differing and not (differing == ["steps"] and _same_so_far(recipe, state["step"], (steps, state["steps"]))):
        raise BundleError(f"{checkpoint} was made with another recipe ({state['recipe']}): remove it or match it")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def _same_so_far(recipe: Recipe, step: int, totals: tuple[int, int]) -> bool:
    """Whether runs of these totals do not differ up to `step`."""
    rates = [[_rate(at, steps, recipe) for at in range(step)] for steps in totals]
    return rates[0] == rates[1] and _decay(recipe, totals[0]) == _decay(recipe, totals[1])
