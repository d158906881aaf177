"""A service that wants a key: asked for, used, and kept for the tab."""

import hashlib

import pytest
from playwright.sync_api import expect

from journey import OpenPage, answered, load_content
from service import Service

pytestmark = pytest.mark.browser

KEY = "a-key-for-this-test"
KEY_DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


def test_a_key_is_asked_for_used_and_kept_for_this_tab_only(open_page: OpenPage) -> None:
    with Service(api_key_digests=KEY_DIGEST) as service:
        page = open_page(service.url)
        page.fill("#text", "Loved it.")
        page.wait_for_selector("#answer[data-state=error]")
        expect(page.locator("#verdict")).to_have_text("This service wants a key")
        page.click("#problem-action")
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        answered(page)
        assert page.evaluate("[Object.values(sessionStorage), Object.values(localStorage)]") == [[KEY], []]
        assert KEY not in str(page.text_content("#snippet"))
        assert "Authorization: Bearer $LIGHTSLEEPER_KEY" in str(page.text_content("#snippet"))
        page.click("#key-open")
        page.click("#key-remove")
        page.wait_for_selector("#answer[data-state=error]")


def test_a_run_that_needs_a_key_waits_for_it_and_goes_on(open_page: OpenPage) -> None:
    with Service(api_key_digests=KEY_DIGEST) as service:
        page = open_page(service.url)
        load_content(page, "lines.txt", b"good\nbad")
        page.click("#start")
        expect(page.locator("#run-note")).to_contain_text("This service wants a key")
        page.click("#run-action")
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        page.wait_for_selector("#run[data-state=done]")
        expect(page.locator("#run-title")).to_have_text("Done: 2 of 2 rows")
