"""Texts are counted by client, in the process."""

import asyncio
from typing import Any

import pytest

from lightsleeper.api.rate_limit import _MAX_CLIENTS, RateLimiter
from lightsleeper.errors import InvalidInput, RateLimited
from spending import spend


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
