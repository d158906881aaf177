"""How many connections there may be, and who gives way when there are more."""

import asyncio
import contextlib
import socket
import threading

import pytest
from starlette.types import Receive, Scope, Send

from faces import Face
from lightsleeper.api.asgi import Response
from lightsleeper.api.last_resort import REFUSED
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.settings import Settings
from slow_app import SlowApp
from wire import LAST, PATIENCE_S, TEXT, answers, connected, is_refusal, request, served, sized, talk

LARGEST = request("GET", "/web/docs/swagger-ui-bundle.js")


def test_who_holds_connections_open_without_asking_shuts_out_nobody(face: Face) -> None:
    with served(face(Settings()), DoorLimits(max_connections=5)) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for each in silent:
            each.settimeout(60)
        for _ in range(20):
            [answer] = talk(port, LAST)
            assert answer.status == 200
        for each in silent:
            each.close()


@pytest.mark.parametrize(
    "made_to_wait",
    [request(headers=sized(TEXT)), request(headers=sized(TEXT), body=TEXT[:5]), LARGEST * 4],
    ids=["a body that does not come", "the rest of a body", "answers that nobody reads"],
)
def test_who_lets_the_service_wait_in_the_middle_of_a_request_shuts_out_nobody(face: Face, made_to_wait: bytes) -> None:
    with served(face(Settings()), DoorLimits(max_connections=5)) as port, contextlib.ExitStack() as held:
        for _ in range(20):
            client = held.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", port))
            client.sendall(made_to_wait)
        tries = 0
        while talk(port, LAST)[0].status != 200:  # until those have been read that were read at the same moment
            assert (tries := tries + 1) < 1_000
        assert [talk(port, LAST)[0].status for _ in range(20)] == [200] * 20


def test_a_body_that_goes_on_coming_gives_way_to_nobody_before_who_is_silent() -> None:
    came = threading.Semaphore(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            while (await receive())["more_body"]:
                came.release()
        await Response(b"ok")(scope, receive, send)

    with (
        served(app, DoorLimits(max_connections=3), lifespan="off") as port,
        connected(port) as sends,
        connected(port) as one,
        connected(port) as other,
    ):
        sends.sendall(request(headers="Content-Length: 3") + b"x")
        assert came.acquire(timeout=PATIENCE_S)
        for silent in (one, other):
            silent.sendall(request("GET", "/livez"))
            assert silent.recv(999).endswith(b"ok")
        sends.sendall(b"x")
        assert came.acquire(timeout=PATIENCE_S)
        for _ in range(2):
            assert [answer.body for answer in talk(port, LAST)] == [b"ok"]
        sends.sendall(b"x" + LAST)
        assert [answer.body for answer in answers(sends)] == [b"ok", b"ok"]


def test_who_waits_for_an_answer_gives_way_to_nobody_for_the_half_request_behind_it() -> None:
    began, may_end = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            began.set()
            await asyncio.to_thread(may_end.wait, PATIENCE_S)
        while (await receive()).get("more_body"):
            pass
        await Response(b"refused" if REFUSED in scope else b"ok")(scope, receive, send)

    with served(app, DoorLimits(max_connections=1), lifespan="off") as port, connected(port) as client:
        client.sendall(request("GET", "/slow") + request(headers="Content-Length: 3") + b"x")
        assert began.wait(PATIENCE_S)
        assert [answer.body for answer in talk(port, LAST)] == [b"refused"]
        may_end.set()
        client.sendall(b"xx" + LAST)
        assert [answer.body for answer in answers(client)] == [b"ok"] * 3


def test_the_end_of_a_drain_takes_an_answer_that_nobody_reads_for_no_bug(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as client, served(face(Settings()), DoorLimits(), timeout_graceful_shutdown=1) as port:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(LARGEST * 3)
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert "Cancel 1 running task(s)" in caplog.text
    assert "Exception in ASGI application" not in caplog.text


def test_more_requests_than_connections_may_be_open_are_a_503(face: Face) -> None:
    app = SlowApp(face(Settings()))
    with (
        served(app, DoorLimits(max_connections=2)) as port,
        connected(port) as one,
        connected(port) as two,
    ):
        for each in (one, two):
            each.sendall(request("GET", "/livez?slow", "Connection: close"))
            assert app.asked.acquire(timeout=PATIENCE_S)  # it is being answered: nobody takes its place
        [answer] = talk(port)
        is_refusal(answer, 503, "overloaded")
        assert answer.json["error"]["limit"] == 2
        app.may_answer.set()
        for each in (one, two):
            assert [answer.status for answer in answers(each)] == [200]
