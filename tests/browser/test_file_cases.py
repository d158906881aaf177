"""The page's reader, in the browser, on the cases that Python's must read alike (tests/bulk/records/)."""

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Page

import file_cases
from lightsleeper.bulk.records import rules
from service import Service

pytestmark = pytest.mark.browser

READ = """async ({name, content, choices}) => {
  const [{ openTable }, { reasonOf }] = await Promise.all([import("/web/many/reading/table.js"), import("/web/many/reading/rows.js")]);
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  try {
    const table = await openTable(new File([bytes], name), choices);
    const rows = [];
    for await (const batch of table.batches()) rows.push(...batch);
    const { format, encoding, delimiter, header, names, textIndex, notes } = table;
    const text = textIndex === null ? null : names[textIndex];
    const reasons = text === null ? [] : rows.map((row, index) => [index + 1, reasonOf(row, textIndex, text)]).filter(([, why]) => why);
    const damaged = rows.map((row, index) => (row.damaged ? index + 1 : 0)).filter(Boolean);
    return { format, encoding, delimiter, header, columns: names, text_column: text, rows: rows.map((row) => row.cells),
      ...(notes.length && { notes }), ...(reasons.length && { reasons: Object.fromEntries(reasons) }), ...(damaged.length && { damaged }) };
  } catch (error) {
    return { refused: error.message };
  }
}"""  # noqa: E501  # one script


@pytest.fixture(scope="module")
def reader(browser: Any, service: Service) -> Page:  # noqa: ANN401  # playwright may be absent
    page: Page = browser.new_page()
    page.goto(service.url)
    return page


@pytest.mark.parametrize("name", file_cases.names())
def test_a_file_is_read_as_it_is_meant(reader: Page, name: str) -> None:
    case = file_cases.expected(name)
    if case.get("only") == "python":
        return
    said = case.get("choices", {})
    choices = {{"file_format": "format", "text_column": "textColumn"}.get(key, key): said[key] for key in said}
    content = base64.b64encode((file_cases.FOLDER / name).read_bytes()).decode()
    found = reader.evaluate(READ, {"name": name, "content": content, "choices": choices})
    assert found == {key: case[key] for key in case if key not in {"why", "only", "choices"}}


def test_a_document_longer_than_the_window_shows_its_columns_too(reader: Page) -> None:
    rows = [{"id": number, "text": "a fine text " * 20} for number in range(2000)]
    content = json.dumps({"total": 2000, "reviews": rows}, indent=1).encode()
    assert len(content) > rules.WINDOW_BYTES
    said = {"name": "long.json", "content": base64.b64encode(content).decode(), "choices": {}}
    found = reader.evaluate(READ, said)
    assert (found["columns"], found["text_column"], len(found["rows"])) == (["id", "text"], "text", 2000)


def test_both_readers_go_by_the_same_numbers_and_names(reader: Page) -> None:
    script = """async () => {
      const rules = await import("/web/many/reading/rules.js");
      const plain = ([name, value]) => [name, value instanceof Set ? [...value] : value];
      return Object.fromEntries(Object.entries(rules).map(plain));
    }"""
    for name, value in reader.evaluate(script).items():
        ours = getattr(rules, name)
        if isinstance(ours, frozenset):
            assert sorted(value) == sorted(ours)
        elif isinstance(ours, tuple):
            assert tuple(value) == ours
        else:
            assert value == ours
