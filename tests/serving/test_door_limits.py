"""What a client may take on real sockets: of heads, bodies, connections and time, before anybody has read them."""

import asyncio
import contextlib
import gc
import json
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any, Literal

import pytest
from starlette.types import Receive, Scope, Send

from faces import Face
from lightsleeper.api.asgi import Response
from lightsleeper.api.last_resort import REFUSED
from lightsleeper.errors import LightsleeperError
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.http_clock import RequestClock
from lightsleeper.serving.http_shedding import SheddingProtocol
from lightsleeper.serving.settings import Settings
from wire import (
    LAST,
    PATIENCE_S,
    SMALL_LIMITS,
    TEXT,
    Packets,
    answers,
    byte_by_byte,
    chunked,
    connected,
    head_first,
    in_one,
    is_refusal,
    request,
    served,
    sized,
    talk,
)

LARGE = b"x" * 100_000
LARGEST = request("GET", "/web/docs/swagger-ui-bundle.js")


def test_what_a_client_does_not_read_is_bounded_in_the_kernel_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its buffers are the pod's memory: left to themselves, those of 600 connections took 1 GB of one file."""
    sizes = []

    class Watched(SheddingProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            sizes.append(transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100000")]})
        await send({"type": "http.response.body", "body": LARGE})

    monkeypatch.setattr("wire.SheddingProtocol", Watched)
    with served(app, SMALL_LIMITS, lifespan="off") as port:
        [answer] = talk(port, LAST)
    assert answer.body == LARGE
    assert sizes == [2 * SMALL_LIMITS.socket_buffer_bytes]  # Linux adds as much for its own needs


class SlowApp:
    """Answers `?slow` when it is told to."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401  # an ASGI application
        self._app = app
        self.asked = threading.Semaphore(0)
        self.may_answer = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] == b"slow":
            self.asked.release()
            await asyncio.to_thread(self.may_answer.wait)
        await self._app(scope, receive, send)


def test_what_is_sent_ahead_is_bounded_in_the_kernel_too(face: Face) -> None:
    """Nobody reads it while earlier requests wait: 200 connections took 0.8 GB of memory so."""
    app = SlowApp(face(Settings()))
    with served(app, SMALL_LIMITS) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        client.connect(("127.0.0.1", port))
        client.sendall(request("GET", "/livez?slow") + LAST)
        assert app.asked.acquire(timeout=PATIENCE_S)
        client.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 10_000_000:
                sent += client.send(b"x" * 10_000)
        assert sent < 1_000_000
        app.may_answer.set()


def test_more_requests_ahead_than_may_wait_end_in_a_503(port: int) -> None:
    came = talk(port, request("GET", "/livez") * 50)
    assert [answer.status for answer in came] == [200] * (len(came) - 1) + [503]
    is_refusal(came[-1], 503, "overloaded")
    assert 1 + SMALL_LIMITS.max_pipelined <= len(came) - 1 < 50


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (request("GET", "/livez", f"X-Long: {'x' * 9_000}"), 431, "head_too_large"),
        (request("GET", "/livez")[:-2] + b"X-Endless: " + b"x" * 9_000, 431, "head_too_large"),
        (request("GET", "/livez", "\n".join(f"X-{n}: " for n in range(21))), 431, "head_too_large"),
        (request("GET", "/livez")[:-2] + b"a:\r\n" * 900, 431, "head_too_large"),
        (request("GET", f"/livez?{'x' * 1_024}"), 414, "url_too_long"),
        (b"GET /" + b"x" * 9_000, 414, "url_too_long"),
        (request(headers="Transfer-Encoding: chunked", body=b"0\r\n" + b"a:\r\n" * 900), 431, "head_too_large"),
    ],
    ids=["long", "endless", "many", "endlessly many", "URL", "endless URL", "trailers"],
)
@pytest.mark.parametrize("packets", [in_one, head_first, byte_by_byte])
def test_a_head_is_bounded(port: int, message: bytes, status: int, code: str, packets: Packets) -> None:
    [answer] = talk(port, *(packet for packet in packets(message) if packet))
    is_refusal(answer, status, code)
    assert answer.json["error"]["limit"]


@pytest.mark.parametrize(
    "barren",
    [b"1;" + b"x" * 700_000, b"0\r\nX-Trailer: " + b"x" * 700_000, b"1;xxxxxxxxxxxxxxxxxxx\r\n \r\n" * 30_000],
    ids=["extension", "trailer", "an extension a byte"],
)
def test_what_is_said_about_chunks_is_bounded(port: int, barren: bytes) -> None:
    [answer] = talk(port, request(headers="Transfer-Encoding: chunked", body=b"2\r\n{}\r\n"), barren)
    is_refusal(answer, 413, "body_too_large")


def test_every_bound_lets_through_what_is_just_within_it(port: int) -> None:
    room = SMALL_LIMITS.max_head_bytes - len(request("GET", "/livez", "Connection: close\nX-Long: "))
    [answer] = talk(port, request("GET", "/livez", f"Connection: close\nX-Long: {'x' * room}"))
    assert answer.status == 200
    [answer] = talk(port, request("GET", "/livez", "\n".join(["Connection: close", *(f"X-{n}: " for n in range(17))])))
    assert answer.status == 200
    first, _ = talk(port, request(headers="Transfer-Encoding: chunked", body=chunked(TEXT, 1)), LAST)
    assert first.status == 200


class ClockOfHeads(RequestClock):
    """No time is left for heads that are `late`; for all others there is as much as ever."""

    late: Literal["begun", "not begun"]

    def start(self, seconds: float, ended: Callable[[], None]) -> None:
        now = "not begun" if ended.__name__ == "timeout_keep_alive_handler" else "begun"
        super().start(0 if now == self.late else seconds, ended)


def test_a_head_that_does_not_come_is_a_408(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", ClockOfHeads)
    with served(face(Settings()), DoorLimits(head_timeout_s=PATIENCE_S)) as port:
        ClockOfHeads.late = "not begun"
        assert talk(port) == []  # who says nothing is told nothing
        ClockOfHeads.late = "begun"
        for begun in (b"GET", request("GET", "/livez")[:-2], b"\r\n"):
            [answer] = talk(port, begun)
            is_refusal(answer, 408, "request_too_slow")
        with connected(port) as client:
            client.sendall(request("GET", "/livez"))
            came = b""
            while not came.endswith(b"ok"):
                came += client.recv(999)
            client.sendall(request(headers=sized(TEXT), body=TEXT)[:20])
            [answer] = answers(client)
            is_refusal(answer, 408, "request_too_slow")


@pytest.mark.parametrize("begun", [TEXT[:10], b""])
def test_a_body_that_does_not_come_is_a_408(face: Face, begun: bytes) -> None:
    with served(face(Settings()), DoorLimits(body_grace_s=0.05)) as port:
        [answer] = talk(port, request(headers=sized(TEXT), body=begun))
    is_refusal(answer, 408, "request_too_slow")


def test_bodies_in_flight_are_bounded_together_and_a_sentence_is_none_of_them(face: Face, right: Any) -> None:  # noqa: ANN401  # JSON is anything
    large = json.dumps({"text": ["x" * 40_000] * 5}).encode()
    with served(face(Settings()), DoorLimits(max_inflight_body_bytes=200_000)) as port, connected(port) as held:
        held.sendall(request(headers=sized(large), body=large[:-1]))
        while True:  # until the service has read what was sent, which nothing outside of it can see
            answer, *_ = talk(port, request(headers=f"Connection: close\n{sized(large)}", body=large))
            if answer.status != 200:
                break
        is_refusal(answer, 503, "overloaded")
        assert answer.headers["retry-after"]
        first, _ = talk(port, request(headers=sized(TEXT), body=TEXT), LAST)
        assert first.json == right
        held.sendall(large[-1:] + LAST)
        first, _ = answers(held)
        assert first.status == 200
        first, _ = talk(port, request(headers=sized(large), body=large), LAST)
        assert first.status == 200, "what was answered is held no more"


def test_what_was_read_of_a_refused_body_is_let_go_with_its_request() -> None:
    """200 bodies of 2 MB at once are refused, and soon again 200: no collector comes round in between."""
    held: list[weakref.ref[set[bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        read: set[bytes] = set()
        held.append(weakref.ref(read))
        try:
            while (message := await receive())["more_body"]:
                read.add(message["body"])
        except LightsleeperError:
            await Response(b"full", 503)(scope, receive, send)

    gc.disable()
    try:
        with served(app, DoorLimits(max_inflight_body_bytes=1_000)) as port:
            head, body = request(headers="Content-Length: 900000"), b" " * 100_000
            assert [answer.body for answer in talk(port, head, body, body, body)] == [b"full"]
        assert [reference() for reference in held] == [None]
    finally:
        gc.enable()


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


def test_a_head_that_waits_for_the_answers_before_it_is_not_late(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    given_time = threading.Event()

    class Clock(ClockOfHeads):
        late = "begun"

        def ring_in(self, seconds: float, ended: Callable[[], None]) -> None:
            super().ring_in(seconds, ended)
            if seconds and ended.__name__ == "_end_slow_head":
                given_time.set()

    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", Clock)
    app = SlowApp(face(Settings()))
    with served(app, DoorLimits(head_timeout_s=PATIENCE_S)) as port, connected(port) as client:
        client.sendall(request("GET", "/livez?slow") + request("GET", "/livez") + LAST[:20])
        assert given_time.wait(PATIENCE_S)
        client.sendall(LAST[20:])
        app.may_answer.set()
        assert [answer.status for answer in answers(client)] == [200, 200, 200]


class ClockOfBodies(RequestClock):
    """Looks at bodies all the time, in which an hour passes when a test says so."""

    looked: threading.Event
    passed_s: float

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._loop, self._real = self, loop  # type: ignore[assignment]  # as much of one as is used

    def time(self) -> float:
        return self._real.time() + self.passed_s

    def call_later(self, seconds: float, ended: Callable[..., None], *args: Any) -> asyncio.TimerHandle:  # noqa: ANN401  # as asyncio has it
        return self._real.call_later(seconds, ended, *args)

    def start(self, seconds: float, ended: Callable[[], None]) -> None:
        super().start(0.001 if ended.__name__ == "_check_rate" else seconds, ended)

    def ring_in(self, seconds: float, ended: Callable[[], None]) -> None:
        super().ring_in(0.001 if ended.__name__ == "_check_rate" else seconds, ended)
        if ended.__name__ == "_check_rate":
            self.looked.set()


def test_a_body_that_waited_for_the_answer_before_it_has_all_its_time(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    ClockOfBodies.looked, ClockOfBodies.passed_s = threading.Event(), 0.0
    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", ClockOfBodies)
    app = SlowApp(face(Settings()))
    with served(app, DoorLimits(body_grace_s=PATIENCE_S)) as port, connected(port) as client:
        client.sendall(request("GET", "/livez?slow") + request(headers=sized(TEXT), body=TEXT[:20]))
        assert ClockOfBodies.looked.wait(PATIENCE_S)
        ClockOfBodies.passed_s = 3_600.0
        app.may_answer.set()
        came = b""
        while not came.endswith(b"ok"):
            came += client.recv(999)
        for _ in range(20):  # by then the body is read again
            ClockOfBodies.looked.clear()
            assert ClockOfBodies.looked.wait(PATIENCE_S)
        client.sendall(TEXT[20:] + LAST)
        assert [answer.status for answer in answers(client)] == [200, 200]


@pytest.mark.parametrize("framing", [f"Content-Length: {12_000_000}", "Transfer-Encoding: chunked"])
def test_a_refusal_reaches_a_client_that_sends_to_the_end_before_it_reads(port: int, framing: str) -> None:
    part = b"x" * 60_000
    chunk = b"%x\r\n%b\r\n" % (len(part), part) if "chunked" in framing else part
    with connected(port) as client:
        client.sendall(request(headers=framing))
        for _ in range(200):
            client.sendall(chunk)
        if "chunked" in framing:
            client.sendall(b"0\r\n\r\n")
        [answer] = answers(client)
    is_refusal(answer, 413, "body_too_large")


def test_a_client_that_never_stops_sending_is_cut_off(face: Face) -> None:
    with served(face(Settings()), DoorLimits(linger_s=0.1)) as port, connected(port) as client:
        client.sendall(request(headers="Content-Length: 900000000000"))
        with pytest.raises(ConnectionError):
            send_for_ever(client)


def send_for_ever(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 60_000)
