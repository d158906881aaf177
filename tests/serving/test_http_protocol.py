"""The door on real sockets: what a request is, where it ends, and what it may take before anybody has read it."""

import asyncio
import gc
import hashlib
import json
import socket
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from faces import Face
from lightsleeper.api.asgi import Response
from lightsleeper.errors import LightsleeperError
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.http_clock import RequestClock
from lightsleeper.serving.http_exchange import LingeringTransport
from lightsleeper.serving.http_shedding import SheddingProtocol
from lightsleeper.serving.settings import Settings
from wire import LAST, PATIENCE_S, Answer, answers, chunked, connected, request, served, sized, talk

TEXT = b'{"text": "A quiet film that stays with you."}'
SMUGGLED = b"GET /model HTTP/1.1\r\nHost: smuggled\r\n\r\n"
ORIGIN = "https://example.org"
KEY = "a-key"

#: Small or short, so that breaking one takes neither megabytes nor seconds.
LIMITS = DoorLimits(max_head_bytes=8_192, max_url_bytes=1_024, max_headers=20, max_pipelined=4, max_framing_bytes=2_048)


@pytest.fixture(scope="module")
def port(face: Face) -> Iterator[int]:
    """The whole service; pages of one origin may call it."""
    with served(face(Settings(cors_origins=(ORIGIN,))), LIMITS) as port:
        yield port


@pytest.fixture(scope="module")
def right(port: int) -> Any:  # noqa: ANN401  # JSON is anything
    """What TEXT must be answered with."""
    [answer, _] = talk(port, request(headers=sized(TEXT), body=TEXT), LAST)
    assert answer.status == 200
    return answer.json


def is_refusal(answer: Answer, status: int, code: str) -> None:
    """Everything that every answer has, also one that no route gave."""
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/json"


def in_one(message: bytes) -> list[bytes]:
    return [message]


def head_first(message: bytes) -> list[bytes]:
    head, end, body = message.partition(b"\r\n\r\n")
    return [head + end, body]


def byte_by_byte(message: bytes) -> list[bytes]:
    return [message[at : at + 1] for at in range(len(message))]


@pytest.mark.parametrize("packets", [in_one, head_first, byte_by_byte])
@pytest.mark.parametrize("framed", ["sized", "chunked"])
@pytest.mark.parametrize(
    "asked",
    [
        "Connection: Upgrade\nUpgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        "Connection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AA==",
        "Connection: upgrade\nUpgrade: something/9",
        "Connection: upgrade",
        "Upgrade: h2c",
    ],
    ids=["h2c", "as curl", "websocket", "unknown", "no upgrade", "no connection"],
)
def test_an_upgrade_that_is_not_offered_is_ignored_and_its_body_read(
    port: int,
    right: Any,  # noqa: ANN401  # JSON is anything
    asked: str,
    framed: str,
    packets: Any,  # noqa: ANN401  # a function above
) -> None:
    body, framing = (TEXT, sized(TEXT)) if framed == "sized" else (chunked(TEXT), "Transfer-Encoding: chunked")
    once = request(headers=f"{asked}\n{framing}", body=body)
    first, second, last = talk(port, *packets(once + once + LAST))
    assert (first.status, first.json) == (second.status, second.json) == (200, right)
    assert last.body == b"ok"


@pytest.mark.parametrize("carrier", [("GET", "/livez"), ("POST", "/predict"), ("PUT", "/nowhere"), ("HEAD", "/")])
@pytest.mark.parametrize(
    "asked", ["Connection: Upgrade\nUpgrade: h2c\n", "Connection: Upgrade\nUpgrade: websocket\n", ""]
)
def test_no_byte_of_a_body_is_taken_for_a_request(port: int, carrier: tuple[str, str], asked: str) -> None:
    body = b"\r\n" * 1_000 + SMUGGLED * 3
    attack = request(*carrier, headers=asked + sized(body))
    with connected(port) as client:
        client.sendall(attack)
        client.sendall(body)
        client.sendall(LAST)
        # An answer that came before the body was there ends the connection: then there is no other.
        came = b"".join(iter(lambda: client.recv(65_536), b""))
    assert came.count(b"HTTP/1.1 ") in {1, 2}
    assert b"model_id" not in came


def test_the_patch_of_the_upgrade_is_still_needed() -> None:
    """When this fails, uvicorn reads such a body itself: delete `http_parser.AfterHead`."""
    config = Config(lambda: None, http="httptools", ws="none", log_config=None)
    config.load()
    stock = HttpToolsProtocol(config, ServerState(), {}, _loop=_NoLoop())  # type: ignore[arg-type]  # a stand-in
    stock.connection_made(_NoTransport())  # type: ignore[arg-type]  # see above
    stock.data_received(request(headers=f"Connection: Upgrade\nUpgrade: h2c\n{sized(TEXT)}", body=TEXT))
    assert stock.cycle.body == b""
    assert not stock.cycle.more_body


class _NoLoop:
    def create_task(self, coroutine: Any) -> Any:  # noqa: ANN401  # nothing runs it
        coroutine.close()
        return self

    def add_done_callback(self, _: object) -> None: ...


class _NoTransport:
    def get_extra_info(self, _: str) -> None: ...


AMBIGUOUS = {
    "two lengths": (f"{sized(SMUGGLED)}\nContent-Length: 0", SMUGGLED),
    "the same length twice": (f"{sized(SMUGGLED)}\n{sized(SMUGGLED)}", SMUGGLED),
    "a list of lengths": (f"Content-Length: {len(SMUGGLED)}, {len(SMUGGLED)}", SMUGGLED),
    "length and chunked": (f"{sized(SMUGGLED)}\nTransfer-Encoding: chunked", b"0\r\n\r\n" + SMUGGLED),
    "chunked and length": (f"Transfer-Encoding: chunked\n{sized(SMUGGLED)}", b"0\r\n\r\n" + SMUGGLED),
    "chunked twice": ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", chunked(SMUGGLED)),
    "chunked, chunked": ("Transfer-Encoding: chunked, chunked", chunked(SMUGGLED)),
    "identity, chunked": ("Transfer-Encoding: identity, chunked", chunked(SMUGGLED)),
    "gzip, chunked": ("Transfer-Encoding: gzip, chunked", chunked(SMUGGLED)),
    "chunked, gzip": ("Transfer-Encoding: chunked, gzip", chunked(SMUGGLED)),
    "another coding": ("Transfer-Encoding: xchunked", chunked(SMUGGLED)),
    "no coding": (f"Transfer-Encoding:\n{sized(SMUGGLED)}", SMUGGLED),
    "a tab before chunked": ("Transfer-Encoding: \x0bchunked", chunked(SMUGGLED)),
    "a blank before the colon": ("Transfer-Encoding : chunked", chunked(SMUGGLED)),
    "a folded coding": ("Transfer-Encoding:\r\n chunked", chunked(SMUGGLED)),
    "a folded header": ("X-One: a\r\n b", b""),
    "5,000 zeros": (f"Content-Length: {'0' * 5_000}", b""),
    "400 zeros": (f"Content-Length: {'0' * 400}", b""),
    "no length": ("Content-Length:", b""),
    "a plus": (f"Content-Length: +{len(SMUGGLED)}", SMUGGLED),
    "a minus": ("Content-Length: -1", SMUGGLED),
    "hexadecimal": ("Content-Length: 0x28", SMUGGLED),
    "an underscore": ("Content-Length: 4_0", SMUGGLED),
    "a blank inside": ("Content-Length: 4 0", SMUGGLED),
    "more than 64 bits": ("Content-Length: 18446744073709551616", SMUGGLED),
    "another script's digit": ("Content-Length: ٤", SMUGGLED),
    "two hosts": ("Host: another", b""),
    "no colon": ("what", b""),
    "no name": (": what", b""),
    "a blank in a name": ("X One: what", b""),
    "a NUL": ("X-One: a\0b", b""),
    "a lone CR": ("X-One: a\rX-Two: b", b""),
    "a lone LF": ("X-One: a\x0bX", b""),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_message_that_two_readers_could_read_in_two_ways_is_a_400_and_the_end(port: int, name: str) -> None:
    headers, body = AMBIGUOUS[name]
    lines = headers.split("\n") if "\r" not in headers else [headers]
    attack = b"POST /predict HTTP/1.1\r\nHost: test\r\n" + "\r\n".join([*lines, "", ""]).encode() + body
    [answer] = talk(port, attack, LAST)
    is_refusal(answer, 400, "malformed_request")


@pytest.mark.parametrize(
    "message",
    [
        b"GET /livez HTTP/1.1\nHost: a\n\n",
        b"GET /livez HTTP/1.1\r\nHost: a\nX-B: c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a/livez\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: somebody@a\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nHost: a,b c\r\nContent-Length: 0\r\n\r\n",
        b"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/11\r\nHost: a\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /livéz HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        b"GET livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"P(ST /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"F\xc3\x89TCH /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        *(
            blank + b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
            for blank in (b"\r\n\r\n", b"\n", b"\r", b"\r\r\n", b"\r\r\n\r\n", b"\r\n\r", b"\r\n\n", b"\r\n\r\r\n")
        ),
    ],
    ids=lambda message: repr(message[:30]),
)
@pytest.mark.parametrize("packets", [in_one, byte_by_byte])
def test_what_is_not_http_is_a_400_and_the_end(port: int, message: bytes, packets: Any) -> None:  # noqa: ANN401  # a function above
    [answer] = talk(port, *packets(message), LAST)
    is_refusal(answer, 400, "malformed_request")


@pytest.mark.parametrize(
    "method", [b"FOO", b"get", b"FETCH", b"X", b"G%T", b"PO", b"POSTS", b"\r\nFETCH", b"A" * 9_000]
)
@pytest.mark.parametrize("packets", [in_one, head_first, byte_by_byte])
def test_a_method_that_nobody_knows_is_a_501_and_the_end(port: int, method: bytes, packets: Any) -> None:  # noqa: ANN401  # see above
    message = method + b" /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    [answer] = talk(port, *packets(message), LAST)
    is_refusal(answer, 501, "method_not_implemented")


def test_the_server_as_a_whole_says_what_it_takes(port: int) -> None:
    for asked in (request("OPTIONS", "*"), b"\r" + b"\n" + request("OPTIONS", "*")):
        answer, last = talk(port, asked, LAST)
        assert (answer.status, answer.body, answer.headers["allow"]) == (200, b"", "GET, HEAD, OPTIONS, POST")
        assert last.body == b"ok"


@pytest.mark.parametrize(
    "body",
    [
        b"1\na\n0\n\n",
        b"1;a\nb\r\na\r\n0\r\n\r\n",
        b'1;a="\r\n0\r\n\r\n',
        b"0x1\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n",
        b"-1\r\na\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
        b"1\r\nabc\r\n0\r\n\r\n",
        b"g\r\n",
        b"1\r\na\r\n0\r\nContent-Length: 40\r\n\r\n",
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("asked", ["", "\nConnection: Upgrade\nUpgrade: h2c"], ids=["plain", "upgrade"])
def test_a_body_whose_chunks_can_be_read_in_two_ways_is_a_400_and_the_end(port: int, body: bytes, asked: str) -> None:
    attack = request(headers=f"Transfer-Encoding: chunked{asked}", body=body)
    [answer] = talk(port, *head_first(attack), LAST)
    is_refusal(answer, 400, "malformed_request")


LARGE = b"x" * 100_000


@dataclass
class Sink:
    """As much of a transport as an answer needs, and what was given to it at a time."""

    writes: list[bytes] = field(default_factory=list)
    closing: bool = False

    def write(self, data: bytes) -> None:
        self.writes += [data] if data else []

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        self.writes.append(b"<end>")

    def is_closing(self) -> bool:
        return self.closing


def test_a_head_and_its_body_are_written_at_once_and_no_head_is_lost() -> None:
    sink = Sink()
    with closing(asyncio.new_event_loop()) as loop:
        transport = LingeringTransport(
            sink,  # type: ignore[arg-type]  # as much of one as is used
            loop=loop,
            linger_s=0,
            may_be_sending=lambda: False,
        )
        write_answers(transport)
    assert sink.writes == [b"headbody", b"more", b"head", LARGE, b"head without a body", b"<end>"]
    assert sink.writes[3] is LARGE  # whoever does not read it holds no copy


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    """Its requests learn of it a turn of the loop later, and uvloop raises: a traceback for each, from any stranger."""
    sink = Sink(closing=True)
    with closing(asyncio.new_event_loop()) as loop:
        transport = LingeringTransport(
            sink,  # type: ignore[arg-type]  # as much of one as is used
            loop=loop,
            linger_s=0,
            may_be_sending=lambda: True,
        )
        write_answers(transport)
    assert sink.writes == []


def write_answers(transport: LingeringTransport) -> None:
    for written in (b"head", b"body", b"more", b"head", LARGE):
        if written == b"head":
            transport.hold_next()
        transport.write(written)
    transport.hold_next()
    transport.write(b"head without a body")
    transport.close()


@pytest.mark.parametrize("host", ["", "a:80", "[::1]:8080", "xn--bcher-kva.example", "a_b.example", "127.0.0.1:0"])
def test_a_host_of_any_form_is_one(port: int, host: str) -> None:
    [answer] = talk(port, f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.status == 200


def test_an_absolute_address_without_a_path_is_that_of_the_root(port: int) -> None:
    first, second, _ = talk(port, request("GET", "http://test"), request("GET", "http://test?a=b"), LAST)
    assert first.json == second.json == {"status": "alive"}


def test_an_older_client_is_sent_no_interim_answer(port: int) -> None:
    """HTTP/1.0 knows none: it would take it for the answer."""
    with connected(port) as client:
        client.sendall(request(headers=f"Expect: 100-continue\n{sized(TEXT)}", version="1.0"))
        client.sendall(TEXT)
        came = b"".join(iter(lambda: client.recv(65_536), b""))
    assert came.startswith(b"HTTP/1.1 200 ")


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
    with served(app, LIMITS, lifespan="off") as port:
        [answer] = talk(port, LAST)
    assert answer.body == LARGE
    assert sizes == [2 * LIMITS.send_buffer_bytes]  # Linux adds as much for its own needs


def test_no_tunnel_is_opened(port: int) -> None:
    [answer] = talk(port, request("CONNECT", "test:80"), LAST)
    is_refusal(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_what_can_be_read_in_one_way_is(port: int, right: Any) -> None:  # noqa: ANN401  # JSON is anything
    harmless = [
        request(headers=f"Content-Length: 000{len(TEXT)}", body=TEXT),
        b"\r\n" + request(headers=sized(TEXT), body=TEXT),
        request(headers="transfer-encoding: Chunked", body=b"%x;a=b\r\n%b\r\n0\r\nX-T: 1\r\n\r\n" % (len(TEXT), TEXT)),
        request(path="http://test/predict?a=b", headers=sized(TEXT), body=TEXT),
        request(headers=f"Expect: 100-continue\n{sized(TEXT)}", body=TEXT),
    ]
    for message in harmless:
        first, last = talk(port, message, LAST)
        assert (first.status, first.json, last.status) == (200, right, 200), message
    [answer] = talk(port, request(headers=sized(TEXT), body=TEXT, version="1.0"))
    assert answer.json == right


def test_a_trailer_is_no_header_of_its_request(face: Face) -> None:
    """It comes when the request was let in by its headers, and would be one of them in uvicorn's list."""
    settings = Settings(api_key_digests=(hashlib.sha256(KEY.encode()).hexdigest(),))
    body = b"%x\r\n%b\r\n0\r\nX-API-Key: %b\r\n\r\n" % (len(TEXT), TEXT, KEY.encode())
    with served(face(settings), LIMITS) as port:
        refused, *_ = talk(port, request(headers="Transfer-Encoding: chunked\nConnection: close", body=body))
    assert refused.status == 401


#: What a proxy or the parser might heed, and with it what becomes of the connection's next request.
CONNECTIONS_OWN = [
    *("Connection: close", "connection: x, close", "Proxy-Connection: close", "Connection: keep-alive"),
    *("Keep-Alive: timeout=1", "Upgrade: h2c", "Connection: upgrade", "TE: trailers", "Trailer: X-T"),
    *("Content-Length: 5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Host: smuggled"),
]


@pytest.mark.parametrize("packets", [in_one, head_first, byte_by_byte])
@pytest.mark.parametrize("asked", ["", "Connection: Upgrade\nUpgrade: h2c\n"], ids=["plain", "upgrade"])
@pytest.mark.parametrize("trailer", CONNECTIONS_OWN)
def test_a_trailer_that_speaks_of_the_connection_is_a_400_and_the_end(
    port: int,
    trailer: str,
    asked: str,
    packets: Any,  # noqa: ANN401  # a function above
) -> None:
    """llhttp heeds `Connection: close` there too: it would throw away the next request, perhaps another caller's."""
    body = chunked(TEXT)[:-2] + f"X-T: y\r\n{trailer}\r\n\r\n".encode()
    [answer] = talk(port, *packets(request(headers=f"{asked}Transfer-Encoding: chunked", body=body)), LAST)
    is_refusal(answer, 400, "malformed_request")


@pytest.mark.parametrize("trailer", CONNECTIONS_OWN)
@pytest.mark.parametrize(
    "carrier", [("GET", "/livez"), ("HEAD", "/livez"), ("POST", "/nowhere"), ("OPTIONS", "/predict")]
)
def test_a_trailer_behind_a_body_that_nobody_reads_ends_the_connection_as_its_answer_says(
    port: int, carrier: tuple[str, str], trailer: str
) -> None:
    message = request(*carrier, headers="Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n" + trailer.encode())
    with connected(port) as client:
        client.sendall(message + b"\r\n\r\n" + LAST)
        came = b"".join(iter(lambda: client.recv(65_536), b""))
    assert came.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in came


@pytest.mark.parametrize("asked", ["", "Connection: Upgrade\nUpgrade: h2c\n"], ids=["plain", "upgrade"])
@pytest.mark.parametrize("carrier", [("GET", "/livez"), ("POST", "/predict")])
def test_any_other_trailer_passes_and_the_next_request_is_answered(
    port: int, carrier: tuple[str, str], asked: str
) -> None:
    message = request(
        *carrier, headers=f"{asked}Transfer-Encoding: chunked", body=chunked(TEXT)[:-2] + b"X-T: y\r\nETag: z\r\n\r\n"
    )
    first, second, last = talk(port, message + message + LAST)
    assert (first.status, second.status, last.status) == (200, 200, 200)


def test_requests_sent_ahead_are_answered_in_their_order(port: int) -> None:
    ahead = request("GET", "/livez") + request(headers=sized(TEXT), body=TEXT) + request("GET", "/nowhere") + LAST
    assert [(answer.status, answer.body == b"ok") for answer in talk(port, ahead)] == [
        (200, True),
        (200, False),
        (404, False),
        (200, True),
    ]


def test_a_refusal_waits_for_the_answers_that_are_owed(port: int, right: Any) -> None:  # noqa: ANN401  # JSON is anything
    first, second = talk(port, request(headers=sized(TEXT), body=TEXT) + b"what is this?\r\n\r\n")
    assert (first.status, first.json) == (200, right)
    is_refusal(second, 400, "malformed_request")


def test_more_requests_ahead_than_may_wait_end_in_a_503(port: int) -> None:
    came = talk(port, request("GET", "/livez") * 50)
    assert [answer.status for answer in came] == [200] * (len(came) - 1) + [503]
    is_refusal(came[-1], 503, "overloaded")
    assert 1 + LIMITS.max_pipelined <= len(came) - 1 < 50


def test_a_page_may_read_even_what_the_parser_refused(port: int) -> None:
    attack = request(headers=f"Origin: {ORIGIN}\nX-Request-Id: mine\nContent-Length: 0\nTransfer-Encoding: gzip")
    [answer] = talk(port, attack)
    is_refusal(answer, 400, "malformed_request")
    assert answer.headers["access-control-allow-origin"] == ORIGIN


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
def test_a_head_is_bounded(port: int, message: bytes, status: int, code: str, packets: Any) -> None:  # noqa: ANN401  # a function above
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
    room = LIMITS.max_head_bytes - len(request("GET", "/livez", "Connection: close\nX-Long: "))
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


def test_more_requests_than_connections_may_be_open_are_a_503(face: Face) -> None:
    with (
        served(face(Settings()), DoorLimits(max_connections=2)) as port,
        connected(port) as one,
        connected(port) as two,
    ):
        for each in (one, two):
            each.sendall(request(headers=f"Expect: 100-continue\n{sized(TEXT)}"))
            assert each.recv(99).startswith(b"HTTP/1.1 100")  # it is being read: nobody takes its place
        [answer] = talk(port)
        is_refusal(answer, 503, "overloaded")
        assert answer.json["error"]["limit"] == 2
        for each in (one, two):
            each.sendall(TEXT + LAST)
            first, _ = answers(each)
            assert first.status == 200


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
