import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from journey import (
    OpenPage,
    as_lines,
    classify,
    download,
    downloaded_rows,
    finished,
    load_content,
    load_file,
    table,
    under_way,
)
from service import Service

pytestmark = pytest.mark.browser

REVIEWS = [
    "A lovely, quiet film that stays with you.",
    "Arrived broken, and nobody answers the phone.",
    'He said "never again",\nand he meant it.',
    "Not bad at all for the price.",
    "Two hours I will never get back.",
    "Best purchase of the year; my mother wants one too.",
]


def spreadsheet(rows: list[list[str]], **dialect: str) -> str:
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)  # type: ignore[arg-type]  # passed on
    return out.getvalue()


def numbered(count: int) -> list[dict[str, object]]:
    return [{"id": number, "review": f"{REVIEWS[number % 6]} {number}"} for number in range(count)]


def test_a_csv_is_classified_by_the_chosen_column_and_downloaded_with_all_its_columns(
    page: Page, service: Service
) -> None:
    rows = [["id", "review", "reply, if any"], *([str(n), text, f"re: {n}"] for n, text in enumerate(REVIEWS))]
    load_content(page, "reviews.csv", spreadsheet(rows).encode())
    expect(page.locator("#file-facts")).to_have_text("6 rows · 3 columns · csv")
    expect(page.locator("#column option")).to_have_text(["id", "review", "reply, if any"])
    expect(page.locator("#column option:checked")).to_have_text("review")
    classify(page)
    expected = [scores[0] for scores in service.predict(*REVIEWS).json()["predictions"]]
    header, *result = csv.reader(io.StringIO(download(page, "csv")))
    assert header == [*rows[0], "predicted_label", "predicted_score", "truncated", "unfamiliar", "error"]
    assert [row[:3] for row in result] == rows[1:]
    assert [row[3] for row in result] == [best["label"] for best in expected]
    assert [float(row[4]) for row in result] == [best["score"] for best in expected]
    assert {tuple(row[5:]) for row in result} == {("false", "false", "")}


def test_another_column_gives_other_answers(page: Page, service: Service) -> None:
    load_content(page, "two.csv", b"text,reply\nwonderful,horrible\n")
    page.select_option("#column", label="reply")
    expect(page.locator("#preview tbody .chosen")).to_have_text(["horrible"])
    classify(page)
    (row,) = downloaded_rows(page)
    assert row["text"] == "wonderful"
    assert row["predicted_score"] == service.predict("horrible").json()["predictions"][0][0]["score"]


def test_a_first_row_that_is_no_header_can_be_said_to_be_one_and_the_other_way_round(page: Page) -> None:
    load_content(page, "plain.csv", b"good,1\nbad,2\n")
    expect(page.locator("#header")).not_to_be_checked()
    expect(page.locator("#file-facts")).to_have_text("2 rows · 2 columns · csv")
    page.check("#header")
    expect(page.locator("#file-facts")).to_have_text("1 row · 2 columns · csv")
    expect(page.locator("#column option")).to_have_text(["good", "1"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", "id;text\n1;d\u00e9j\u00e0 vu\n2;plain, but nice\n".encode()),
        ("tabs.tsv", "id\ttext\n1\td\u00e9j\u00e0 vu\n2\tplain, but nice\n".encode()),
        ("excel.csv", 'id,text\r\n1,d\u00e9j\u00e0 vu\r\n2,"plain, but nice"\r\n'.encode("windows-1252")),
        ("unicode.csv", 'id,text\r\n1,d\u00e9j\u00e0 vu\r\n2,"plain, but nice"'.encode("utf-16")),
        ("marked.csv", 'id,text\n1,d\u00e9j\u00e0 vu\n2,"plain, but nice"\n'.encode("utf-8-sig")),
        ("lines.txt", "d\u00e9j\u00e0 vu\r\n\r\nplain, but nice".encode()),
        ("objects.jsonl", '{"id": 1, "text": "d\u00e9j\u00e0 vu"}\n{"text": "plain, but nice"}\n'.encode()),
        ("strings.jsonl", '"d\u00e9j\u00e0 vu"\n"plain, but nice"\n'.encode()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_common_kind_of_file_is_read(page: Page, name: str, content: bytes) -> None:
    load_content(page, name, content)
    expect(page.locator("#preview tbody .chosen")).to_have_text(["d\u00e9j\u00e0 vu", "plain, but nice"])


def test_a_json_line_is_downloaded_as_it_was_with_our_fields_behind(page: Page) -> None:
    lines = [
        '{"id": 12345678901234567890, "text": "good", "tags": ["a", {"b": 1.0}]}',
        '{ "text" : "bad", "extra":null }',
    ]
    load_content(page, "big.jsonl", "\n".join(lines).encode())
    classify(page)
    for line, result in zip(lines, download(page, "jsonl").splitlines(), strict=True):
        assert result.startswith(line[:-1].rstrip())
        assert set(json.loads(result)) > {"predicted_label", "predicted_score", "truncated", "unfamiliar", "error"}


def test_columns_of_the_file_with_our_names_are_kept_apart(page: Page) -> None:
    load_content(
        page, "again.jsonl", b'{"text": "bad"}\n{"text": "good", "Predicted_Label": "mine", "error": {"code": 1}}\n'
    )
    classify(page)
    rows = downloaded_rows(page)
    assert [(row.get("Predicted_Label"), row.get("error")) for row in rows] == [(None, None), ("mine", {"code": 1})]
    for row in rows:
        assert row["predicted_label_by_lightsleeper"] in {"POSITIVE", "NEGATIVE"}
        assert row["error_by_lightsleeper"] is None


def test_pasted_lines_are_classified_one_text_each(page: Page, service: Service) -> None:
    page.click("#tab-many")
    page.fill("#lines", "good\n\n  \nbad\n")
    page.click("#use-lines")
    page.wait_for_selector("#source[data-state=loaded]")
    classify(page)
    labels = [scores[0]["label"] for scores in service.predict("good", "bad").json()["predictions"]]
    assert [row[1:3] for row in table(page)] == [["good", labels[0]], ["bad", labels[1]]]


def test_a_dropped_file_is_read(page: Page) -> None:
    page.click("#tab-many")
    transfer = page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.items.add(new File(['good\\nbad'], 'dropped.txt')); return t; }"
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#file-name")).to_have_text("dropped.txt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n\n", "This file cannot be read: empty.csv is empty: it holds no text."),
        (b"id,text\n", "There is no text in this file. Choose another one."),
    ],
)
def test_an_empty_file_is_refused_in_plain_words(page: Page, content: bytes, words: str) -> None:
    page.click("#tab-many")
    page.set_input_files("#file", {"name": "empty.csv", "mimeType": "", "buffer": content})
    page.wait_for_selector("#source[data-state=refused]")
    expect(page.locator("#file-facts")).to_have_text(words)
    page.click("#change")
    expect(page.locator("#choose")).to_be_focused()


def test_the_table_sorts_and_filters_by_label(page: Page) -> None:
    load_content(page, "reviews.jsonl", as_lines(numbered(60)))
    classify(page)
    rows = downloaded_rows(page)
    page.click("th[data-sort=score] button")
    lowest = sorted(row["predicted_score"] for row in rows)
    expect(page.locator("th[data-sort=score]")).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("#table tbody tr:not(.spacer)").first).to_contain_text(f"{lowest[0] * 100:.1f} %")
    page.click("th[data-sort=score] button")
    expect(page.locator("#table tbody tr:not(.spacer)").first).to_contain_text(f"{lowest[-1] * 100:.1f} %")
    page.select_option("#filter-label", "NEGATIVE")
    negative = [row for row in rows if row["predicted_label"] == "NEGATIVE"]
    assert 0 < len(negative) < 60
    expect(page.locator("#shown")).to_have_text(f"{len(negative)} of 60 rows")
    page.select_option("#filter-label", "")
    expect(page.locator("#shown")).to_have_text("60 rows")


def test_the_charts_count_what_the_download_holds(page: Page) -> None:
    load_content(page, "reviews.jsonl", as_lines(numbered(60)))
    classify(page)
    rows = downloaded_rows(page)
    counts = dict(item.split("\n") for item in page.locator("#label-counts li").all_inner_texts())
    for label in ("POSITIVE", "NEGATIVE"):
        count = sum(row["predicted_label"] == label for row in rows)
        assert counts[label] == f"{count} · {count / 60 * 100:.1f} %"


def test_a_row_of_the_table_opens_as_one_text(page: Page) -> None:
    load_content(page, "reviews.txt", "\n".join(text.replace("\n", " ") for text in REVIEWS).encode())
    classify(page)
    page.locator("#table .open").nth(1).click()
    page.wait_for_selector("#answer[data-state=done]")
    assert page.input_value("#text") == REVIEWS[1]


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


LONG_TASKS = """
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((task) => task.duration)))
        .observe({ type: "longtask", buffered: true });
"""


@pytest.mark.timeout(400)
def test_a_hundred_thousand_rows_never_freeze_the_page(
    open_page: OpenPage,
    service: Service,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The texts repeat, so that the cache answers most of them: the page is measured here, not the model."""
    path = tmp_path / "hundred thousand.csv"
    body = ([str(n), f"{REVIEWS[n % 6]} ({n % 300})", "x" * 40] for n in range(100_000))
    path.write_text(spreadsheet([["id", "review", "note"], *body]))
    page = open_page(service.url, script=LONG_TASKS)
    load_file(page, path)
    expect(page.locator("#file-facts")).to_have_text("100,000 rows · 3 columns · csv")
    started_ms = page.evaluate("performance.now()")
    page.click("#start")
    finished(page, timeout_ms=380_000)
    run_ms = page.evaluate("performance.now()") - started_ms
    expect(page.locator("#run-title")).to_have_text("Done: 100,000 of 100,000 rows")
    page.click("th[data-sort=score] button")
    page.select_option("#filter-label", "NEGATIVE")
    page.select_option("#filter-label", "")
    page.click("th[data-sort=row] button")
    page.eval_on_selector("#grid", "grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(page.locator("#table tbody tr:not(.spacer)").last).to_contain_text("100,000")
    assert page.locator("#table tr").count() < 60
    header, *rows = csv.reader(io.StringIO(download(page, "csv")))
    assert [int(row[0]) for row in rows] == list(range(100_000))
    assert {row[header.index("predicted_label")] for row in rows} <= {"POSITIVE", "NEGATIVE"}
    longest_ms = max(page.evaluate("window.longTasks"), default=0)
    record_property("longest_task_ms", longest_ms)
    with capsys.disabled():
        sys.stdout.write(f"\n100,000 rows in {run_ms / 1000:.1f} s, longest task {longest_ms:.0f} ms\n")
    # On any machine: a page that froze would spend a good part of the run in one task.
    assert longest_ms < run_ms / 25
