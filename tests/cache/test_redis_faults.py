"""Redis that is slow, down, full or lying: a miss, and nothing more."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from lightsleeper.cache.redis_link import KEY_PREFIX
from lightsleeper.cache.stored_value import ValueFormat
from lightsleeper.process import free_port
from redis_caches import (
    LOGITS,
    TIMEOUT_S,
    A,
    B,
    Observer,
    at_once,
    available_again,
    lost,
    opened,
    proxied,
    trial,
    written,
)
from redis_server import RedisServer


async def test_a_frozen_server_costs_one_timeout_and_then_nothing(server: RedisServer) -> None:
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        server.freeze()
        try:
            started_s = time.perf_counter()
            assert await cache.get_many([A]) == [None]
            assert time.perf_counter() - started_s > TIMEOUT_S * 0.9
            await lost(cache)
            for _ in range(100):
                assert at_once(cache.get_many([A])) == [None]
            while observer.available != [True, False]:  # noqa: ASYNC110  # the trial that confirms it takes a second
                await asyncio.sleep(0.01)
        finally:
            server.thaw()
        await available_again(cache)
        cache.put_many({A: LOGITS})
        await written(cache)
        assert await cache.get_many([A]) == [LOGITS]
    assert observer.available == [True, False, True]
    assert observer.counts["redis unavailable"] >= 101


async def test_a_reply_that_comes_too_late_answers_no_other_lookup(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        cache.put_many({A: (1.0, 2.0), B: (3.0, 4.0)})
        await written(cache)
        for _ in range(3):
            server.freeze()
            late = await cache.get_many([A])
            await lost(cache)
            server.thaw()
            await available_again(cache)
            assert late == [None]
            assert await cache.get_many([B]) == [(3.0, 4.0)]


async def test_a_server_that_is_always_too_slow_is_left_alone(server: RedisServer) -> None:
    """A trial of its own limit would let it back in every half second."""
    async with proxied(server, delay_s=1.5 * TIMEOUT_S) as address:
        for _ in range(2):
            assert await trial(f"redis://{address}") is not None
        async with opened(f"redis://{address}", wait=False) as cache:
            assert await cache.get_many([A]) == [None]


async def test_a_killed_server_is_missed_at_once_and_found_again(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
        server.kill()
        assert await cache.get_many([A]) == [None]
        server.start()
        await available_again(cache)
        assert await cache.get_many([A]) == [None]
        cache.put_many({A: LOGITS})
        await written(cache)
        assert await cache.get_many([A]) == [LOGITS]


async def test_a_server_killed_while_it_is_written_to_loses_entries_and_nothing_else(server: RedisServer) -> None:
    observer = Observer()
    on_its_way = asyncio.Event()

    def passes(sent: bytes) -> None:
        if KEY_PREFIX + bytes(16) in sent:
            on_its_way.set()

    async with proxied(server, passes=passes) as address, opened(f"redis://{address}", observer=observer) as cache:
        server.freeze()
        cache.put_many({bytes([n]) * 16: LOGITS for n in range(200)})
        await on_its_way.wait()
        server.kill()
        await lost(cache)
        server.start()
        await available_again(cache)
        await written(cache)
        cache.put_many({A: LOGITS})
        await written(cache)
        assert await cache.get_many([A]) == [LOGITS]
    assert 0 < observer.counts["dropped"] <= 200


async def test_an_emptied_server_is_a_miss(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
        with server.client() as client:
            client.flushall()
        assert await cache.get_many([A]) == [None]


async def test_a_full_server_still_answers_lookups_and_refused_writes_are_counted(server: RedisServer) -> None:
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
        with server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            try:
                cache.put_many({B: LOGITS})
                await written(cache)
                assert await cache.get_many([A, B]) == [LOGITS, None]
            finally:
                client.config_set("maxmemory", "0")
    assert observer.counts["dropped"] == 1
    assert observer.available == [True]


async def test_a_server_that_was_never_there_costs_nothing() -> None:
    async with opened(f"redis://127.0.0.1:{free_port()}", wait=False) as cache:
        assert at_once(cache.get_many([A])) == [None]


@pytest.mark.parametrize("name", [KEY_PREFIX, KEY_PREFIX + A], ids=["the key of the trial", "the key of a text"])
async def test_a_list_under_a_key_of_ours_is_a_miss_and_nothing_more(server: RedisServer, name: bytes) -> None:
    with server.client() as client:
        client.lpush(name, "x")
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        assert await cache.get_many([A]) == [None]
        cache.put_many({B: LOGITS})
        await written(cache)
        assert await cache.get_many([A, B]) == [None, LOGITS]
    assert observer.available == [True]
    assert not {"fault connection", "fault timeout", "dropped"} & set(observer.counts)


async def test_a_value_of_many_megabytes_ends_the_connection_unread(server: RedisServer) -> None:
    with server.client() as client:
        client.set(KEY_PREFIX + A, bytes(50_000_000))
        client.set(KEY_PREFIX + B, ValueFormat(2).pack(B, LOGITS))
        observer = Observer()
        async with opened(server.url, observer=observer) as cache:
            tracemalloc.start()
            assert await cache.get_many([A]) == [None]
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            await available_again(cache)
            assert await cache.get_many([B]) == [LOGITS]
    assert peak < 5_000_000
    assert observer.counts["fault connection"] == 1
    assert observer.available == [True], "one reply too long is no lost server"


#: To the commands of a trial and to whatever comes first; what hostile servers do begins later.
NIL = b"*1\r\n$-1\r\n"


@asynccontextmanager
async def talking(answers: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """A server that says `answers` to whatever is sent with the name of a text in it; its URL."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65_536):
            commands = sent.count(b"MGET") + sent.count(b"CLIENT") + sent.count(b"SET\r\n")
            writer.write(answers(sent) or (NIL if b"MGET" in sent else b"+OK\r\n" * commands))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_comes_behind_a_reply_answers_no_other_lookup() -> None:
    forged = ValueFormat(2).pack(B, (9.0, -9.0))
    reply = b"*1\r\n$%d\r\n%s\r\n" % (len(forged), forged)
    async with talking(lambda sent: NIL + reply if KEY_PREFIX + A in sent else None) as url:
        observer = Observer()
        async with opened(url, observer=observer) as cache:
            for _ in range(3):
                await cache.get_many([A])
                await available_again(cache)
                assert await cache.get_many([B]) == [None]
    assert observer.counts["fault connection"] == 3


async def test_one_value_more_than_asked_for_is_no_answer() -> None:
    value = ValueFormat(2).pack(A, LOGITS)
    reply = b"*2\r\n" + b"$%d\r\n%s\r\n" % (len(value), value) * 2
    async with talking(lambda sent: reply if KEY_PREFIX + A in sent else None) as url, opened(url) as cache:
        assert await cache.get_many([A]) == [None]


async def test_a_loop_that_stands_still_is_no_lost_redis(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Another part of the process holds the event loop for longer than a request may wait for Redis."""
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        cache.put_many({bytes([n]) * 16: LOGITS for n in range(20)})
        await written(cache)
        caplog.set_level("INFO")
        caplog.clear()
        for number in range(20):
            asking = asyncio.ensure_future(cache.get_many([bytes([number]) * 16]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(TIMEOUT_S * 1.2)  # noqa: ASYNC251  # it is meant to
            assert await asking == [LOGITS]
            assert cache._link.available  # noqa: SLF001  # see above
    assert observer.available == [True]
    assert caplog.records == []


async def test_a_single_answer_too_late_is_counted_and_not_told(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        caplog.set_level("INFO")
        caplog.clear()
        server.freeze()
        asking = asyncio.ensure_future(cache.get_many([A]))
        await lost(cache)
        server.thaw()
        await asking
        await available_again(cache)
    assert observer.counts["fault timeout"] == 1
    assert observer.available == [True]
    assert caplog.records == []


async def test_a_redis_that_comes_and_goes_is_told_of_once_a_minute(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        caplog.set_level("INFO")
        caplog.clear()
        for _ in range(3):
            server.kill()
            await lost(cache)
            server.start()
            await available_again(cache)
    assert observer.available[0] is True
    assert observer.available.count(False) == 3
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "Redis does not answer in time",
        "Redis answers",
    ]


@pytest.mark.parametrize(
    "reply",
    [b"\x00\xff garbage \r\n", b"+OK\r\n", b":1\r\n", b"*1\r\n$-1\r\n", b"$-1\r\n", b"-ERR no\r\n", b""],
    ids=["no RESP", "OK", "number", "one value", "nil", "error", "closed"],
)
async def test_a_server_that_answers_nonsense_is_a_miss(reply: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            writer.write(reply)
            if not reply:
                break
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(f"redis://127.0.0.1:{port}", wait=False, start=False) as cache:
            await cache._link._trial()  # noqa: SLF001  # makes the client
            cache._link._available.set()  # noqa: SLF001  # as if it had answered sensibly until now
            assert await cache.get_many([A, B]) == [None, None]


async def test_writes_wait_while_redis_is_away_and_what_does_not_fit_is_counted() -> None:
    observer = Observer()
    async with opened(f"redis://127.0.0.1:{free_port()}", observer=observer, wait=False) as cache:
        cache.put_many({n.to_bytes(16, "big"): LOGITS for n in range(5000)})
        assert observer.counts == {"dropped": 5000 - 4096}
        assert await cache.get_many([(0).to_bytes(16, "big")]) == [LOGITS]
