"""What may go wrong in a day's work, and what the page says and keeps then."""

import hashlib
import re
import threading

import pytest
from playwright.sync_api import Page, Request, expect

from journey import OpenPage, answered, as_lines, ask, classify, download, finished, load_content, under_way
from proxy import Proxy
from service import Service

pytestmark = pytest.mark.browser

KEY = "a-key-for-this-test"
KEY_DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
TWO = b"id,review,reply\n1,A lovely film to see,Thank you very much\n2,A horrible film to see,We are sorry\n"


def loaded_and_done(page: Page) -> None:
    load_content(page, "two.csv", TWO)
    classify(page)


def test_another_column_is_asked_about_before_results_go(page: Page) -> None:
    loaded_and_done(page)
    page.click("#reading summary")
    page.select_option("#column", label="reply")
    expect(page.locator("#question")).to_be_visible()
    assert page.inner_text("#question-text") == "This takes away 2 answers. The results were not downloaded."
    expect(page.locator("#question-no")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#column option:checked")).to_have_text("review")
    expect(page.locator("#run-title")).to_have_text("Done: 2 of 2 rows")
    page.click("#preview thead button:text-is('reply')")
    page.click("#question-yes")
    expect(page.locator("#run")).to_be_hidden()
    expect(page.locator("#column option:checked")).to_have_text("reply")
    classify(page)


@pytest.mark.parametrize("act", ["#change", "drop", "header"])
def test_whatever_takes_results_away_is_asked_about(page: Page, act: str) -> None:
    loaded_and_done(page)
    if act == "#change":
        page.click("#change")
    elif act == "drop":
        page.set_input_files("#file", {"name": "other.txt", "mimeType": "", "buffer": b"another\none"})
    else:
        page.click("#reading summary")
        page.uncheck("#header")
    page.click("#question-no")
    expect(page.locator("#file-name")).to_have_text("two.csv")
    expect(page.locator("#run-title")).to_have_text("Done: 2 of 2 rows")
    expect(page.locator("#header")).to_be_checked()


def test_without_results_nothing_is_asked(page: Page) -> None:
    load_content(page, "two.csv", TWO)
    page.select_option("#column", label="reply")
    expect(page.locator("#question")).to_be_hidden()


def leaves(page: Page) -> bool:
    """Whether the page may be left without a question."""
    event = "() => dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    return bool(page.evaluate(event))


def test_leaving_with_results_that_were_not_downloaded_warns(page: Page) -> None:
    assert leaves(page)
    load_content(page, "two.csv", TWO)
    assert leaves(page)
    classify(page)
    assert not leaves(page)
    page.select_option("#filter-label", "NEGATIVE")
    page.check("#only-shown")
    download(page, "csv")
    assert not leaves(page)  # a part is not all
    page.uncheck("#only-shown")
    download(page, "csv")
    page.wait_for_function("() => dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_offline_a_run_pauses_and_goes_on_by_itself(open_page: OpenPage) -> None:
    with Service(max_texts=4, cache_entries=0) as service:
        page = open_page(service.url)
        load_content(page, "lines.jsonl", as_lines({"text": f"A fine text, number {n}"} for n in range(400)))
        go_on = under_way(page)
        page.context.set_offline(True)
        go_on()
        expect(page.locator("#run-note")).to_contain_text("You are offline")
        expect(page.locator("#run")).to_have_attribute("data-state", "paused")
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request))  # noqa: PLW0108  # Playwright marks what it is given
        page.wait_for_timeout(3000)
        assert asked == []  # nobody is asked as long as there is no network: this may last for hours
        page.context.set_offline(False)
        finished(page)
        expect(page.locator("#run-title")).to_have_text("Done: 400 of 400 rows")


def test_a_run_paused_by_hand_while_offline_stays_paused(open_page: OpenPage) -> None:
    with Service(max_texts=4, cache_entries=0) as service:
        page = open_page(service.url)
        load_content(page, "lines.jsonl", as_lines({"text": f"A fine text, number {n}"} for n in range(400)))
        go_on = under_way(page)
        page.click("#pause")
        page.context.set_offline(True)
        page.context.set_offline(False)
        go_on()
        expect(page.locator("#run")).to_have_attribute("data-state", "paused")
        page.click("#pause")
        finished(page)


def test_a_wrong_key_reads_differently_from_a_missing_one(open_page: OpenPage) -> None:
    with Service(api_key_digests=KEY_DIGEST) as service:
        page = open_page(service.url)
        page.fill("#text", "Loved it.")
        expect(page.locator("#verdict")).to_have_text("This service wants a key")
        page.click("#problem-action")
        page.fill("#key", "another key")
        page.keyboard.press("Enter")
        expect(page.locator("#verdict")).to_have_text("This key is not accepted")
        page.click("#problem-action")
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        answered(page)


def test_a_slow_network_is_not_called_waking(open_page: OpenPage, service: Service) -> None:
    slow, go = threading.Event(), threading.Event()

    def wake() -> int:
        if slow.is_set():
            go.wait(timeout=60)
        return service.port

    with Proxy(wake) as proxy:
        page = open_page(proxy.url)
        ask(page, "One text to begin with.")
        slow.set()
        page.fill("#text", "Another one, over a slow network.")
        page.wait_for_selector("#answer[data-state=slow]")
        expect(page.locator("#verdict")).to_have_text("Waiting for the answer …")
        assert "wak" not in page.inner_text("#answer .verdict").lower()
        go.set()
        answered(page)
        page.context.close()


def test_a_countdown_counts(open_page: OpenPage) -> None:
    with Service(max_texts=1, rate_limit_texts=2, rate_limit_window_s=6) as service:
        page = open_page(service.url)
        load_content(page, "lines.jsonl", as_lines({"text": f"A fine text, number {n}"} for n in range(6)))
        page.click("#start")
        note = page.locator("#run-note")
        expect(note).to_contain_text("Rate limited. Next try in ")
        first = note.inner_text()
        page.wait_for_function(
            """before => {
              const now = document.querySelector("#run-note").textContent;
              const seconds = (text) => Number(text.match(/in (\\d+) s/)?.[1]);
              return seconds(now) < seconds(before);
            }""",
            arg=first,
        )
        finished(page)


def test_what_exceeds_the_row_limit_is_said_in_large_print(page: Page) -> None:
    page.click("#tab-many")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["text\\n", "fine\\n".repeat(1_000_001)], "million.csv"));
          document.querySelector("#drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data }));
        }"""
    )
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#file-facts")).to_have_text(re.compile("^1,000,000 rows"))
    expect(page.locator("#cut-notice")).to_have_text("Only the first 1,000,000 rows are taken: the file goes on.")
    size = "notice => parseFloat(getComputedStyle(notice).fontSize)"
    assert page.eval_on_selector("#cut-notice", size) > page.eval_on_selector("#file-name", size)


def test_a_file_below_the_limit_says_nothing_of_it(page: Page) -> None:
    load_content(page, "two.csv", TWO)
    expect(page.locator("#cut-notice")).to_be_hidden()


def test_words_that_hardly_matter_are_not_marked_and_the_others_have_the_labels_colours(page: Page) -> None:
    page.check("#explain")
    ask(page, "A wonderful film with a boring end, on a Tuesday in the rain.")
    page.wait_for_selector("#effects li")
    words = page.eval_on_selector_all(
        ".word", "all => all.map(({ title, dataset }) => [parseFloat(title.replace('−', '-')), dataset.level])"
    )
    assert words
    assert all((abs(points) >= 2) == (level != "0") for points, level in words if abs(abs(points) - 2) > 0.05)
    assert any(level == "0" for _, level in words)
    tones = page.eval_on_selector_all(
        ".word:not([data-level='0'])", "all => all.map(({ dataset }) => [dataset.push, dataset.tone])"
    )
    label = page.inner_text("#bars li:first-child .name").lower()
    other = {"positive": "negative", "negative": "positive"}[label]
    assert all(tone == (label if push == "for" else other) for push, tone in tones)
