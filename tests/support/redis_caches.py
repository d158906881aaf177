"""A cache over a real Redis, and what its tests wait for."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from lightsleeper.cache.cache import Secret
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_cache import RedisCache
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.cache.stored_value import ValueFormat
from lightsleeper.model.prediction import Logits
from redis_server import RedisServer

#: Ten times the default: a machine busy with something else is not to be taken for a slow Redis.
TIMEOUT_S = 0.5

A, B, ABSENT = b"a" * 16, b"b" * 16, b"\xff" * 16
LOGITS = (0.25, -1.5)


class Observer:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.available: list[bool] = []

    def lookups(self, level: str, result: str, texts: int) -> None:
        self._add(f"{level} {result}", texts)

    def malformed_value(self) -> None:
        self._add("malformed", 1)

    def writes_dropped(self, entries: int) -> None:
        self._add("dropped", entries)

    def redis_available(self, *, available: bool) -> None:
        self.available.append(available)

    def redis_fault(self, kind: str) -> None:
        self._add(f"fault {kind}", 1)

    def _add(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number


@asynccontextmanager
async def opened(
    url: str,
    *,
    ttl_s: int = 60,
    observer: Observer | None = None,
    wait: bool = True,
    start: bool = True,
    secret: Secret | None = None,
) -> AsyncIterator[RedisCache]:
    link = RedisLink(parse_redis_url(url), timeout_s=TIMEOUT_S, observer=observer)
    cache = RedisCache(link, ValueFormat(2, secret), ttl_s=ttl_s, observer=observer)
    if start:
        link.start()
    cache.start()
    if wait:
        await link.wait_available()
    try:
        yield cache
    finally:
        await cache.close()
        await link.close()


async def written(cache: RedisCache) -> None:
    """Return once the writer has nothing left to do."""
    while cache._unwritten:  # noqa: ASYNC110, SLF001  # nothing public says when a background write is done
        await asyncio.sleep(0.001)


async def trial(url: str) -> Exception | None:
    """What the background task finds wrong, asked by hand."""
    link = RedisLink(parse_redis_url(url), timeout_s=TIMEOUT_S)
    try:
        return await link._trial()  # noqa: SLF001  # see above
    finally:
        await link.close()


async def available_again(cache: RedisCache) -> None:
    async with asyncio.timeout(30):
        await cache._link.wait_available()  # noqa: SLF001  # see above


def at_once(lookup: Coroutine[Any, Any, Sequence[Logits | None]]) -> Sequence[Logits | None]:
    """What it answers without waiting for anything."""
    with pytest.raises(StopIteration) as answered:
        lookup.send(None)
    answer: Sequence[Logits | None] = answered.value.value
    return answer


async def lost(cache: RedisCache) -> None:
    """Ask until the breaker is open: a caller's own timeout may end just before the command's."""
    while cache._link.available:  # noqa: SLF001  # see above
        await cache.get_many([ABSENT])


@asynccontextmanager
async def proxied(
    server: RedisServer,
    *,
    delay_s: float = 0,
    tls: ssl.SSLContext | None = None,
    passes: Callable[[bytes], None] = lambda _: None,
) -> AsyncIterator[str]:
    """Host and port of the server behind a network that takes its time, or encrypts, or tells what `passes`."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        with suppress(OSError):  # of a server that was killed
            far_reader, far_writer = await asyncio.open_unix_connection(str(server.socket))
            open_writers.append(far_writer)
            while sent := await reader.read(65_536):
                await asyncio.sleep(delay_s)
                far_writer.write(sent)
                passes(sent)
                if not (answer := await far_reader.read(65_536)):
                    break
                writer.write(answer)
        writer.close()

    open_writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=tls) as proxy:
        yield f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        for writer in open_writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in open_writers), return_exceptions=True)
