"""Who sends one sentence does not wait for who sends a thousand, whatever dialect those are in, explanations too."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asked import status_of
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.fair_queue import FairQueue
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings

BULK_CLIENTS = 3
SENTENCE = "Does anybody wait for me?"
JSON = {"content-type": "application/json"}
EVENT = {**JSON, "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/any", "ce-type": "any", "prefer": "reply"}
#: As long as anything takes on a machine that is busy with something else.
SETTINGS = Settings(workers=1, cache_entries=0, max_queue_s=600, request_timeout_s=600, max_queued_tokens=10**6)


class Held:
    """An engine that runs a batch when it is told to."""

    def __init__(self) -> None:
        self.batches: list[Sequence[TokenizedText]] = []
        self._may_run = threading.Semaphore(0)

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        self.batches.append(texts)
        self._may_run.acquire()
        return np.zeros((len(texts), 2), np.float32)

    def close(self) -> None:
        """Nothing is open."""

    def let_run(self, batches: int = 1) -> None:
        self._may_run.release(batches)


class Service:
    """The application, its engine and its queue."""

    def __init__(self, app: Any, state: Mapping[str, Any], engine: Held, queue: FairQueue[object]) -> None:  # noqa: ANN401  # FastAPI's
        self._app = app
        self._state = state
        self.engine = engine
        self.queue = queue

    def ask(self, client: str, path: str, body: object, headers: Mapping[str, str] = JSON) -> asyncio.Task[int]:
        asked = status_of(self._app, self._state, path, json.dumps(body).encode(), headers=headers, client=client)
        return asyncio.create_task(asked)


async def until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110  # a queue's length is no event
        await asyncio.sleep(0.001)


@pytest.fixture
async def service(model: Model, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    queue: FairQueue[object] = FairQueue()
    engine = Held()
    monkeypatch.setattr("lightsleeper.serving.lifespan.FairQueue", lambda: queue)
    monkeypatch.setattr("lightsleeper.serving.lifespan.open_model", lambda _: replace(model, engine=engine))
    app = create_app(SETTINGS)
    async with app.router.lifespan_context(app) as state:
        assert state
        yield Service(app, state, engine, queue)
        engine.let_run(10_000)


def long_texts(client: int) -> list[str]:
    return [f"{client} {number} " + "film " * 500 for number in range(64)]


def instances(texts: list[str]) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}]}


#: Path, headers, and the body of so many texts.
DIALECTS: dict[str, tuple[str, Mapping[str, str], Callable[[list[str]], object]]] = {
    "ours": ("/predict", JSON, lambda texts: {"text": texts}),
    "text-embeddings-inference": ("/predict", JSON, lambda texts: {"inputs": texts}),
    "Hugging Face": ("/", JSON, lambda texts: {"inputs": texts}),
    "KServe V1": ("/v1/models/lightsleeper:predict", JSON, lambda texts: {"instances": texts}),
    "Open Inference": ("/v2/models/lightsleeper/infer", JSON, instances),
    "events": ("/events", EVENT, lambda texts: {"text": texts}),
}


async def is_next_but_one(service: Service, waiting: int) -> None:
    """A sentence that comes once so many texts wait."""
    await until(lambda: len(service.queue) == waiting)
    sentence = service.ask("192.0.2.1", "/predict", {"text": SENTENCE})
    await until(lambda: len(service.queue) == waiting + 1)
    ran = len(service.engine.batches)
    service.engine.let_run(2)  # what runs, and one batch of the others
    await until(lambda: len(service.engine.batches) == ran + 2)
    shortest = min(len(text.ids) for batch in service.engine.batches[ran:] for text in batch)
    assert shortest < 20  # tokens: the sentence's
    service.engine.let_run()
    assert await sentence == 200


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_sentence_waits_for_one_batch_of_clients_with_thousands_in_any_dialect(
    service: Service, dialect: str
) -> None:
    path, headers, body = DIALECTS[dialect]
    running = service.ask("192.0.2.9", "/predict", {"text": "This one holds the worker."})
    await until(lambda: len(service.engine.batches) == 1)
    bulk = [
        service.ask(f"198.51.100.{client}", path, body(long_texts(client)), headers) for client in range(BULK_CLIENTS)
    ]
    await is_next_but_one(service, BULK_CLIENTS * 64)
    assert running.done()
    assert not any(each.done() for each in bulk)


async def test_a_sentence_waits_for_one_batch_of_explanations(service: Service) -> None:
    running = service.ask("192.0.2.9", "/predict", {"text": "This one holds the worker."})
    await until(lambda: len(service.engine.batches) == 1)
    words = 100
    explained = [
        service.ask(
            f"198.51.100.{client}",
            "/predict",
            {"text": " ".join(f"{client}{number}" for number in range(1_000, 1_000 + words)), "explain": True},
        )
        for client in range(BULK_CLIENTS)
    ]
    await is_next_but_one(service, BULK_CLIENTS * (words + 1))
    assert running.done()
    assert not any(each.done() for each in explained)
