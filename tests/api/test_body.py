"""Bodies as other people's clients and browsers send them, against the real application."""

import asyncio
import gzip
import json
import threading
import zlib
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import Message

from lightsleeper.api.asgi import Request
from lightsleeper.api.asgi import Response as Answer
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.predict_request import Limits
from lightsleeper.errors import shortened

BODY = json.dumps({"text": "A wonderful film, wörth it."}, ensure_ascii=False).encode()
LIMIT = 2_000_000


def post(client: TestClient, content: bytes, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/predict", content=content, headers={"content-type": "application/json", **names})


def bare_deflate(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(body) + deflater.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_an_encoded_body_is_answered_as_the_plain_one(
    client: TestClient, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    response = post(client, encode(BODY), content_encoding=encoding)
    assert response.status_code == 200
    assert response.json() == post(client, BODY).json()


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_body_may_be_as_large_as_the_limit_once_it_is_inflated_and_no_larger(
    client: TestClient, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    blank = b" " * (LIMIT - len(BODY))
    assert post(client, encode(blank + BODY), content_encoding=encoding).status_code == 200
    bomb = post(client, encode(b" " * 20 * LIMIT), content_encoding=encoding)
    assert (bomb.status_code, bomb.json()["error"]["limit"]) == (413, LIMIT)
    assert post(client, encode(b" " + blank + BODY), content_encoding=encoding).status_code == 413


def test_many_small_bombs_in_one_body_are_no_way_round_the_limit(client: TestClient) -> None:
    bombs = gzip.compress(b" " * LIMIT) * 50
    assert post(client, bombs, content_encoding="gzip").status_code == 413


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", BODY),
        ("gzip", b""),
        ("gzip", gzip.compress(BODY)[:-3]),
        ("gzip", gzip.compress(BODY) + b"tail"),
        ("gzip", gzip.compress(b"") * 1000),
        ("deflate", b"\xff\xff\xff"),
    ],
)
def test_a_body_that_cannot_be_inflated_is_a_422(client: TestClient, encoding: str, body: bytes) -> None:
    response = post(client, body, content_encoding=encoding)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_encoding")


@pytest.mark.parametrize("encodings", [("identity", "gzip"), ("gzip", "identity"), ("gzip", "gzip"), ("", "gzip")])
def test_encodings_in_several_lines_are_one_list_which_is_a_415(client: TestClient, encodings: tuple[str, ...]) -> None:
    headers = [("content-type", "application/json"), *(("content-encoding", each) for each in encodings)]
    response = client.post("/predict", content=gzip.compress(BODY), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert ", ".join(encodings).strip() in response.json()["error"]["message"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 5_000])
def test_an_encoding_that_is_not_read_is_a_415_naming_it(client: TestClient, encoding: str) -> None:
    response = post(client, BODY, content_encoding=encoding)
    assert response.status_code == 415
    assert shortened(encoding) in response.json()["error"]["message"]
    assert len(response.content) < 400


def test_a_byte_order_mark_is_skipped_and_utf_16_is_named(client: TestClient) -> None:
    assert post(client, b"\xef\xbb\xbf" + BODY).json() == post(client, BODY).json()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        response = post(client, BODY.decode().encode(encoding))
        assert (response.status_code, response.json()["error"]["field"]) == (415, "content-type")
        assert "UTF-16" in response.json()["error"]["message"]


@pytest.mark.parametrize("charset", ["iso-8859-1", '"windows-1252"', "UTF-16", "x" * 5_000])
def test_letters_of_another_character_encoding_are_a_415_naming_it(client: TestClient, charset: str) -> None:
    for path, body in (("/predict", {"text": "wörth it"}), ("/", {"inputs": "wörth it"})):
        content = json.dumps(body, ensure_ascii=False).encode("latin-1")
        headers = {"content-type": f"application/json; charset={charset}"}
        response = client.post(path, content=content, headers=headers)
        assert response.status_code == 415
        assert charset.strip('"').lower()[:99] in response.text
        assert len(response.content) < 400
        # Named by habit, where every letter is the same in both, it is no reason to refuse.
        assert client.post(path, content=json.dumps(body).encode(), headers=headers).status_code == 200


async def test_small_bodies_that_inflate_to_large_ones_do_not_hold_up_others() -> None:
    """200 of 2 KB took the event loop 2 s in one turn, and 2 MB each until they were parsed."""
    bomb = gzip.compress(b'{"text": "' + b"a" * (LIMIT - 12) + b'"}')
    loop_thread = threading.current_thread()
    seen = []

    def parse(body: bytes, _: Request) -> int:
        seen.append(threading.current_thread() is loop_thread)
        return len(body)

    async def answer(_: Exchange, size: int) -> Answer:
        return Answer(str(size))

    async def receive() -> Message:
        return {"type": "http.request", "body": bomb}

    limits = Limits(max_texts=1, max_text_chars=1, max_body_bytes=LIMIT, timeout_s=60)
    scope = {"headers": [(b"content-encoding", b"gzip")], "state": {"limits": limits, "head": None, "classifier": None}}
    answers = await asyncio.gather(*(exchange(Request(scope, receive), parse, answer) for _ in range(20)))
    assert {each.body for each in answers} == {str(LIMIT).encode()}
    assert not any(seen)


@pytest.mark.parametrize("path", ["/model", "/livez", "/readyz", "/health", "/", "/openapi.json"])
def test_head_works_wherever_get_does(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
