"""What is written to a real Redis, and read from it."""

import asyncio
import struct

import pytest

from lightsleeper.cache.cache import KeyMaker, LruCache, Secret, TwoLevelCache
from lightsleeper.cache.redis_link import KEY_PREFIX
from lightsleeper.cache.stored_value import UNSIGNED, ValueFormat
from redis_caches import (
    LOGITS,
    A,
    B,
    Observer,
    opened,
    written,
)
from redis_server import RedisServer


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
