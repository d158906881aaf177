"""Real processes, a real Redis server that is killed, frozen, emptied and started again, and requests all the while."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from lightsleeper.model.model import Model
from redis_server import RedisServer
from service import Service

#: Repeats and, between them, texts nobody has sent before.
KNOWN = [f"film number {number} was better than the book" for number in range(20)]

CLIENTS = 8


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    hits: int = 0
    failed: list[str] = field(default_factory=list)
    progress: asyncio.Event = field(default_factory=asyncio.Event)


async def ask_until(done: asyncio.Event, client: httpx2.AsyncClient, model: Model, tally: Tally) -> None:
    for number in itertools.count():
        if done.is_set():
            return
        text = KNOWN[number % len(KNOWN)] if number % 3 else f"new text {number} of {id(asyncio.current_task())}"
        response = await client.post("/predict", json={"text": text, "raw_scores": True})
        if response.status_code != 200 or not agrees(response, model, text):
            tally.failed.append(f"{response.status_code} {response.text}")
        tally.answered += 1
        tally.hits += response.headers["x-cache"] == "hit"
        tally.progress.set()


def agrees(response: httpx2.Response, model: Model, text: str) -> bool:
    (ranked,) = response.json()["predictions"]
    scores = {each["label"]: each["score"] for each in ranked}
    (expected,) = model.run(model.tokenizer.encode([text]))
    return [scores[label] for label in model.labels] == pytest.approx(expected, abs=1e-4)


@asynccontextmanager
async def load(service: Service, model: Model) -> AsyncIterator[Tally]:
    """Clients that never pause while the body runs."""
    tally, done = Tally(), asyncio.Event()
    async with httpx2.AsyncClient(base_url=service.url, timeout=300) as client, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(ask_until(done, client, model, tally))
        try:
            yield tally
        finally:
            done.set()


async def more(tally: Tally, requests: int, until: Callable[[], bool] = lambda: True) -> None:
    """Return after so many more answers, and when `until` says so; fail if that takes a minute."""
    goal = tally.answered + requests
    async with asyncio.timeout(60):
        while tally.answered < goal or not until():
            tally.progress.clear()
            await tally.progress.wait()


async def test_a_redis_that_comes_and_goes_under_load_fails_no_request(redis: RedisServer, model: Model) -> None:
    # Without memory of its own every request depends on Redis.
    with Service(redis_url=redis.url, cache_entries=0) as service:
        async with load(service, model) as tally:
            await more(tally, 50, lambda: tally.hits > 0)
            for act in (redis.kill, redis.start, redis.freeze, redis.thaw, redis.empty, redis.kill, redis.start):
                await asyncio.to_thread(act)
                await more(tally, 50)
                assert httpx2.get(f"{service.url}/readyz", timeout=300).status_code == 200
            hits = tally.hits
            await more(tally, 50, lambda: tally.hits > hits)
    assert tally.failed == []
    assert service.output.count("Redis does not answer in time") >= 1
    assert service.output.count("Redis answers") >= 2


async def test_a_text_computed_by_one_process_is_a_hit_in_another(redis: RedisServer) -> None:
    # Patient: a machine busy with something else is not to be taken for a slow Redis.
    settings = {"redis_url": redis.url, "redis_timeout_ms": 5_000}
    with Service(**settings) as first, Service(**settings) as second:
        computed = first.predict("a text of this test alone")
        with redis.client() as client:
            async with asyncio.timeout(60):
                # Other processes connect and write in the background; there is no event to wait for.
                while not client.dbsize() or "Redis answers" not in second.output:  # noqa: ASYNC110  # see above
                    await asyncio.sleep(0.01)
        found = second.predict("A text of THIS test alone")
    assert computed.headers["x-cache"] == "miss"
    assert found.headers["x-cache"] == "hit"
    assert found.json() == computed.json()


def test_a_service_whose_redis_was_never_there_is_ready_and_answers() -> None:
    with Service(redis_url="unix:///nowhere/redis.sock") as service:
        assert httpx2.get(f"{service.url}/readyz", timeout=300).status_code == 200
        answers = [service.predict("nobody misses it").headers["x-cache"] for _ in range(2)]
        service.wait_for_output("Redis does not answer in time")  # it is asked in the background
    assert answers == ["miss", "hit"]
