"""The pods and the requests: who waits where, and when each is answered, or refused.

A pod is one queue: it is busy `server_s` with each request and every answer is `delay_s` later (what a request spends
beside the bottleneck). That is the asymptotic bound of a closed system: alone a request takes the sum, many get one
answer every `server_s`. Requests wait in the activator, first come first served, until a pod holds fewer than
containerConcurrency; then they go to the next pod in turn (pkg/activator/net, `newRoundRobinPolicy`). The activator's
own queue has no end that could be reached (breaker.go: 2^31 + 10,000). All requests of one step are computed at once:
Lindley's recursion, per pod a cumulative maximum, so the time of every one is exact for that model, except that
requests of different sizes keep the pod they were dealt within a step although another has room. Several activators
are taken for one: each would deal in turn among its own pods.

A pod answers 503 to what enters while more work waits in it than `max_queue_s` (../../pipeline/admission.py). The batch
it is at waits no longer, as if it had just begun; of requests larger than a batch none is refused, nor do they count:
they have a lane of their own, with room for 15 s. Traffic does not say who asks, so nobody has the overdraft of a small
client beside large ones. A refusal lets the next one in sooner, so a step with one is computed request by request.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
_NONE: Floats = np.empty(0)

#: The service's own, unless LIGHTSLEEPER_MAX_QUEUE_S and LIGHTSLEEPER_MAX_BATCH_TOKENS say other.
MAX_QUEUE_S = 0.3
MAX_BATCH_TOKENS = 1024
#: So long a batch is, if its texts can be that short (`_BATCH_S`, ../../pipeline/admission.py).
_BATCH_S = 0.05


@dataclass(frozen=True)
class ServiceTimes:
    """What one pod takes for one text, and how much of it may wait there."""

    #: Milliseconds of a request that is alone, on average.
    alone_ms: float
    #: Texts per second, at most.
    rate: float
    #: The logarithm's standard deviation: how much one request's work differs from another's.
    spread: float = 0.0
    #: Of a text: how many make a batch.
    tokens: int = 32
    #: Seconds of work that may wait; no limit unless given.
    max_queue_s: float = math.inf
    #: Of the pod that was measured, if one was.
    cpus: int | None = None

    def bottleneck_s(self, container_concurrency: int) -> float:
        """Seconds between two answers of a busy pod that may hold so many requests (0: as many as come)."""
        server_s = min(1 / self.rate, self.alone_ms / 1e3)
        return max(server_s, self.alone_ms / 1e3 / container_concurrency) if container_concurrency else server_s

    def batch_s(self, container_concurrency: int) -> float:
        """Seconds of work that a busy pod is at: it waits no longer."""
        server_s = self.bottleneck_s(container_concurrency)
        return max(server_s, min(_BATCH_S, self.batch_texts * server_s))

    @property
    def batch_texts(self) -> int:
        """A request of more texts has the other lane."""
        return max(1, MAX_BATCH_TOKENS // self.tokens)


class Fleet:
    """Pods that are ready, and every request that has come and is not answered."""

    def __init__(self, times: ServiceTimes, *, container_concurrency: int, timeout_s: float) -> None:
        """With no pod and no request."""
        self._times = times
        self._server_s = times.bottleneck_s(container_concurrency)
        self._batch_s = times.batch_s(container_concurrency)
        self._delay_s = max(0.0, times.alone_ms / 1e3 - self._server_s)
        self._limit = container_concurrency
        self._timeout_s = timeout_s
        self._dice = np.random.default_rng(0)
        self._queue: Floats = np.empty((3, 0))  # who waits in the activator: when it came, its work in seconds, texts
        self._free_s = _NONE  # a pod's: when its queue is empty
        self._small_s = _NONE  # the same, had it none but requests of one batch at most
        self._left_s: Floats = np.empty((container_concurrency, 0))  # a pod's last answers, oldest first
        self._leaving_s = _NONE  # answers to come
        self._mixed = False  # whether a request of more than a batch has come
        self._next = 0  # whose turn it is
        self._in_flight = 0  # at the end of the last step
        self.timed_out = 0
        self.refused = 0
        self.busy_s = 0.0

    @property
    def ready(self) -> int:
        """Pods that take requests."""
        return len(self._free_s)

    @property
    def waiting(self) -> int:
        """Requests that no pod has room for yet."""
        return len(self._queue[0])

    @property
    def in_flight(self) -> int:
        """Requests that have come and are not answered."""
        return self._in_flight

    def resize(self, pods: int, now_s: float) -> None:
        """So many are ready from now on. The newest go first, and answer what they hold."""
        more = pods - self.ready
        if more > 0:
            idle_s = np.full(more, now_s)
            self._free_s = np.concatenate((self._free_s, idle_s))
            self._small_s = np.concatenate((self._small_s, idle_s))
            self._left_s = np.concatenate((self._left_s, np.full((self._limit, more), -np.inf)), axis=1)
        else:
            self._free_s, self._small_s = self._free_s[:pods], self._small_s[:pods]
            self._left_s = self._left_s[:, :pods]
        if self._next >= pods:
            self._next = 0

    def step(self, from_s: float, to_s: float, arrivals: Floats, sizes: Floats) -> tuple[Floats, float]:
        """What happens in between, `arrivals` (sorted) and their sizes in texts given.

        Returns the latencies of the requests that a pod took, and the time integral of those in flight.
        """
        self._give_up(from_s)
        if len(arrivals):
            new = np.stack((arrivals, self._work_s(sizes), sizes))
            self._queue = np.concatenate((self._queue, new), axis=1)
            self._mixed = self._mixed or float(sizes.max()) > self._times.batch_texts
        latencies, answers = self._deal(from_s, to_s) if self.ready and self.waiting else (_NONE, _NONE)
        if len(answers):
            self._leaving_s = np.concatenate((self._leaving_s, answers))
        gone = self._leaving_s <= to_s
        left = self._leaving_s[gone]
        held = self._in_flight * (to_s - from_s) + float(np.sum(to_s - arrivals)) - float(np.sum(to_s - left))
        if len(left):
            self._leaving_s = self._leaving_s[~gone]
        self._in_flight += len(arrivals) - len(left)
        return latencies, held

    def _work_s(self, sizes: Floats) -> Floats:
        """Seconds of the bottleneck; uneven ones have the same sum on average."""
        spread = self._times.spread
        work_s = sizes * self._server_s
        return work_s * self._dice.lognormal(-(spread**2) / 2, spread, len(sizes)) if spread else work_s

    def _give_up(self, now_s: float) -> None:
        came = self._queue[0]
        if len(came) and came[0] + self._timeout_s <= now_s:
            late = int(np.searchsorted(came, now_s - self._timeout_s, side="right"))
            self._queue = self._queue[:, late:]
            self._in_flight -= late
            self.timed_out += late

    def _deal(self, from_s: float, to_s: float) -> tuple[Floats, Floats]:
        """Hand to pods what they have room for before `to_s`: latencies and times of the answers."""
        taken = self._reachable(to_s)
        rows = -(-taken // self.ready)
        order = (self._next + np.arange(self.ready)) % self.ready
        came, took, texts = (self._table(n, taken, rows, filler) for n, filler in enumerate((np.inf, 0.0, 0.0)))
        done = _served(came, took, self._free_s[order])
        history = np.concatenate((self._left_s[:, order], done + self._delay_s))
        entered = np.maximum(came, history[:rows]) if self._limit else came
        inside = entered < to_s
        entered = np.maximum(entered, from_s)  # who waited until then has not been in a pod
        small = texts <= self._times.batch_texts
        lane = _served(entered, took * small, self._small_s[order]) if self._mixed else done
        chosen = np.flatnonzero(inside)
        inside_s = (lane.ravel()[chosen] - entered.ravel()[chosen])[small.ravel()[chosen]]
        if np.any(inside_s > self._times.max_queue_s + self._batch_s):
            return self._deal_singly(from_s, to_s)
        self._remember(order, inside, done, lane, history)
        found = done.ravel()[chosen] + self._delay_s
        latencies = found - self._queue[0, chosen]
        self._hand_over(chosen, chosen)
        return latencies, found

    def _deal_singly(self, from_s: float, to_s: float) -> tuple[Floats, Floats]:
        """The same, where pods refuse: a refusal is an answer at once, whose latency does not count."""
        free, small = self._free_s.tolist(), self._small_s.tolist()
        left = [deque(column, self._limit) for column in self._left_s.T.tolist()]
        taken: dict[int, float] = {}  # whose answer is when
        refused: dict[int, float] = {}
        full: set[int] = set()
        for n, (came_s, work_s, texts) in enumerate(zip(*self._queue.tolist(), strict=True)):
            pod = (self._next + n) % self.ready
            entered_s = max(came_s, left[pod][0]) if self._limit else came_s
            if entered_s >= to_s:
                full.add(pod)
                if len(full) == self.ready:
                    break
                continue
            entered_s = max(entered_s, from_s)
            if texts <= self._times.batch_texts and self._refuses(small[pod] - entered_s, work_s):
                refused[n] = entered_s
            else:
                if texts <= self._times.batch_texts:
                    small[pod] = max(small[pod], entered_s) + work_s
                free[pod] = max(free[pod], entered_s) + work_s
                taken[n] = free[pod] + self._delay_s
                left[pod].append(taken[n])
        self._free_s, self._small_s = np.array(free), np.array(small)
        self._left_s = np.array([list(each) for each in left]).reshape(self.ready, self._limit).T
        answered = np.fromiter(taken, dtype=np.intp)
        found = np.fromiter(taken.values(), dtype=np.float64)
        latencies = found - self._queue[0, answered]
        self.refused += len(refused)
        self._hand_over(answered, np.concatenate((answered, np.fromiter(refused, dtype=np.intp))))
        return latencies, np.concatenate((found, np.fromiter(refused.values(), dtype=np.float64)))

    def _refuses(self, ahead_s: float, work_s: float) -> bool:
        """Of so much in its lane; an empty queue takes one batch however long that lasts."""
        waiting_s = ahead_s - self._batch_s
        return waiting_s > 0 and waiting_s + work_s > self._times.max_queue_s

    def _hand_over(self, answered: Places, gone: Places) -> None:
        """To pods that answer some of them; the next pod in turn is the one after."""
        self.busy_s += float(self._queue[1, answered].sum())
        self._queue = np.delete(self._queue, gone, axis=1)
        self._next = (self._next + len(gone)) % self.ready

    def _reachable(self, to_s: float) -> int:
        """How many of those who wait might be handed on before then, if none is refused: the others need no look."""
        if not self._limit:
            return self.waiting
        spare_s = max(0.0, to_s - min(float(self._free_s.min()), float(self._queue[0, 0])))
        rows = self._limit + int(spare_s / max(float(self._queue[1].min()), 1e-9)) + 2
        return min(self.waiting, rows * self.ready)

    def _table(self, row: int, taken: int, rows: int, filler: float) -> Floats:
        """Of the first that wait, in turn: a column for each pod, a row for each round."""
        table = np.full(rows * self.ready, filler)
        table[:taken] = self._queue[row, :taken]
        return table.reshape(rows, self.ready)

    def _remember(self, order: Places, inside: Flags, done: Floats, lane: Floats, history: Floats) -> None:
        taken = inside.sum(axis=0)
        columns = np.arange(self.ready)
        last = (np.maximum(taken - 1, 0), columns)
        self._free_s[order] = np.where(taken > 0, done[last], self._free_s[order])
        self._small_s[order] = np.where(taken > 0, lane[last], self._small_s[order])
        if self._limit:
            self._left_s[:, order] = history[taken + np.arange(self._limit)[:, None], columns]


def _served(came: Floats, took: Floats, free: Floats) -> Floats:
    """When each is done, column by column. Lindley: after the one before it, or its coming, whichever is later."""
    worked = np.cumsum(took, axis=0)
    done: Floats = np.maximum.accumulate(np.maximum(came - worked + took, free), axis=0) + worked
    return done
