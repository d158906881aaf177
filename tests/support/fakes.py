"""Real classes that force an order or a fault; nothing here imitates a part that could run itself."""

import threading
from collections.abc import Sequence
from typing import Any


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
