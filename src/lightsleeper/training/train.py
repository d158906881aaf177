"""Fine-tune the encoder on labelled text: AdamW, warm-up and linear decay, averaged weights.

The method is BERT fine-tuning (Devlin et al. 2019, arXiv:1810.04805) with three changes that pay on a CPU:
bfloat16 autocast; batches of one length class, bounded by tokens instead of texts; and, until the last epoch,
a random window of each long text instead of the whole of it. What is kept is an exponential moving average of
the weights (Polyak averaging), which varies less from run to run than the last step.
"""

import random
from collections.abc import Iterator, Sequence
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
    peak_learning_rate: float = 8e-5
    warmup_fraction: float = 0.06
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    #: A batch's texts times its longest text stay below this: 128 phrases of 16 tokens, or 10 of 200.
    tokens_per_batch: int = 2048
    max_tokens: int = 512
    #: Before the last epoch a longer text is read through one random window of this many tokens.
    window_tokens: int = 192
    #: Share of the run that the averaged weights span.
    averaged_share: float = 0.2
    #: Share of the tokens hidden behind the mask token: a model that knows its texts by heart learns from this again.
    word_dropout: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """One tokenised text, special tokens included, and the index of its label."""

    ids: Sequence[int]
    label: int


def fine_tune(
    model: DistilBertForSequenceClassification,
    examples: Sequence[Example],
    recipe: Recipe,
    out: Path,
    *,
    mask_token_id: int,
    checkpoint_every_steps: int = 100,
) -> DistilBertForSequenceClassification:
    """Train `model` on `examples` and return its averaged copy; continue from `out/checkpoint.pt` if there."""
    plan = [batch for epoch in range(recipe.epochs) for batch in _epoch(examples, recipe, epoch, mask_token_id)]
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, recipe.weight_decay), lr=recipe.peak_learning_rate, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(plan), recipe))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(_decay(recipe, len(plan))))
    checkpoint = out / CHECKPOINT
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    done = _restore(checkpoint, parts, recipe) if checkpoint.exists() else 0
    model.train()
    with tqdm(total=len(plan), initial=done, unit="batch", desc="train", smoothing=0.02) as bar:
        for step in range(done, len(plan)):
            # Seeded per step: a resumed run draws the same dropout as an uninterrupted one.
            torch.manual_seed(recipe.seed + step)
            loss = _step(model, plan[step], recipe)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            average.update_parameters(model)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            if (step + 1) % checkpoint_every_steps == 0 or step + 1 == len(plan):
                _save(checkpoint, parts, recipe, step + 1)
    averaged: DistilBertForSequenceClassification = average.module
    return averaged.eval()


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], labels: Sequence[int]) -> list[Example]:
    """Every text as token ids, whole: the recipe cuts them."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast(list(texts))
    return [Example(encoding.ids, label) for encoding, label in zip(encodings, labels, strict=True)]


@dataclass(frozen=True)
class _Batch:
    rows: Sequence[Sequence[int]]
    labels: Sequence[int]


def _epoch(examples: Sequence[Example], recipe: Recipe, epoch: int, mask_token_id: int) -> Iterator[_Batch]:
    """The batches of one epoch, in random order, each of texts of like length."""
    draw = random.Random(recipe.seed * 1_000 + epoch)  # noqa: S311  # not for secrets
    longest = recipe.max_tokens if epoch == recipe.epochs - 1 else recipe.window_tokens
    anywhere = draw if epoch < recipe.epochs - 1 else None
    views = [(_view(example.ids, longest, anywhere), example.label) for example in examples]
    if recipe.word_dropout:
        views = [(_masked(ids, recipe.word_dropout, mask_token_id, draw), label) for ids, label in views]
    # Noise in the key keeps the company of a text different in every epoch.
    views.sort(key=lambda view: len(view[0]) * draw.uniform(0.9, 1.1))
    batches: list[_Batch] = []
    rows: list[Sequence[int]] = []
    labels: list[int] = []
    width = 0
    for ids, label in views:
        width = max(width, len(ids))
        if rows and width * (len(rows) + 1) > recipe.tokens_per_batch:
            batches.append(_Batch(rows, labels))
            rows, labels, width = [], [], len(ids)
        rows.append(ids)
        labels.append(label)
    batches.append(_Batch(rows, labels))
    draw.shuffle(batches)
    return iter(batches)


def _view(ids: Sequence[int], longest: int, anywhere: random.Random | None) -> Sequence[int]:
    """The first and last id (the special tokens) around at most `longest - 2` from the start, or from `anywhere`."""
    if len(ids) <= longest:
        return ids
    start = anywhere.randrange(1, len(ids) - longest + 2) if anywhere else 1
    return [ids[0], *ids[start : start + longest - 2], ids[-1]]


def _masked(ids: Sequence[int], share: float, mask_token_id: int, draw: random.Random) -> Sequence[int]:
    """About `share` of the text's own ids replaced by the mask token."""
    inner = (mask_token_id if draw.random() < share else token for token in ids[1:-1])
    return [ids[0], *inner, ids[-1]]


def _step(model: DistilBertForSequenceClassification, batch: _Batch, recipe: Recipe) -> float:
    width = max(map(len, batch.rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in batch.rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch.rows])
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=ids, attention_mask=mask).logits
    loss = torch.nn.functional.cross_entropy(
        logits.float(), torch.tensor(batch.labels), label_smoothing=recipe.label_smoothing
    )
    loss.backward()
    return float(loss.item())


def _rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate at `step` as a share of its peak: linear up, then linear down to zero."""
    warmup = max(1, round(steps * recipe.warmup_fraction))
    return min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))


def _decay(recipe: Recipe, steps: int) -> float:
    """Of the exponential moving average, so that its time constant is `averaged_share` of the steps."""
    return 1 - 1 / max(2.0, recipe.averaged_share * steps)


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases and LayerNorm gains do not (Devlin et al. 2019, appendix A.2)."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _save(checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe, step: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    partial = checkpoint.with_suffix(".partial")
    torch.save({**state, "step": step, "recipe": asdict(recipe)}, partial)
    partial.replace(checkpoint)


def _restore(checkpoint: Path, parts: dict[str, torch.nn.Module], recipe: Recipe) -> int:
    state = torch.load(checkpoint, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise BundleError(f"{checkpoint} was made with another recipe ({state['recipe']}): remove it or match it")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])
