"""More is asked than one worker can do, over real sockets: everybody is answered or told at once to come again."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest

from burst import unique_text
from service import Service

pytestmark = pytest.mark.anyio

AT_ONCE = 120


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    # So little may wait that any machine has too much to do.
    with Service(workers=1, cache_entries=0, max_queue_s=0.002) as service:
        yield service


async def test_whoever_is_not_answered_is_told_to_come_again_and_nobody_is_lost(service: Service) -> None:
    dice = random.Random(7)
    async with httpx2.AsyncClient(base_url=service.url, timeout=60) as client:
        bodies = [{"text": unique_text(dice, 60)} for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert answer.json()["error"]["code"] == "overloaded"
                assert int(answer.headers["retry-after"]) >= 1
        assert (await client.post("/predict", json={"text": "And now?"})).status_code == 200


async def test_probes_answer_while_more_is_asked_than_can_be_done(service: Service) -> None:
    dice = random.Random(8)
    over = asyncio.Event()

    async def greedy(client: httpx2.AsyncClient) -> list[int]:
        statuses = []
        while not over.is_set():
            statuses.append((await client.post("/predict", json={"text": unique_text(dice, 60)})).status_code)
        return statuses

    async with httpx2.AsyncClient(base_url=service.url, timeout=60) as client:
        crowd = [asyncio.create_task(greedy(client)) for _ in range(20)]
        probes = [await client.get(path) for path in ("/livez", "/readyz", "/health") * 5]
        over.set()
        told = [status for statuses in await asyncio.gather(*crowd) for status in statuses]
    assert 503 in told
    assert {probe.status_code for probe in probes} == {200}
