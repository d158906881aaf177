"""The door, in front of a small application of its own where the model has no part in the question."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from lightsleeper.api.guard import AnswerHeaders, Guard
from lightsleeper.api.refusals import refuse

KEY, NEXT_KEY, FOREIGN_KEY = "correct-horse-battery-staple", "its-successor", "clé-à-deux-tours"
DIGESTS = [hashlib.sha256(key.encode()).digest() for key in (KEY, NEXT_KEY, FOREIGN_KEY)]

Answer = Callable[[Request], Any]


def guarded(answer: Answer | None = None, *, digests: list[bytes] | None = None) -> TestClient:
    async def fine(_: Request) -> Response:
        return PlainTextResponse("fine")

    app = Starlette(routes=[Route("/{path:path}", answer or fine, methods=["GET", "POST"])])
    return TestClient(AnswerHeaders(Guard(app, DIGESTS if digests is None else digests, refuse)))


def test_every_answer_names_its_request_and_keeps_the_callers_name() -> None:
    ours = [guarded().get("/").headers["x-request-id"] for _ in range(2)]
    assert len(set(ours)) == 2
    assert guarded().post("/", headers={"x-request-id": "their-1.a_b"}).headers["x-request-id"] == "their-1.a_b"
    assert guarded().get("/", headers={"x-request-id": "two words"}).headers["x-request-id"] != "two words"


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {KEY}")],
        [("authorization", f"bearer {KEY}")],
        [("authorization", f"Bearer   {KEY} \t")],
        [("x-api-key", KEY)],
        [("x-api-key", f" \t{KEY}  ")],
        [("x-api-key", NEXT_KEY)],
        [("authorization", "Bearer hf_somebodys-token"), ("x-api-key", KEY)],
        [("x-api-key", ""), ("authorization", f"Bearer {KEY}")],
        [("x-api-key", "another"), ("x-api-key", KEY)],
        [("authorization", "Basic dTpw"), ("authorization", f"Bearer {KEY}")],
        [("x-api-key", FOREIGN_KEY)],
        [("authorization", f"Bearer {FOREIGN_KEY}")],
    ],
    ids=[
        "bearer",
        "lower case",
        "blanks after bearer",
        "x-api-key",
        "blanks in x-api-key",
        "the next key",
        "beside a token for the hub",
        "beside an empty one",
        "the second of two",
        "beside another scheme",
        "not ascii",
        "not ascii after bearer",
    ],
)
def test_every_known_key_opens(headers: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert guarded().post("/predict", headers=raw).status_code == 200


def test_a_key_that_a_client_sends_as_latin_1_is_the_same_key() -> None:
    raw = [(b"x-api-key", FOREIGN_KEY.encode("latin-1"))]
    assert guarded().post("/predict", headers=raw).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "\t"], ids=["empty", "blank", "tab"])
@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_an_empty_key_is_none_even_where_its_digest_is_known(name: str, key: str) -> None:
    digests = [hashlib.sha256(each.encode()).digest() for each in ("", key)]
    value = f"Bearer {key}" if name == "authorization" else key
    assert guarded(digests=digests).post("/predict", headers={name: value}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer"},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY} {KEY}"},
        {"x-api-key": KEY.upper()},
        {"x-api-key": DIGESTS[0].hex()},
        {"x-api-key": "\xff"},
        {"x-api-key": f"Bearer {KEY}"},
    ],
    ids=[
        "none",
        "empty",
        "no key",
        "no scheme",
        "other scheme",
        "longer",
        "twice",
        "other case",
        "the digest",
        "not utf-8",
        "a scheme where none belongs",
    ],
)
def test_whoever_has_no_known_key_is_told_what_to_send(headers: dict[str, str]) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    refused = guarded().post("/predict", headers=raw)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "unauthorized"
    assert refused.headers["www-authenticate"] == "Bearer"


def test_without_keys_the_door_is_open() -> None:
    assert guarded(digests=[]).post("/predict").status_code == 200


async def test_nothing_of_an_unauthorized_body_is_read() -> None:
    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    await Guard(Starlette(), DIGESTS, refuse)(scope, receive, send)
    assert sent[0]["status"] == 401


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/health", "/model", "/docs", "/openapi.json"])
def test_reading_and_probing_need_no_key(path: str) -> None:
    assert guarded().get(path).status_code == 200


def test_every_answer_carries_the_security_headers() -> None:
    for response in (guarded().get("/"), guarded().post("/predict")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_a_policy_that_the_page_brings_stands_alone() -> None:
    async def page(_: Request) -> Response:
        return PlainTextResponse("page", headers={"content-security-policy": "default-src 'self'"})

    assert guarded(page).get("/").headers.get_list("content-security-policy") == ["default-src 'self'"]
