"""A Redis that replicas share counts texts, and whatever becomes of it fails no request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from lightsleeper.api.rate_limit import RateLimiter
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.errors import RateLimited
from lightsleeper.process import free_port
from redis_server import RedisServer
from spending import spend


async def test_memory_counts_as_redis_does() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            for texts in ((3, 4, 3), (9, 2), (5, -5, 10)):
                seen = []
                for each in (link, None):
                    limiter = RateLimiter(max_texts=10, window_s=3600, link=each)
                    scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
                    counted = [await limiter._count(scope, number) for number in texts]  # noqa: SLF001  # both at once
                    seen.append([(allowed, window.current_texts) for allowed, window in counted])
                assert seen[0] == seen[1]
                server.empty()


RATE_LIMITS_TOO = "+get +mget +set +evalsha +script|load +pttl +exists +incrby +rename"


@pytest.mark.parametrize(
    ("commands", "shared"), [(RATE_LIMITS_TOO, True), ("+get +mget +set", False)], ids=["with scripts", "without"]
)
async def test_without_scripts_each_process_counts_for_itself_and_the_cache_stays_on(
    caplog: pytest.LogCaptureFixture, commands: str, *, shared: bool
) -> None:
    with RedisServer() as server:
        with server.client() as client:
            rules = ["on", ">pass", "~lightsleeper:*", "-@all", *commands.split()]
            client.execute_command("ACL", "SETUSER", "app", "reset", *rules)
        async with linked(f"unix://app:pass@{server.socket}") as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            for _ in range(5):
                await spend(limiter, 1)
            assert (await spend(limiter, 1))[b"ratelimit-remaining"] == 4
            assert link.available
            with server.client() as client:
                for name in client.scan_iter():
                    client.pexpire(name, 3_599_000)  # so old a count is that of the window before
            await spend(limiter, 1)
            assert link.available
        with server.client() as client:
            assert client.dbsize() == (2 if shared else 0)
    assert caplog.text.count("its user lacks the ACL rule +") == (0 if shared else 1)


async def test_a_list_under_the_key_of_a_count_fails_no_request() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            await spend(limiter, 6)
            with server.client() as client:
                for name in client.scan_iter():
                    client.delete(name)
                    client.lpush(name, "x")
            assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
            assert link.available


@pytest.mark.parametrize("name", ["", "/-1"], ids=["this window", "the one before"])
@pytest.mark.parametrize(
    "value", ["abc", "", "1" + 400 * "0", "9" * 5_000, "-" + 400 * "9", "2.5", "1e400", "nan", "\xff"]
)
async def test_what_is_no_count_under_the_key_of_a_count_is_counted_in_memory(value: str, name: str) -> None:
    async with counted_as({name: value}) as (limiter, link):
        headers = await spend(limiter, 6)
        assert 0 <= int(headers[b"ratelimit-remaining"]) <= 4
        assert link.available


@pytest.mark.parametrize(("value", "remaining"), [("-1000000", 10), ("-1", 10), ("11", 0), (f"{2**63 - 1}", 0)])
async def test_no_count_in_redis_leaves_more_than_the_limit_or_less_than_nothing(value: str, remaining: int) -> None:
    async with counted_as({"": value}) as (limiter, link):
        scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
        with suppress(RateLimited):
            await limiter.spend(scope, 0)
        assert int(dict(scope["state"]["rate_limit_headers"])[b"ratelimit-remaining"]) == remaining
        assert link.available


async def test_a_count_in_redis_that_never_ends_shuts_nobody_out() -> None:
    async with counted_as({"": "1000"}, end=False) as (limiter, link):
        assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
        with pytest.raises(RateLimited):
            await spend(limiter, 5)
        assert link.available


@asynccontextmanager
async def counted_as(values: Mapping[str, str], *, end: bool = True) -> AsyncIterator[tuple[RateLimiter, RedisLink]]:
    """A limiter of ten texts, whose client's windows hold `values`, by what their keys end with."""
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            await spend(limiter, 1)
            with server.client() as client:
                [key] = client.keys()
                for name, value in values.items():
                    life_ms = 7_000_000 if name == "" else 3_000_000
                    client.set(key + name.encode(), value.encode("latin-1"), px=life_ms if end else None)
            yield limiter, link


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(parse_redis_url(url), timeout_s=1.0)
    link.start()
    try:
        yield link
    finally:
        await link.close()


async def test_replicas_share_their_counts_through_redis() -> None:
    with RedisServer() as server:
        async with linked(server.url) as one, linked(server.url) as other:
            await one.wait_available()
            await other.wait_available()
            limiters = [RateLimiter(max_texts=10, window_s=3600, link=link) for link in (one, other)]
            assert (await spend(limiters[0], 6))[b"ratelimit-remaining"] == 4
            assert (await spend(limiters[1], 4))[b"ratelimit-remaining"] == 0
            for limiter in limiters:
                with pytest.raises(RateLimited):
                    await spend(limiter, 1)
        with server.client() as client:
            names = client.keys()
            assert isinstance(names, list)
            assert all(name.startswith(b"lightsleeper:limit") for name in names)
            assert all(0 < client.ttl(name) <= 2 * 3600 for name in names)


async def test_without_redis_each_process_counts_for_itself() -> None:
    async with linked(f"redis://127.0.0.1:{free_port()}") as link:
        limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
        assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
        with pytest.raises(RateLimited):
            await spend(limiter, 5)


async def test_a_redis_lost_in_the_middle_never_fails_a_request() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10_000, window_s=3600, link=link)
            await asyncio.gather(*(spend(limiter, 1, client=(f"192.0.2.{n}", 1)) for n in range(50)))
            server.kill()
            await asyncio.gather(*(spend(limiter, 1, client=(f"192.0.2.{n}", 1)) for n in range(50)))
            assert not link.available
            server.start()
            await link.wait_available()
            assert (await spend(limiter, 1))[b"ratelimit-remaining"] == 9_999
