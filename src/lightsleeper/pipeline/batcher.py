"""N worker threads behind a fair, bounded queue. Knows no machine learning: items have a cost and a kind.

A batch is whatever queued while the workers were busy, of one kind, up to a cost. There is no timer, so an idle
service adds no latency (the batching loop of huggingface/text-embeddings-inference works the same way); and no
batch of mixed kinds, so nothing costs much more than it would alone. Who is next is `fair_queue`'s to say, who may wait
`admission`'s.

A batch once begun cannot be put off, but its thread can: what is long or large has threads of its own, and the kernel
gives them the CPU when the others leave it. Beside two users who had three kinds of long texts explained, p99 of a
sentence rose from 11 ms to 145, 336 and 489 where one thread served everybody, and to 14–15, 17–21 and 27–43 so.

The event loop comes before all of them. It needs little of the CPU, but had it at once only when no batch ran: p99 of
the refusals at ten times the capacity of one core was 59 ms and is 32 (medians of 3 in turns), and at 18 times it a
tenth more is answered.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from lightsleeper.errors import EngineFailed, LightsleeperError, Overloaded, ShuttingDown
from lightsleeper.pipeline.admission import CLIENT, Admission
from lightsleeper.pipeline.fair_queue import AT_ONCE, SERVED_WITH, STANDING_BACK, FairQueue, Lane, Place
from lightsleeper.pipeline.priority import stand_back

log = logging.getLogger("lightsleeper")


Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Done(Generic[Value]):
    """One item's result and how it came about."""

    value: Value
    #: Seconds from submission until its batch began.
    queue_s: float
    #: Seconds its batch ran.
    run_s: float


class Observer(Protocol):
    """Told about each batch; `metrics` implements it."""

    def batch(
        self, *, items: int, cost: int, queue_s: Sequence[float], run_s: float, origins: Sequence[object]
    ) -> None:
        """A batch ran; `queue_s` and `origins` (see `Batcher`) hold one value per item."""


@dataclass(slots=True)
class _Entry(Generic[Item, Value]):
    item: Item
    cost: int
    lane: Lane
    submitted_s: float
    expires_s: float
    origin: object
    future: asyncio.Future[Done[Value]]


class Batcher(Generic[Item, Value]):
    """Runs `run(items) -> values` (n in, n out) on batches of submitted items. Belongs to one event loop."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Value]],
        *,
        cost: Callable[[Item], int],
        kind: Callable[[Item], Hashable],
        workers: int,
        queue: FairQueue["_Entry[Item, Value]"],
        admission: Admission,
        observers: Sequence[Observer] = (),
        origin: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing runs before `start`. `origin` names who submits, for the observers; `admission` bounds `queue`."""
        self._run = run
        self._cost = cost
        self._kind = kind
        self._queue = queue
        self.admission = admission
        self._observers = observers
        self._origin = origin
        self._clock = clock
        self._closing = False
        #: Who waits, or did, in the order in which their patience ends, but for what a request's size adds to it.
        self._patient = {lane: deque[Place[_Entry[Item, Value]]]() for lane in (Lane.EXPRESS, Lane.LONG)}
        # Both by the lanes that they serve.
        self._arrived = {lanes: asyncio.Event() for lanes in (AT_ONCE, STANDING_BACK)}
        self._threads = {
            lanes: ThreadPoolExecutor(workers, thread_name_prefix=name, initializer=stand_back, initargs=(steps,))
            for lanes, name, steps in ((AT_ONCE, "inference", 1), (STANDING_BACK, "inference-behind", 2))
        }
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        """Whether every worker's loop still runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def start(self) -> None:
        """Start the workers; call it inside the event loop."""
        self._tasks = [
            asyncio.create_task(self._work(lanes), name=f"{lanes[0].value}-worker-{n}")
            for lanes in self._threads
            for n in range(self._workers)
        ]

    def submit(self, items: Sequence[Item]) -> list[asyncio.Future[Done[Value]]]:
        """Queue all items, or none: Overloaded if they may not wait, ShuttingDown once `close` was called.

        Cancel a future to withdraw its item. One that has waited for too long ends in Overloaded, too.
        """
        if self._closing:
            raise _shutting_down()
        costs = [self._cost(item) for item in items]
        total = sum(costs)
        lane = self.admission.check(total, max(costs, default=0))
        loop = asyncio.get_running_loop()
        origin = self._origin() if self._origin else None
        client, now_s = CLIENT.get(), self._clock()
        expires_s = now_s + self.admission.patience_s(lane, total)
        entries = [
            _Entry(item, cost, lane, now_s, expires_s, origin, loop.create_future())
            for item, cost in zip(items, costs, strict=True)
        ]
        for entry in entries:
            place = Place(entry, self._kind(entry.item), entry.cost, lane, client)
            self._queue.push(place)
            entry.future.add_done_callback(partial(self._withdraw, place))
            if lane in self._patient:
                self._patient[lane].append(place)
        self._arrived[SERVED_WITH[lane]].set()
        return [entry.future for entry in entries]

    def _withdraw(self, place: Place[_Entry[Item, Value]], _: asyncio.Future[Done[Value]]) -> None:
        self._queue.leave(place)

    async def close(self, timeout_s: float) -> None:
        """Refuse new items, finish the queued ones for at most `timeout_s`, fail the rest with ShuttingDown."""
        self._closing = True
        for arrived in self._arrived.values():
            arrived.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        _fail([place.item for place in self._queue.drain()], _shutting_down())
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self, lanes: tuple[Lane, ...]) -> None:
        """One worker: batch after batch until closed and empty. A failing batch fails its callers, never the loop."""
        while True:
            batch = self._next_batch(lanes)
            if batch:
                await self._run_batch(batch)
            elif self._closing:
                return
            else:
                self._arrived[lanes].clear()
                await self._arrived[lanes].wait()

    def _next_batch(self, lanes: tuple[Lane, ...]) -> list[_Entry[Item, Value]]:
        """Whose turn it is, without those that nobody waits for any more and those that have waited for too long."""
        self._dismiss_late()
        while (lane := self._queue.next_lane(lanes)) is not None:
            taken = self._queue.take(lane, self.admission.batch_cost(lane))
            batch = [place.item for place in taken if not place.item.future.done()]
            if batch:
                return batch
        return []

    def _dismiss_late(self) -> None:
        """Now and not at their turn: that of a client with many others before it may never come."""
        now_s = self._clock()
        for places in self._patient.values():
            while places and not (places[0].waiting and places[0].item.expires_s >= now_s):
                place = places.popleft()
                if place.waiting:  # what is being computed waits no more, however long that takes
                    _fail([place.item], Overloaded("the queue moved slower than expected", retry_after_s=1))

    async def _run_batch(self, batch: list[_Entry[Item, Value]]) -> None:
        started_s = self._clock()
        items = [entry.item for entry in batch]
        try:
            threads = self._threads[SERVED_WITH[batch[0].lane]]
            values, run_s = await asyncio.get_running_loop().run_in_executor(threads, self._timed, items)
            answered = list(zip(batch, values, strict=True))
        except asyncio.CancelledError:  # `close` ran out of time
            _fail(batch, _shutting_down())
            raise
        except Exception as error:  # noqa: BLE001  # whatever the engine raises belongs to this batch alone
            failure = EngineFailed("the model failed on this batch")
            failure.__cause__ = error
            _fail(batch, failure)
            return
        self.admission.ran(batch[0].lane, sum(entry.cost for entry in batch), self._clock() - started_s)
        waits = [started_s - entry.submitted_s for entry in batch]
        for (entry, value), queue_s in zip(answered, waits, strict=True):
            if not entry.future.done():
                entry.future.set_result(Done(value, queue_s, run_s))
        self._report(batch, waits, run_s)

    def _report(self, batch: list[_Entry[Item, Value]], queue_s: list[float], run_s: float) -> None:
        for observer in self._observers:
            try:
                observer.batch(
                    items=len(batch),
                    cost=sum(entry.cost for entry in batch),
                    queue_s=queue_s,
                    run_s=run_s,
                    origins=[entry.origin for entry in batch],
                )
            except Exception:  # nobody who only looks on may end the worker
                log.exception("an observer of batches failed")

    def _timed(self, items: list[Item]) -> tuple[Sequence[Value], float]:
        started_s = time.perf_counter()
        values = self._run(items)
        return values, time.perf_counter() - started_s


def _fail(entries: Iterable[_Entry[Item, Value]], failure: LightsleeperError) -> None:
    for entry in entries:
        if not entry.future.done():
            entry.future.set_exception(failure)


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("the service is shutting down", retry_after_s=1)
