"""The door, in front of a small application of its own where the model has no part in the question."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from faces import Face
from lightsleeper.api.client import client_of
from lightsleeper.api.guard import AnswerHeaders, Guard
from lightsleeper.api.rate_limit import _MAX_CLIENTS, RateLimiter
from lightsleeper.api.refusals import refuse
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.errors import InvalidInput, Overloaded, RateLimited
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.serving.settings import Settings
from redis_server import RedisServer, free_port

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


async def spend(limiter: RateLimiter, texts: int, **scope: object) -> dict[bytes, int | bytes]:
    """The headers of one request; RateLimited if it is refused."""
    whole: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}, **scope}
    try:
        await limiter.spend(whole, texts)
    finally:
        headers = dict(whole["state"]["rate_limit_headers"])
    return {name: int(value) if value.isdigit() else value for name, value in headers.items()}


async def test_texts_are_counted_not_requests() -> None:
    limiter = RateLimiter(max_texts=10, window_s=3600)
    assert (await spend(limiter, 7))[b"ratelimit-remaining"] == 3
    assert (await spend(limiter, 3))[b"ratelimit-remaining"] == 0
    with pytest.raises(RateLimited):
        await spend(limiter, 1)


async def test_a_refused_request_costs_nothing_and_says_when_to_come_back() -> None:
    limiter = RateLimiter(max_texts=10, window_s=3600)
    await spend(limiter, 8)
    with pytest.raises(RateLimited) as refusal:
        await spend(limiter, 3)
    assert refusal.value.limit == 10
    assert refusal.value.retry_after_s is not None
    assert 0 < refusal.value.retry_after_s <= 2 * 3600
    headers = await spend(limiter, 2)
    assert headers[b"ratelimit-remaining"] == 0
    assert headers[b"ratelimit-policy"] == b"10;w=3600"
    assert 0 < int(headers[b"ratelimit-reset"]) <= 3600


async def test_the_time_to_wait_is_long_enough_and_not_much_longer() -> None:
    limiter = RateLimiter(max_texts=100, window_s=1)
    await spend(limiter, 100)
    with pytest.raises(RateLimited) as refusal:
        await spend(limiter, 10)
    assert refusal.value.retry_after_s is not None
    await asyncio.sleep(refusal.value.retry_after_s)  # the promise under test is a time
    await spend(limiter, 10)
    assert refusal.value.retry_after_s <= 2


async def test_a_request_that_never_fits_is_refused_for_good() -> None:
    limiter = RateLimiter(max_texts=10, window_s=60)
    with pytest.raises(InvalidInput, match="counts as 11 texts") as refusal:
        await limiter.spend({"client": ("192.0.2.1", 1), "state": {}}, 11)
    assert (refusal.value.limit, refusal.value.field) == (10, "text")
    assert (await spend(limiter, 10))[b"ratelimit-remaining"] == 0


async def test_what_was_refused_unread_is_given_back() -> None:
    limiter = RateLimiter(max_texts=10, window_s=3600)
    scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
    await limiter.spend(scope, 7)
    await limiter.give_back(scope, 7)
    assert dict(scope["state"]["rate_limit_headers"])[b"ratelimit-remaining"] == b"10"
    assert (await spend(limiter, 10))[b"ratelimit-remaining"] == 0


async def test_every_address_and_every_key_has_its_own_count() -> None:
    limiter = RateLimiter(max_texts=1, window_s=3600)
    await spend(limiter, 1)
    await spend(limiter, 1, client=("192.0.2.2", 1))
    await spend(limiter, 1, state={"key_id": "0123456789abcdef"})
    for again in ({}, {"client": ("192.0.2.2", 2)}, {"state": {"key_id": "0123456789abcdef"}}):
        with pytest.raises(RateLimited):
            await spend(limiter, 1, **again)


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("not an address " * 100, "unknown"),
    ],
)
def test_a_client_is_its_address_or_its_ipv6_network(host: str, client: str) -> None:
    assert client_of({"state": {}, "client": (host, 1)}) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.5, 10.0.0.6", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
    ],
    ids=["without activator", "with activator", "client claims another", "client claims a proxy"],
)
def test_a_client_behind_trusted_proxies_cannot_choose_its_address(forwarded: str, client: str) -> None:
    async def who(request: Request) -> Response:
        return PlainTextResponse(client_of(request.scope))

    routes = Starlette(routes=[Route("/", who)])
    app = ProxyHeadersMiddleware(routes, ["127.0.0.1", "10.0.0.0/8"])  # type: ignore[arg-type]  # two words for ASGI
    door = TestClient(Guard(app, [], refuse), client=("127.0.0.1", 5))  # type: ignore[arg-type]  # see above
    assert door.get("/", headers={"x-forwarded-for": forwarded}).text == client


def test_an_untrusted_peer_may_claim_what_it_likes() -> None:
    async def who(request: Request) -> Response:
        return PlainTextResponse(client_of(request.scope))

    routes = Starlette(routes=[Route("/", who)])
    app = ProxyHeadersMiddleware(routes, ["127.0.0.1"])  # type: ignore[arg-type]  # two words for ASGI
    door = TestClient(Guard(app, [], refuse), client=("203.0.113.9", 5))  # type: ignore[arg-type]  # see above
    assert door.get("/", headers={"x-forwarded-for": "192.0.2.1"}).text == "203.0.113.9"


async def test_only_the_client_longest_away_is_forgotten() -> None:
    limiter = RateLimiter(max_texts=1, window_s=3600)
    await spend(limiter, 1)
    for number in range(_MAX_CLIENTS + 100):
        await spend(limiter, 1, state={"key_id": f"{number}"})
        if number % 1_000 == 0:
            with pytest.raises(RateLimited):  # who keeps trying is not forgotten
                await spend(limiter, 1)
    with pytest.raises(RateLimited):
        await spend(limiter, 1, state={"key_id": f"{_MAX_CLIENTS + 99}"})
    with pytest.raises(RateLimited):
        await spend(limiter, 1, state={"key_id": "1000"})
    await spend(limiter, 1, state={"key_id": "0"})
    assert len(limiter._memory) == _MAX_CLIENTS  # noqa: SLF001  # the bound has no other face


async def test_memory_counts_as_redis_does() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            for texts in ((3, 4, 3), (9, 2), (5, -5, 10)):
                seen = []
                for each in (link, None):
                    limiter = RateLimiter(max_texts=10, window_s=3600, link=each)
                    scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
                    counted = [await limiter._count(scope, number) for number in texts]  # noqa: SLF001  # both at once
                    seen.append([(allowed, window.current_texts) for allowed, window in counted])
                assert seen[0] == seen[1]
                server.empty()


RATE_LIMITS_TOO = "+get +mget +set +evalsha +script|load +pttl +exists +incrby +rename"


@pytest.mark.parametrize(
    ("commands", "shared"), [(RATE_LIMITS_TOO, True), ("+get +mget +set", False)], ids=["with scripts", "without"]
)
async def test_without_scripts_each_process_counts_for_itself_and_the_cache_stays_on(
    caplog: pytest.LogCaptureFixture, commands: str, *, shared: bool
) -> None:
    with RedisServer() as server:
        with server.client() as client:
            rules = ["on", ">pass", "~lightsleeper:*", "-@all", *commands.split()]
            client.execute_command("ACL", "SETUSER", "app", "reset", *rules)
        async with linked(f"unix://app:pass@{server.socket}") as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            for _ in range(5):
                await spend(limiter, 1)
            assert (await spend(limiter, 1))[b"ratelimit-remaining"] == 4
            assert link.available
            with server.client() as client:
                for name in client.scan_iter():
                    client.pexpire(name, 3_599_000)  # so old a count is that of the window before
            await spend(limiter, 1)
            assert link.available
        with server.client() as client:
            assert client.dbsize() == (2 if shared else 0)
    assert caplog.text.count("its user lacks the ACL rule +") == (0 if shared else 1)


async def test_a_list_under_the_key_of_a_count_fails_no_request() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            await spend(limiter, 6)
            with server.client() as client:
                for name in client.scan_iter():
                    client.delete(name)
                    client.lpush(name, "x")
            assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
            assert link.available


@pytest.mark.parametrize("name", ["", "/-1"], ids=["this window", "the one before"])
@pytest.mark.parametrize(
    "value", ["abc", "", "1" + 400 * "0", "9" * 5_000, "-" + 400 * "9", "2.5", "1e400", "nan", "\xff"]
)
async def test_what_is_no_count_under_the_key_of_a_count_is_counted_in_memory(value: str, name: str) -> None:
    async with counted_as({name: value}) as (limiter, link):
        headers = await spend(limiter, 6)
        assert 0 <= int(headers[b"ratelimit-remaining"]) <= 4
        assert link.available


@pytest.mark.parametrize(("value", "remaining"), [("-1000000", 10), ("-1", 10), ("11", 0), (f"{2**63 - 1}", 0)])
async def test_no_count_in_redis_leaves_more_than_the_limit_or_less_than_nothing(value: str, remaining: int) -> None:
    async with counted_as({"": value}) as (limiter, link):
        scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
        with suppress(RateLimited):
            await limiter.spend(scope, 0)
        assert int(dict(scope["state"]["rate_limit_headers"])[b"ratelimit-remaining"]) == remaining
        assert link.available


@asynccontextmanager
async def counted_as(values: Mapping[str, str]) -> AsyncIterator[tuple[RateLimiter, RedisLink]]:
    """A limiter of ten texts, whose client's windows hold `values`, by what their keys end with."""
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            await spend(limiter, 1)
            with server.client() as client:
                [key] = client.keys()
                for name, value in values.items():
                    client.set(key + name.encode(), value.encode("latin-1"), px=7_000_000 if name == "" else 3_000_000)
            yield limiter, link


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(parse_redis_url(url), timeout_s=1.0)
    link.start()
    try:
        yield link
    finally:
        await link.close()


async def test_replicas_share_their_counts_through_redis() -> None:
    with RedisServer() as server:
        async with linked(server.url) as one, linked(server.url) as other:
            await one.wait_available()
            await other.wait_available()
            limiters = [RateLimiter(max_texts=10, window_s=3600, link=link) for link in (one, other)]
            assert (await spend(limiters[0], 6))[b"ratelimit-remaining"] == 4
            assert (await spend(limiters[1], 4))[b"ratelimit-remaining"] == 0
            for limiter in limiters:
                with pytest.raises(RateLimited):
                    await spend(limiter, 1)
        with server.client() as client:
            names = client.keys()
            assert isinstance(names, list)
            assert all(name.startswith(b"lightsleeper:limit") for name in names)
            assert all(0 < client.ttl(name) <= 2 * 3600 for name in names)


async def test_without_redis_each_process_counts_for_itself() -> None:
    async with linked(f"redis://127.0.0.1:{free_port()}") as link:
        limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
        assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
        with pytest.raises(RateLimited):
            await spend(limiter, 5)


async def test_a_redis_lost_in_the_middle_never_fails_a_request() -> None:
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10_000, window_s=3600, link=link)
            await asyncio.gather(*(spend(limiter, 1, client=(f"192.0.2.{n}", 1)) for n in range(50)))
            server.kill()
            await asyncio.gather(*(spend(limiter, 1, client=(f"192.0.2.{n}", 1)) for n in range(50)))
            assert not link.available
            server.start()
            await link.wait_available()
            assert (await spend(limiter, 1))[b"ratelimit-remaining"] == 9_999


@pytest.fixture(scope="module")
def limited(face: Face) -> Iterator[TestClient]:
    """The whole application, with everything in this file switched on."""
    settings = Settings(
        api_key_digests=tuple(digest.hex() for digest in DIGESTS),
        rate_limit_texts=70,
        rate_limit_window_s=3600,
        cors_origins=("https://example.org",),
    )
    with TestClient(face(settings)) as client:
        yield client


def test_the_service_says_what_is_left_and_refuses_with_429(limited: TestClient) -> None:
    headers = {"x-api-key": KEY}
    answers = [limited.post("/predict", json={"text": ["a", "b"] * 16}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["38", "6", "6"]
    assert answers[2].json()["error"] == {
        "code": "rate_limited",
        "message": "32 more texts would be over the limit of 70 in 3600 s",
        "limit": 70,
    }
    assert int(answers[2].headers["retry-after"]) > 0


def test_every_variant_of_an_explained_text_counts(limited: TestClient) -> None:
    asked = {"text": "three words only", "explain": True}
    answer = limited.post("/predict", json=asked, headers={"x-api-key": NEXT_KEY})
    assert answer.headers["ratelimit-remaining"] == str(70 - 4)


def test_an_explanation_of_more_words_than_a_client_may_send_is_refused_and_not_for_now(limited: TestClient) -> None:
    asked = {"text": "word " * 100, "explain": True}
    answer = limited.post("/predict", json=asked, headers={b"x-api-key": FOREIGN_KEY.encode()})
    assert answer.status_code == 422
    assert answer.json()["error"]["limit"] == 70
    assert "retry-after" not in answer.headers


def test_what_an_overloaded_service_refuses_is_not_charged(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("full", retry_after_s=1)

    headers = {b"x-api-key": FOREIGN_KEY.encode()}
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "classify", refuse)
        for _ in range(10):
            assert limited.post("/predict", json={"text": ["a"] * 30}, headers=headers).status_code == 503
    answer = limited.post("/predict", json={"text": ["a"] * 30}, headers=headers)
    assert answer.headers["ratelimit-remaining"] == str(70 - 30)


def test_probes_are_neither_limited_nor_authenticated(limited: TestClient) -> None:
    for path in ("/livez", "/readyz", "/health") * 40:
        assert limited.get(path).status_code == 200


def test_a_page_of_an_allowed_origin_may_call_and_read_refusals(limited: TestClient) -> None:
    origin = {"origin": "https://example.org"}
    asking = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    assert limited.options("/predict", headers=asking).headers["access-control-allow-origin"] == origin["origin"]
    refused = limited.post("/predict", json={"text": "x"}, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["origin"]


def test_a_page_of_another_origin_may_not(limited: TestClient, client: TestClient) -> None:
    for each in (limited, client):
        answer = each.get("/livez", headers={"origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in answer.headers
