"""How many bytes a client may send, and leave unread: of heads, bodies and answers, before anybody has read them."""

import asyncio
import contextlib
import gc
import json
import socket
import weakref
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from faces import Face
from lightsleeper.api.asgi import Response
from lightsleeper.errors import LightsleeperError
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.http_shedding import SheddingProtocol
from lightsleeper.serving.settings import Settings
from slow_app import SlowApp
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
