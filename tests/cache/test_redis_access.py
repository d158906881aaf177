"""Redis users who may do little: what the cache needs of one, and what is said where that is missing."""

import asyncio
from collections.abc import Sequence

import pytest

from lightsleeper.cache.redis_link import KEY_PREFIX
from lightsleeper.cache.stored_value import ValueFormat
from redis_caches import (
    LOGITS,
    A,
    B,
    Observer,
    opened,
    trial,
    written,
)
from redis_server import RedisServer

#: All that the cache needs of a user.
LEAST = ("on", ">pass", "~lightsleeper:*", "-@all", "+get", "+mget", "+set")


def with_user(server: RedisServer, *rules: str) -> str:
    """A user `app` with these rules; its URL."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "reset", *rules)
    return f"unix://app:pass@{server.socket}"


async def test_get_mget_and_set_are_all_it_needs(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    url = with_user(server, *LEAST)
    async with opened(url) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
    observer = Observer()
    async with opened(url, observer=observer) as cache:
        assert await cache.get_many([A, B]) == [LOGITS, None]
    assert observer.available == [True]
    assert "refuses" not in caplog.text


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (("-set",), "Redis refuses SET (NOPERM): its user lacks the ACL rule +set"),
        (("-mget",), "Redis refuses MGET (NOPERM): its user lacks the ACL rule +mget"),
        (("resetkeys", "~other:*"), "Redis refuses MGET (NOPERM): its user lacks the ACL rule ~lightsleeper:*"),
    ],
    ids=["no set", "no mget", "other keys"],
)
async def test_a_refusal_is_said_once_with_the_rule_that_would_allow_it_and_switches_nothing_off(
    server: RedisServer, caplog: pytest.LogCaptureFixture, rules: Sequence[str], said: str
) -> None:
    with server.client() as client:
        client.set(KEY_PREFIX + A, ValueFormat(2).pack(A, LOGITS))
    observer = Observer()
    async with opened(with_user(server, *LEAST, *rules), observer=observer) as cache:
        for number in range(20):
            await cache.get_many([A, B])
            cache.put_many({number.to_bytes(16, "big"): LOGITS})
            await written(cache)
        assert cache._link.available  # noqa: SLF001  # see above
        if "SET" in said:
            assert await cache.get_many([A]) == [LOGITS]
        else:
            assert observer.counts["redis unavailable"] >= 20
        with_user(server, *LEAST)
        assert await cache.get_many([A]) == [LOGITS]
    assert observer.available == [True]
    assert observer.counts["fault refusal"] >= 20
    assert caplog.text.count(said) == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) <= 2


async def test_a_user_who_may_not_choose_a_database_is_told_so(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(f"{with_user(server, *LEAST)}?db=1", wait=False) as cache:
        assert await cache.get_many([A]) == [None]
        assert await trial(f"{with_user(server, *LEAST)}?db=1") is not None
        while "+select" not in caplog.text:  # noqa: ASYNC110  # nothing public says when a trial has failed
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("url", ["unix://:wrong@{socket}", "unix://{socket}"], ids=["wrong", "none"])
async def test_a_wrong_password_is_a_miss_and_is_not_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer("--requirepass", "right") as server:
        async with opened(url.format(socket=server.socket), wait=False) as cache:
            assert await cache.get_many([A]) == [None]
        assert await trial(url.format(socket=server.socket)) is not None
        async with opened(f"unix://:right@{server.socket}") as cache:
            cache.put_many({A: LOGITS})
            await written(cache)
            assert await cache.get_many([A]) == [LOGITS]
    assert "wrong" not in caplog.text
