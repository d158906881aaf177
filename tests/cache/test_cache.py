import asyncio
from array import array
from collections.abc import Mapping, Sequence

import pytest

from lightsleeper.cache.cache import Cache, KeyMaker, LruCache, Secret, TwoLevelCache
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_cache import RedisCache
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.cache.stored_value import ValueFormat
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.pipeline.encoding import Encoder
from queueing import open_batcher
from redis_server import RedisServer

LOGITS = (1.0, -1.0)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_keys_are_the_token_ids_and_the_bundle() -> None:
    ids, others = array("I", [101, 7, 102]), array("I", [101, 8, 102])
    first, second = KeyMaker("ab" * 32), KeyMaker("cd" * 32)
    assert first.key(ids) == first.key(array("I", ids))
    assert len({first.key(ids), first.key(others), second.key(ids)}) == 3


def test_keys_made_with_a_secret_cannot_be_made_without_it() -> None:
    ids = array("I", [101, 7, 102])
    secrets = [None, Secret(32 * "a"), Secret(32 * "b")]
    keys = [KeyMaker(bundle * 32, secret).key(ids) for secret in secrets for bundle in ("ab", "cd")]
    assert len(set(keys)) == 6
    assert KeyMaker("ab" * 32, Secret(32 * "a")).key(ids) == keys[2]
    assert {len(key) for key in keys} == {16}


async def test_the_entry_used_longest_ago_is_forgotten_first() -> None:
    cache = LruCache(2, 10_000)
    cache.put_many({key(1): LOGITS, key(2): LOGITS})
    await cache.get_many([key(1)])
    cache.put_many({key(3): LOGITS})
    assert await cache.get_many([key(1), key(2), key(3)]) == [LOGITS, None, LOGITS]


async def test_bytes_bound_the_entries_too() -> None:
    cache = LruCache(1_000, 1_000)
    cache.put_many({key(number): LOGITS for number in range(100)})
    assert 0 < len(cache) <= 1_000 // 240


async def test_an_entry_put_twice_counts_once() -> None:
    cache = LruCache(1_000, 1_000)
    for _ in range(100):
        cache.put_many({key(1): LOGITS})
    assert len(cache) == 1
    assert await cache.get_many([key(1)]) == [LOGITS]


class Interrupted:
    """A shared cache that finds nothing, while something lands in the memory in front of it."""

    def __init__(self, memory: LruCache) -> None:
        self.memory = memory

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        self.memory.put_many(dict.fromkeys(keys, LOGITS))
        return [None] * len(keys)

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        raise AssertionError(f"nobody puts {len(entries)} entries here")

    async def close(self) -> None:
        pass


async def test_what_lands_while_the_shared_cache_is_asked_is_found() -> None:
    memory = LruCache(10, 10_000)
    assert await TwoLevelCache(memory, Interrupted(memory)).get_many([key(1)]) == [LOGITS]


class CountingRun:
    def __init__(self, model: Model) -> None:
        self._model = model
        self.texts = 0

    def __call__(self, texts: Sequence[TokenizedText]) -> list[Logits]:
        self.texts += len(texts)
        return self._model.run(texts)


@pytest.mark.parametrize("entries", [100, 0], ids=["with memory", "without memory"])
async def test_five_hundred_simultaneous_requests_for_a_new_text_cost_one_inference_with_redis_too(
    model: Model, entries: int
) -> None:
    run = CountingRun(model)
    batcher = open_batcher(run, cost=lambda _: 1, kind=lambda text: text.kind, workers=2, max_batch=64)
    batcher.start()
    with RedisServer() as server:
        link = RedisLink(parse_redis_url(server.url), timeout_s=1)
        link.start()
        await link.wait_available()
        shared = RedisCache(link, ValueFormat(2), ttl_s=60)
        shared.start()
        cache: Cache = TwoLevelCache(LruCache(entries, 100_000), shared) if entries else shared
        encoder = Encoder(model.tokenizer, KeyMaker(model.bundle.digest), max_entries=entries)
        classifier = Classifier(encoder=encoder, cache=cache, batcher=batcher)
        for text in ("new", "newer", "newest"):
            await asyncio.gather(*(staggered(classifier, text, delay) for delay in range(500)))
        await batcher.close(5)
        await cache.close()
        await link.close()
    assert run.texts == 3


async def staggered(classifier: Classifier, text: str, loops: int) -> None:
    """Arrive before, while and after the text is looked up, computed and written."""
    for _ in range(loops):
        await asyncio.sleep(0)
    await classifier.classify([text])
