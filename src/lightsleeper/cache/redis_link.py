"""One client of Redis, behind a breaker that lets no request wait for a server that is gone.

The first command that fails, or is not answered within the timeout, opens the breaker. From then on a task of ours
tries Redis in the background, and closes the breaker once it answers in time again: no request is ever the trial.
That is why no library is used: pybreaker, aiobreaker, circuitbreaker and purgatory all let a caller through to find
out, and each such caller would wait one timeout.

The same task imports and connects the client in the first place, so a waking service does not wait for either.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lightsleeper.cache.redis_client import Mget, close_client, make_client

if TYPE_CHECKING:
    from lightsleeper.cache.redis_address import RedisAddress

log = logging.getLogger("lightsleeper")

T = TypeVar("T")

#: Every key begins with it: a Redis may be shared, and an ACL may be as narrow as `~lightsleeper:*`.
KEY_PREFIX = b"lightsleeper:"

#: Nobody waits for a connection to be made, and over TLS to another zone it takes several round trips.
_CONNECT_TIMEOUT_S = 1.0

#: Between two trials while Redis is away: found again within a second, at a cost nobody notices.
_TRIAL_INTERVAL_S = 0.5

#: An idle connection is tried this often, so that a dead one is found by us and not by a request; well below the
#: four minutes after which Azure's load balancer forgets a silent connection.
_KEEPALIVE_INTERVAL_S = 30.0


class RedisUnavailable(Exception):  # a state, which no user ever sees
    """Redis did not answer in time, answered with an error, or is known to be away."""


class Observer(Protocol):
    """Told about the breaker; `metrics` implements it."""

    def redis_available(self, *, available: bool) -> None:
        """The breaker closed (True) or opened (False)."""


class RedisLink:
    """Belongs to one event loop."""

    def __init__(self, address: "RedisAddress", *, timeout_s: float, observer: Observer | None = None) -> None:
        """`timeout_s` is how long one command may take, waiting for a connection included."""
        self.address = address
        self.timeout_s = timeout_s
        self._observer = observer
        # redis-py's client classes share their commands, but no type that says so.
        self._client: Any = None
        self._mget: Mget | None = None
        self._available = asyncio.Event()
        self._failed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """Whether the breaker is closed. It is open until Redis has answered for the first time."""
        return self._available.is_set()

    async def wait_available(self) -> None:
        """Return once the breaker is closed."""
        await self._available.wait()

    def start(self) -> None:
        """Connect in the background; call it inside the event loop."""
        self._task = asyncio.create_task(self._watch(), name="redis-link")

    async def call(self, command: Callable[[Any], Awaitable[T]]) -> T:
        """The result of `command(client)`; RedisUnavailable, at once while the breaker is open."""
        if not self._available.is_set():
            raise RedisUnavailable
        try:
            async with asyncio.timeout(self.timeout_s):
                return await command(self._client)
        except Exception as error:  # whatever it is, the caller goes on without Redis
            self._open_breaker(error)
            raise RedisUnavailable from error

    async def mget(self, names: Sequence[bytes]) -> list[Any]:
        """What Redis holds under `names`, in order; RedisUnavailable as `call`. One at a time is fastest."""
        mget = self._mget
        if mget is None:
            raise RedisUnavailable
        return await self.call(lambda _: mget(names))

    async def close(self) -> None:
        """Disconnect, within a bound."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._available.clear()
        if self._client:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    if self._mget:
                        await self._mget.close()
                    await close_client(self._client)
            except Exception as error:  # noqa: BLE001  # who is gone cannot be said goodbye to
                log.debug("Redis could not be closed: %s", type(error).__name__)

    async def _watch(self) -> None:
        """Find Redis, stay until it is lost, find it again."""
        while True:
            await self._find()
            self._failed.clear()
            self._available.set()
            self._observe()
            log.info("Redis answers")
            await self._until_failure()

    async def _find(self) -> None:
        told = False
        while error := await self._trial():
            if not told:
                # The type alone: the client's messages hold addresses.
                log.warning(
                    "Redis does not answer in time (%s): serving without it until it does", type(error).__name__
                )
                told = True
            # Spread out, so that many pods do not meet a starting server at the same moment.
            await asyncio.sleep(_TRIAL_INTERVAL_S * random.uniform(0.75, 1.25))  # noqa: S311  # not a secret

    async def _until_failure(self) -> None:
        while not self._failed.is_set():
            try:
                async with asyncio.timeout(_KEEPALIVE_INTERVAL_S):
                    await self._failed.wait()
            except TimeoutError:
                if error := await self._trial():
                    self._open_breaker(error)

    async def _trial(self) -> Exception | None:
        """What goes wrong: the first commands connect, the last is judged by the limit that requests have."""
        try:
            client, mget = self._client, self._mget
            if client is None or mget is None:
                client = await asyncio.to_thread(make_client, self.address, connect_timeout_s=_CONNECT_TIMEOUT_S)
                mget = Mget(client)
                self._client, self._mget = client, mget
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await client.get(KEY_PREFIX)
                await mget([KEY_PREFIX])
            async with asyncio.timeout(self.timeout_s):
                await mget([KEY_PREFIX])
        except Exception as error:  # noqa: BLE001  # see `call`
            return error
        return None

    def _open_breaker(self, error: Exception) -> None:
        if self._available.is_set():
            self._available.clear()
            self._observe()
            log.warning("Redis failed (%s)", type(error).__name__)
        self._failed.set()

    def _observe(self) -> None:
        if self._observer:
            self._observer.redis_available(available=self.available)
