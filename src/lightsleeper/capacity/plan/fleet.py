"""The pods and the requests: who waits where, and when each is answered.

A pod is one queue: it is busy `server_s` with each request and every answer is `delay_s` later (what a request spends
beside the bottleneck). That is the asymptotic bound of a closed system: alone a request takes the sum, many get one
answer every `server_s`. Requests wait in the activator, first come first served, until a pod holds fewer than
containerConcurrency; then they go to the next pod in turn (pkg/activator/net, `newRoundRobinPolicy`). The activator's
own queue has no end that could be reached (breaker.go: 2^31 + 10,000). All requests of one step are computed at once:
Lindley's recursion, per pod a cumulative maximum, so the time of every one is exact for that model, except that
requests of different sizes keep the pod they were dealt within a step although another has room. Several activators
are taken for one: each would deal in turn among its own pods.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NONE: Floats = np.empty(0)


@dataclass(frozen=True)
class ServiceTimes:
    """What one pod takes for one text."""

    #: Milliseconds of a request that is alone.
    alone_ms: float
    #: Texts per second, at most.
    rate: float
    #: The logarithm's standard deviation: how much one request's time differs from another's.
    spread: float = 0.0

    def bottleneck_s(self, container_concurrency: int) -> float:
        """Seconds between two answers of a busy pod that may hold so many requests (0: as many as come)."""
        server_s = min(1 / self.rate, self.alone_ms / 1e3)
        return max(server_s, self.alone_ms / 1e3 / container_concurrency) if container_concurrency else server_s


class Fleet:
    """Pods that are ready, and every request that has come and is not answered."""

    def __init__(self, times: ServiceTimes, *, container_concurrency: int, timeout_s: float) -> None:
        """With no pod and no request."""
        self._server_s = times.bottleneck_s(container_concurrency)
        self._delay_s = max(0.0, times.alone_ms / 1e3 - self._server_s)
        self._limit = container_concurrency
        self._timeout_s = timeout_s
        self._waiting, self._sizes = _NONE, _NONE
        self._free_s = _NONE  # a pod's: when its queue is empty
        self._left_s: Floats = np.empty((container_concurrency, 0))  # a pod's last answers, oldest first
        self._leaving_s = _NONE  # answers to come
        self._next = 0  # whose turn it is
        self._before = 0  # in flight
        self.timed_out = 0
        self.busy_s = 0.0

    @property
    def ready(self) -> int:
        """Pods that take requests."""
        return len(self._free_s)

    @property
    def waiting(self) -> int:
        """Requests that no pod has room for yet."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """Requests that have come and are not answered."""
        return self._before

    def resize(self, pods: int, now_s: float) -> None:
        """So many are ready from now on. The newest go first, and answer what they hold."""
        more = pods - self.ready
        if more > 0:
            self._free_s = np.concatenate((self._free_s, np.full(more, now_s)))
            self._left_s = np.concatenate((self._left_s, np.full((self._limit, more), -np.inf)), axis=1)
        else:
            self._free_s, self._left_s = self._free_s[:pods], self._left_s[:, :pods]
        if self._next >= pods:
            self._next = 0

    def step(self, from_s: float, to_s: float, arrivals: Floats, sizes: Floats) -> tuple[Floats, float]:
        """What happens in between, `arrivals` (sorted) and their sizes in texts given.

        Returns the latencies of the requests that were handed to a pod, and the time integral of those in flight.
        """
        self._give_up(from_s)
        if len(arrivals):
            self._waiting = np.concatenate((self._waiting, arrivals))
            self._sizes = np.concatenate((self._sizes, sizes * self._server_s))
        latencies, answers = self._deal(to_s) if self.ready and len(self._waiting) else (_NONE, _NONE)
        if len(answers):
            self._leaving_s = np.concatenate((self._leaving_s, answers))
        gone = self._leaving_s <= to_s
        left = self._leaving_s[gone]
        held = self._before * (to_s - from_s) + float(np.sum(to_s - arrivals)) - float(np.sum(to_s - left))
        if len(left):
            self._leaving_s = self._leaving_s[~gone]
        self._before += len(arrivals) - len(left)
        return latencies, held

    def _give_up(self, now_s: float) -> None:
        if len(self._waiting) and self._waiting[0] + self._timeout_s <= now_s:
            late = int(np.searchsorted(self._waiting, now_s - self._timeout_s, side="right"))
            self._waiting, self._sizes = self._waiting[late:], self._sizes[late:]
            self._before -= late
            self.timed_out += late

    def _deal(self, to_s: float) -> tuple[Floats, Floats]:
        """Hand to pods what they have room for before `to_s`: latencies and times of the answers."""
        taken = self._reachable(to_s)
        rows = -(-taken // self.ready)
        order = (self._next + np.arange(self.ready)) % self.ready
        came = self._table(self._waiting[:taken], rows, np.inf)
        took = self._table(self._sizes[:taken], rows, 0.0)
        worked = np.cumsum(took, axis=0)
        # Lindley: an answer follows the one before it, or its request, whichever is later.
        began = np.maximum.accumulate(np.maximum(came - worked + took, self._free_s[order]), axis=0)
        done = began + worked
        answers = done + self._delay_s
        history = np.concatenate((self._left_s[:, order], answers))
        entered = np.maximum(came, history[:rows]) if self._limit else came
        inside = entered < to_s
        self._remember(order, inside, done, history)
        chosen = inside.ravel()[:taken]
        found = answers.ravel()[:taken][chosen]
        latencies = found - self._waiting[:taken][chosen]
        self.busy_s += float(self._sizes[:taken][chosen].sum())
        rest = np.concatenate((~chosen, np.ones(len(self._waiting) - taken, dtype=bool)))
        self._waiting, self._sizes = self._waiting[rest], self._sizes[rest]
        self._next = (self._next + len(found)) % self.ready
        return latencies, found

    def _reachable(self, to_s: float) -> int:
        """How many of those who wait might be handed on before then: no use in computing the others."""
        if not self._limit:
            return len(self._waiting)
        spare_s = max(0.0, to_s - min(float(self._free_s.min()), float(self._waiting[0])))
        rows = self._limit + int(spare_s / max(float(self._sizes.min()), 1e-9)) + 2
        return min(len(self._waiting), rows * self.ready)

    def _table(self, values: Floats, rows: int, filler: float) -> Floats:
        """In turn: a column for each pod, a row for each round."""
        table = np.full(rows * self.ready, filler)
        table[: len(values)] = values
        return table.reshape(rows, self.ready)

    def _remember(self, order: NDArray[np.intp], inside: NDArray[np.bool_], done: Floats, history: Floats) -> None:
        taken = inside.sum(axis=0)
        columns = np.arange(self.ready)
        self._free_s[order] = np.where(taken > 0, done[np.maximum(taken - 1, 0), columns], self._free_s[order])
        if self._limit:
            self._left_s[:, order] = history[taken + np.arange(self._limit)[:, None], columns]
