"""Threads that read texts, a slice at a time: whoever has had the least of their time is next.

By time and not by slices, because a stranger chooses what a slice costs: a text takes 1 to 160 ms, and who sends the
latter had all but a hundredth of the threads. What it takes is known once it was read.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from typing import TypeVar

Read = TypeVar("Read")
Result = TypeVar("Result")

#: Clients remembered beyond those that wait: who was served a moment ago and comes again is not taken for somebody new.
_KEPT = 1_000


class _Client:
    """Where its next slice stands, and what waits for its turn."""

    __slots__ = ("at_s", "away", "reading", "waiting")

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.away = False
        #: Of its slices, how many have their turn.
        self.reading = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class ReadingTurns:
    """Belongs to one event loop."""

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        turns: int,
        *,
        each: int = 1,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """So many slices have their turn in `threads` at once, of one client `each` at most.

        More than there are threads keep them busy from one slice to the next, which is a few turns of the event loop.
        `clock` tells, in a thread, how long it has been busy.
        """
        self._threads = threads
        self._free = turns
        self._each = each
        self._clock = clock
        self._clients: dict[Hashable, _Client] = {}
        #: Those of them that wait for a turn and may have it; and the same in the order of their turns.
        self._ready: dict[Hashable, _Client] = {}
        self._order: list[tuple[float, int, Hashable]] = []
        self._numbers = itertools.count()
        #: Those that wait for a turn or have one.
        self._present = 0
        #: As much as each would have had by now, were all served at once: whoever is new begins there.
        self._now_s = 0.0

    async def run(self, client: Hashable, read: Callable[[Read], Result], what: Read) -> Result:
        """`read(what)` in a thread once it is the turn of `client`."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        known = self._wait(client, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just come
                self._end(client, known, 0.0)
            raise
        took_s: list[float] = []
        reading = loop.run_in_executor(self._threads, self._timed, took_s, read, what)
        # Shielded: what a thread has begun is read to its end, and counted, also when nobody waits for it any more.
        read_whole = asyncio.shield(reading)
        # After the shield's own callback, which lets the caller go on.
        reading.add_done_callback(lambda _: self._end(client, known, sum(took_s)))
        return await read_whole

    def _timed(self, took_s: list[float], read: Callable[[Read], Result], what: Read) -> Result:
        began_s = self._clock()
        try:
            return read(what)
        finally:
            took_s.append(self._clock() - began_s)

    def _wait(self, client: Hashable, turn: asyncio.Future[None]) -> _Client:
        known = self._clients.setdefault(client, _Client(self._now_s))
        if known.away:  # which saves nothing up
            known.at_s = max(known.at_s, self._now_s)
            known.away = False
        self._present += not (known.reading or known.waiting)
        known.waiting.append(turn)
        if known.reading < self._each:
            self._queue(client, known)
        self._begin()
        return known

    def _queue(self, client: Hashable, known: _Client) -> None:
        if client not in self._ready:
            self._ready[client] = known
            heappush(self._order, (known.at_s, next(self._numbers), client))

    def _end(self, client: Hashable, known: _Client, took_s: float) -> None:
        known.at_s += took_s
        self._now_s += took_s / self._present
        known.reading -= 1
        self._free += 1
        if known.waiting:
            self._queue(client, known)
        elif not known.reading:
            self._present -= 1
        # After its caller, who may come again: without that each of his slices would wait for one of somebody else's,
        # of whom more are waiting.
        asyncio.get_running_loop().call_soon(self._go_on, known)

    def _go_on(self, known: _Client) -> None:
        known.away = not (known.reading or known.waiting)
        self._begin()
        self._forget()

    def _begin(self) -> None:
        """Give what is free to who has had the least."""
        while self._free and self._ready:
            at_s, _, client = heappop(self._order)
            first = self._ready[client]
            if first.at_s > at_s:  # it has had more since
                heappush(self._order, (first.at_s, next(self._numbers), client))
                continue
            while first.waiting and first.waiting[0].done():  # who asked has left
                first.waiting.popleft()
            if first.waiting:
                # Nobody owes more than his last slices: what he had while others asked for little was free.
                self._now_s = max(self._now_s, first.at_s)
                first.reading += 1
                self._free -= 1
                first.waiting.popleft().set_result(None)
            elif not first.reading:
                first.away = True
                self._present -= 1
            del self._ready[client]
            if first.waiting and first.reading < self._each:
                self._queue(client, first)

    def _forget(self) -> None:
        if not self._present:  # whoever comes next competes with nobody
            self._clients.clear()
        elif len(self._clients) > 2 * self._present + _KEPT:
            self._clients = {
                who: each for who, each in self._clients.items() if not each.away or each.at_s > self._now_s
            }
