"""What decides a run beside the data and the encoder."""

import math
from dataclasses import dataclass

from lightsleeper.errors import ConfigurationError

#: Field → the option that sets it, its least and its most.
_RANGES: dict[str, tuple[str, float, float]] = {
    "epochs": ("--epochs", 1, math.inf),
    "steps": ("--steps", 1, math.inf),
    "peak_learning_rate": ("--learning-rate", 1e-12, 1),
    "decay_fraction": ("--decay", 0, 1),
    "tokens_per_batch": ("--batch-tokens", 1, math.inf),
    "whole_share": ("--whole", 0, 1),
    "averaged_steps": ("--averaged-steps", 1, math.inf),
    "word_dropout": ("--word-dropout", 0, 1),
    "kept_share": ("--keep-start", 0, 1),
    "lean": ("--lean", -100, 100),
    "sharpness": ("--sharpness", 1e-3, 1e3),
    "hint_weight": ("--hints", 0, 1e3),
}


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
    #: Leave the embeddings of words as they are: what is learnt of one word then holds for words like it.
    freeze_embeddings: bool = False
    #: Share of the starting point in the weights that are returned: what it knew and the data do not show is kept
    #: (Wortsman et al. 2022, arXiv:2109.01903).
    kept_share: float = 0.0
    #: Of two labels: by how much the second one's logit is moved away from the first one's, once all is learnt. Texts
    #: without a sentiment then lie beside one half and not on it, where another name or number turns their label.
    lean: float = 0.0
    #: What the logits are multiplied by once all is learnt: who learns from a teacher's doubts doubts more than he errs
    #: (temperature scaling: Guo et al. 2017, arXiv:1706.04599).
    sharpness: float = 1.0
    #: How much the teacher's hidden states count beside its answers, see `hints`.
    hint_weight: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """ConfigurationError naming the option that no run can have."""
        for name, (option, least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                allowed = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
                raise ConfigurationError(f"{option} must be {allowed}, not {value:g}")
