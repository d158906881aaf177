"""The door on real sockets: what a request is, and where it ends."""

from typing import Any

import pytest

from wire import (
    LAST,
    PAGES_ORIGIN,
    SMALL_LIMITS,
    SMUGGLED,
    TEXT,
    Packets,
    byte_by_byte,
    chunked,
    connected,
    head_first,
    in_one,
    is_refusal,
    request,
    sized,
    talk,
)

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
def test_what_is_not_http_is_a_400_and_the_end(port: int, message: bytes, packets: Packets) -> None:
    [answer] = talk(port, *packets(message), LAST)
    is_refusal(answer, 400, "malformed_request")


@pytest.mark.parametrize(
    "method", [b"FOO", b"get", b"FETCH", b"X", b"G%T", b"PO", b"POSTS", b"\r\nFETCH", b"A" * 9_000]
)
@pytest.mark.parametrize("packets", [in_one, head_first, byte_by_byte])
def test_a_method_that_nobody_knows_is_a_501_and_the_end(port: int, method: bytes, packets: Packets) -> None:
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


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (f"/livez?{'x' * SMALL_LIMITS.max_url_bytes}", "", 414),
        ("/livez", f"X-Request-Id: {'x' * SMALL_LIMITS.max_head_bytes}\n", 431),
    ],
    ids=["its address", "a header"],
)
def test_a_page_may_read_what_is_wrong_with_a_head_whose_origin_comes_last(
    port: int, path: str, header: str, status: int
) -> None:
    """A browser puts `Origin` behind what a page chooses.

    It is not looked for behind what ends the parsing: what is no HTTP no browser sends, and a preflight lets no page
    send so many headers. From a stranger's packet with 65,000 of them that would take 22 ms. One page is told nothing:
    whose head has outgrown its bound before the packet with `Origin` came.
    """
    [answer] = talk(port, request("GET", path, f"{header}Origin: {PAGES_ORIGIN}"))
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, PAGES_ORIGIN)


def test_a_page_may_read_even_what_the_parser_refused(port: int) -> None:
    attack = request(headers=f"Origin: {PAGES_ORIGIN}\nX-Request-Id: mine\nContent-Length: 0\nTransfer-Encoding: gzip")
    [answer] = talk(port, attack)
    is_refusal(answer, 400, "malformed_request")
    assert answer.headers["access-control-allow-origin"] == PAGES_ORIGIN
