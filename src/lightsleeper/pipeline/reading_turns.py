"""Threads for what takes long to read, a slice at a time: whoever has had the least of their time is next.

By time and not by slices, because a stranger chooses what a slice costs: a text takes 1 to 160 ms, and who sends the
latter had all but a hundredth of the threads. What it takes is known once it was read.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from lightsleeper.pipeline.priority import stand_back

Read = TypeVar("Read")
Result = TypeVar("Result")

#: Clients remembered beyond those that wait: who was served a moment ago and comes again is not taken for somebody new.
_KEPT = 1_000


class _Client:
    """Where its next slice stands, and what waits for its turn."""

    __slots__ = ("at_s", "reading", "waiting")

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.reading = False
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
        self._wait(client, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just come
                self._end(client, 0.0)
            raise
        # Shielded: what a thread has begun is read to its end, and counted, also when nobody waits for it any more.
        return await asyncio.shield(loop.run_in_executor(self._threads, self._timed, loop, client, read, what))

    def _timed(
        self, loop: asyncio.AbstractEventLoop, client: Hashable, read: Callable[[Read], Result], what: Read
    ) -> Result:
        began_s = self._clock()
        try:
            return read(what)
        finally:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._end, client, self._clock() - began_s)

    def _wait(self, client: Hashable, turn: asyncio.Future[None]) -> None:
        known = self._clients.setdefault(client, _Client(self._now_s))
        known.waiting.append(turn)
        if not known.reading:
            self._ready[client] = known
        self._begin()

    def _end(self, client: Hashable, took_s: float) -> None:
        known = self._clients[client]
        known.reading = False
        known.at_s += took_s
        if known.waiting:
            self._ready[client] = known
        self._now_s += took_s / (len(self._ready) + self._workers - self._free)
        self._free += 1
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
                first.at_s = max(first.at_s, self._now_s)
                first.reading = True
                self._free -= 1
                first.waiting.popleft().set_result(None)

    def _forget(self) -> None:
        present = len(self._ready) + self._workers - self._free
        if not present:  # whoever comes next competes with nobody
            self._clients.clear()
        elif len(self._clients) > 2 * present + _KEPT:
            self._clients = {
                who: each
                for who, each in self._clients.items()
                if each.reading or each.waiting or each.at_s > self._now_s
            }
