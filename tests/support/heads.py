"""The model that ships, its outputs read as another task: of one output the second alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lightsleeper.model.engine import Engine
from lightsleeper.model.head import MANY_LABELS
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText


class _Borrowed:
    """The engine of another model, which goes on when this one is closed; of its outputs those from `first` on."""

    def __init__(self, engine: Engine, first: int) -> None:
        self._engine = engine
        self._first = first

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        return self._engine.run(texts)[:, self._first :]

    def close(self) -> None:
        pass


def with_head(model: Model, task: str, score_range: tuple[float, ...] = ()) -> Model:
    """`model` with another head; many labels are called toxic and insult, one output LABEL_0."""
    many = task == MANY_LABELS
    labels = ("toxic", "insult") if many else ("LABEL_0",)
    manifest = replace(model.bundle.manifest, task=task, labels=labels, score_range=score_range)
    engine = _Borrowed(model.engine, 0 if many else 1)
    return Model(
        replace(model.bundle, manifest=manifest, digest=hashlib.sha256(task.encode()).hexdigest()),
        model.tokenizer,
        engine,
    )
