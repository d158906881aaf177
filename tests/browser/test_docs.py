"""The documentation of the API, from the package alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from proxy import Proxy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from service import Service

pytestmark = pytest.mark.browser

TIMEOUT_MS = 60_000


def visit(browser: Browser, address: str) -> tuple[Page, list[str], list[str]]:
    """The page once it shows the routes; all that it asked for, and all that it complained of."""
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.locator("#operations-default-predict_predict_post").wait_for()
    return page, asked, complaints


def test_nothing_comes_from_elsewhere_and_the_policy_holds(browser: Browser, service: Service) -> None:
    page, asked, complaints = visit(browser, f"{service.url}/docs")
    page.locator("#operations-default-predict_predict_post .opblock-summary").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("textarea").first.fill('{"text": "What a lovely film."}')
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("POSITIVE", timeout=TIMEOUT_MS)
    page.close()
    assert [address for address in asked if not address.startswith((service.url, "data:"))] == []
    assert complaints == []


def test_it_works_below_a_path(browser: Browser, service: Service) -> None:
    with Proxy(lambda: service.port, prefix="/teams/a/sentiment") as proxy:
        page, asked, complaints = visit(browser, f"{proxy.url}docs")
        page.close()
        assert [address for address in asked if not address.startswith((proxy.url, "data:"))] == []
    assert complaints == []
