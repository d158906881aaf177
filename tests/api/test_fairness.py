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
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings

BULK_CLIENTS = 3
SENTENCE = "Does anybody wait for me?"
#: Tokens; the sentence has fewer, everything else more.
SHORT = 20
JSON = {"content-type": "application/json"}
EVENT = {**JSON, "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/any", "ce-type": "any", "prefer": "reply"}
#: As long as anything takes on a machine that is busy with something else.
SETTINGS = Settings(workers=1, cache_entries=0, max_queue_s=600, request_timeout_s=600, max_queued_tokens=10**6)


class Held:
    """An engine that runs short texts at once, and others when it is told to."""

    def __init__(self) -> None:
        self.batches: list[Sequence[TokenizedText]] = []
        self._may_run = threading.Semaphore(0)

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        self.batches.append(texts)
        if max(len(text.ids) for text in texts) > SHORT:
            self._may_run.acquire()
        return np.zeros((len(texts), 2), np.float32)

    def close(self) -> None:
        """Nothing is open."""

    def let_run(self) -> None:
        self._may_run.release(10_000)


class Service:
    """The application and its engine."""

    def __init__(self, app: Any, state: Mapping[str, Any], engine: Held) -> None:  # noqa: ANN401  # FastAPI's
        self._app = app
        self._state = state
        self.engine = engine

    def ask(self, client: str, path: str, body: object, headers: Mapping[str, str] = JSON) -> asyncio.Task[int]:
        asked = status_of(self._app, self._state, path, json.dumps(body).encode(), headers=headers, client=client)
        return asyncio.create_task(asked)


async def until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110  # that a batch begins is no event
        await asyncio.sleep(0.001)


@pytest.fixture
async def service(model: Model, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    engine = Held()
    monkeypatch.setattr("lightsleeper.serving.lifespan.open_model", lambda _: replace(model, engine=engine))
    app = create_app(SETTINGS)
    async with app.router.lifespan_context(app) as state:
        assert state
        yield Service(app, state, engine)
        engine.let_run()


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


async def waits_for_nobody(service: Service, bulk: Sequence[asyncio.Task[int]]) -> None:
    """A sentence that comes while the first batch of others runs."""
    await until(lambda: len(service.engine.batches) == 1)
    assert await service.ask("192.0.2.1", "/predict", {"text": SENTENCE}) == 200
    assert len(service.engine.batches) == 2
    assert not any(each.done() for each in bulk)
    service.engine.let_run()
    assert await asyncio.gather(*bulk) == [200] * len(bulk)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_sentence_waits_for_no_client_with_thousands_in_any_dialect(service: Service, dialect: str) -> None:
    path, headers, body = DIALECTS[dialect]
    bulk = [
        service.ask(f"198.51.100.{client}", path, body(long_texts(client)), headers) for client in range(BULK_CLIENTS)
    ]
    await waits_for_nobody(service, bulk)


async def test_a_sentence_waits_for_no_explanation(service: Service) -> None:
    texts = [
        " ".join(f"{client}{number}" for number in range(1_000, 1_100))  # each word is a few tokens
        for client in range(BULK_CLIENTS)
    ]
    explained = [
        service.ask(f"198.51.100.{client}", "/predict", {"text": text, "explain": True})
        for client, text in enumerate(texts)
    ]
    await waits_for_nobody(service, explained)


async def test_a_sentence_waits_for_no_long_text(service: Service) -> None:
    long = [service.ask(f"198.51.100.{client}", "/predict", {"text": "film " * 500}) for client in range(BULK_CLIENTS)]
    await waits_for_nobody(service, long)
