"""Texts that a client spends of what it may."""

from typing import Any

from lightsleeper.api.rate_limit import RateLimiter


async def spend(limiter: RateLimiter, texts: int, **scope: object) -> dict[bytes, int | bytes]:
    """The headers of one request; RateLimited if it is refused."""
    whole: dict[str, Any] = {"client": ("192.0.2.1", 1), "state": {}, **scope}
    try:
        await limiter.spend(whole, texts)
    finally:
        headers = dict(whole["state"]["rate_limit_headers"])
    return {name: int(value) if value.isdigit() else value for name, value in headers.items()}
