"""Texts are counted by client: in the process, in a Redis that replicas share, and for the whole application."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient

from faces import Face
from lightsleeper.api.rate_limit import _MAX_CLIENTS, RateLimiter
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.errors import InvalidInput, Overloaded, RateLimited
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.process import free_port
from lightsleeper.serving.settings import Settings
from redis_server import RedisServer

#: One for each test of the whole application that spends, so that each has its whole limit.
KEYS = ("one", "another", "a third", "a fourth", "a fifth", "a sixth")


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


async def test_who_is_refused_the_rest_of_a_request_is_told_when_all_of_it_fits() -> None:
    limiter = RateLimiter(max_texts=10, window_s=3600)
    scope: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}}
    await limiter.spend(scope, 5)
    with pytest.raises(RateLimited) as refusal:
        await limiter.spend(scope, 6, counted=2)
    with pytest.raises(RateLimited) as whole:
        await limiter.spend(scope, 8)
    assert refusal.value.retry_after_s == pytest.approx(whole.value.retry_after_s, rel=0.01)
    with pytest.raises(InvalidInput, match="counts as 11 texts"):
        await limiter.spend(scope, 10, counted=1)


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


async def test_a_count_in_redis_that_never_ends_shuts_nobody_out() -> None:
    async with counted_as({"": "1000"}, end=False) as (limiter, link):
        assert (await spend(limiter, 6))[b"ratelimit-remaining"] == 4
        with pytest.raises(RateLimited):
            await spend(limiter, 5)
        assert link.available


@asynccontextmanager
async def counted_as(values: Mapping[str, str], *, end: bool = True) -> AsyncIterator[tuple[RateLimiter, RedisLink]]:
    """A limiter of ten texts, whose client's windows hold `values`, by what their keys end with."""
    with RedisServer() as server:
        async with linked(server.url) as link:
            await link.wait_available()
            limiter = RateLimiter(max_texts=10, window_s=3600, link=link)
            await spend(limiter, 1)
            with server.client() as client:
                [key] = client.keys()
                for name, value in values.items():
                    life_ms = 7_000_000 if name == "" else 3_000_000
                    client.set(key + name.encode(), value.encode("latin-1"), px=life_ms if end else None)
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
    """The whole application, with keys and a limit for each."""
    digests = tuple(hashlib.sha256(key.encode()).hexdigest() for key in KEYS)
    settings = Settings(api_key_digests=digests, rate_limit_texts=70, rate_limit_window_s=3600)
    with TestClient(face(settings)) as client:
        yield client


def test_the_service_says_what_is_left_and_refuses_with_429(limited: TestClient) -> None:
    headers = {"x-api-key": KEYS[0]}
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
    answer = limited.post("/predict", json=asked, headers={"x-api-key": KEYS[1]})
    assert answer.headers["ratelimit-remaining"] == str(70 - 4)


def test_an_explanation_of_more_words_than_a_client_may_send_is_refused_and_not_for_now(limited: TestClient) -> None:
    asked = {"text": "word " * 100, "explain": True}
    answer = limited.post("/predict", json=asked, headers={"x-api-key": KEYS[5]})
    assert answer.status_code == 422
    assert answer.json()["error"]["limit"] == 70
    assert "retry-after" not in answer.headers


def test_a_client_over_its_limit_has_no_text_read_for_an_explanation(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"x-api-key": KEYS[3]}
    assert limited.post("/predict", json={"text": ["a"] * 60}, headers=headers).status_code == 200
    read: list[str] = []
    leave_one_out = Classifier.leave_one_out

    async def noted(self: Classifier, text: str) -> tuple[str, list[str]]:
        read.append(text)
        return await leave_one_out(self, text)

    monkeypatch.setattr(Classifier, "leave_one_out", noted)
    asked = {"text": "word " * 20, "explain": True}
    answers = [limited.post("/predict", json=asked, headers=headers) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {429}
    assert len(read) == 70 - 60


def test_an_explanation_that_an_overloaded_service_refuses_is_not_charged(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("full", retry_after_s=1)

    headers, asked = {"x-api-key": KEYS[4]}, {"text": "three words only", "explain": True}
    for method in ("classify", "leave_one_out"):
        with monkeypatch.context() as patch:
            patch.setattr(Classifier, method, refuse)
            answer = limited.post("/predict", json=asked, headers=headers)
            assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (503, "70")


def test_what_an_overloaded_service_refuses_is_not_charged(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("full", retry_after_s=1)

    headers = {"x-api-key": KEYS[2]}
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "classify", refuse)
        for _ in range(10):
            assert limited.post("/predict", json={"text": ["a"] * 30}, headers=headers).status_code == 503
    answer = limited.post("/predict", json={"text": ["a"] * 30}, headers=headers)
    assert answer.headers["ratelimit-remaining"] == str(70 - 30)


def test_probes_are_neither_limited_nor_authenticated(limited: TestClient) -> None:
    for path in ("/livez", "/readyz", "/health") * 40:
        assert limited.get(path).status_code == 200
