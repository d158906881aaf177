"""When it is done: the result first, charts and facets that narrow the table."""

import csv
import io
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from journey import OpenPage, classify, download, downloaded_rows, load_content, shown, table
from service import Service
from shops import DATES, ROWS, SHOPS, TEXTS

pytestmark = pytest.mark.browser


def facet(page: Page) -> dict[str, str]:
    names = page.locator("#facet-groups .name").all_text_contents()
    return dict(zip(names, page.locator("#facet-groups .value").all_text_contents(), strict=True))


def test_the_result_comes_first_and_adds_up(done: Page) -> None:
    found = downloaded_rows(done)
    negative = sum(row["predicted_label"] == "NEGATIVE" for row in found)
    unclear = sum(row["predicted_score"] < 2 / 3 for row in found)
    doubts = f", {unclear} unclear" if unclear else ""
    expect(done.locator("#headline")).to_have_text(f"{round(100 * negative / 15)} % negative of 15{doubts}")
    order = done.eval_on_selector_all("#many > *", "cards => cards.map(card => card.id)")
    assert order[:2] == ["run", "source"]
    expect(done.locator("#run .primary:visible")).to_have_text(["Download csv"])
    assert not done.eval_on_selector("#reading", "details => details.open")


def test_the_bar_is_full_when_it_says_done(done: Page) -> None:
    assert done.eval_on_selector("#progress", "bar => bar.position") == 1


def test_the_rows_shown_can_be_downloaded_alone_and_in_their_order(done: Page) -> None:
    done.select_option("#filter-label", "NEGATIVE")
    done.click("th[data-sort=score] button")
    everything = list(csv.DictReader(io.StringIO(download(done, "csv"))))
    done.check("#only-shown")
    part = list(csv.DictReader(io.StringIO(download(done, "csv"))))
    wanted = [row for row in everything if row["predicted_label"] == "NEGATIVE"]
    assert len(everything) == 15
    assert part == sorted(wanted, key=lambda row: float(row["predicted_score"]))


def test_a_download_for_excel_has_its_mark_and_no_formula(page: Page) -> None:
    load_content(page, "formulas.csv", b'id,text\n1,"=1+1 is a strange review"\n2,-5\n3,"@home it is fine, and good"\n')
    classify(page)
    plain, excel = download(page, "csv"), download(page, "excel")
    assert plain.splitlines()[1].startswith("1,=1+1 is")
    assert excel.startswith("\ufeffid,text,")
    assert excel.splitlines()[1].startswith("1,'=1+1 is")
    assert excel.splitlines()[2].startswith("2,-5,")
    assert excel.splitlines()[3].startswith("3,\"'@home")


def test_a_download_says_which_rows_the_model_hardly_knows(page: Page, service: Service) -> None:
    texts = ["A lovely, quiet film.", "Ez a könyv nagyon szomorúan végződött tegnap."]
    load_content(page, "two.txt", "\n".join(texts).encode())
    classify(page)
    expected = service.predict(*texts).json().get("unfamiliar", [])
    assert [row["unfamiliar"] for row in downloaded_rows(page)] == [number in expected for number in range(2)]
    header = next(csv.reader(io.StringIO(download(page, "csv"))))
    assert header[1:] == ["predicted_label", "predicted_score", "truncated", "unfamiliar", "error"]


def test_the_table_has_the_columns_of_the_file(done: Page) -> None:
    expect(done.locator("#table .of-file:is(th)")).to_have_text(["id", "shop", "date", "stars"])
    first = table(done)[0][4:]
    assert first == [ROWS[0][name] for name in ("id", "shop", "date", "stars")]


def test_the_table_is_sorted_by_any_column_of_the_file(page: Page) -> None:
    cells = [("9", "2026-03-01", "b"), ("10", "2025-12-24", "Z"), ("", "2026-01-31", "a10"), ("-1.5", "", "a9")]
    rows = "".join(f"{price},{day},{name},{text}\n" for (price, day, name), text in zip(cells, TEXTS, strict=False))
    load_content(page, "sorted.csv", f"price,day,name,text\n{rows}".encode())
    classify(page)
    blank_last = {"price": [3, 0, 1], "day": [1, 2, 0], "name": [3, 2, 0, 1]}
    for place, (name, order) in enumerate(blank_last.items()):
        head = page.locator("th.of-file").filter(has_text=name)
        rest = [row for row in range(4) if row not in order]
        for direction, expected in (("ascending", order), ("descending", order[::-1])):
            head.locator("button").click()
            expect(head).to_have_attribute("aria-sort", direction)
            found = [row[4 + place] for row in table(page)]
            assert found == [cells[row][place] for row in [*expected, *rest]]
    page.click("th[data-sort=row] button")
    expect(page.locator("th.of-file[aria-sort=none]")).to_have_count(3)
    assert [row[0] for row in table(page)] == ["1", "2", "3", "4"]


def test_a_search_looks_into_every_column(done: Page) -> None:
    for wanted, count in (("lovely", 3), ("CORK", 5), ("nowhere to be found", 0)):
        done.fill("#search", wanted)
        expect(done.locator("#shown")).to_have_text(f"{count} of 15 rows")
    done.click("#filters .chip")
    expect(done.locator("#shown")).to_have_text("15 rows")
    assert done.input_value("#search") == ""


def test_a_category_shows_counts_and_the_share_that_is_negative(done: Page) -> None:
    done.select_option("#facet", label="shop")
    found = downloaded_rows(done)
    for shop in SHOPS:
        negative = sum(row["predicted_label"] == "NEGATIVE" for row in found if row["shop"] == shop)
        assert facet(done)[shop] == f"5 · {100 * negative / 5:.1f} %"
    done.locator("#facet-groups button", has_text="Cork").click()
    assert shown(done) == "5 of 15 rows"
    expect(done.locator("#filters .chip")).to_have_text(["shop: Cork ×"])
    done.locator("#facet-groups button", has_text="Cork").click()
    assert shown(done) == "15 rows"


def test_dates_are_a_chart_by_time_that_filters(done: Page) -> None:
    done.select_option("#facet", label="date")
    assert done.get_attribute("#facet-groups", "data-kind") == "time"
    counts = Counter(DATES[n % 8][:7] for n in range(15))
    assert {name: value.split(" ")[0] for name, value in facet(done).items()} == {
        month: str(count) for month, count in sorted(counts.items())
    }
    done.locator("#facet-groups button").first.click()
    assert shown(done) == f"{counts['2026-01']} of 15 rows"


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["31.12.2025", "01.02.2026", "01.07.2026"], "2025-12"),
        (["12/31/2025", "02/01/2026", "07/01/2026"], "2025-12"),
        (["2025-12-31T10:00:00Z", "2026-02-01", "2026-07-01"], "2025-12"),
        (["2019-12-31", "2026-02-01", "2026-07-01"], "2019"),
        (["2026-01-31", "2026-02-01", "2026-02-02"], "2026-01-31"),
    ],
)
def test_dates_are_read_as_they_are_written(page: Page, dates: list[str], first: str) -> None:
    rows = "".join(f"{date},A review with some words {n}\n" for n, date in enumerate(dates))
    load_content(page, "dated.csv", f"date,review\n{rows}".encode())
    classify(page)
    assert next(iter(facet(page))) == first


def test_filters_add_up_and_go_together(done: Page) -> None:
    done.select_option("#facet", label="shop")
    done.locator("#facet-groups button", has_text="Lyon").click()
    done.locator("#label-counts button", has_text="NEGATIVE").click()
    found = downloaded_rows(done)
    both = sum(row["shop"] == "Lyon" and row["predicted_label"] == "NEGATIVE" for row in found)
    assert shown(done) == f"{both} of 15 rows"
    expect(done.locator("#filters .chip")).to_have_text(["shop: Lyon ×", "label: NEGATIVE ×"])
    done.click("#filters-clear")
    assert shown(done) == "15 rows"
    assert done.input_value("#filter-label") == ""
    assert done.locator("[aria-pressed=true]:visible").count() == 0


def probability(row: dict[str, object]) -> float:
    score = float(str(row["predicted_score"]))
    return score if row["predicted_label"] == "POSITIVE" else 1 - score


def test_the_chart_counts_what_is_sure_and_what_is_not(done: Page) -> None:
    found = [probability(row) for row in downloaded_rows(done)]
    counts = {
        "surely negative": sum(share <= 1 / 3 for share in found),
        "unclear": sum(1 / 3 < share < 2 / 3 for share in found),
        "surely positive": sum(share >= 2 / 3 for share in found),
    }
    for name, count in counts.items():
        zone = done.locator("#zones button", has_text=name)
        expect(zone.locator(".numbers")).to_have_text(f"{count} · {100 * count / 15:.1f} %")
        zone.click()
        assert shown(done) == ("15 rows" if count == 15 else f"{count} of 15 rows")
    spoken = ", ".join(f"{count} {name}" for name, count in counts.items())
    expect(done.locator("#histogram")).to_have_attribute("aria-label", f"Rows: {spoken}")


def test_a_band_is_dragged_over_the_chart_and_moved(done: Page) -> None:
    found = [probability(row) for row in downloaded_rows(done)]
    done.locator("#spectrum").scroll_into_view_if_needed()
    box = done.locator("#spectrum").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2

    def drag(start: float, end: float) -> None:
        done.mouse.move(box["x"] + box["width"] * start, middle)
        done.mouse.down()
        done.mouse.move(box["x"] + box["width"] * end, middle, steps=5)
        done.mouse.up()

    drag(0.21, 0.49)  # bins 6 to 14 of 30
    assert shown(done) == f"{sum(0.2 <= share < 0.5 for share in found)} of 15 rows"
    expect(done.locator("#filters .chip")).to_have_text("20.0 % to 50.0 % positive ×")
    drag(0.31, 0.61)  # from within: the band as a whole moves
    assert shown(done) == f"{sum(0.5 <= share < 0.8 for share in found)} of 15 rows"
    expect(done.locator("#filters .chip")).to_have_text("50.0 % to 80.0 % positive ×")
    drag(0.91, 0.75)  # from outside: another one, drawn to the left
    expect(done.locator("#filters .chip")).to_have_text("73.3 % to 93.3 % positive ×")


def test_the_band_is_set_by_keys_and_the_chart_tells_what_is_under_the_pointer(done: Page) -> None:
    done.focus("#band-from")
    for _ in range(20):
        done.keyboard.press("ArrowRight")
    assert done.get_attribute("#band-from", "aria-valuetext") == "66.7 % to 100.0 % positive"
    positive = done.locator("#zones button", has_text="surely positive")
    expect(positive).to_have_attribute("aria-pressed", "true")
    done.keyboard.press("Home")
    assert shown(done) == "15 rows"
    box = done.locator("#spectrum").bounding_box()
    assert box
    done.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 5)
    expect(done.locator("#spectrum-note")).to_contain_text("96.7 % to 100.0 % positive")


def test_a_row_on_a_phone_has_two_lines(open_page: OpenPage, service: Service) -> None:
    page = open_page(service.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    load_content(page, "lines.txt", "\n".join(f"{text} {n}" for n, text in enumerate(TEXTS * 20)).encode())
    classify(page)
    row = page.locator("#table tbody tr:not(.spacer)").first
    text, label = row.locator(".of-text").bounding_box(), row.locator(".of-label").bounding_box()
    assert text
    assert label
    assert label["y"] >= text["y"] + text["height"] - 1
    assert text["width"] > 250
    page.eval_on_selector("#grid", "grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(page.locator("#table tbody tr:not(.spacer)").last).to_contain_text("100")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
