"""What is asked for in an upgrade is not offered, and no byte of a body is a request then."""

from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from wire import (
    LAST,
    SMUGGLED,
    TEXT,
    Packets,
    byte_by_byte,
    chunked,
    connected,
    head_first,
    in_one,
    request,
    sized,
    talk,
)


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
    packets: Packets,
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
