"""Work of the page's reader that grows with a file, not with its square, as Python's (tests/bulk/records/)."""

from typing import Any

import pytest
from playwright.sync_api import Page

from service import Service

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Any, service: Service) -> Page:  # noqa: ANN401  # playwright may be absent
    page: Page = browser.new_page()
    page.goto(service.url)
    return page


def test_blanks_within_a_cell_are_passed_over_once(page: Page) -> None:
    found = page.evaluate("""async () => {
      const { trimmed } = await import("/web/many/reading/values.js");
      const { Lines } = await import("/web/many/reading/json_rows.js");
      const blanks = " ".repeat(1_000_000);
      const [{ raw }] = new Lines().push(`a${blanks}b\\t\\n`);
      return [trimmed(`\\x1f a${blanks}b\\x85 \\ufeff`).length, raw.length, trimmed(" \\x1c ")];
    }""")
    assert found == [1_000_002, 1_000_002, ""]


def test_columns_that_are_all_called_alike_are_numbered_in_order(page: Page) -> None:
    found = page.evaluate("""async () => {
      const { uniqueNames } = await import("/web/many/reading/columns.js");
      const names = uniqueNames(["text", "text 2", ...Array(50_000).fill("text")], 50_002);
      return [...names.slice(0, 3), names.at(-1)];
    }""")
    assert found == ["text", "text 2", "text 3", "text 50002"]


def test_rows_are_looked_for_in_so_many_objects_and_no_deeper(page: Page) -> None:
    found = page.evaluate("""async () => {
      const { within } = await import("/web/many/reading/json_document.js");
      const rows = (depth) => within('{"a": '.repeat(depth) + '[{"text": "Bad"}]' + "}".repeat(depth));
      return [rows(32).path.length, rows(33), rows(3000)];
    }""")
    assert found == [32, None, None]


def test_no_broken_element_is_looked_for_to_the_end_of_the_file(page: Page) -> None:
    found = page.evaluate("""async () => {
      const { ArrayElements } = await import("/web/many/reading/json_rows.js");
      const broken = [["[\\n", "{ x\\n"], ["[\\n", '{"a":\\n'], ["[\\n", '{"\\n'], ["[", "{x},"]];
      return broken.map(([begin, element]) => {
        const elements = new ArrayElements();
        const pieces = [begin, element.repeat(20_000), '\\n{"text": "Great"}\\n]'];
        const rows = pieces.flatMap((piece) => elements.push(piece));
        rows.push(...elements.push("", true));
        return rows.length >= 10_000 && rows.at(-1).raw.includes('{"text": "Great"}');
      });
    }""")
    assert found == [True] * 4
