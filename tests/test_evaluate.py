import math

import pytest

from lightsleeper.errors import InvalidInput
from lightsleeper.model import Model
from lightsleeper.training.evaluate import evaluate, score


def logits(probability: float) -> tuple[float, float]:
    """The logits of a model that gives the second label this probability."""
    return (0.0, math.log(probability / (1 - probability)))


def test_numbers_worked_by_hand() -> None:
    report = score([logits(0.9), logits(0.9), logits(0.2), logits(0.2)], [1, 0, 0, 0], labels=2, elapsed_s=2.0)
    assert report.rows == 4
    assert report.accuracy == 0.75
    assert report.confusion == [[2, 1], [0, 1]]
    # negative: 2·2 / (2 answered + 3 right); positive: 2·1 / (2 + 1)
    assert report.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    # confidence 0.9 twice, half of them right; 0.8 twice, both right
    assert report.calibration_error == pytest.approx((2 * 0.4 + 2 * 0.2) / 4)
    assert report.texts_per_s == 2


def test_a_label_that_never_occurs_counts_as_zero() -> None:
    assert score([(1.0, 0.0, 0.0)], [0], labels=3, elapsed_s=1).macro_f1 == pytest.approx(1 / 3)


def test_certainty_that_is_always_right_has_no_calibration_error() -> None:
    assert score([(50.0, -50.0)] * 3, [0] * 3, labels=2, elapsed_s=1).calibration_error == pytest.approx(0)


def test_a_bundle_is_judged_by_its_own_engine(model: Model) -> None:
    rows = [("Simply wonderful!", 1), ("A dreadful, boring mess.", 0), ("I loved it.", 0)]
    report = evaluate(model, rows, workers=1)
    assert report.confusion == [[1, 1], [0, 1]]
    table = report.as_table("mine", model.labels)
    assert "66.67%" in table
    assert "NEGATIVE" in table


def test_no_rows_are_refused(model: Model) -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        evaluate(model, [], workers=1)
