"""Labels of one's own: what their values mean, how many answers are right, which rows disagree."""

from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from journey import classify, downloaded_rows, load_content, shown, table
from lightsleeper.bulk.records.label_meanings import meaning_of

pytestmark = pytest.mark.browser


def own(page: Page, column: str) -> None:
    page.click("#own summary")
    page.select_option("#own-column", label=column)


def test_labels_of_ones_own_are_mapped_and_compared(done: Page) -> None:
    own(done, "stars")
    # 1 star is not the label with the index 1
    expect(done.locator("#own-accuracy")).to_have_text("Say what the values mean")
    meaning = {"5": "POSITIVE", "1": "NEGATIVE"}
    for value, label in meaning.items():
        done.get_by_label(value, exact=True).select_option(label=label)
    found = downloaded_rows(done)
    pairs = Counter((meaning[row["stars"]], row["predicted_label"]) for row in found if row["stars"] in meaning)
    right = pairs["NEGATIVE", "NEGATIVE"] + pairs["POSITIVE", "POSITIVE"]
    share = "100.0" if right == 12 else f"{100 * right / 12:.1f}"
    expect(done.locator("#own-accuracy")).to_have_text(f"{share} % right of 12 rows")
    expect(done.locator("#own-note")).to_have_text("3 answered rows left out.")
    names = ["NEGATIVE", "POSITIVE"]
    cells = [row.locator("td").all_inner_texts() for row in done.locator("#confusion tbody tr").all()]
    assert cells == [[str(pairs[said, given]) for given in names] for said in names]


def test_the_rows_that_disagree_are_shown(page: Page) -> None:
    load_content(page, "labelled.csv", ("label,text\n" + "pos,Horrible and sad\nneg,Horrible and sad\n" * 3).encode())
    classify(page)
    own(page, "label")
    expect(page.locator("#own-accuracy")).to_have_text("50.0 % right of 6 rows")
    page.click("#disagreements")
    expect(page.locator("#disagreements")).to_have_text("Show the 3 rows that disagree")
    assert shown(page) == "3 of 6 rows"
    assert {cell for row in table(page) for cell in row[4:]} == {"pos"}


@pytest.mark.parametrize(
    "values",
    [
        ("positive", "Negative"),
        ("TRUE", "FALSE"),
        ("1.0", "0.0"),
        ("1", "-1"),
        ("-1", "0", "1"),
        ("1", "2", "3", "4", "5"),
        ("POS", "neutral"),
        ("yes", "no", "0"),
        ("positivo", "négatif", "👍🏽"),
        ("LABEL_0", "LABEL_1"),
        ("LABEL_1", "LABEL_2"),
        ("\N{MINUS SIGN}1", "1"),
    ],
    ids=", ".join,
)
def test_what_labels_are_called_is_known_where_the_command_knows_it(page: Page, values: tuple[str, ...]) -> None:
    same_label_as_the_command(page, values, "sentiment")


@pytest.mark.parametrize(("column", "values"), [("Star rating", ("0", "1")), ("score", ("1", "unknown"))])
def test_the_worst_star_is_no_label_here_either(page: Page, column: str, values: tuple[str, ...]) -> None:
    same_label_as_the_command(page, values, column)


def same_label_as_the_command(page: Page, values: tuple[str, ...], column: str) -> None:
    rows = "".join(f"{value},A fine text to read {n}\n" for n in range(3) for value in values)
    load_content(page, "labelled.csv", f"{column},text\n{rows}".encode())
    classify(page)
    own(page, column)
    known = meaning_of(dict.fromkeys(values, 3), ["NEGATIVE", "POSITIVE"], skip_other=True, column=column)
    chosen = page.locator("#own-map option:checked").all_inner_texts()
    assert chosen == [known.get(value, "left out") for value in values]
