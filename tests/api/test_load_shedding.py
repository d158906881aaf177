import json
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from lightsleeper.api.load_shedding import LoadShedding
from lightsleeper.api.predict_request import Limits
from lightsleeper.api.refusals import refuse
from lightsleeper.pipeline.fair_queue import FairQueue, Lane, Place
from queueing import open_admission

LIMITS = Limits(max_texts=64, max_text_chars=50_000, max_body_bytes=20_000, timeout_s=30)


async def answers(scope: dict[str, Any], *, full: bool) -> list[Message]:
    """What a service with a full queue, or an empty one, sends without reading the body."""
    queue: FairQueue[str] = FairQueue()
    admission = open_admission(queue, max_wait_s=0, max_batch=100, max_bulk=1_000)
    if full:
        queue.push(Place("item", "kind", 100, Lane.EXPRESS, "192.0.2.1"))

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    async def fine(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("fine")(scope, receive, send)

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    whole = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "client": ("192.0.2.1", 1), **scope}
    await LoadShedding(fine, refuse)({**whole, "state": {"admission": admission, "limits": LIMITS}}, receive, send)
    return sent


async def test_while_the_queue_is_full_a_body_is_refused_unread_with_the_time_to_come_back() -> None:
    refused, body = await answers({"headers": [(b"content-length", b"300")]}, full=True)
    assert refused["status"] == 503
    assert (b"retry-after", b"1") in refused["headers"]
    assert json.loads(body["body"])["error"]["code"] == "overloaded"
    assert (await answers({"headers": [(b"content-length", b"300")]}, full=False))[0]["status"] == 200


async def test_a_body_that_is_more_work_than_may_wait_is_refused_unread() -> None:
    for length, status in ((b"20000", 503), (b"3000", 200), (b"9" * 5_000, 200), (b"many", 200)):
        sent = await answers({"headers": [(b"content-length", length)]}, full=False)
        assert sent[0]["status"] == status


@pytest.mark.parametrize("path", ["/", "/v1/models/any:predict", "/v2/models/any/infer", "/events"])
async def test_every_dialect_is_refused_at_the_same_door(path: str) -> None:
    sent = await answers({"path": path}, full=True)
    assert sent[0]["status"] in {429, 503}
    assert (b"retry-after", b"1") in sent[0]["headers"]


async def test_reading_and_probing_work_while_the_queue_is_full() -> None:
    for path in ("/", "/livez", "/readyz", "/metrics"):
        assert (await answers({"method": "GET", "path": path}, full=True))[0]["status"] == 200
