"""What an early refusal leaves behind: counters, and a bounded memory of whom it met."""

import asyncio
from types import SimpleNamespace
from typing import Any

from starlette.types import Receive, Scope, Send

from lightsleeper.api.early_refusal import EarlyRefusals
from lightsleeper.api.predict_request import Limits
from lightsleeper.pipeline.fair_queue import FairQueue, Lane
from queueing import open_admission

LIMITS = Limits(max_texts=64, max_text_chars=50_000, max_body_bytes=20_000, timeout_s=30)


def scope(metrics: object, **changed: Any) -> Scope:  # noqa: ANN401  # parts of a scope
    queue: FairQueue[str] = FairQueue()
    queue.hold("somebody", Lane.EXPRESS, 10)
    admission = open_admission(queue, max_wait_s=0)
    state = {"admission": admission, "limits": LIMITS, "metrics": metrics}
    asked = {"method": "POST", "path": "/predict", "headers": [], "client": ("192.0.2.1", 1), "scheme": "http"}
    return {**asked, "state": state, **changed}


def test_it_is_counted_as_any_request_is() -> None:
    told: list[Any] = []
    metrics = SimpleNamespace(
        request_began=lambda: told.append("began"),
        request_ended=lambda *labels, error, dialect, duration_s: told.append((*labels, error, dialect, duration_s)),
    )

    async def https(asked: Scope, _receive: Receive, _send: Send) -> None:
        asked["scheme"] = "https"

    refusals = EarlyRefusals(None, https, lambda app: app, "")
    assert refusals(scope(metrics))
    began, (*ended, duration_s) = told
    assert (began, ended) == ("began", ["POST", "https", 503, None, "overloaded", None])
    assert 0 <= duration_s < 1
    assert refusals(scope(metrics, path="/v2/models/any/infer"))
    assert told[-1][:-1] == ("POST", "https", 503, None, "overloaded", "open_inference")


def test_what_proxies_said_is_asked_once_a_client_and_remembered_of_a_bounded_number() -> None:
    asked: list[bytes] = []

    async def proxies(scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(dict(scope["headers"])[b"x-forwarded-for"])

    refusals = EarlyRefusals(None, proxies, lambda app: app, "")
    for _ in range(2):
        for number in range(900):
            assert refusals(scope(None, headers=[(b"x-forwarded-for", b"%d" % number)]))
    assert len(asked) == 900
    for number in range(2_000):
        refusals(scope(None, headers=[(b"x-forwarded-for", b"%d" % number)]))
    refusals(scope(None, headers=[(b"x-forwarded-for", b"0")]))
    assert asked[-1] == b"0"  # forgotten meanwhile
    for _ in range(2):
        refusals(scope(None, headers=[(b"x-forwarded-for", b"1" * 5_000)]))
    assert asked[-2:] == [b"1" * 5_000] * 2


async def test_of_all_that_come_in_one_turn_of_the_loop_as_many_are_let_in_as_there_is_room_for() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.hold("192.0.2.1", Lane.EXPRESS, 1_600)  # whoever has nothing waiting may go beyond the bound
    admission = open_admission(queue, max_wait_s=0.1, max_batch=100)
    room = admission.bound(Lane.EXPRESS) - queue.cost(Lane.EXPRESS)
    body_bytes = 100
    fits = room // admission.expected_cost(body_bytes)

    async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        """Of what proxies say."""

    refusals = EarlyRefusals(None, nothing, lambda app: app, "")
    headers = [(b"content-length", b"%d" % body_bytes)]
    state = {"admission": admission, "limits": LIMITS, "metrics": None}
    for _ in range(2):
        answers = [refusals({**scope(None, headers=headers), "state": state}) for _ in range(2 * fits)]
        assert [answer is None for answer in answers] == [True] * fits + [False] * fits
        await asyncio.sleep(0)  # their applications have been asked, and have not come
