"""One client of Redis, behind a breaker that lets no request wait for a server that is gone.

The first command that loses its connection, or is not answered within the timeout, opens the breaker. A task of ours
then tries Redis in the background, at once and again and again, and closes the breaker as soon as it answers in time:
no request is ever the trial. Only a Redis that the first trial does not find either is lost, and told of; the rest is
counted. An error reply is an answer: Redis is there, and says no to one command. And while this process stood still,
Redis could not be heard. That is why no library is used: pybreaker, aiobreaker, circuitbreaker and purgatory all let a
caller through to find out, and each such caller would wait one timeout.

The same task imports and connects the client in the first place, so a waking service does not wait for either.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lightsleeper.cache.redis_client import Mget, close_client, error_reply, make_client
from lightsleeper.cache.redis_refusal import Refusal, understand

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


#: A timer that fires so much late says that the event loop stood still.
_STALLED_S = 0.002

#: A Redis that comes and goes is told of once a minute.
_TELL_INTERVAL_S = 60.0

#: Kinds of refusal remembered as told; a server with more of them makes them up.
_MAX_TOLD = 64


class RedisUnavailable(Exception):  # a state, which no user ever sees
    """Redis did not answer in time, answered with an error, or is known to be away."""


class Observer(Protocol):
    """Told about the breaker; `metrics` implements it."""

    def redis_available(self, *, available: bool) -> None:
        """Redis was found (True), or a trial confirmed that it is lost (False)."""

    def redis_fault(self, kind: str) -> None:
        """`timeout`, `connection`, `refusal` of one command, or `stall`: this process stood still while it waited."""


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
        self._told: set[Refusal] = set()
        self._told_lost_s = -math.inf
        self._untold = 0

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

    async def call(self, name: str, command: Callable[[Any], Awaitable[T]]) -> T:
        """The result of `command(client)`, known as `name`; RedisUnavailable, at once while the breaker is open.

        A `command` that cannot use what it was answered raises RedisUnavailable, too: Redis is there all the same.
        """
        if not self._available.is_set():
            raise RedisUnavailable
        limit = asyncio.timeout(None)
        try:
            async with limit:
                timer = _Timer(limit, self.timeout_s)
                try:
                    return await command(self._client)
                finally:
                    if timer.stop():
                        self._count("stall")
        except RedisUnavailable:  # it has answered, with nothing that `command` can use
            raise
        except Exception as error:  # whatever it is, the caller goes on without Redis
            reply = error_reply(error)
            if reply is None:
                self._open_breaker(error)
            else:
                self.refused(name, reply)
            raise RedisUnavailable from error

    async def mget(self, names: Sequence[bytes]) -> list[Any]:
        """What Redis holds under `names`, in order; RedisUnavailable as `call`. One at a time is fastest."""
        mget = self._mget
        if mget is None:
            raise RedisUnavailable
        return await self.call("MGET", lambda _: mget(names))

    def refused(self, command: str, reply: str) -> None:
        """Redis answered `command` with an error: counted each time, said once, with what would mend it."""
        self._count("refusal")
        refusal = understand(command, reply)
        if refusal not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(refusal)
            log.warning("%s; said once, counted from now on", refusal)

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
        here, told = False, True
        while True:
            if error := await self._trial():
                here, told = False, self._tell_lost(error)
                self._observe(available=False)
                await self._until_found()
            if not here:
                self._observe(available=True)
                if told:
                    log.info("Redis answers")
            here = True
            self._failed.clear()
            self._available.set()
            await self._until_failure()

    async def _until_found(self) -> None:
        while True:
            # Spread out, so that many pods do not meet a starting server at the same moment.
            await asyncio.sleep(_TRIAL_INTERVAL_S * random.uniform(0.75, 1.25))  # noqa: S311  # not a secret
            if not await self._trial():
                return

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
                await mget.connect()
                await self._answered(client.mget([KEY_PREFIX]))
                await self._answered(mget([KEY_PREFIX]))
            async with asyncio.timeout(self.timeout_s):
                await self._answered(mget([KEY_PREFIX]))
        except Exception as error:  # noqa: BLE001  # see `call`
            return error
        return None

    async def _answered(self, mget: Awaitable[object]) -> None:
        """Return once Redis has answered, be it with a no."""
        try:
            await mget
        except Exception as error:
            reply = error_reply(error)
            if reply is None:
                raise
            self.refused("MGET", reply)

    def _open_breaker(self, error: Exception) -> None:
        if self._available.is_set():
            self._available.clear()
            self._count("timeout" if isinstance(error, TimeoutError) else "connection")
        self._failed.set()

    def _tell_lost(self, error: Exception) -> bool:
        """Whether it was told, and not only counted."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._told_lost_s + _TELL_INTERVAL_S:
            self._untold += 1
            return False
        self._told_lost_s = now_s
        more = f" ({self._untold} times more since it was last said)" if self._untold else ""
        self._untold = 0
        log.warning("Redis does not answer in time (%s): serving without it until it does%s", _reason(error), more)
        return True

    def _count(self, fault: str) -> None:
        if self._observer:
            self._observer.redis_fault(fault)

    def _observe(self, *, available: bool) -> None:
        if self._observer:
            self._observer.redis_available(available=available)


def _reason(error: Exception) -> str:
    """Never the client's message, which holds addresses."""
    name = type(error).__name__
    # To who we are, or to the choice of a database: the connection was made, and is of no use.
    reply = error_reply(error) or error_reply(error.__cause__ or error)
    if name == "AuthenticationError":
        return "it refuses the user or the password of LIGHTSLEEPER_REDIS_URL, or wants one"
    return name if reply is None else str(understand("the login", reply))


class _Timer:
    """Ends `limit` once `timeout_s` have passed; what the event loop stood still at the end of them comes on top.

    A loop that was busy elsewhere finds its timers due and the reply unread, and would see to the timers first.
    """

    def __init__(self, limit: asyncio.Timeout, timeout_s: float) -> None:
        """Starts now, inside `limit`."""
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._timeout_s = timeout_s
        self._due_s = self._loop.time() + timeout_s
        self._stalled = False
        self._handle: asyncio.Handle = self._loop.call_at(self._due_s, self._due)

    def stop(self) -> bool:
        """Whether the loop stood still when the time was over."""
        self._handle.cancel()
        return self._stalled

    def _due(self) -> None:
        late_s = self._loop.time() - self._due_s
        if late_s < _STALLED_S:
            self._end()
            return
        self._stalled = True
        self._handle = self._loop.call_later(min(late_s, self._timeout_s), self._end)

    def _end(self) -> None:
        self._limit.reschedule(self._loop.time())
