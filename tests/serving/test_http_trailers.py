"""What comes behind a body of chunks is no header of any request."""

import hashlib

import pytest

from faces import Face
from lightsleeper.serving.settings import Settings
from wire import (
    LAST,
    SMALL_LIMITS,
    TEXT,
    Packets,
    byte_by_byte,
    chunked,
    connected,
    head_first,
    in_one,
    is_refusal,
    request,
    served,
    talk,
)


def test_a_trailer_is_no_header_of_its_request(face: Face) -> None:
    """It comes when the request was let in by its headers, and would be one of them in uvicorn's list."""
    settings = Settings(api_key_digests=(hashlib.sha256(KEY.encode()).hexdigest(),))
    body = b"%x\r\n%b\r\n0\r\nX-API-Key: %b\r\n\r\n" % (len(TEXT), TEXT, KEY.encode())
    with served(face(settings), SMALL_LIMITS) as port:
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
    packets: Packets,
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


KEY = "a-key"
