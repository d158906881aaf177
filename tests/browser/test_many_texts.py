"""A file of texts: read as it is, answered row by row, shown and downloaded with all that it had."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from journey import (
    REVIEWS,
    OpenPage,
    as_lines,
    classify,
    download,
    downloaded_rows,
    finished,
    load_content,
    load_file,
    numbered,
    table,
)
from service import Service

pytestmark = pytest.mark.browser


def spreadsheet(rows: list[list[str]], **dialect: str) -> str:
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)  # type: ignore[arg-type]  # passed on
    return out.getvalue()


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
