"""Threads for what takes long to read, a slice at a time: whoever has had the least of their time is next.

By time and not by slices, because a stranger chooses what a slice costs: a text takes 1 to 160 ms, and who sends the
latter had all but a hundredth of the threads. What it takes is known once it was read.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lightsleeper.pipeline.priority import stand_back

Read = TypeVar("Read")
Result = TypeVar("Result")

#: Clients remembered beyond those that wait: who was served a moment ago and comes again is not taken for somebody new.
_KEPT = 1_000


class _Client:
    """Where its next slice stands, and what waits for its turn."""

    __slots__ = ("at_s", "away", "reading", "took_s", "waiting")

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.away = self.reading = False
        #: By the slice that was read last.
        self.took_s = 0.0
        self.waiting: deque[asyncio.Future[None]] = deque()


class ReadingTurns:
    """Belongs to one event loop."""

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.thread_time) -> None:
        """`clock` tells, in a thread, how long it has been busy."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tokenize-long", initializer=stand_back)
        self._free = self._workers = threads
        self._clock = clock
        self._clients: dict[Hashable, _Client] = {}
        #: Those of them that wait for a turn and have none.
        self._ready: dict[Hashable, _Client] = {}
        #: As much as each would have had by now, were all served at once: whoever is new begins there.
        self._now_s = 0.0

    async def run(self, client: Hashable, read: Callable[[Read], Result], what: Read) -> Result:
        """`read(what)` in a thread once it is the turn of `client`, which has one at a time."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        known = self._wait(client, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just come
                known.took_s = 0.0
                self._end(client)
            raise
        reading = loop.run_in_executor(self._threads, self._timed, known, read, what)
        # Shielded: what a thread has begun is read to its end, and counted, also when nobody waits for it any more.
        read_whole = asyncio.shield(reading)
        reading.add_done_callback(lambda _: self._end(client))  # after the shield's own, which lets the caller go on
        return await read_whole

    def _timed(self, known: _Client, read: Callable[[Read], Result], what: Read) -> Result:
        began_s = self._clock()
        try:
            return read(what)
        finally:
            known.took_s = self._clock() - began_s

    def _wait(self, client: Hashable, turn: asyncio.Future[None]) -> _Client:
        known = self._clients.setdefault(client, _Client(self._now_s))
        if known.away:  # which saves nothing up
            known.at_s = max(known.at_s, self._now_s)
            known.away = False
        known.waiting.append(turn)
        if not known.reading:
            self._ready[client] = known
        self._begin()
        return known

    def _end(self, client: Hashable) -> None:
        known = self._clients[client]
        known.reading = False
        known.at_s += known.took_s
        self._now_s += known.took_s / (len(self._ready) + self._workers - self._free)
        self._free += 1
        if known.waiting:
            self._ready[client] = known
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
            client, first = min(self._ready.items(), key=lambda each: each[1].at_s)
            while first.waiting and first.waiting[0].done():  # who asked has left
                first.waiting.popleft()
            del self._ready[client]
            if first.waiting:
                # Nobody owes more than his last slice: what he had while others asked for little was free.
                self._now_s = max(self._now_s, first.at_s)
                first.reading = True
                self._free -= 1
                first.waiting.popleft().set_result(None)
            else:
                first.away = True

    def _forget(self) -> None:
        present = len(self._ready) + self._workers - self._free
        if not present:  # whoever comes next competes with nobody
            self._clients.clear()
        elif len(self._clients) > 2 * present + _KEPT:
            self._clients = {
                who: each for who, each in self._clients.items() if not each.away or each.at_s > self._now_s
            }
