import pytest

from lightsleeper.model.head import MANY_LABELS, ONE_LABEL, REGRESSION, SCORE, Head
from lightsleeper.model.prediction import LabelScore

MANY = Head(MANY_LABELS, ("toxic", "insult", "threat"))


def test_labels_are_ranked_by_score_descending() -> None:
    assert [scored.label for scored in Head(ONE_LABEL, ("a", "b", "c")).rank((0.1, 2.0, -1.0))] == ["b", "a", "c"]


def test_labels_of_equal_score_keep_their_id_order() -> None:
    assert [scored.label for scored in Head(ONE_LABEL, ("c", "a", "b")).rank((1.0, 1.0, 1.0))] == ["c", "a", "b"]


def test_top_k_keeps_the_best_and_may_exceed_the_labels() -> None:
    assert Head(ONE_LABEL, ("a", "b")).rank((0.1, 2.0), top_k=1, raw_scores=True) == [LabelScore("b", 2.0)]
    assert len(Head(ONE_LABEL, ("a", "b")).rank((0.1, 2.0), top_k=9)) == 2


def test_a_label_without_a_logit_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        Head(ONE_LABEL, ("a", "b")).rank((0.1,))


def test_independent_labels_each_have_a_score_of_their_own() -> None:
    ranked = MANY.rank((0.0, 2.0, -2.0))
    assert [label for label, _ in ranked] == ["insult", "toxic", "threat"]
    assert [score for _, score in ranked] == pytest.approx([0.8808, 0.5, 0.1192], abs=1e-4)


@pytest.mark.parametrize(("threshold", "labels"), [(0.0, 3), (0.5, 2), (0.6, 1), (0.9, 0), (1.0, 0)])
def test_a_threshold_keeps_the_labels_that_reach_it_and_perhaps_none(threshold: float, labels: int) -> None:
    assert len(MANY.rank((0.0, 2.0, -2.0), threshold=threshold)) == labels
    assert len(MANY.chosen((0.0, 2.0, -2.0), threshold)) == labels


def test_a_threshold_is_one_of_scores_also_where_logits_are_answered() -> None:
    assert MANY.rank((0.0, 2.0, -2.0), threshold=0.6, raw_scores=True) == [LabelScore("insult", 2.0)]


def test_labels_apply_from_a_half_on_and_one_of_several_always_does() -> None:
    assert MANY.chosen((0.0, 2.0, -2.0)) == [1, 0]
    assert MANY.chosen((-1.0, -2.0, -2.0)) == []
    assert Head(ONE_LABEL, ("a", "b")).chosen((-3.0, -2.0)) == [1]


def test_one_output_is_a_score_without_a_label() -> None:
    assert Head(SCORE, ("LABEL_0",)).answer((0.0,)) == [{"score": 0.5}]
    assert Head(SCORE, ("LABEL_0",)).score_range == (0.0, 1.0)
    assert Head(REGRESSION, ("LABEL_0",)).answer((3.7,)) == [{"score": 3.7}]
    assert Head(REGRESSION, ("LABEL_0",)).score_range is None
    assert Head(REGRESSION, ("LABEL_0",), (1.0, 5.0)).score_range == (1.0, 5.0)
