"""A batcher with its queue, whose bounds and times never matter unless a test sets them."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from lightsleeper.pipeline.admission import Admission
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.pipeline.fair_queue import FairQueue

ENDLESS_S = 1e6


class Clock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def open_admission(
    queue: FairQueue[Any],
    *,
    workers: int = 1,
    max_wait_s: float = ENDLESS_S,
    max_batch: int = 1024,
    max_bulk: int = 1_000_000,
    max_bulk_s: float = ENDLESS_S,
    max_request: int = 1_000_000,
    max_alone: int = 0,
) -> Admission:
    return Admission(
        queue,
        workers=workers,
        max_wait_s=max_wait_s,
        max_batch_cost=max_batch,
        max_bulk_cost=max_bulk,
        max_bulk_s=max_bulk_s,
        max_request_cost=max_request,
        max_alone_cost=max_alone,
    )


def open_batcher(
    run: Callable[[Sequence[Any]], Sequence[Any]],
    *,
    cost: Callable[[Any], int],
    kind: Callable[[Any], Hashable],
    workers: int = 1,
    clock: Callable[[], float] | None = None,
    **bounds: Any,  # noqa: ANN401  # those of `open_admission`
) -> Batcher[Any, Any]:
    queue: FairQueue[Any] = FairQueue()
    admission = open_admission(queue, workers=workers, **bounds)
    return Batcher(run, cost=cost, kind=kind, workers=workers, queue=queue, admission=admission, clock=clock or Clock())
