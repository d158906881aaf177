import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightsleeper.model.prediction import softmax

finite = st.floats(-1e4, 1e4, width=32)


@given(st.lists(finite, min_size=1, max_size=8))
def test_probabilities_sum_to_one_whatever_the_logits(logits: list[float]) -> None:
    assert math.isclose(sum(softmax(tuple(logits))), 1.0, rel_tol=1e-9)


def test_softmax_agrees_with_a_value_worked_by_hand() -> None:
    assert softmax((0.0, math.log(3.0))) == pytest.approx([0.25, 0.75])
