"""What a person does on the page, one line each."""

import json
from collections.abc import Callable, Iterable
from math import inf
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

Rows = list[dict[str, Any]]

#: Opens the page at an address, in a fresh profile.
OpenPage = Callable[..., Page]

REVIEWS = [
    "A lovely, quiet film that stays with you.",
    "Arrived broken, and nobody answers the phone.",
    'He said "never again",\nand he meant it.',
    "Not bad at all for the price.",
    "Two hours I will never get back.",
    "Best purchase of the year; my mother wants one too.",
]


def numbered(count: int) -> list[dict[str, object]]:
    return [{"id": number, "review": f"{REVIEWS[number % 6]} {number}"} for number in range(count)]


def ask(page: Page, text: str) -> None:
    """Type a text and wait for its answer."""
    page.fill("#text", text)
    answered(page)


def answered(page: Page) -> None:
    page.wait_for_selector("#answer[data-state=done]")


def load_file(page: Page, path: Path) -> None:
    """Choose a file on the second tab and wait until it is read."""
    page.click("#tab-many")
    page.set_input_files("#file", path)
    page.wait_for_selector("#source[data-state=loaded]")


def load_content(page: Page, name: str, content: bytes) -> None:
    page.click("#tab-many")
    page.set_input_files("#file", {"name": name, "mimeType": "", "buffer": content})
    page.wait_for_selector("#source[data-state=loaded]")


def classify(page: Page) -> None:
    """Start and wait for the end."""
    page.click("#start")
    finished(page)


def under_way(page: Page) -> Callable[[], None]:
    """Start; the first answers come in, and the others wait for a call of what is returned, however fast they are."""
    held: list[Route] = []
    passed, let_through = 0, 2.0

    def one_of_them(route: Route) -> None:
        nonlocal passed
        passed += 1
        if passed <= let_through:
            route.continue_()
        else:
            held.append(route)

    def release() -> None:
        nonlocal let_through
        let_through = inf
        for route in held:
            route.continue_()

    page.route("**/predict", one_of_them)
    page.click("#start")
    page.wait_for_function("() => document.querySelector('#progress').value > 0")
    return release


def finished(page: Page, timeout_ms: float = 100_000) -> None:
    page.wait_for_selector("#run[data-state=done]", timeout=timeout_ms)


def download(page: Page, form: str) -> str:
    with page.expect_download() as caught:
        page.click(f"#download-{form}")
    return caught.value.path().read_bytes().decode()  # with its line ends as they are


def downloaded_rows(page: Page) -> Rows:
    return [json.loads(line) for line in download(page, "jsonl").splitlines()]


def shown(page: Page) -> str:
    """How many of its rows the table shows."""
    return page.inner_text("#shown")


def table(page: Page) -> list[list[str]]:
    """The rows in sight, once what was asked for is drawn: number, text, label, score, and what the file says."""
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    cells = "rows => rows.map((row) => Array.from(row.querySelectorAll('td'), (cell) => cell.innerText))"
    found: list[list[str]] = page.locator("#table tbody tr:not(.spacer)").evaluate_all(cells)
    return found


def as_lines(rows: Iterable[object]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
