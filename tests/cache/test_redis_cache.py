"""Against a real Redis server, which each test may treat as badly as it likes."""

import asyncio
import ssl
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from lightsleeper.cache.cache import KeyMaker, LruCache, Secret, TwoLevelCache
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_cache import RedisCache
from lightsleeper.cache.redis_link import KEY_PREFIX, RedisLink
from lightsleeper.cache.stored_value import UNSIGNED, ValueFormat
from lightsleeper.model.prediction import Logits
from redis_server import RedisServer, free_port

#: Ten times the default: a machine busy with something else is not to be taken for a slow Redis.
TIMEOUT_S = 0.5

A, B, ABSENT = b"a" * 16, b"b" * 16, b"\xff" * 16
LOGITS = (0.25, -1.5)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """Empty, and as healthy as new."""
    if shared_server.process is None:
        shared_server.start()
    with shared_server.client() as client:
        client.flushall()
    return shared_server


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


async def test_what_one_process_wrote_another_reads_bit_for_bit(server: RedisServer) -> None:
    logits = (0.1, -3.4028234663852886e38)
    stored = struct.unpack("<2f", struct.pack("<2f", *logits))
    async with opened(server.url) as writer:
        writer.put_many({A: stored})
        await written(writer)
    async with opened(server.url) as reader:
        assert await reader.get_many([A, B]) == [stored, None]


async def test_values_are_a_version_byte_and_packed_floats_that_expire(server: RedisServer) -> None:
    async with opened(server.url, ttl_s=1234) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
    with server.client() as client:
        assert client.get(KEY_PREFIX + A) == bytes([UNSIGNED]) + struct.pack("<2f", *LOGITS)
        ttl = client.ttl(KEY_PREFIX + A)
        assert isinstance(ttl, int)
        assert 1200 < ttl <= 1234


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not a value",
        bytes([UNSIGNED + 1]) + struct.pack("<2f", *LOGITS),
        bytes([UNSIGNED]) + struct.pack("<3f", 1, 2, 3),
        bytes([UNSIGNED]) + struct.pack("<2f", float("nan"), 1),
        bytes([UNSIGNED]) + struct.pack("<2f", float("inf"), 1),
    ],
    ids=["empty", "text", "other version", "other labels", "nan", "infinity"],
)
async def test_a_value_of_another_kind_is_a_miss_and_counted(server: RedisServer, value: bytes) -> None:
    with server.client() as client:
        client.set(KEY_PREFIX + A, value)
    observer = Observer()
    async with opened(server.url, observer=observer) as cache:
        assert await cache.get_many([A]) == [None]
    assert observer.counts == {"malformed": 1, "redis miss": 1}


SECRET = Secret("0123456789abcdef" * 2)


async def test_who_can_write_to_redis_cannot_forge_an_answer(server: RedisServer) -> None:
    async with opened(server.url, secret=SECRET) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
    with server.client() as client:
        genuine = client.get(KEY_PREFIX + A)
        assert isinstance(genuine, bytes)
        forged = {
            "unsigned": ValueFormat(2).pack(B, (9.0, -9.0)),
            "of another secret": ValueFormat(2, Secret("f" * 32)).pack(B, (9.0, -9.0)),
            "of another text": genuine,
            "without its signature": ValueFormat(2, SECRET).pack(B, LOGITS)[:-16],
            "cut": ValueFormat(2, SECRET).pack(B, LOGITS)[:-1],
            "lengthened": ValueFormat(2, SECRET).pack(B, LOGITS) + bytes(1),
        }
        genuine = ValueFormat(2, SECRET).pack(B, LOGITS)
        for place in range(len(genuine)):
            forged[f"bit {place}"] = genuine[:place] + bytes([genuine[place] ^ 1]) + genuine[place + 1 :]
        observer = Observer()
        async with opened(server.url, secret=SECRET, observer=observer) as cache:
            for value in forged.values():
                client.set(KEY_PREFIX + B, value)
                assert await cache.get_many([A, B]) == [LOGITS, None]
            client.set(KEY_PREFIX + B, genuine)
            assert await cache.get_many([A, B]) == [LOGITS, LOGITS]
    assert observer.counts["malformed"] == len(forged)


async def test_a_signed_value_is_a_miss_for_who_has_no_secret(server: RedisServer) -> None:
    async with opened(server.url, secret=SECRET) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
    async with opened(server.url) as cache:
        assert await cache.get_many([A]) == [None]


async def test_the_lookups_of_many_requests_share_their_commands(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        await cache.get_many([A])
        with server.client() as client:
            client.config_resetstat()
            await asyncio.gather(*(cache.get_many([A, bytes(15) + bytes([n % 8])]) for n in range(500)))
            calls = client.info("commandstats")["cmdstat_mget"]["calls"]
    assert calls <= 2


async def test_one_request_is_one_mget(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        with server.client() as client:
            client.config_resetstat()
            await cache.get_many([bytes(15) + bytes([n]) for n in range(64)])
            stats = client.info("commandstats")
    assert stats["cmdstat_mget"]["calls"] == 1


async def test_an_entry_is_found_before_it_is_written(server: RedisServer) -> None:
    async with opened(server.url, wait=False) as cache:
        cache.put_many({A: LOGITS})
        assert await cache.get_many([A, B]) == [LOGITS, None]


async def test_a_lookup_under_way_gets_what_lands_meanwhile(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        server.freeze()
        try:
            asking = asyncio.ensure_future(cache.get_many([A]))
            await asyncio.sleep(0)
            cache.put_many({A: LOGITS})
            assert await asking == [LOGITS]
        finally:
            server.thaw()


async def test_a_caller_that_leaves_takes_nothing_from_the_others(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        cache.put_many({A: LOGITS})
        await written(cache)
        leaving, staying = (asyncio.ensure_future(cache.get_many([A])) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == [LOGITS]


async def test_close_writes_what_waits(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        cache.put_many({bytes([n]) * 16: LOGITS for n in range(255)})
    with server.client() as client:
        assert client.dbsize() == 255


async def test_connections_carry_our_name(server: RedisServer) -> None:
    async with opened(server.url) as cache:
        await cache.get_many([A])
        with server.client() as client:
            assert "lightsleeper" in {each["name"] for each in client.client_list()}


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


async def test_bytes_of_any_kind_from_the_memory_level_and_from_redis_are_one_answer(server: RedisServer) -> None:
    async with opened(server.url) as shared:
        shared.put_many({A: LOGITS})
        await written(shared)
        cache = TwoLevelCache(LruCache(10, 10_000), shared)
        assert await cache.get_many([A, B, A]) == [LOGITS, None, LOGITS]
        server.kill()
        assert await cache.get_many([A]) == [LOGITS]


async def test_another_model_never_reads_what_the_first_one_wrote(server: RedisServer) -> None:
    from array import array  # noqa: PLC0415  # only here

    ids = array("I", [101, 2023, 102])
    first, second = (KeyMaker(digest * 32).key(ids) for digest in ("ab", "cd"))
    async with opened(server.url) as cache:
        cache.put_many({first: LOGITS})
        await written(cache)
        assert await cache.get_many([first, second]) == [LOGITS, None]


async def test_a_cluster_holds_the_keys_of_one_request_on_several_nodes() -> None:
    with cluster(nodes=2) as servers:
        names = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        async with opened(f"redis+cluster://{names}") as cache:
            entries = {bytes([n]) * 16: LOGITS for n in range(64)}
            cache.put_many(entries)
            await written(cache)
            assert await cache.get_many([*entries, bytes(16)[:-1] + b"x"]) == [LOGITS] * 64 + [None]
        sizes = []
        for server in servers:
            with server.client() as client:
                sizes.append(client.dbsize())
    assert sum(sizes) == 64
    assert min(sizes) > 0


async def test_sentinel_names_the_master() -> None:
    with RedisServer(port=free_port()) as master, RedisServer(port=free_port(), sentinel_of=master.port) as watcher:
        async with opened(f"redis+sentinel://127.0.0.1:{watcher.port}/main") as cache:
            cache.put_many({A: LOGITS})
            await written(cache)
        with master.client() as client:
            assert client.exists(KEY_PREFIX + A)


async def test_a_master_that_dies_is_followed_to_the_replica_that_sentinel_promotes() -> None:
    with (
        RedisServer("--repl-diskless-sync-delay", "0", port=free_port()) as master,
        RedisServer("--replicaof", f"127.0.0.1 {master.port}", port=free_port()) as replica,
        RedisServer(port=free_port(), sentinel_of=master.port) as watcher,
    ):
        sentinel = redis.Redis(port=watcher.port)
        with sentinel, replica.client() as client:
            _until(lambda: client.info("replication")["master_link_status"] == "up")
            _until(lambda: len(sentinel.sentinel_slaves("main")) == 1)
            async with opened(f"redis+sentinel://127.0.0.1:{watcher.port}/main") as cache:
                cache.put_many({A: LOGITS})
                await written(cache)
                _until(lambda: client.exists(KEY_PREFIX + A))
                master.kill()
                assert await cache.get_many([A]) == [None]
                await available_again(cache)
                assert await cache.get_many([A]) == [LOGITS]
                cache.put_many({B: LOGITS})
                await written(cache)
            assert client.role()[0] == b"master"
            assert client.exists(KEY_PREFIX + B)


async def test_tls_needs_a_certificate_that_can_be_verified(server: RedisServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with proxied(server, tls=tls) as address:
        async with opened(f"rediss://{address}?ssl_ca_certs={tmp_path / 'ca.pem'}") as cache:
            cache.put_many({A: LOGITS})
            await written(cache)
            assert await cache.get_many([A]) == [LOGITS]
        async with opened(f"rediss://{address}", wait=False) as cache:
            assert await cache.get_many([A]) == [None]
        assert "certificate verify failed" in str(await trial(f"rediss://{address}"))


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


class cluster:  # noqa: N801  # reads as a function
    """Redis servers that share the slots among them."""

    def __init__(self, nodes: int) -> None:
        self.ports = [(free_port(), free_port()) for _ in range(nodes)]
        self.servers = [
            RedisServer("--cluster-enabled", "yes", "--cluster-port", str(bus), port=port) for port, bus in self.ports
        ]

    def __enter__(self) -> Sequence[RedisServer]:
        for server in self.servers:
            server.start()
        step = 16_384 // len(self.servers)
        for number, server in enumerate(self.servers):
            last = 16_383 if number == len(self.servers) - 1 else (number + 1) * step - 1
            with server.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * step, last)
                for port, bus in self.ports:
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for server in self.servers:
            with server.client() as client:
                _until(lambda client=client: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        return self.servers

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.__exit__()


def _until(true: Any) -> None:  # noqa: ANN401  # any truth
    deadline_s = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)  # another process is asked; it has no event to wait for
