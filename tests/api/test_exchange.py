"""How a request ends that is not answered: its time is up, its client leaves, the service ends."""

import asyncio
import gc
import gzip
import threading
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message

from lightsleeper.api.asgi import Headers, Request, Response
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.exchange import CLIENT_CLOSED_REQUEST, Exchange, exchange
from lightsleeper.api.predict_request import Limits
from lightsleeper.errors import DeadlineExceeded, EngineFailed, Overloaded
from lightsleeper.pipeline.admission import CLIENT

BODY: Message = {"type": "http.request", "body": b"{}"}
GONE: Message = {"type": "http.disconnect"}
#: Nobody waits so long; and none at all.
EVER_S, NEVER_S = 3_600.0, 0.001


class Client:
    """Says its messages, one each time it is asked, then nothing."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.silent = asyncio.Event()

    async def __call__(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        self.silent.set()
        await asyncio.Event().wait()
        raise AssertionError


class Work:
    """An answer that is never ready; notes that it was withdrawn."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.withdrawn = False

    async def __call__(self, _: Exchange, __: object) -> Response:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.withdrawn = True
            raise
        raise AssertionError


def request(client: Client, timeout_s: float, max_body_bytes: int = 10) -> Request:
    limits = Limits(max_texts=1, max_text_chars=1, max_body_bytes=max_body_bytes, timeout_s=timeout_s)
    state: dict[str, Any] = {"limits": limits, "head": None, "classifier": None}
    return Request({"headers": [], "state": state}, client)


def parse(body: bytes, _: Request) -> bytes:
    return body


async def ready(_: Exchange, asked: bytes) -> Response:
    return Response(asked)


async def test_an_answer_that_is_not_ready_in_time_is_withdrawn() -> None:
    work = Work()
    with pytest.raises(DeadlineExceeded):
        await exchange(request(Client(BODY), NEVER_S), parse, work)
    assert work.withdrawn
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # there is one


async def test_nobody_fills_alone_the_queue_of_bodies_that_are_large_to_read() -> None:
    reading, may_go_on = threading.Event(), threading.Event()

    def held(body: bytes, _: Request) -> bytes:
        reading.set()
        may_go_on.wait()
        return body[:1]

    def asked(client: str) -> asyncio.Task[Response]:
        CLIENT.set(client)
        body: Message = {"type": "http.request", "body": bytes(8_000_000)}
        return asyncio.create_task(exchange(request(Client(body), EVER_S, max_body_bytes=8_000_000), held, ready))

    try:
        much = [asked("much") for _ in range(8)]
        await asyncio.to_thread(reading.wait)
        with pytest.raises(Overloaded, match="other large bodies"):
            await asked("much")
        little = asked("little")
        await asyncio.sleep(0)
    finally:
        may_go_on.set()
    assert (await little).body == b"\0"
    await asyncio.gather(*much)
    assert (await asked("much")).body == b"\0"


async def test_a_body_that_is_not_there_in_time_is_too_late() -> None:
    with pytest.raises(DeadlineExceeded):
        await exchange(request(Client(), NEVER_S), parse, ready)


async def test_a_deadline_within_the_deadline_is_the_callers_own() -> None:
    async def gives_up(_: Exchange, __: bytes) -> Response:
        try:
            async with asyncio.timeout(NEVER_S):
                await asyncio.Event().wait()
        except TimeoutError:
            return Response(b"gave up")
        raise AssertionError

    assert (await exchange(request(Client(BODY), EVER_S), parse, gives_up)).body == b"gave up"


async def test_who_leaves_withdraws_what_was_asked() -> None:
    work = Work()
    answer = await exchange(request(Client(BODY, GONE), EVER_S), parse, work)
    assert (answer.status_code, work.withdrawn) == (CLIENT_CLOSED_REQUEST, True)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # see above


async def test_who_leaves_in_the_middle_of_a_body_is_noticed() -> None:
    answer = await exchange(request(Client({**BODY, "more_body": True}, GONE), EVER_S), parse, ready)
    assert answer.status_code == CLIENT_CLOSED_REQUEST


async def test_a_body_that_comes_late_is_watched_as_well() -> None:
    """The watch may begin only once the body is read: the server has one line of messages for both."""
    late, work = asyncio.Event(), Work()
    asked = []

    async def receive() -> Message:
        asked.append(work.began.is_set())
        if len(asked) == 1:
            await asyncio.sleep(0.02)  # beyond the moment at which a watch would have begun
            late.set()
            return BODY
        return GONE

    answer = await exchange(request(receive, EVER_S), parse, work)  # type: ignore[arg-type]  # asked like a client
    assert (answer.status_code, asked[0], late.is_set()) == (CLIENT_CLOSED_REQUEST, False, True)


async def test_large_bodies_are_read_one_at_a_time() -> None:
    reading = most = 0

    def slow(body: bytes, _: Request) -> bytes:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        threading.Event().wait(0.01)
        reading -= 1
        return body

    large = {**BODY, "body": gzip.compress(b"{}")}
    asked = [request(Client(large), EVER_S) for _ in range(8)]
    for each in asked:
        each.headers = Headers([(b"content-encoding", b"gzip")])
        each.state.limits = replace(each.state.limits, max_body_bytes=100)
    answers = await asyncio.gather(*(exchange(each, slow, ready) for each in asked))
    assert {answer.body for answer in answers} == {b"{}"}
    assert most == 1


async def test_no_more_large_bodies_wait_to_be_read_than_are_read_soon() -> None:
    may_go_on = threading.Event()

    def held(body: bytes, _: Request) -> bytes:
        may_go_on.wait()
        return body

    large = {**BODY, "body": gzip.compress(b"{}" * 10_000_000)}  # 20 kB

    async def ask() -> Response:
        asked = request(Client(large), EVER_S)
        asked.headers = Headers([(b"content-encoding", b"gzip")])
        asked.state.limits = replace(asked.state.limits, max_body_bytes=20_000_000)
        return await exchange(asked, held, ready)

    answered = [asyncio.create_task(ask()) for _ in range(8)]
    refused, _ = await asyncio.wait(answered, return_when=asyncio.FIRST_EXCEPTION)
    assert [type(each.exception()) for each in refused] == [Overloaded] * len(refused)
    sentence = await exchange(request(Client(BODY), EVER_S), parse, ready)
    assert sentence.body == b"{}"
    may_go_on.set()
    await asyncio.wait(answered)
    assert [each.exception() is None for each in answered] == [True] * 3 + [False] * 5
    assert len((await ask()).body) == 20_000_000


class Texts(list[str]):
    """What a request holds; whether it is still there can be asked."""


async def refuse_from_a_variable(_: Exchange, __: Texts) -> Response:
    error = Overloaded("full")
    raise error


async def refuse_from_a_future(_: Exchange, __: Texts) -> Response:
    future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    future.set_exception(EngineFailed("broken"))
    return await future


async def never_answer(_: Exchange, __: Texts) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "client", "timeout_s"),
    [
        (refuse_from_a_variable, Client(BODY), EVER_S),
        (refuse_from_a_future, Client(BODY), EVER_S),
        (never_answer, Client(BODY), NEVER_S),
        (never_answer, Client(BODY, GONE), EVER_S),
    ],
    ids=["a variable", "a future", "too late", "gone"],
)
async def test_what_was_read_goes_with_its_request_however_that_ends(
    answer: Callable[[Exchange, Texts], Awaitable[Response]], client: Client, timeout_s: float
) -> None:
    """100 requests of 2 kB, refused, kept 640 MB that no collector came round to."""
    held: list[weakref.ref[Texts]] = []

    def noted(_: bytes, __: Request) -> Texts:
        texts = Texts()
        held.append(weakref.ref(texts))
        return texts

    async def endpoint(asked: Request) -> Response:
        return await exchange(asked, noted, answer)

    async def send(_: Message) -> None:
        """Nobody listens."""

    asked = request(client, timeout_s)
    scope = {**asked.scope, "path": "/", "method": "POST"}
    gc.disable()
    try:
        await DirectRoute("/", endpoint)(scope, client, send)
        await asyncio.sleep(0)  # for what was cancelled to end
        assert [reference() for reference in held] == [None]
    finally:
        gc.enable()


async def test_the_end_of_the_service_passes_through() -> None:
    work = Work()
    task = asyncio.create_task(exchange(request(Client(BODY), EVER_S), parse, work))
    await work.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.withdrawn


async def test_a_client_that_stays_gets_its_answer_and_leaves_no_watch_behind() -> None:
    client, before = Client(BODY), asyncio.all_tasks()

    async def slow(_: Exchange, asked: bytes) -> Response:
        await client.silent.wait()  # the watch has begun
        return Response(asked)

    assert (await exchange(request(client, EVER_S), parse, slow)).body == b"{}"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
