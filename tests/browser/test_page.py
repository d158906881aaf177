from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from journey import OpenPage, answered, as_lines, ask, classify, finished, load_content, table
from proxy import Proxy
from service import Service

pytestmark = pytest.mark.browser

ATTACKS = [
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1//",
    "{{constructor.constructor('window.hacked=1')()}}",
]
INLINE_SCRIPT = """() => {
    const script = document.createElement("script");
    script.text = "window.ran = 1";
    document.body.append(script);
}"""


def in_empty(page: Page) -> None:
    expect(page.locator("#answer")).to_have_attribute("data-state", "empty")


def in_one_answered(page: Page) -> None:
    page.check("#explain")
    ask(page, "A wonderful film with a boring end.")
    page.wait_for_selector("#effects li")
    page.click(".snippets summary")


def in_one_truncated(page: Page) -> None:
    ask(page, "A wonderful film with a boring end. " * 200)


def in_many_loaded(page: Page) -> None:
    load_content(page, "reviews.csv", b"id,review\n1,good\n2,bad\n")


def in_many_done(page: Page) -> None:
    load_content(page, "reviews.jsonl", as_lines([{"text": "good"}, {"text": "bad"}, {"text": " "}] * 30))
    classify(page)
    page.click("#failures summary")


def in_sample_done(page: Page) -> None:
    page.click("#tab-many")
    page.click("#use-sample")
    page.wait_for_selector("#source[data-state=loaded]")
    classify(page)
    page.click("#reading summary")
    page.click("#own summary")
    page.select_option("#own-column", label="stars")
    page.locator("#facet-groups button").first.click()
    page.locator("#zones button").first.click()


def in_question(page: Page) -> None:
    load_content(page, "two.txt", b"good\nbad")
    classify(page)
    page.click("#change")


def in_key_dialog(page: Page) -> None:
    page.click("#key-open")


def in_error(page: Page) -> None:
    page.context.set_offline(True)
    page.fill("#text", "Nobody answers this.")
    page.wait_for_selector("#answer[data-state=error]")


STATES = [
    in_empty,
    in_one_answered,
    in_one_truncated,
    in_many_loaded,
    in_many_done,
    in_sample_done,
    in_question,
    in_key_dialog,
    in_error,
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("reach", STATES)
def test_axe_finds_nothing_to_complain_about(
    open_page: OpenPage, service: Service, reach: Callable[[Page], None], scheme: str
) -> None:
    # Without motion, so that no colour is judged on its way to another.
    page = open_page(service.url, color_scheme=scheme, reduced_motion="reduce")
    reach(page)
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()


def test_a_script_that_is_not_a_file_of_the_page_does_not_run(browser: Browser, service: Service) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(service.url)
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(INLINE_SCRIPT)
    assert page.evaluate("window.ran === undefined")
    context.close()


def test_the_page_loads_nothing_from_elsewhere(browser: Browser, service: Service) -> None:
    context = browser.new_context()
    requested = []
    context.on("request", lambda request: requested.append(request.url))
    page = context.new_page()
    page.goto(service.url)
    ask(page, "Nothing from elsewhere.")
    in_many_done(page)
    context.close()
    assert len(requested) > 20
    assert all(url.startswith((service.url, f"blob:{service.url}")) for url in requested)


def test_a_text_with_markup_is_shown_as_text(page: Page) -> None:
    page.check("#explain")
    for attack in ATTACKS:
        ask(page, attack)
        page.wait_for_function("text => document.querySelector('#words').textContent === text", arg=attack)
    ask(page, " ".join(ATTACKS) + " long" * 600)
    page.wait_for_selector("#cut-excerpt del")
    assert_unharmed(page)


def test_markup_in_a_file_its_name_and_its_columns_is_shown_as_text(page: Page) -> None:
    columns = [f"{attack} text {number}" for number, attack in enumerate(ATTACKS)]
    rows = [dict.fromkeys(columns, attack) for attack in ATTACKS]
    name = "<img src=x onerror=window.hacked=1>.jsonl"
    load_content(page, name, as_lines(rows) + b"<img src=x onerror=window.hacked=1>\n")
    expect(page.locator("#file-name")).to_have_text(name)
    expect(page.locator("#column option")).to_have_text(columns)
    expect(page.locator("#preview tbody .chosen")).to_have_text(ATTACKS)
    classify(page)
    assert [row[1] for row in table(page)][:5] == ATTACKS
    with page.expect_download() as caught:
        page.click("#download-csv")
    assert ATTACKS[0] in caught.value.path().read_text()
    assert_unharmed(page)


def assert_unharmed(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script, main svg:not(#histogram)").count() == 0


def test_everything_can_be_reached_and_done_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#tab-one")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("Typed without a mouse, and lovely.")
    answered(page)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-many")).to_be_focused()
    expect(page.locator("#many")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#choose")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#use-sample")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("good")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#source[data-state=loaded]")
    tab_to(page, "start")
    page.keyboard.press("Enter")
    page.wait_for_selector("#run[data-state=done]")
    tab_to(page, "grid")


def tab_to(page: Page, target: str) -> None:
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == target:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"#{target} cannot be reached by Tab")


def test_answers_and_progress_are_announced_to_screen_readers(page: Page) -> None:
    ask(page, "Loved it.")
    expect(page.locator("#announce")).to_have_text(
        f"{page.inner_text('#verdict')}, {page.locator('#bars .value').first.inner_text()} probable"
    )
    in_many_done(page)
    expect(page.locator("#announce")).to_contain_text("Done, with 30 rows left out. ")


SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value, sources }) => ({
        value, by: sources.map(({ node }) => node?.id || node?.className || node?.nodeName),
    })))).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_state_makes_the_layout_jump(open_page: OpenPage, service: Service, width: int) -> None:
    """Cumulative layout shift, those shortly after a key or click counted too; up to 0.1 is good (web.dev/cls)."""
    page = open_page(service.url, script=SHIFTS, viewport={"width": width, "height": 900})
    ask(page, "A wonderful film.")
    ask(page, "A boring film, and another wonderful one.")
    page.context.set_offline(True)
    page.fill("#text", "Nobody answers this.")
    page.wait_for_selector("#answer[data-state=error]")
    page.context.set_offline(False)
    answered(page)
    page.click("#clear")
    jumps_s = [shift for shift in page.evaluate("window.shifts") if shift["value"] > 0]
    assert sum(shift["value"] for shift in jumps_s) < 0.02, jumps_s


def test_a_run_over_a_file_makes_no_layout_jump(open_page: OpenPage, service: Service) -> None:
    page = open_page(service.url, script=SHIFTS)
    load_content(page, "reviews.jsonl", as_lines({"text": f"good {n}"} for n in range(300)))
    page.click("#start")  # its answer is a card for the run: what somebody asked for is no jump
    page.wait_for_function("() => document.querySelector('#progress').value > 0")
    page.evaluate("window.shifts.length = 0")
    finished(page)
    page.click("th[data-sort=score] button")
    shifts = page.evaluate("window.shifts")
    assert sum(shift["value"] for shift in shifts) < 0.02, shifts


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: OpenPage, service: Service) -> None:
    page = open_page(service.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    for reach in (in_one_answered, in_many_done):
        reach(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_chosen_theme_is_kept_and_the_systems_is_followed_until_then(open_page: OpenPage, service: Service) -> None:
    page = open_page(service.url, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    expect(page.locator("#theme")).to_have_text("Theme: light")
    light = page.evaluate(paper)
    assert light != dark
    page.reload()
    assert page.evaluate(paper) == light


def test_the_footer_says_what_answers_here(page: Page, service: Service) -> None:
    model = page.request.get(f"{service.url}/model").json()
    facts = page.inner_text("#facts")
    for fact in (model["model_id"], model["revision"], model["digest"][:12], model["version"]):
        assert fact in facts
    assert page.get_attribute("nav a", "href") == "docs"
    assert page.request.get(f"{service.url}/docs").ok


def test_the_page_works_below_a_path(open_page: OpenPage, service: Service) -> None:
    with Proxy(lambda: service.port, prefix="/teams/a/sentiment") as proxy:
        page = open_page(proxy.url)
        ask(page, "Below a path.")
        load_content(page, "lines.txt", b"good\nbad")
        classify(page)
        assert f"{proxy.url}predict" in str(page.text_content("#snippet"))
        page.context.close()


def test_the_page_works_below_the_root_path_the_service_was_given(open_page: OpenPage) -> None:
    with Service(root_path="/sentiment") as service:
        page = open_page(f"{service.url}/sentiment/")
        ask(page, "Below a path.")
