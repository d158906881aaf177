"""How many texts one client may send: a sliding window per API key or address, shared by all replicas through Redis.

Counting in Redis is the `limits` library's; this module counts in this process's memory while Redis is away, and says
in headers how much is left. Imported only where a limit is set: the library takes 60 ms to import.
"""

import asyncio
import math
from collections import OrderedDict
from typing import Any, NamedTuple

from limits.aio.storage import RedisStorage
from starlette.types import Scope

from lightsleeper.api.client import client_of
from lightsleeper.cache.redis_link import KEY_PREFIX, RedisLink, RedisUnavailable
from lightsleeper.errors import InvalidInput, RateLimited

#: Clients remembered in memory, 6 MB of them; beyond that the one longest away is forgotten. Whoever has more addresses
#: than this is beyond what counting by address can stop.
_MAX_CLIENTS = 20_000

#: Requests that may ask Redis at once; the others wait their turn, within the timeout, then count in memory.
_MAX_ASKING = 8

#: What INCRBY can count to; more under a key of ours is somebody else's.
_MAX_REDIS_COUNT = 2**63 - 1


class _Window(NamedTuple):
    """What is known of one client; times in seconds, lives counted until nothing is left to forget."""

    previous_texts: int
    previous_life_s: float
    current_texts: int
    current_life_s: float


class _Memory:
    """The library's sliding window counter without Redis, in constant time: its own looks at every client each time."""

    def __init__(self, max_texts: int, window_s: int) -> None:
        """Belongs to one event loop, whose clock it reads."""
        self._max_texts = max_texts
        self._window_s = window_s
        #: When the current window began, its texts, and those of the one before; longest unused first.
        self._clients: OrderedDict[str, tuple[float, int, int]] = OrderedDict()

    def __len__(self) -> int:
        """Clients remembered."""
        return len(self._clients)

    def spend(self, client: str, texts: int) -> tuple[bool, _Window]:
        """Whether so many texts fit, and the client's window with them if they do; fewer than none gives back."""
        now_s = asyncio.get_running_loop().time()
        began_s, current, previous = self._clients.get(client, (now_s, 0, 0))
        windows = int((now_s - began_s) // self._window_s)
        if windows:
            previous = current if windows == 1 else 0
            began_s, current = (began_s + self._window_s if windows == 1 else now_s), 0
        previous_life_s = began_s + self._window_s - now_s
        fits = math.floor(previous * previous_life_s / self._window_s) + current + texts <= self._max_texts
        if fits:
            current = max(0, current + texts)
        self._clients[client] = began_s, current, previous
        self._clients.move_to_end(client)
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        return fits, _Window(previous, previous_life_s, current, previous_life_s + self._window_s)


class RateLimiter:
    """Counts texts by client. Belongs to one event loop."""

    def __init__(self, *, max_texts: int, window_s: int, link: RedisLink | None = None) -> None:
        """At most `max_texts` in any `window_s`, estimated as the library's sliding window counter does."""
        self._max_texts = max_texts
        self._window_s = window_s
        self._link = link
        self._memory = _Memory(max_texts, window_s)
        self._shared: RedisStorage | None = None
        self._turns = asyncio.Semaphore(_MAX_ASKING)

    async def spend(self, scope: Scope, texts: int, *, counted: int = 0) -> None:
        """Count `texts` against the client of this request; RateLimited, and nothing counted, if they are too many.

        InvalidInput if they are more than ever fit, with those of the request that were `counted` before. Leaves
        `rate_limit_headers` in the request's state:
        https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/03/
        """
        whole = counted + texts
        if whole > self._max_texts:
            raise InvalidInput(
                f"the request counts as {whole} texts, an explanation as one for each of its words and one more; "
                f"this service takes {self._max_texts} of one client in {self._window_s} s",
                code="too_many_texts",
                field="text",
                limit=self._max_texts,
            )
        allowed, window = await self._count(scope, texts)
        if not allowed:
            raise RateLimited(
                f"{texts} more texts would be over the limit of {self._max_texts} in {self._window_s} s",
                limit=self._max_texts,
                retry_after_s=self._wait_s(window, whole),  # it comes again as a whole
            )

    async def give_back(self, scope: Scope, texts: int) -> None:
        """Take back a `spend` of texts that nobody has read."""
        await self._count(scope, -texts)

    async def _count(self, scope: Scope, texts: int) -> tuple[bool, _Window]:
        client = client_of(scope)
        try:
            allowed, window = await self._spend_shared(client, texts)
        except (RedisUnavailable, TimeoutError):
            allowed, window = self._memory.spend(client, texts)
        scope["state"]["rate_limit_headers"] = self._headers(window)
        return allowed, window

    async def _spend_shared(self, client: str, texts: int) -> tuple[bool, _Window]:
        if self._link is None or not self._link.available:
            raise RedisUnavailable
        async with asyncio.timeout(self._link.timeout_s):
            await self._turns.acquire()
        try:
            return await self._link.call("EVALSHA", lambda redis: self._spend(self._storage(redis), client, texts))
        finally:
            self._turns.release()

    async def _spend(self, storage: RedisStorage, client: str, texts: int) -> tuple[bool, _Window]:
        allowed = await storage.acquire_sliding_window_entry(client, self._max_texts, self._window_s, texts)
        try:
            previous, previous_life_s, current, current_life_s = await storage.get_sliding_window(
                client, self._window_s
            )
        except ValueError:  # somebody else has written what is no number
            raise RedisUnavailable from None
        if max(abs(previous), abs(current)) > _MAX_REDIS_COUNT:
            raise RedisUnavailable
        if current and not current_life_s:  # no script's, which all end: its client would be shut out for ever
            raise RedisUnavailable
        previous, current = (min(max(0, texts), self._max_texts) for texts in (previous, current))
        return bool(allowed), _Window(previous, previous_life_s, current, current_life_s)

    def _storage(self, redis: Any) -> RedisStorage:  # noqa: ANN401  # see RedisLink
        if self._shared is None:
            prefix = KEY_PREFIX.decode() + "limit"
            self._shared = RedisStorage("async+redis://", implementation="redispy", key_prefix=prefix)
            # The library would make a client and a pool of its own, with timeouts of its own.
            bridge: Any = self._shared.bridge
            bridge.storage = redis
            bridge.register_scripts()
        return self._shared

    def _headers(self, window: _Window) -> list[tuple[bytes, bytes]]:
        faded = window.previous_texts * window.previous_life_s / self._window_s
        remaining = max(0, self._max_texts - math.floor(faded) - window.current_texts)
        numbers = {
            b"ratelimit-limit": self._max_texts,
            b"ratelimit-remaining": remaining,
            b"ratelimit-reset": math.ceil(self._rollover_s(window)),
        }
        policy = (b"ratelimit-policy", b"%d;w=%d" % (self._max_texts, self._window_s))
        return [policy, *((name, b"%d" % number) for name, number in numbers.items())]

    def _rollover_s(self, window: _Window) -> float:
        """Until the current window becomes the previous one."""
        return max(0.0, window.current_life_s - self._window_s)

    def _wait_s(self, window: _Window, texts: int) -> float:
        """Until so many texts, which are no more than `max_texts`, fit if nobody sends any meanwhile."""
        room = self._max_texts - texts
        if room >= window.current_texts:  # the previous window has to fade
            left = room - window.current_texts
            return max(0.0, window.previous_life_s - left * self._window_s / max(1, window.previous_texts))
        return self._rollover_s(window) + self._window_s * (1 - room / window.current_texts)
