"""Who a client is, and whose word on it is believed."""

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.middleware import proxy_headers

from lightsleeper.api import client as naming
from lightsleeper.api.client import client_of
from lightsleeper.api.guard import Guard
from lightsleeper.api.refusals import refuse
from lightsleeper.serving.proxies import Proxies


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


@pytest.mark.parametrize("host", ["x" * 30_000, "2001:db8::1%" + "x" * 30_000])
def test_a_name_that_is_too_long_for_an_address_is_neither_read_nor_kept(host: str) -> None:
    kept = naming._network.cache_info().currsize  # noqa: SLF001  # what is kept has no other face
    assert client_of({"state": {}, "client": (host, 1)}) == "unknown"
    assert naming._network.cache_info().currsize == kept  # noqa: SLF001  # see above


def test_what_no_row_of_proxies_can_have_written_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parse = proxy_headers._parse_host_port  # noqa: SLF001  # uvicorn's, of each address

    def noted(address: str) -> tuple[str, int]:
        read.append(address)
        return parse(address)

    monkeypatch.setattr(proxy_headers, "_parse_host_port", noted)
    found = Proxies(None, ["10.0.0.0/8"]).trusted_hosts.get_trusted_client_address(", ".join(["10.10.10.10"] * 2_500))
    assert found == ("10.10.10.10", 0)
    assert set(read) == {"10.10.10.10"}
    assert len(read) <= 100


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.5, 10.0.0.6", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
        (f"{'10.0.0.1, ' * 3_000}203.0.113.9, 10.0.0.5", "203.0.113.9"),
    ],
    ids=["without activator", "with activator", "client claims another", "client claims a proxy", "3,000 proxies"],
)
def test_a_client_behind_trusted_proxies_cannot_choose_its_address(forwarded: str, client: str) -> None:
    async def who(request: Request) -> Response:
        return PlainTextResponse(client_of(request.scope))

    routes = Starlette(routes=[Route("/", who)])
    app = Proxies(routes, ["127.0.0.1", "10.0.0.0/8"])
    door = TestClient(Guard(app, [], refuse), client=("127.0.0.1", 5))  # type: ignore[arg-type]  # see above
    assert door.get("/", headers={"x-forwarded-for": forwarded}).text == client


def test_an_untrusted_peer_may_claim_what_it_likes() -> None:
    async def who(request: Request) -> Response:
        return PlainTextResponse(client_of(request.scope))

    routes = Starlette(routes=[Route("/", who)])
    app = Proxies(routes, ["127.0.0.1"])
    door = TestClient(Guard(app, [], refuse), client=("203.0.113.9", 5))  # type: ignore[arg-type]  # see above
    assert door.get("/", headers={"x-forwarded-for": "192.0.2.1"}).text == "203.0.113.9"
