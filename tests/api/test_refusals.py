"""One shape for whatever is not an answer, whoever refuses: a route, the server below it, a bug, the end of a drain."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faces import Face
from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.guard import AnswerHeaders
from lightsleeper.api.last_resort import REFUSED, LastResort
from lightsleeper.api.refusals import STATUS
from lightsleeper.api.routes import ROUTES
from lightsleeper.errors import HeadTooLarge, LightsleeperError, RequestError, ServiceError
from lightsleeper.serving.settings import Settings

ORIGIN = "https://example.org"


async def bug(_: Request) -> Response:
    raise ZeroDivisionError("a secret of the caller")


@pytest.fixture(scope="module")
def below_a_path(face: Face) -> Iterator[TestClient]:
    """The service as a proxy serves it below /sentiment; pages of one origin may call it; one route has a bug."""
    ROUTES.append(DirectRoute("/bug", bug))
    app = face(Settings(root_path="/sentiment", cors_origins=(ORIGIN,)))
    with TestClient(app, base_url="http://evil.example", follow_redirects=False) as client:
        yield client
    ROUTES.pop()


def kinds(kind: type[LightsleeperError]) -> Iterator[type[LightsleeperError]]:
    yield from (each for child in kind.__subclasses__() for each in (child, *kinds(child)))


def test_every_error_a_request_can_meet_has_its_own_status() -> None:
    assert {*kinds(RequestError), *kinds(ServiceError)} == set(STATUS)


def test_a_bug_is_an_answer_like_any_other(below_a_path: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="lightsleeper"):
        answer = below_a_path.get("/bug", headers={"origin": ORIGIN, "x-request-id": "mine"})
    assert answer.status_code == 500
    assert answer.json() == {"error": {"code": "internal", "message": "internal error"}}
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_preflight_is_named_as_well(below_a_path: TestClient) -> None:
    answer = below_a_path.options("/predict", headers={"origin": ORIGIN, "access-control-request-method": "POST"})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_may_send_what_its_clients_add(below_a_path: TestClient) -> None:
    """@huggingface/inference names itself, OpenTelemetry traces, a compressed body says so."""
    sent = "authorization,content-encoding,content-type,prefer,traceparent,tracestate,user-agent,x-api-key"
    asked = {"access-control-request-method": "POST", "access-control-request-headers": sent}
    assert below_a_path.options("/", headers={"origin": ORIGIN, **asked}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"origin": "https://elsewhere.example", "access-control-request-method": "POST"}, "origin"),
        ({"origin": ORIGIN, "access-control-request-method": "DELETE"}, "method"),
        ({"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "x"}, "headers"),
    ],
)
def test_a_preflight_that_is_refused_says_so_like_any_other(
    below_a_path: TestClient, asked: dict[str, str], said: str
) -> None:
    answer = below_a_path.options("/predict", headers=asked)
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], said in answer.json()["error"]["message"]) == ("cross_origin_refused", True)
    assert "origin" in answer.headers["vary"].lower()
    assert answer.headers["x-request-id"]


def test_what_the_server_refused_passes_no_guard_and_asks_no_route() -> None:
    async def unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        scope[REFUSED] = HeadTooLarge("the head has more than 9 bytes", limit=9)
        await AnswerHeaders(LastResort(unreachable))(scope, receive, send)

    answer = TestClient(refused).get("/")
    assert answer.status_code == 431
    assert answer.json()["error"] == {
        "code": "head_too_large",
        "message": "the head has more than 9 bytes",
        "limit": 9,
    }
    assert answer.headers["x-request-id"]


async def cut_off(app: ASGIApp, started: asyncio.Event) -> list[Message]:
    """What is sent by `app`, which is cancelled as soon as `started` is set."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    task = asyncio.ensure_future(app(scope, receive, send))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    return sent


async def test_a_request_that_outlives_the_drain_is_told_to_come_back() -> None:
    started = asyncio.Event()

    async def endless(_scope: Scope, _receive: Receive, _send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    start, body = await cut_off(LastResort(endless), started)
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert (b"connection", b"close") in start["headers"]
    assert b'"shutting_down"' in body["body"]


async def test_half_an_answer_is_never_followed_by_another() -> None:
    started = asyncio.Event()

    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        started.set()
        await asyncio.Event().wait()

    assert len(await cut_off(LastResort(half), started)) == 1


def test_a_slash_too_many_leads_to_the_path_below_the_root_and_never_to_a_host(below_a_path: TestClient) -> None:
    for path in ("/predict/", "/sentiment/predict/"):
        answer = below_a_path.post(f"{path}?a=b&c", json={"text": "x"})
        assert answer.status_code == 307
        assert answer.headers["location"] == "/sentiment/predict?a=b&c"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("name", ["a%23b%3Fc", "a%25", "a%20b", "%C3%A9", "%0d%0aX:y", "a;b=c@d"])
def test_a_name_is_as_it_was_where_a_slash_too_many_leads(below_a_path: TestClient, name: str) -> None:
    answer = below_a_path.get(f"/v2/models/{name}/")
    assert answer.status_code == 307
    assert answer.headers["location"].lower() == f"/sentiment/v2/models/{name}".lower()


@pytest.mark.parametrize("path", ["//evil.example/predict/", "/nothing/", "//", "//predict/", "/\\evil.example/"])
def test_no_path_leads_anywhere_else(below_a_path: TestClient, path: str) -> None:
    answer = below_a_path.get(f"http://evil.example{path}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize("prefix", ["/", "/web/"])
def test_a_name_is_echoed_once_and_at_most_a_hundred_characters_of_it(client: TestClient, prefix: str) -> None:
    answer = client.get(f"{prefix}{'x' * 5_000}")
    assert answer.status_code == 404
    assert 50 < answer.text.count("x") <= 100


def test_neither_is_that_of_a_field(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": "y", "x" * 5_000: 1})
    assert answer.status_code == 422
    assert 50 < answer.text.count("x") <= 100
    assert client.post("/predict", json={"text": "y", "texxt": 1}).json()["error"]["field"] == "texxt"
