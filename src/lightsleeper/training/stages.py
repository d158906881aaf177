"""What a long command is at: a line a stage, once it is done, with the time it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stages:
    """Tells `say` of every stage."""

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Nothing has begun."""
        self.say = say

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """The stage is what is done inside."""
        started_s = time.perf_counter()
        yield
        self.say(f"{name:<18} {time.perf_counter() - started_s:7.1f} s")
