"""HTTP/1.1 as bytes on a real socket: what is sent is what stands in the test, and every answer is kept."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from starlette.types import Scope

from lightsleeper.api.early_refusal import Refusal
from lightsleeper.serving.door import Door, DoorLimits
from lightsleeper.serving.http_shedding import SheddingProtocol

#: Of a socket that should have had its answer long ago, on a machine that is busy with something else.
PATIENCE_S = 60

#: Small or short, so that breaking one takes neither megabytes nor seconds.
SMALL_LIMITS = DoorLimits(
    max_head_bytes=8_192, max_url_bytes=1_024, max_headers=20, max_pipelined=4, max_framing_bytes=2_048
)
#: Whose pages may call the service of the tests.
PAGES_ORIGIN = "https://example.org"
#: A request's body, and a request that somebody could hide in one.
TEXT = b'{"text": "A quiet film that stays with you."}'
SMUGGLED = b"GET /model HTTP/1.1\r\nHost: smuggled\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON is anything
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error."""
        code: str = self.json["error"]["code"]
        return code


def request(
    method: str = "POST", path: str = "/predict", headers: str = "", body: bytes = b"", version: str = "1.1"
) -> bytes:
    """`headers` are lines without their ends, in one string."""
    lines = [f"{method} {path} HTTP/{version}", "Host: test", "Content-Type: application/json", *headers.splitlines()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sized(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


#: The last request of a connection: its answer shows that all before it was read rightly, and then comes the end.
LAST = request("GET", "/livez", "Connection: close")


def talk(port: int, *packets: bytes) -> list[Answer]:
    """Every answer on one connection, up to its end by the server."""
    with connected(port) as client:
        for packet in packets:
            client.sendall(packet)
        return answers(client)


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield client


def answers(client: socket.socket) -> list[Answer]:
    """What comes until the server ends the connection; `100 Continue` is none."""
    return list(parsed(b"".join(iter(lambda: client.recv(65_536), b""))))


def parsed(came: bytes) -> Iterable[Answer]:
    while came:
        head, end, came = came.partition(b"\r\n\r\n")
        assert end, f"half an answer: {head[:200]!r}"
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        status = int(line.split(" ")[1])
        if status == 100:
            continue
        length = int(headers["content-length"])
        assert len(came) >= length
        yield Answer(status, headers, came[:length])
        came = came[length:]


def is_refusal(answer: Answer, status: int, code: str) -> None:
    """Everything that every answer has, also one that no route gave."""
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/json"


#: How a message is cut.
Packets = Callable[[bytes], list[bytes]]


def in_one(message: bytes) -> list[bytes]:
    return [message]


def head_first(message: bytes) -> list[bytes]:
    head, end, body = message.partition(b"\r\n\r\n")
    return [head + end, body]


def byte_by_byte(message: bytes) -> list[bytes]:
    return [message[at : at + 1] for at in range(len(message))]


@contextlib.contextmanager
def served(
    app: Any,  # noqa: ANN401  # an ASGI application
    limits: DoorLimits,
    *,
    refusals: Callable[[Scope], Refusal | None] = lambda _: None,
    **config: Any,  # noqa: ANN401  # uvicorn's
) -> Iterator[int]:
    """The port on which `app` is served as the service is, in a thread."""
    protocol: Any = partial(SheddingProtocol, door=Door(limits), refusals=refusals)
    settings: dict[str, Any] = {"timeout_keep_alive": PATIENCE_S, "access_log": False, **config}
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=protocol, ws="none", loop="uvloop", log_config=None, **settings)
    )
    thread = threading.Thread(target=asyncio.run, args=[server.serve()])
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            threading.Event().wait(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
