"""Who a client is, and whose word on it is believed."""

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from lightsleeper.api.client import client_of
from lightsleeper.api.guard import Guard
from lightsleeper.api.refusals import refuse


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
