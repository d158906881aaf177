"""Before anything is sent: the file as a table, how it was read, and what to know about it."""

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

import file_cases
from journey import OpenPage, as_lines, load_content
from service import Service

pytestmark = pytest.mark.browser

TWO_COLUMNS = "id,review,comments\n" + "".join(
    f"{n},{'A short one, or none' * (n % 10 == 0)},This is what people really wrote in number {n}\n" for n in range(40)
).replace("A short one, or none", '"A short one, or none"')


def columns(page: Page) -> list[str]:
    return page.locator("#preview thead button").all_inner_texts()


def body(page: Page) -> list[list[str]]:
    return [row.locator("td").all_inner_texts() for row in page.locator("#preview tbody tr").all()]


def chosen(page: Page) -> str:
    return page.locator("#preview thead [aria-pressed=true]").inner_text()


def test_five_rows_and_all_columns_are_shown_before_anything_is_sent(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    rows = [[str(n), f"shop {n % 2}", f"A fine thing number {n}"] for n in range(9)]
    load_content(page, "nine.csv", "\n".join(map(",".join, [["id", "shop", "text"], *rows])).encode())
    assert columns(page) == ["id", "shop", "text"]
    assert body(page) == rows[:5]
    expect(page.locator("#preview thead .small")).to_have_text(
        [
            "100 % filled, all different",
            "100 % filled, 2 different",
            "100 % filled, all different",
        ]
    )
    assert asked == []


def test_a_click_on_a_name_makes_its_column_the_one_with_the_texts(page: Page) -> None:
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    assert chosen(page) == "comments"
    page.click("#preview thead button:text-is('review')")
    assert chosen(page) == "review"
    expect(page.locator("#column option:checked")).to_have_text("review")
    expect(page.locator("#preview thead [aria-pressed=true]")).to_be_focused()
    expect(page.locator("#preview tbody .chosen").first).to_have_text("A short one, or none")


def test_another_sheet_of_a_workbook_can_be_chosen(page: Page) -> None:
    load_content(page, "months.xlsx", (file_cases.FOLDER / "months.xlsx").read_bytes())
    expect(page.locator("#sheet option")).to_have_text(["Jan (found)", "Jan", "Feb", "Mar"])
    expect(page.locator("#warnings li")).to_have_text(["The sheet 'Jan' was read, not 'Feb', 'Mar'"])
    page.select_option("#sheet", "Feb")
    expect(page.locator("#preview tbody .chosen").first).to_have_text("Great fit in Feb")
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    expect(page.locator("#sheet")).to_be_hidden()


def test_a_column_mostly_blank_is_said_to_be_with_the_fuller_one(page: Page) -> None:
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    expect(page.locator("#warnings li")).to_have_count(0)
    page.select_option("#column", label="review")
    expect(page.locator("#warnings li")).to_have_text(["36 of 40 blank; comments is fuller"])


def test_every_row_counts_not_only_the_beginning(page: Page) -> None:
    rows = [
        {"kind": f"kind {n % 3}", "text": f"Something to read, number {n}" if n < 1500 else ""} for n in range(3000)
    ]
    load_content(page, "long.jsonl", as_lines(rows))
    expect(page.locator("#preview thead .small")).to_have_text(
        [
            "100 % filled, 3 different",
            "50 % filled, all different",
        ]
    )
    expect(page.locator("#warnings li")).to_have_text(["1,500 of 3,000 blank"])


def test_of_many_different_cells_it_is_said_that_there_are_more(page: Page) -> None:
    rows = "".join(f"{n},shop {n % 3},Something to read about number {n}\n" for n in range(10_500))
    load_content(page, "ids.csv", f"id,shop,text\n{rows}".encode())
    expect(page.locator("#preview thead .small")).to_have_text(
        [
            "100 % filled, more than 10,000 different",
            "100 % filled, 3 different",
            "100 % filled, more than 10,000 different",
        ]
    )


def test_another_delimiter_is_taken_where_it_is_said(page: Page) -> None:
    load_content(page, "odd.csv", b"a;b,c\none thing;two things,three things\n")
    page.select_option("#delimiter", label="comma")
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#preview thead button")).to_have_text(["a;b", "c"])
    page.select_option("#delimiter", label="semicolon")
    expect(page.locator("#preview thead button")).to_have_text(["a", "b,c"])
    page.select_option("#delimiter", label="find it out")
    expect(page.locator("#delimiter option").first).to_contain_text("(found)")


def test_another_encoding_is_taken_where_it_is_said(page: Page) -> None:
    load_content(page, "old.csv", "id,text\n1,café au lait\n2,thé glacé\n".encode("windows-1252"))
    expect(page.locator("#warnings li")).to_have_text(["Read as windows-1252, a guess"])
    page.select_option("#encoding", "windows-1251")
    expect(page.locator("#preview tbody .chosen").first).to_have_text("cafй au lait")
    expect(page.locator("#warnings li")).to_have_count(0)


def test_another_format_is_taken_where_it_is_said(page: Page) -> None:
    load_content(page, "notes.csv", b"good, but dear\nbad, and slow\n")
    page.select_option("#format", "txt")
    expect(page.locator("#preview tbody td")).to_have_text(["good, but dear", "bad, and slow"])


def test_the_chosen_column_stays_when_the_file_is_read_otherwise(page: Page) -> None:
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    page.select_option("#column", label="review")
    page.select_option("#encoding", "windows-1252")
    expect(page.locator("#encoding")).to_have_value("windows-1252")
    assert chosen(page) == "review"


def test_a_choice_that_cannot_be_is_taken_back_and_said(page: Page) -> None:
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    page.select_option("#format", "json")
    expect(page.locator("#file-facts")).to_contain_text("two.csv is no json")
    assert columns(page) == ["id", "review", "comments"]
    expect(page.locator("#format")).to_have_value("")
    expect(page.locator("#start")).to_be_visible()


def test_where_no_column_can_be_read_somebody_is_asked_to_choose(page: Page) -> None:
    load_content(page, "numbers.csv", b"a,b\n1,2\n3,4\n")
    expect(page.locator("#warnings li")).to_have_text(["No column looks like texts: choose one"])
    page.click("#preview thead button:text-is('b')")
    expect(page.locator("#warnings li")).to_have_count(0)


def test_nothing_of_a_file_that_is_not_there_is_shown(page: Page) -> None:
    page.click("#tab-many")
    for card in ("#run", "#charts", "#facets", "#results", "#own", "#loaded"):
        expect(page.locator(card)).to_be_hidden()
    load_content(page, "two.csv", TWO_COLUMNS.encode())
    for card in ("#run", "#charts", "#facets", "#results", "#own"):
        expect(page.locator(card)).to_be_hidden()


def test_a_sample_is_one_click_away(page: Page) -> None:
    page.click("#tab-many")
    page.click("#use-sample")
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#file-name")).to_have_text("sample.csv")
    assert chosen(page) == "review"


def test_cells_pasted_from_a_spreadsheet_are_a_table(page: Page) -> None:
    page.click("#tab-many")
    cells = 'shop\treview\nHere\tA good one\nThere\t"One line,\nand another"\n'
    html = "<meta charset='utf-8'><table><tr><td>shop</td></tr></table>"
    paste(page, {"text/plain": cells, "text/html": html})
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#file-name")).to_have_text("pasted table.tsv")
    assert columns(page) == ["shop", "review"]
    assert [row[0] for row in body(page)] == ["Here", "There"]


def test_a_single_column_pasted_from_a_spreadsheet_keeps_its_line_breaks(page: Page) -> None:
    page.click("#tab-many")
    paste(page, {"text/plain": 'review\n"One line,\nand another"\nFine\n', "text/html": "<table></table>"})
    page.wait_for_selector("#source[data-state=loaded]")
    expect(page.locator("#file-facts")).to_have_text(re.compile("^2 rows · 1 column"))


def paste(page: Page, kinds: dict[str, str]) -> None:
    page.evaluate(
        """kinds => {
          const data = new DataTransfer();
          for (const [kind, text] of Object.entries(kinds)) data.setData(kind, text);
          const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
          document.querySelector("#lines").dispatchEvent(event);
        }""",
        kinds,
    )


def test_on_a_phone_the_preview_scrolls_and_the_page_does_not(open_page: OpenPage, service: Service) -> None:
    page = open_page(service.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    out = io.StringIO()
    csv.writer(out).writerows([[f"column number {n}" for n in range(12)], ["A text with some words in it"] * 12] * 2)
    load_content(page, "wide.csv", out.getvalue().encode())
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.eval_on_selector(".preview", "box => box.scrollWidth > box.clientWidth")
