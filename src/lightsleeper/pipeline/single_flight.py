"""Share one computation among everybody who asks for the same thing at the same time.

The idea is Go's golang.org/x/sync/singleflight; two things differ. Nobody who leaves cancels the others (a shared
`await` would: the first cancelled caller cancels the awaited future). And when the last one leaves, the computation
is cancelled, so that work nobody waits for is never begun.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Flight(Generic[V]):
    future: asyncio.Future[V]
    waiting: int = 0


class SingleFlight(Generic[K, V]):
    """The computations under way, by key. Belongs to one event loop."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._flights: dict[K, _Flight[V]] = {}

    def __len__(self) -> int:
        """How many computations are under way."""
        return len(self._flights)

    async def wait(self, keys: Sequence[K], start: Callable[[list[K]], Sequence[asyncio.Future[V]]]) -> dict[K, V]:
        """The value of every key; `start` is called once, with the keys that nobody is computing yet.

        What `start` raises is raised here, and so is the first exception of any computation waited for.
        """
        flights = self._board(keys, start)
        try:
            await asyncio.wait([flight.future for flight in flights.values()], return_when=asyncio.FIRST_EXCEPTION)
            for flight in flights.values():
                if flight.future.done():
                    flight.future.result()
            return {key: flight.future.result() for key, flight in flights.items()}
        finally:
            for key, flight in flights.items():
                flight.waiting -= 1
                if flight.waiting == 0 and not flight.future.done():
                    # Forgotten at once, not when the callback runs: nobody may board a cancelled flight.
                    self._forget(key, flight)
                    flight.future.cancel()

    def _board(self, keys: Sequence[K], start: Callable[[list[K]], Sequence[asyncio.Future[V]]]) -> dict[K, _Flight[V]]:
        new = list(dict.fromkeys(key for key in keys if key not in self._flights))
        for key, future in zip(new, start(new) if new else (), strict=True):
            flight = self._flights[key] = _Flight(future)
            future.add_done_callback(partial(self._land, key, flight))
        flights = {key: self._flights[key] for key in keys}
        for flight in flights.values():
            flight.waiting += 1
        return flights

    def _land(self, key: K, flight: _Flight[V], future: asyncio.Future[V]) -> None:
        self._forget(key, flight)
        if not future.cancelled():
            future.exception()  # marked as seen: a request reports the first failure of its texts, not each

    def _forget(self, key: K, flight: _Flight[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
