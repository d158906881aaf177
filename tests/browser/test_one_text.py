import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from journey import OpenPage, answered, ask
from proxy import Proxy
from service import Service

pytestmark = pytest.mark.browser

LOVELY = "A lovely, quiet film that stays with you."
AWFUL = "Arrived broken, and nobody answers the phone."
HOSTILE = """She said: "it's 5 > 4 & $HOME" \\ `id`\n\n\t'déjà vu' 🙂"""


#: A minute goes by between two questions: the service that answered may have fallen asleep.
LATER = """
    const now = performance.now.bind(performance);
    let skipped = 0;
    performance.now = () => now() + skipped;
    window.later = () => { skipped = 61_000; };
"""


@pytest.fixture
def own_service() -> Iterator[Service]:
    """A service that the test may stop and start."""
    with Service() as service:
        yield service


def test_a_text_is_answered_when_typing_pauses(page: Page, service: Service) -> None:
    page.locator("#text").press_sequentially(LOVELY)
    answered(page)
    best, other = service.predict(LOVELY).json()["predictions"][0]
    expect(page.locator("#verdict")).to_have_text(best["label"])
    expect(page.locator("#bars .name")).to_have_text([best["label"], other["label"]])
    expect(page.locator("#bars .value")).to_have_text([f"{100 * x['score']:.1f} %" for x in (best, other)])


def test_the_bars_show_every_label_of_the_model_before_anything_is_asked(page: Page, service: Service) -> None:
    page.locator("#bars .name").first.wait_for()
    labels = page.request.get(f"{service.url}/model").json()["labels"]
    expect(page.locator("#bars .name")).to_have_text(labels)


def test_an_empty_text_asks_nothing_and_returns_to_the_empty_state(page: Page) -> None:
    ask(page, LOVELY)
    page.click("#clear")
    expect(page.locator("#answer")).to_have_attribute("data-state", "empty")
    expect(page.locator("#text")).to_be_focused()


def test_the_same_text_again_is_a_cache_hit_and_says_so(page: Page) -> None:
    ask(page, "Twice the same.")
    page.click("#clear")
    ask(page, "Twice the same.")
    expect(page.locator("#cache-badge")).to_have_text("Cache hit")
    page.click("#clear")
    ask(page, "Never seen before by this service, xq7.")
    expect(page.locator("#cache-badge")).to_have_text("Computed")


def test_the_stages_add_up_to_the_time_the_browser_waited(page: Page) -> None:
    ask(page, "Where does the time go?")
    shares = page.eval_on_selector_all("#strip span", "parts => parts.map(part => Number(part.style.flexGrow))")
    legend = dict(row.split("\n") for row in page.locator("#legend li").all_inner_texts())
    assert list(legend) == ["Waking", "Network", "Tokenise", "Cache", "Queue", "Inference", "Rest", "In all"]
    total_ms = float(legend["In all"].split()[0].replace(",", ""))
    assert sum(shares) == pytest.approx(total_ms, rel=0.05)
    assert shares[1] > 0
    assert shares[5] > 0


def test_a_long_text_shows_where_it_was_cut(page: Page, service: Service) -> None:
    text = "Ça alors, what a 🙂 film! " * 200
    ask(page, text)
    request = {"text": text, "truncated_at": True}
    (cut,) = page.request.post(f"{service.url}/predict", data=request).json()["truncated_at"]
    expect(page.locator("#cut-note")).to_contain_text(f"first {cut:,} of {len(text):,} characters")
    assert page.inner_text("#cut-excerpt del").strip() == text[cut : cut + 120].strip()


def test_a_short_text_says_nothing_about_cutting(page: Page) -> None:
    ask(page, LOVELY)
    expect(page.locator("#cut")).to_be_hidden()


def test_an_answer_that_waited_for_a_sleeping_service_says_how_long_the_wake_took(
    open_page: OpenPage, own_service: Service
) -> None:
    awake, told = threading.Event(), threading.Event()
    awake.set()

    def wake() -> int:
        if not awake.is_set():
            told.wait(timeout=60)
            own_service.start()
            awake.set()
        return own_service.port

    with Proxy(wake) as proxy:
        page = open_page(proxy.url, script=LATER)
        ask(page, LOVELY)
        own_service.stop()
        page.evaluate("window.later()")
        awake.clear()
        page.fill("#text", AWFUL)
        page.wait_for_selector("#answer[data-state=waking]")
        expect(page.locator("#verdict")).to_have_text("Waking the service …")
        told.set()
        answered(page)
        expect(page.locator("#wake-notice")).to_contain_text("This answer woke the service, which took")
        assert float(page.eval_on_selector("#strip span", "waking => waking.style.flexGrow")) > 0
        ask(page, "And one more, now that it is awake.")
        expect(page.locator("#wake-notice")).to_be_hidden()
        page.context.close()


def test_a_text_asked_while_the_service_is_down_is_answered_once_it_is_back(
    open_page: OpenPage, own_service: Service
) -> None:
    page = open_page(own_service.url)
    own_service.stop()
    page.fill("#text", LOVELY)
    page.wait_for_selector("#answer[data-state=error]")
    expect(page.locator("#verdict")).to_have_text("The service cannot be reached")
    own_service.start()
    answered(page)
    expect(page.locator("#wake-notice")).to_contain_text("woke the service")


def test_offline_is_said_and_the_text_is_answered_when_the_network_returns(page: Page) -> None:
    page.context.set_offline(True)
    page.fill("#text", AWFUL)
    page.wait_for_selector("#answer[data-state=error]")
    expect(page.locator("#verdict")).to_have_text("You are offline")
    page.context.set_offline(False)
    answered(page)


def test_words_that_mattered_are_marked_as_the_api_measures_them(page: Page, service: Service) -> None:
    text = "A wonderful film 🙂 with a boring end."
    page.check("#explain")
    ask(page, text)
    page.wait_for_selector("#effects li")
    expect(page.locator("#words")).to_have_text(text)
    response = page.request.post(f"{service.url}/predict", data={"text": text, "explain": True}).json()
    strongest = max(response["explanations"], key=lambda word: abs(word["effect"]))
    expect(page.locator("#effects li span").first).to_have_text(strongest["word"])
    marked = page.locator(".word[data-level='4']").first
    assert marked.inner_text() == strongest["word"]
    assert marked.get_attribute("data-push") == ("for" if strongest["effect"] > 0 else "against")


def test_a_text_too_long_to_explain_is_still_answered_and_the_limit_is_named(page: Page) -> None:
    page.check("#explain")
    ask(page, "word " * 201)
    expect(page.locator("#explanation-note")).to_have_text(
        "Too long to explain. Words are compared one by one, up to 200 of them. Shorten the text."
    )


def test_a_text_beyond_the_limit_is_refused_in_plain_words(open_page: OpenPage) -> None:
    with Service(max_text_chars=50) as service:
        page = open_page(service.url)
        page.fill("#text", "x" * 51)
        page.wait_for_selector("#answer[data-state=error]")
        expect(page.locator("#verdict")).to_have_text("Too long")
        expect(page.locator("#verdict-note")).to_contain_text("50 characters")
        ask(page, "Short enough.")


def code(page: Page, language: str) -> str:
    if not page.locator("#snippet").is_visible():
        page.click(".snippets summary")
    page.click(f"[data-language={language}]")
    return page.inner_text("#snippet")


@pytest.mark.parametrize("language", ["curl", "python"])
def test_the_copied_command_runs_and_answers_what_the_page_answers(page: Page, service: Service, language: str) -> None:
    ask(page, HOSTILE)
    shell = {"curl": ["bash", "-c"], "python": [sys.executable, "-c"]}[language]
    command = [*shell, code(page, language)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert service.predict(HOSTILE).json()["predictions"] == json.loads(printed.replace("'", '"'))["predictions"]


def test_the_copied_javascript_runs_and_answers_what_the_page_answers(page: Page, service: Service) -> None:
    ask(page, HOSTILE)
    with page.expect_console_message() as logged:
        page.evaluate(f"async () => {{ {code(page, 'javascript')} }}")
    assert logged.value.args[0].json_value() == service.predict(HOSTILE).json()


def test_the_copied_request_asks_for_an_explanation_when_the_page_does(page: Page) -> None:
    page.check("#explain")
    ask(page, LOVELY)
    assert '"explain":true' in code(page, "curl")
    assert '"explain": True' in code(page, "python")


def test_copy_puts_the_code_on_the_clipboard(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = code(page, "python")
    page.click("#copy")
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == shown
