"""Real sockets, and a page that says one word."""

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx2
import pytest

from lightsleeper.telemetry.scrape_server import MAX_CONNECTIONS, ScrapeServer


def page(_: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"metrics"]


@pytest.fixture
def server() -> Iterator[ScrapeServer]:
    server = ScrapeServer("127.0.0.1", 0, page, timeout_s=3)
    yield server
    server.close()


def read(server: ScrapeServer) -> str:
    return httpx2.get(f"http://127.0.0.1:{server.server_port}/metrics", timeout=60).text


def connect(server: ScrapeServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=60)


def test_many_scrapes_one_after_another_are_answered(server: ScrapeServer) -> None:
    assert {read(server) for _ in range(3 * MAX_CONNECTIONS)} == {"metrics"}


def test_more_connections_than_allowed_are_hung_up_on_and_the_silent_ones_end(server: ScrapeServer) -> None:
    silent = [connect(server) for _ in range(MAX_CONNECTIONS)]
    with connect(server) as refused:
        assert refused.recv(1) == b""
    for each in silent:
        each.sendall(b"GET /metrics HTTP/1.1\r\nX: ")  # and never the end of it
    for each in silent:
        assert each.recv(1) == b""
        each.close()
    while True:
        try:
            assert read(server) == "metrics"
        except httpx2.TransportError:  # the last of them has not let go yet; pytest's own time-out ends it
            continue
        break
