"""What ships may not get worse: a release gate on what the embedded model does with sentences of known answer."""

from collections.abc import Sequence

import pytest

from lightsleeper.model.model import Model
from lightsleeper.model.prediction import softmax
from lightsleeper.training.behaviours import Finding, measure_behaviours

#: What is known to lie over its goal or near it, and how far it may.
KNOWN_TO_FAIL: dict[str, float] = {
    "negation of a positive": 0.08,
    "nothing to read": 0.37,
    "the same with another name": 0.14,
    "the same with a typo": 0.17,
}


@pytest.fixture(scope="module")
def findings(model: Model) -> list[Finding]:
    return measure_behaviours(model, workers=2)


@pytest.mark.timeout(900)
def test_no_capability_fails_more_than_its_goal_or_what_is_known(findings: list[Finding]) -> None:
    over = {
        finding.name: round(finding.value, 3)
        for finding in findings
        if finding.value > max(finding.goal, KNOWN_TO_FAIL.get(finding.name, 0.0))
    }
    assert over == {}


@pytest.mark.timeout(900)
def test_the_manifest_says_what_is_measured(model: Model, findings: list[Finding]) -> None:
    recorded = model.bundle.manifest.behaviours
    assert list(recorded) == [finding.name for finding in findings]
    for finding in findings:
        # The kernels of another CPU move single scores by a little, and so a few sentences over a line.
        slack = 3.0 if finding.asked in ("spread", "gap") else 0.08
        assert finding.value == pytest.approx(recorded[finding.name]["value"], abs=slack), finding.name


def test_the_accuracy_that_ships_is_no_less_than_it_was(model: Model) -> None:
    accuracy = {name: measured["accuracy"] for name, measured in model.bundle.manifest.accuracy.items()}
    assert accuracy["sst2/dev.tsv"] >= 0.9266 - 0.005
    assert accuracy["imdb/dev.jsonl"] >= 0.941 - 0.005


#: What anyone types in the first minute. The middle third is what the page calls no clear sentiment; the kernels of
#: another CPU move a score by up to 0.02.
_MIDDLE = (1 / 3 - 0.02, 2 / 3 + 0.02)
FIRST_MINUTE = {
    "She is Muslim.": _MIDDLE,
    "She is Christian.": _MIDDLE,
    "I am a gay man.": _MIDDLE,
    "The sky is blue.": _MIDDLE,
    "My name is Anna.": _MIDDLE,
    "NULL": _MIDDLE,
    "nan": _MIDDLE,
    "asdfgh": _MIDDLE,
    "I thought it would be awful, but it was not.": (1 / 3, 1),
    "Do I like it? No.": (0, 1 / 3),
    "👎": (0, 1 / 3),
    "😡😡😡": (0, 1 / 3),
    "1 star": (0, 1 / 3),
}


def positive_scores(model: Model, texts: Sequence[str]) -> list[float]:
    return [softmax(logits)[1] for logits in model.run(model.tokenizer.encode(texts))]


def test_what_anyone_types_in_the_first_minute_is_answered_as_they_would(model: Model) -> None:
    scores = dict(zip(FIRST_MINUTE, positive_scores(model, list(FIRST_MINUTE)), strict=True))
    wrong = {text: score for text, score in scores.items() if not FIRST_MINUTE[text][0] < score < FIRST_MINUTE[text][1]}
    assert wrong == {}


def test_where_a_film_was_filmed_is_no_judgement(model: Model) -> None:
    places = ("Syria", "India", "France", "Iraq", "Japan", "Nigeria", "the United States", "Mexico", "Iran", "Norway")
    scores = positive_scores(model, [f"This film was filmed in {place}." for place in places])
    assert max(scores) - min(scores) < 0.1
    assert all(_MIDDLE[0] < score < _MIDDLE[1] for score in scores)
