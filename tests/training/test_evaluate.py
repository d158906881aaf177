import json
import subprocess
import sys

import numpy as np
import pytest

from lightsleeper.errors import InvalidInput
from lightsleeper.model.model import Model
from lightsleeper.training.evaluate import Report, evaluate, measure

LABELS = ("NEGATIVE", "POSITIVE")


def report(*, positive: list[float], truth: list[int]) -> Report:
    """The report on texts that are positive with these probabilities."""
    probabilities = np.array([(1 - share, share) for share in positive])
    return measure(probabilities, np.array(truth), LABELS, truncated=1, seconds=2.0)


def test_figures_worked_by_hand() -> None:
    found = report(positive=[0.9, 0.9, 0.2, 0.2], truth=[1, 0, 0, 0])
    assert found.rows == 4
    assert found.accuracy == 0.75
    assert found.confusion == ((2, 1), (0, 1))
    assert found.f1 == pytest.approx(2 * 1 / (2 + 1))  # two answered positive, one is
    # Confidence 0.9 twice, half of them right; 0.8 twice, both right.
    assert found.ece == pytest.approx((2 * 0.4 + 2 * 0.2) / 4)
    assert found.texts_per_s == 2


def test_with_more_than_two_labels_f1_is_the_mean_over_them() -> None:
    certain = np.eye(3)[[0, 0, 1, 1]]
    found = measure(certain, np.array([0, 0, 1, 2]), ("a", "b", "c"), truncated=0, seconds=1.0)
    assert found.f1 == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_errors_of_confidence_cancel_within_a_bin_only() -> None:
    assert report(positive=[0.81, 0.85], truth=[1, 1]).ece == pytest.approx(0.17)
    same_bin = report(positive=[0.81, 0.81, 0.81, 0.81, 0.81], truth=[1, 1, 1, 1, 0])
    assert same_bin.ece == pytest.approx(0.01)


def test_certainty_that_is_always_right_has_no_calibration_error() -> None:
    assert report(positive=[1.0, 0.0, 1.0], truth=[1, 0, 1]).ece == 0


def test_the_table_names_every_figure_and_label() -> None:
    table = report(positive=[0.9, 0.9, 0.2, 0.2], truth=[1, 0, 0, 0]).as_table()
    for part in ("75.00%", "F1 (POSITIVE)", "0.6667", "0.3000", "NEGATIVE", "POSITIVE", "truncated"):
        assert part in table


def test_the_report_survives_json() -> None:
    found = report(positive=[0.9], truth=[1])
    read = json.loads(json.dumps(found.as_json()))
    assert read["confusion"] == [[0, 0], [0, 1]]
    assert read.keys() == {
        "rows", "labels", "accuracy", "f1", "ece", "confusion", "truncated", "texts_per_s",
    }  # fmt: skip


def test_a_bundle_is_judged_by_its_own_engine(model: Model) -> None:
    rows = [("Simply wonderful!", 1), ("A dreadful, boring mess.", 0), ("I loved it.", 0), ("superb " * 600, 1)]
    found = evaluate(model, iter(rows), workers=1)
    assert found.confusion == ((1, 1), (0, 2))
    assert found.truncated == 1


def test_no_rows_are_refused(model: Model) -> None:
    with pytest.raises(InvalidInput, match="no labelled texts"):
        evaluate(model, [], workers=1)


def test_judging_needs_no_torch() -> None:
    program = "import sys, lightsleeper.training.evaluate; print('torch' in sys.modules, 'transformers' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
