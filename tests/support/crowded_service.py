"""A service whose queue is as long as a test says."""

from contextlib import ExitStack

import pytest
from starlette.types import Scope

from faces import porch
from lightsleeper.api.early_refusal import Refusal
from lightsleeper.pipeline.admission import Admission
from lightsleeper.pipeline.fair_queue import FairQueue, Lane
from lightsleeper.serving.app import early_refusals
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.settings import Settings
from wire import Answer, served

#: More than anybody may have waiting, and so much that only those may come who have nothing waiting.
FULL, CROWDED = 10**6, 10**4

_LIMITS = DoorLimits(max_pipelined=4)


class _AtOnePace(Admission):
    def ran(self, lane: Lane, cost: int, seconds: float) -> None:
        """It stays what it was."""


class CrowdedService:
    """Two services with one queue: one of them refuses early."""

    def __init__(self, settings: Settings, running: ExitStack) -> None:
        self._queue: FairQueue[object] = FairQueue()
        self._waiting: list[tuple[str, int]] = []
        self.early: list[Refusal | None] = []
        refusals = early_refusals(settings)

        def noted(scope: Scope) -> Refusal | None:
            self.early.append(refusals(scope))
            return self.early[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lightsleeper.serving.lifespan.FairQueue", lambda: self._queue)
            # Both keep the first pace: each would measure its own, and says in seconds how much waits.
            patch.setattr("lightsleeper.serving.lifespan.Admission", _AtOnePace)
            self.port = running.enter_context(served(porch(settings), _LIMITS, refusals=noted))
            self.long_way = running.enter_context(served(porch(settings), _LIMITS, refusals=lambda _: None))

    def wait(self, cost: int, client: str = "192.0.2.9") -> None:
        """So much work of somebody waits from now on, and is not done."""
        self._queue.hold(client, Lane.EXPRESS, cost)
        self._waiting.append((client, cost))

    def forget(self) -> None:
        """As after the start."""
        for client, cost in self._waiting:
            self._queue.release(client, Lane.EXPRESS, cost)
        self._waiting.clear()
        self.early.clear()

    @property
    def refused_early(self) -> int:
        return sum(refusal is not None for refusal in self.early)


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """All but what differs between any two answers; a name is there, and a date."""
    headers = dict(answer.headers)
    assert headers.pop("date")
    name = headers.pop("x-request-id")
    assert len(name) == 32 or name == "mine"
    return answer.status, headers, answer.body
