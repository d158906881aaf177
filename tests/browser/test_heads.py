"""The page of models that answer with any number of labels, or with a number."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

import heads
from journey import OpenPage, ask, classify, download, downloaded_rows, load_content, table
from lightsleeper.model.head import MANY_LABELS, REGRESSION, SCORE
from service import Service

pytestmark = pytest.mark.browser

TEXTS = (
    "A lovely, quiet film that stays with you.",
    "Arrived broken, and nobody answers the phone.",
    "It arrived on Tuesday.",
    "A wonderful film with a boring end.",
)
FILE = "shop,label,text\n" + "".join(f"{'ab'[at % 2]},{at % 2},{text!r}\n" for at, text in enumerate(TEXTS * 2))
FILE = FILE.replace("'", '"')
#: Of every score but the largest: some lie beyond it, as they may.
RANGE = (-3.0, 2.0)


@pytest.fixture(scope="module")
def many() -> Iterator[Service]:
    with Service(heads.__file__, MANY_LABELS) as service:
        yield service


@pytest.fixture(scope="module", params=[SCORE, REGRESSION])
def one(request: pytest.FixtureRequest) -> Iterator[Service]:
    limits = map(str, RANGE) if request.param == REGRESSION else ()
    with Service(heads.__file__, request.param, *limits) as service:
        yield service


def answers(service: Service) -> list[dict[str, float]]:
    """What the service says of `TEXTS`, each by label."""
    predictions = service.predict(*TEXTS).json()["predictions"]
    return [{each.get("label", ""): each["score"] for each in ranked} for ranked in predictions]


def applying(scores: dict[str, float]) -> list[str]:
    return [label for label, score in scores.items() if score >= 0.5]


def numbers(cells: list[list[str]]) -> list[float]:
    return [float(cell[3].replace("−", "-")) for cell in cells]


def asks(page: Page) -> str:
    """The page's question, and what a file of results is called."""
    load_content(page, "mine.csv", FILE.encode())
    classify(page)
    with page.expect_download() as event:
        page.click("#download-csv")
    return f"{page.inner_text('h1')} {event.value.suggested_filename}"


def test_the_page_asks_what_the_model_answers_and_names_its_files_after_it(
    open_page: OpenPage, many: Service, one: Service, service: Service
) -> None:
    assert asks(open_page(service.url)) == "How do people feel about it? mine-sentiment.csv"
    assert asks(open_page(many.url)) == "Which apply of toxic and insult? mine-labels.csv"
    assert asks(open_page(one.url)) == "What score does it get? mine-scores.csv"


def test_one_text_has_the_labels_that_apply_or_none(open_page: OpenPage, many: Service) -> None:
    page = open_page(many.url)
    found = answers(many)
    assert {len(applying(scores)) for scores in found} >= {0, 2}, "the texts have to try both"
    for text, scores in zip(TEXTS, found, strict=True):
        ask(page, text)
        expect(page.locator("#verdict")).to_have_text(", ".join(applying(scores)) or "No label applies")
        assert page.locator("#bars .name").all_inner_texts() == list(scores)


def test_the_summary_of_a_file_counts_every_label_of_a_row_and_rows_without_one(
    open_page: OpenPage, many: Service
) -> None:
    page = open_page(many.url)
    load_content(page, "many.csv", FILE.encode())
    classify(page)
    found = [applying(scores) for scores in answers(many)]
    counts = {label: 2 * sum(label in labels for labels in found) for label in ("toxic", "insult")}
    counts["(none)"] = 2 * sum(not labels for labels in found)
    shown = page.locator("#label-counts .value").all_inner_texts()
    assert [int(value.split()[0]) for value in shown] == list(counts.values())
    assert page.inner_text("#headline").endswith(f" of 8, {counts['(none)']} without a label")
    assert "unclear" not in page.inner_text("#charts")
    assert [row["predicted_label"] for row in downloaded_rows(page)] == ["|".join(labels) for labels in found * 2]
    for label, count in counts.items():
        page.select_option("#filter-label", label)
        expect(page.locator("#shown")).to_have_text(f"{count} of 8 rows" if count != 8 else "8 rows")
    expect(page.locator("#own")).to_be_hidden()  # a row has no one label to compare with


def test_a_number_names_nothing_anywhere(open_page: OpenPage, one: Service) -> None:
    page = open_page(one.url)
    assert page.locator("#bars .name").all_inner_texts() == ["Score"]
    page.check("#explain")
    ask(page, TEXTS[-1])
    expected = [scores[""] for scores in answers(one)]
    assert float(page.inner_text("#verdict").replace("−", "-")) == pytest.approx(expected[-1], abs=5e-4)
    expect(page.locator("#explanation-note")).to_contain_text("a higher score")
    assert "points" not in page.inner_text("#effects")
    load_content(page, "numbers.csv", FILE.encode())
    classify(page)
    mean = sum(expected) / len(expected)
    assert page.inner_text("#headline") == f"8 rows, mean score {mean:.3f}".replace("-", "−")
    for hidden in ("#label-chart", "#label-filter", "#own"):
        expect(page.locator(hidden)).to_be_hidden()
    assert numbers(table(page)) == pytest.approx(expected * 2, abs=5e-4)
    found = downloaded_rows(page)
    assert [row["predicted_label"] for row in found] == [None] * 8
    assert [row["predicted_score"] for row in found] == pytest.approx(expected * 2, abs=1e-6)
    assert download(page, "csv").splitlines()[1].split(",")[-5] == ""


def test_numbers_are_sorted_charted_and_averaged_below_zero_too(open_page: OpenPage, one: Service) -> None:
    page = open_page(one.url)
    load_content(page, "numbers.csv", FILE.encode())
    classify(page)
    expected = [scores[""] for scores in answers(one)] * 2
    page.click("th[data-sort=score] button")
    assert numbers(table(page)) == pytest.approx(sorted(expected), abs=5e-4)
    page.click("th[data-sort=score] button")
    assert numbers(table(page)) == pytest.approx(sorted(expected, reverse=True), abs=5e-4)
    means = [sum(expected[at::2]) / 4 for at in (0, 1)]
    told = page.locator("#facet-groups .value").all_inner_texts()
    assert sorted(told) == sorted(f"4 · {mean:.3f}".replace("-", "−") for mean in means)
    counts = page.locator("#zones .numbers").all_inner_texts()
    assert sum(int(count.split()[0]) for count in counts) == 8
