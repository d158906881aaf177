"""The model that ships, its outputs read as another task: of one output the second alone.

As a program it serves that task: `python heads.py regression -3 4`.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsleeper.cli.main import main
from lightsleeper.model import model as opening
from lightsleeper.model.engine import Engine
from lightsleeper.model.head import MANY_LABELS
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText


class _Borrowed:
    """The engine of another model, which goes on when this one is closed; of its outputs these, moved by `shifts`."""

    def __init__(self, engine: Engine, outputs: Sequence[int], shifts: Sequence[float]) -> None:
        self._engine = engine
        self._outputs = list(outputs)
        self._shifts = np.array(shifts, dtype=np.float32)

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        moved: NDArray[np.float32] = self._engine.run(texts)[:, self._outputs] + self._shifts
        return moved

    def close(self) -> None:
        pass


def with_head(
    model: Model, task: str, score_range: tuple[float, ...] = (), *, insults_are_toxic: bool = False
) -> Model:
    """`model` with another head; many labels are called toxic and insult, one output LABEL_0.

    Its two logits are opposite, so that just one of the labels applies; unless an insult is what is more than toxic.
    """
    many = task == MANY_LABELS
    labels = ("toxic", "insult") if many else ("LABEL_0",)
    manifest = replace(model.bundle.manifest, task=task, labels=labels, score_range=score_range)
    outputs = ((0, 0) if insults_are_toxic else (0, 1)) if many else (1,)
    engine = _Borrowed(model.engine, outputs, (0.0, -1.0) if insults_are_toxic and many else (0.0,) * len(outputs))
    return Model(
        replace(model.bundle, manifest=manifest, digest=hashlib.sha256(task.encode()).hexdigest()),
        model.tokenizer,
        engine,
    )


def serve(task: str, *score_range: str) -> None:
    """The service as it is deployed, but for its head."""
    load_model = opening.load_model

    def load_with_head(*arguments: Any, **options: Any) -> Model:  # noqa: ANN401  # passed on
        return with_head(
            load_model(*arguments, **options), task, tuple(map(float, score_range)), insults_are_toxic=True
        )

    opening.load_model = load_with_head  # the server takes it from there when it opens the model
    main(["serve"])


if __name__ == "__main__":
    serve(*sys.argv[1:])
