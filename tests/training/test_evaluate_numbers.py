"""Scores against the numbers of a file: figures worked by hand, and what is no number."""

from pathlib import Path

import numpy as np
import pytest

from heads import with_head
from lightsleeper.bulk.records import Reading, Records
from lightsleeper.errors import InvalidInput
from lightsleeper.model.head import SCORE
from lightsleeper.model.model import Model
from lightsleeper.training.evaluate_numbers import NumberReport, evaluate_numbers, numbered
from lightsleeper.training.evaluate_sets import evaluate_records

TEXTS = ("A lovely, quiet film.", "Arrived broken, and nobody answers.", "It arrived on Tuesday.", "Thank you!")


@pytest.fixture
def one(model: Model) -> Model:
    return with_head(model, SCORE)


def scores_of(model: Model) -> list[float]:
    return [model.head.scores(model.run([text])[0])[0] for text in model.tokenizer.encode(TEXTS)]


def test_a_file_with_the_scores_themselves_is_met_exactly(one: Model) -> None:
    report = evaluate_numbers(one, zip(TEXTS, scores_of(one), strict=True), workers=1)
    assert report == NumberReport(4, pytest.approx(1), pytest.approx(1), pytest.approx(0, abs=1e-9))  # type: ignore[arg-type]  # approximately
    assert report.as_json() == {"rows": 4, **report.figures()}
    assert "Spearman" in report.as_table()


def test_correlations_are_those_of_the_numbers_and_of_their_ranks_ties_sharing_one(one: Model) -> None:
    scores = np.array(scores_of(one))
    numbers = np.array([9.0, 1.0, 1.0, 4.0])
    report = evaluate_numbers(one, zip(TEXTS, numbers.tolist(), strict=True), workers=1)
    assert report.pearson == pytest.approx(np.corrcoef(scores, numbers)[0, 1])
    ranks = scores.argsort().argsort() + 1.0
    assert report.spearman == pytest.approx(np.corrcoef(ranks, [4, 1.5, 1.5, 3])[0, 1])
    assert report.mae == pytest.approx(np.abs(scores - numbers).mean())


def test_one_number_everywhere_has_nothing_to_be_compared_with(one: Model) -> None:
    with pytest.raises(InvalidInput, match="4 labelled texts with one number at most"):
        evaluate_numbers(one, ((text, 3.0) for text in TEXTS), workers=1)
    with pytest.raises(InvalidInput, match="0 labelled texts"):
        evaluate_numbers(one, [], workers=1)


@pytest.mark.parametrize("cell", ["good", "", "nan", "1e999", "3,5"])
def test_what_is_no_number_is_named_with_its_place(tmp_path: Path, cell: str) -> None:
    (tmp_path / "rows.csv").write_text(f'text,stars\n"A film",4\n"Another","{cell}"\n')
    with pytest.raises(InvalidInput, match=r"rows\.csv, row 2 .* stands in stars; expected a number"):
        list(numbered(Records(tmp_path / "rows.csv"), Reading(label_column="stars")))


def test_numbers_can_be_mapped_and_what_is_none_left_out(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,stars\nGood film,five\nSo so,unknown\nPoor film,1.5\n")
    records = Records(tmp_path / "rows.csv")
    assert list(numbered(records, Reading(label_map={"five": "5"}, skip_other=True))) == [
        ("Good film", 5.0),
        ("Poor film", 1.5),
    ]
    with pytest.raises(InvalidInput, match="answers with a number"):
        list(numbered(records, Reading(label_map={"five": "POSITIVE"})))


def test_a_model_of_a_number_is_measured_by_numbers(one: Model, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f'"{text}",{at}\n' for at, text in enumerate(TEXTS)))
    reading = Reading()
    found = evaluate_records(one, reading.records(tmp_path / "rows.csv"), reading, workers=1)
    assert isinstance(found, NumberReport)
    assert found.rows == 4
