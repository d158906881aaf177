"""Real classes that force an order or a fault; nothing here imitates a part that could run itself."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsleeper.model.tokenizer import TokenizedText


class GatedRun:
    """A batcher's `run` that blocks until the gate is opened, and remembers its batches."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.began = threading.Semaphore(0)
        self.batches: list[list[Any]] = []

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.batches.append(list(items))
        self.began.release()
        if not self.gate.wait(timeout=300):
            raise TimeoutError("the test never opened the gate")
        return list(items)


class BrokenEngine:
    """An engine whose every run raises."""

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        raise RuntimeError(f"out of memory on {len(texts)} texts")

    def close(self) -> None:
        pass
