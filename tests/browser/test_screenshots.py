"""The pictures of the README: `make screenshots` keeps them, any other run only checks that they can be taken."""

import os
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page

from journey import OpenPage, ask, classify, load_content
from service import Service

pytestmark = pytest.mark.browser

THINGS = [
    "The zip",
    "The fabric",
    "Delivery",
    "The colour",
    "The fit",
    "Support",
    "The lining",
    "The smell",
    "The price",
]
VERDICTS = [
    "is better than I hoped",
    "fell apart within a week",
    "is exactly as described",
    "was a disappointment from the first day",
    "made my mother smile",
    "is fine, I suppose",
    "is not what the pictures promise",
    "deserves every one of its five stars",
    "could be worse",
    "is the reason I will not buy here again",
    "turned out well in the end",
]
SHOPS = ["Graz", "Cork", "Lyon", "Oslo"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def take(page: Page, path: Path) -> None:
    page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size < 200_000, "too heavy for a README"


def explained(page: Page) -> None:
    page.check("#explain")
    ask(page, "The plot is thin and the ending a mess, but the cast is a joy to watch.")
    page.wait_for_selector("#effects li")


def test_a_picture_of_one_text(open_page: OpenPage, service: Service, folder: Path) -> None:
    page = open_page(service.url, viewport={"width": 1200, "height": 1100}, reduced_motion="reduce")
    explained(page)
    take(page, folder / "one-text.png")


def test_a_picture_of_many_texts(open_page: OpenPage, service: Service, folder: Path) -> None:
    page = open_page(
        service.url, viewport={"width": 1200, "height": 1680}, color_scheme="dark", reduced_motion="reduce"
    )
    sentences = [f"{thing} {verdict}.".replace(",", "") for thing, verdict in product(THINGS, VERDICTS)]
    reviews = [f"{row},2026-0{row % 7 + 2}-1{row % 9},{SHOPS[row % 4]},{text}" for row, text in enumerate(sentences)]
    load_content(page, "jackets.csv", "\n".join(["order,date,shop,review", *reviews]).encode())
    classify(page)
    take(page, folder / "many-texts.png")
