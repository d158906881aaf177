"""Fine-tune the encoder on labelled text: AdamW, warm-up and linear decay, averaged weights.

The method is BERT fine-tuning (Devlin et al. 2019, arXiv:1810.04805) towards soft labels, with three changes that pay
on a CPU: bfloat16 where the CPU has it; batches of one length class, bounded by tokens instead of texts; and a random
window of most long texts instead of the whole of them. What is kept is an exponential moving average of
the weights (Polyak averaging), which varies less from run to run than the last step.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import PreTrainedModel

from lightsleeper.errors import BundleError
from lightsleeper.training.batches import Batch, Epochs, Example, cut, plan_of
from lightsleeper.training.early_stopping import Best, Judge
from lightsleeper.training.hints import Hints
from lightsleeper.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"

_JUDGED_AT_ONCE = 32


def fine_tune(
    model: PreTrainedModel,
    epochs: Epochs,
    recipe: Recipe,
    out: Path,
    *,
    mask_token_id: int,
    label_weights: Sequence[float] | None = None,
    judge: Judge | None = None,
    hints: Hints | None = None,
    checkpoint_every_steps: int = 100,
) -> PreTrainedModel:
    """Train `model` on `epochs` and return its averaged copy; continue from `out/checkpoint.pt` if there.

    Runs on CUDA where there is one. `label_weights` scale the loss of each label, 1 by default. With a `judge` the run
    ends early once it finds nothing better, and what it found best is returned. `hints` add to the loss.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = plan_of(epochs, recipe, mask_token_id)
    model = model.to(device)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()} if recipe.kept_share else {}
    weights = torch.tensor(label_weights, device=device) if label_weights else None
    model.base_model.embeddings.requires_grad_(not recipe.freeze_embeddings)
    learned = {"model": model, **({"hints": hints} if hints else {})}
    if hints:
        hints.place(device)
    optimizer = torch.optim.AdamW(
        _parameter_groups(learned.values(), recipe.weight_decay), lr=recipe.peak_learning_rate, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(plan), recipe))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(_decay(recipe, len(plan))))
    checkpoint = out / CHECKPOINT
    parts = {**learned, "average": average, "optimizer": optimizer, "schedule": schedule}
    found = Best(judge, len(plan))
    done = _restore(checkpoint, parts, recipe, len(plan), found) if checkpoint.exists() else 0
    model.train()
    with tqdm(total=len(plan), initial=done, unit="batch", desc="train", smoothing=0.02) as bar:
        for step in range(done, len(plan)):
            # Seeded per step: a resumed run draws the same dropout as an uninterrupted one.
            torch.manual_seed(recipe.seed + step)
            loss = _step(model, plan[step], recipe, weights, hints)
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
    return _finished(average.module, found, start, recipe)


def _finished(
    averaged: PreTrainedModel, found: Best, start: Mapping[str, torch.Tensor], recipe: Recipe
) -> PreTrainedModel:
    """What the run is for: the best weights, or the last ones, as the recipe wants them in the end."""
    if found.weights is not None:
        averaged.load_state_dict(found.weights)
    averaged.load_state_dict(averaged.state_dict() | _between(start, averaged.state_dict(), recipe.kept_share))
    head = _last_layer(averaged)
    with torch.no_grad():
        if recipe.lean:
            head.bias += torch.tensor([-recipe.lean / 2, recipe.lean / 2], device=head.bias.device)
        head.weight *= recipe.sharpness
        head.bias *= recipe.sharpness
    return averaged.cpu().eval()


def _last_layer(model: PreTrainedModel) -> torch.nn.Linear:
    """What the logits come out of."""
    return [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]


def _between(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], kept_share: float
) -> dict[str, torch.Tensor]:
    """Weights on the line from `start` to `end`."""
    return {name: torch.lerp(end[name], tensor, kept_share) for name, tensor in start.items()}


@torch.no_grad()
def log_probabilities(model: PreTrainedModel, examples: Sequence[Example], recipe: Recipe) -> NDArray[np.float64]:
    """[examples, labels], in order."""
    answers = np.zeros((len(examples), model.config.num_labels))
    rows = [(index, cut(example.ids, recipe.max_tokens)) for index, example in enumerate(examples)]
    rows.sort(key=lambda row: len(row[1]))
    for start in range(0, len(rows), _JUDGED_AT_ONCE):
        part = rows[start : start + _JUDGED_AT_ONCE]
        ids, mask = _padded([row for _, row in part], model)
        logits = model(input_ids=ids, attention_mask=mask).logits
        answers[[index for index, _ in part]] = logits.double().log_softmax(dim=-1).cpu().numpy()
    return answers


def _step(
    model: PreTrainedModel, batch: Batch, recipe: Recipe, weights: torch.Tensor | None, hints: Hints | None
) -> float:
    device = model.device
    ids, mask = _padded(batch.rows, model)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(device)):
        answer = model(input_ids=ids, attention_mask=mask, output_hidden_states=hints is not None)
        hinted = recipe.hint_weight * hints(ids, mask, answer.hidden_states) if hints else 0.0
    loss = hinted + torch.nn.functional.cross_entropy(
        answer.logits.float(),
        torch.tensor(batch.targets, device=device),
        weight=weights,
        label_smoothing=recipe.label_smoothing,
    )
    loss.backward()
    return float(loss.item())


def _padded(rows: Sequence[Sequence[int]], model: PreTrainedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask of texts side by side, int64 [texts, width]."""
    width, padding = max(map(len, rows)), model.config.pad_token_id
    ids = torch.tensor([[*row, *[padding] * (width - len(row))] for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
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


def _parameter_groups(learned: Iterable[torch.nn.Module], weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases and LayerNorm gains do not (Devlin et al. 2019, appendix A.2)."""
    parameters = [parameter for module in learned for parameter in module.parameters()]
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
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
