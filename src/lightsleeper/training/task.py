"""What the outputs of a checkpoint mean: what it says itself, else what its user says, else the likeliest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsleeper.errors import BundleError
from lightsleeper.model.head import MANY_LABELS, ONE_LABEL, REGRESSION, SCORE, TASKS

#: transformers' `problem_type`, and what users call the same, by what a manifest calls it.
_NAMES = {
    "single_label_classification": ONE_LABEL,
    "multi_label_classification": MANY_LABELS,
    "single-label": ONE_LABEL,
    "multi-label": MANY_LABELS,
    "score": SCORE,
    **{task: task for task in TASKS},
}
CHOICES = tuple(_NAMES)

#: Texts of which no logit is above 0. A head that chooses one label is trained on differences alone, and hardly ever
#: says no to all; one of independent labels does to most texts.
_MOST_SAY_NO = 0.2


def task_of(config: Any, asked: str | None = None) -> str:  # noqa: ANN401  # a class per architecture
    """The manifest's task; BundleError if what the checkpoint says and what was `asked` for cannot both be."""
    said, outputs = config.problem_type, int(config.num_labels)
    if asked is not None and asked not in _NAMES:
        raise BundleError(f"--task is {asked!r}; expected one of {', '.join(CHOICES)}")
    if said is not None and said not in _NAMES:
        raise BundleError(
            f"config.json: problem_type is {said!r}; expected one of {', '.join(CHOICES[:2])}, regression"
        )
    if asked is not None:
        task = _NAMES[asked]
    elif said is not None:
        task = _NAMES[said]
    else:
        task = SCORE if outputs == 1 else ONE_LABEL
    if asked is None and said == "multi_label_classification" and outputs == 1:
        task = SCORE  # one label that applies or does not
    known = _NAMES.get(said) if said is not None else None
    if asked is not None and known is not None and known != task and (known, task) != (MANY_LABELS, SCORE):
        raise BundleError(f"config.json: problem_type is {said!r}, which is not --task {asked}: leave --task out")
    if (task in (SCORE, REGRESSION)) != (outputs == 1):
        expected = "one output" if outputs > 1 else "two or more: say --task scoring or --task regression"
        raise BundleError(f"config.json: {outputs} outputs, but the task is {task}; expected {expected}")
    return task


def doubt(config: Any, asked: str | None, logits: NDArray[np.float64]) -> str | None:  # noqa: ANN401  # theirs
    """What may be wrong with the task, where nobody said it; `logits` of some texts, [texts, labels]."""
    if asked is not None or config.problem_type is not None:
        return None
    if config.num_labels == 1:
        return "config.json names no problem_type: the one output is read through a sigmoid; else say --task regression"
    no = float((logits.max(axis=1) < 0).mean())
    if no < _MOST_SAY_NO:
        return None
    return (
        f"config.json names no problem_type, and of {no:.0%} of the texts every logit says no: if any number of labels "
        "may apply, say --task multi-label"
    )
