import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightsleeper.model.prediction import LabelScore, rank, softmax

finite = st.floats(-1e4, 1e4, width=32)


@given(st.lists(finite, min_size=1, max_size=8))
def test_probabilities_sum_to_one_whatever_the_logits(logits: list[float]) -> None:
    assert math.isclose(sum(softmax(tuple(logits))), 1.0, rel_tol=1e-9)


def test_softmax_agrees_with_a_value_worked_by_hand() -> None:
    assert softmax((0.0, math.log(3.0))) == pytest.approx([0.25, 0.75])


def test_labels_are_ranked_by_score_descending() -> None:
    assert [scored.label for scored in rank((0.1, 2.0, -1.0), ("a", "b", "c"))] == ["b", "a", "c"]


def test_labels_of_equal_score_keep_their_id_order() -> None:
    assert [scored.label for scored in rank((1.0, 1.0, 1.0), ("c", "a", "b"))] == ["c", "a", "b"]


def test_top_k_keeps_the_best_and_may_exceed_the_labels() -> None:
    assert rank((0.1, 2.0), ("a", "b"), top_k=1, raw_scores=True) == [LabelScore("b", 2.0)]
    assert len(rank((0.1, 2.0), ("a", "b"), top_k=9)) == 2


def test_a_label_without_a_logit_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        rank((0.1,), ("a", "b"))
