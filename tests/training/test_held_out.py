from collections import Counter

import numpy as np
import pytest

from lightsleeper.errors import BundleError
from lightsleeper.training.held_out import Score, Split, Verdict, best, label_weights, score, split
from lightsleeper.training.mix import Row

pytest.importorskip("sklearn")

from lightsleeper.training.held_out import judge


def rows(counts: dict[int, int], labels: int = 3) -> list[Row]:
    """That many rows of each label."""
    targets = [tuple(float(index == label) for index in range(labels)) for label in range(labels)]
    return [
        Row(f"text {number} of {label}", targets[label]) for label, count in counts.items() for number in range(count)
    ]


def test_every_label_is_held_out_in_its_share() -> None:
    parts = split(rows({0: 100, 1: 50, 2: 10}), share=0.2, seed=0)
    assert Counter(best(row.target) for row in (*parts.stop, *parts.report)) == {0: 20, 1: 10, 2: 2}
    assert len(parts.stop) == len(parts.report) == 16
    assert len(parts.train) == 128


def test_something_of_every_label_is_left_to_learn_from() -> None:
    parts = split(rows({0: 10, 1: 2, 2: 1}), share=0.95, seed=0)
    assert Counter(best(row.target) for row in parts.train) == {0: 1, 1: 1, 2: 1}


def test_a_text_is_on_one_side_alone_however_often_it_stands() -> None:
    twice = [Row(text.upper() + " ", target) for text, target in rows({0: 50, 1: 50})]
    parts = split([*rows({0: 50, 1: 50}), *twice], share=0.2, seed=0)
    texts = [{" ".join(row.text.lower().split()) for row in part} for part in (parts.train, parts.stop, parts.report)]
    assert not texts[0] & (texts[1] | texts[2])
    assert not texts[1] & texts[2]


def test_the_same_seed_holds_the_same_rows_out() -> None:
    assert split(rows({0: 40, 1: 40}), share=0.2, seed=1) == split(rows({0: 40, 1: 40}), share=0.2, seed=1)
    assert split(rows({0: 40, 1: 40}), share=0.2, seed=1) != split(rows({0: 40, 1: 40}), share=0.2, seed=2)


def test_a_score_is_accuracy_macro_f1_and_recall() -> None:
    found = score(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert found.accuracy == 0.75
    assert list(found.recall) == pytest.approx([2 / 3, 1.0])
    assert found.macro_f1 == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)


def test_words_counted_and_the_majority_stand_beside_the_model() -> None:
    targets = {"good": (0.0, 1.0), "bad": (1.0, 0.0)}
    train = [Row(f"{word} {number}", targets[word]) for word in targets for number in range(20)]
    report = [Row("so good", targets["good"]), Row("so bad", targets["bad"]), Row("bad bad", targets["bad"])]
    found = judge(Split(train, [], report), np.array([1, 0, 1]), 2)
    assert found.words.accuracy == 1
    assert found.model.accuracy == pytest.approx(2 / 3)
    assert found.majority.macro_f1 < found.model.macro_f1
    said = "\n".join(found.lines(["bad", "good"]))
    assert "recall by label: bad 50%, good 100%" in said
    found.require_use()


def test_a_model_that_says_one_label_of_everything_is_refused_with_the_reason() -> None:
    same = Score(0.6, 0.25, (1.0, 0.0, 0.0))
    verdict = Verdict(rows=40, model=same, majority=same, words=Score(0.7, 0.5, (1.0, 0.5, 0.1)))
    with pytest.raises(BundleError, match=r"no better than its commonest label: macro F1 0\.250 on 40 rows"):
        verdict.require_use()


def test_rare_labels_count_for_more_and_all_for_one_on_average() -> None:
    weights = label_weights(rows({0: 90, 1: 10}, labels=2), 2)
    assert weights[1] == pytest.approx(3 * weights[0])
    assert 0.9 * weights[0] + 0.1 * weights[1] == pytest.approx(1)
    assert label_weights(rows({0: 5, 1: 5}, labels=2), 2) == [1, 1]
