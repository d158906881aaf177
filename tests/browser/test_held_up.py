"""A run over a file that is paused, cancelled, held up or broken: no row is lost, and each that failed says why."""

import json
import re

import pytest
from playwright.sync_api import Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from journey import (
    REVIEWS,
    OpenPage,
    as_lines,
    classify,
    downloaded_rows,
    finished,
    load_content,
    numbered,
    under_way,
)
from service import Service

pytestmark = pytest.mark.browser


def test_pause_sends_nothing_more_and_go_on_finishes(open_page: OpenPage) -> None:
    with Service(max_texts=2, cache_entries=0) as service:
        page = open_page(service.url)
        load_content(page, "reviews.jsonl", as_lines(numbered(600)))
        in_flight: list[Request] = []
        page.on("request", lambda request: in_flight.append(request))  # noqa: PLW0108  # Playwright marks what it is given
        page.on("requestfinished", lambda request: in_flight.remove(request))  # noqa: PLW0108  # likewise
        go_on = under_way(page)
        page.click("#pause")
        go_on()
        while in_flight:
            page.wait_for_timeout(50)
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        paused = page.inner_text("#run-title")
        assert paused.startswith("Paused at ")
        with pytest.raises(PlaywrightTimeout), page.expect_request("**/predict", timeout=1500):
            pass
        expect(page.locator("#run-title")).to_have_text(paused)
        page.click("#pause")
        finished(page)
        expect(page.locator("#run-title")).to_have_text("Done: 600 of 600 rows")


def test_cancel_keeps_what_came_in_and_the_rest_can_be_classified_later(open_page: OpenPage) -> None:
    with Service(max_texts=2, cache_entries=0) as service:
        page = open_page(service.url)
        load_content(page, "reviews.jsonl", as_lines(numbered(600)))
        go_on = under_way(page)
        page.click("#cancel")
        go_on()
        page.wait_for_selector("#run[data-state=cancelled]")
        expect(page.locator("#run-title")).to_have_text(re.compile("^Stopped at "))
        kept = [row for row in downloaded_rows(page) if row["predicted_label"]]
        assert 0 < len(kept) < 600
        page.click("#start")
        finished(page)
        rows = downloaded_rows(page)
        assert [row["id"] for row in rows if row["predicted_label"]] == list(range(600))
        by_id = {row["id"]: row for row in rows}
        assert all(by_id[row["id"]] == row for row in kept)


def test_a_busy_service_is_given_time_and_every_row_is_answered(open_page: OpenPage) -> None:
    with Service(max_queue_s=0.001, workers=1, cache_entries=0) as service:
        page = open_page(service.url)
        refused = []
        page.on("response", lambda response: refused.append(response.url) if response.status == 503 else None)
        load_content(page, "reviews.jsonl", as_lines(numbered(384)))
        classify(page)
        expect(page.locator("#run-title")).to_have_text("Done: 384 of 384 rows")
        assert refused


def test_a_rate_limit_is_respected_and_every_row_is_answered(open_page: OpenPage) -> None:
    with Service(max_texts=16, rate_limit_texts=48, rate_limit_window_s=2) as service:
        page = open_page(service.url)
        statuses = []
        page.on("response", lambda response: statuses.append(response.status))
        load_content(page, "reviews.jsonl", as_lines(numbered(120)))
        page.click("#start")
        expect(page.locator("#run-note")).to_contain_text("Rate limited")
        finished(page)
        expect(page.locator("#run-title")).to_have_text("Done: 120 of 120 rows")
        # Every chunk that was refused waited as long as it was told: the refusals are few.
        assert 0 < statuses.count(429) < 40


def test_rows_that_cannot_be_read_are_named_and_the_others_answered(open_page: OpenPage) -> None:
    with Service(max_text_chars=500, max_body_bytes=2000) as service:
        page = open_page(service.url)
        lines = [
            json.dumps({"text": text})
            for text in [*REVIEWS, "x" * 501, " ", "a" + "\u0001" * 498, "after the bad ones"]
        ]
        load_content(page, "mixed.jsonl", "\n".join([*lines, "{not json"]).encode())
        classify(page)
        expect(page.locator("#run-title")).to_have_text("Done, with 4 rows left out")
        page.click("#failures summary")
        expect(page.locator("#failure-list li")).to_have_text(
            [
                "Row 7: Too long: the limit is 500 characters",
                "Row 8: Blank: nothing to read",
                "Row 9: Too large (the body has more than 2000 bytes)",
                "Row 11: this line is not JSON",
            ]
        )
        rows = downloaded_rows(page)
        assert [bool(row["predicted_label"]) for row in rows] == [True] * 6 + [False] * 3 + [True, False]
        assert rows[6]["error"] == "Too long: the limit is 500 characters"
        assert rows[10]["line"] == "{not json"


def test_rows_that_took_too_long_are_tried_again_then_named_and_can_be_tried_later(open_page: OpenPage) -> None:
    with Service(request_timeout_s=0.002, cache_entries=0) as service:
        page = open_page(service.url)
        statuses = []
        page.on("response", lambda response: statuses.append(response.status))
        load_content(page, "long.txt", b"\n".join(b"a long review " * 400 for _ in range(2)))
        classify(page)
        expect(page.locator("#run-title")).to_have_text("Done, with 2 rows left out")
        page.click("#failures summary")
        # Late, or refused since it would be late: which of them is a matter of how fast the machine is.
        assert re.match("Rows 1 to 2: (Took too long|The service is busy)", page.inner_text("#failure-list li"))
        assert statuses.count(504) + statuses.count(503) >= 1 + 2 * 3  # together once, then each three times
        service.stop()
        service.environment.pop("LIGHTSLEEPER_REQUEST_TIMEOUT_S")
        service.start()
        page.click("#run-action")
        expect(page.locator("#run-title")).to_have_text("Done: 2 of 2 rows")


def test_rows_with_nothing_to_read_are_not_offered_to_be_tried_again(page: Page) -> None:
    load_content(page, "blank.jsonl", as_lines({"text": text} for text in ("good", "", "bad", "n/a")))
    classify(page)
    expect(page.locator("#run-title")).to_have_text("Done, with 2 rows left out")
    expect(page.locator("#run-action")).to_be_hidden()


def test_a_service_killed_and_restarted_in_mid_file_loses_nothing(open_page: OpenPage) -> None:
    with Service(max_texts=8) as service:
        page = open_page(service.url)
        load_content(page, "reviews.jsonl", as_lines(numbered(600)))
        go_on = under_way(page)
        service.kill()
        go_on()
        expect(page.locator("#run-note")).to_contain_text("The service cannot be reached")
        assert page.get_attribute("#run", "data-state") == "running"
        service.start()
        finished(page)
        expect(page.locator("#run-title")).to_have_text("Done: 600 of 600 rows")
        expect(page.locator("#run-note")).to_contain_text("restarted meanwhile; nothing is lost")
        rows = downloaded_rows(page)
        assert [row["id"] for row in rows if row["predicted_label"]] == list(range(600))
