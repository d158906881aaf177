"""A real Chromium on the real service."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import TYPE_CHECKING

import pytest

import shops
from service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from journey import OpenPage

#: Debian's name first; CHROMIUM names any other.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Patience for a busy machine; nothing is measured by it.
TIMEOUT_MS = 60_000

#: What the browser itself logs about answers that the tests provoke on purpose.
EXPECTED = "Failed to load resource"

PLAYWRIGHT = importlib.util.find_spec("playwright") is not None

if not PLAYWRIGHT:
    collect_ignore_glob = ["test_*.py"]


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def missing() -> str:
    """What to install before the page can be tested; empty if all is there."""
    if not PLAYWRIGHT:
        return "playwright: `make test-browser` installs it"
    if not chromium():
        return "Chromium: `apt-get install chromium`, or name another by CHROMIUM=/path/to/chrome"
    return ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if missing():
        terminalreporter.write_line(f"The page was not tested in a browser. Install {missing()}", yellow=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if missing():
        pytest.fail(f"install {missing()}")
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415  # an optional group

    expect.set_options(timeout=TIMEOUT_MS)

    # Chromium's own sandbox needs privileges that containers lack; the pages under test are ours.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One service with default settings for all tests that do not change it."""
    with Service() as service:
        yield service


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens the page of a service in a fresh profile; no page may leave a complaint in its console."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and EXPECTED not in message.text:
            complaints.append(message.text)

    def open_page(url: str, *, script: str = "", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]  # passed on
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.locator("#facts dd").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: OpenPage, service: Service) -> Page:
    return open_page(service.url)


@pytest.fixture
def done(page: Page) -> Page:
    """With the reviews of three shops on it, classified."""
    from journey import classify, load_content  # noqa: PLC0415  # needs playwright, as the tests that ask for it do

    load_content(page, "shops.csv", shops.as_csv())
    classify(page)
    return page
