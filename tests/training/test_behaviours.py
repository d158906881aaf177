import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lightsleeper.errors import ConfigurationError
from lightsleeper.model.bundle import EMBEDDED, open_bundle, record_behaviours
from lightsleeper.model.model import Model
from lightsleeper.training.augment import TEMPLATES
from lightsleeper.training.behaviours import SUITE, Finding, as_table, measure_behaviours
from lightsleeper.training.templates import read_templates, slots


def test_the_suite_asks_with_words_that_training_never_writes() -> None:
    written, asked = read_templates(TEMPLATES), read_templates(SUITE)
    known = {word.lower() for words in written.words.values() for word in words}
    for name, words in asked.words.items():
        assert not known & {word.lower() for word in words}, name


def shape(text: str) -> str:
    """The pattern without the names of its slots."""
    return re.sub(r"\{\w*\}|<\d+>", "{}", text).lower().rstrip(".!")


def test_the_suite_asks_in_patterns_that_training_never_writes() -> None:
    written, asked = read_templates(TEMPLATES), read_templates(SUITE)
    words = {
        name: words if any(map(slots, words)) else [f"<{number}>" for number in range(len(words))]
        for name, words in written.words.items()
    }
    blanked, draw = replace(written, words=words), Random(0)
    patterns = [text for group in written.groups for text in group.texts if slots(text)]
    shapes = {shape(blanked.fill(pattern, draw)) for pattern in patterns for _ in range(40)}
    assert not shapes & {shape(text) for group in asked.groups for text in group.texts if slots(text)}


def suite(folder: Path, groups: str) -> Path:
    file = folder / "suite.toml"
    file.write_text('words = { who = ["Ann", "Bob"], thing = ["cup", "tree"] }\n' + groups)
    return file


GROUP = '[[group]]\nname = "it"\ngoal = 0.1\ntexts = {texts}\n{rest}\n'


def measured(model: Model, folder: Path, texts: Sequence[str], rest: str) -> Finding:
    """What the model does with one group of these patterns."""
    file = suite(folder, GROUP.format(texts=json.dumps(list(texts)), rest=rest))
    (finding,) = measure_behaviours(model, workers=1, suite=file)
    return finding


PRAISE, COMPLAINT = "A wonderful film, I loved it.", "A dull and terrible film, I hated it."


@pytest.mark.parametrize(
    ("expect", "failing"), [("positive", COMPLAINT), ("negative", PRAISE), ("not negative", COMPLAINT)]
)
def test_an_answer_that_is_not_the_known_one_is_a_failure_and_shown(
    model: Model, tmp_path: Path, expect: str, failing: str
) -> None:
    found = measured(model, tmp_path, [PRAISE, COMPLAINT], f'expect = "{expect}"')
    assert (found.cases, found.failures, found.value) == (2, 1, 0.5)
    assert [list(example) for example in found.worst] == [[failing]]


def test_what_holds_no_sentiment_must_lie_in_the_middle_third(model: Model, tmp_path: Path) -> None:
    found = measured(model, tmp_path, [PRAISE, COMPLAINT], 'expect = "neutral"')
    assert found.failures == 2


def test_an_answer_that_follows_a_word_which_must_not_matter_is_a_failure(model: Model, tmp_path: Path) -> None:
    words = 'words = { who = ["wonderful", "terrible"], thing = ["cup", "tree"] }\n'
    file = tmp_path / "suite.toml"
    file.write_text(words + GROUP.format(texts='["A {who} film."]', rest='expect = "same"\nvary = "who"'))
    (found,) = measure_behaviours(model, workers=1, suite=file)
    assert found.value == 1
    low, high = found.worst[0].values()
    assert low < 0.1
    assert high > 0.9


def test_a_word_that_does_not_matter_is_none(model: Model, tmp_path: Path) -> None:
    found = measured(model, tmp_path, ["{who} and I loved this wonderful {thing}."], 'expect = "same"\nvary = "who"')
    assert found.failures == 0


def test_a_gap_is_the_distance_of_two_lists_in_points(model: Model, tmp_path: Path) -> None:
    words = 'words = { good = ["wonderful", "great"], bad = ["terrible", "awful"] }\n'
    file = tmp_path / "suite.toml"
    rest = 'measure = "gap"\nbetween = ["good", "bad"]'
    file.write_text(words + GROUP.format(texts='["It was a {} film."]', rest=rest))
    (found,) = measure_behaviours(model, workers=1, suite=file)
    assert found.value > 80


def test_a_spread_is_from_the_lowest_to_the_highest_word(model: Model, tmp_path: Path) -> None:
    words = 'words = { mood = ["wonderful", "fine", "terrible"] }\n'
    file = tmp_path / "suite.toml"
    file.write_text(words + GROUP.format(texts='["A {mood} film."]', rest='measure = "spread"\nvary = "mood"'))
    (found,) = measure_behaviours(model, workers=1, suite=file)
    assert found.value > 80
    assert set(found.worst[0]) == {"A terrible film.", "A wonderful film."}


def test_the_suite_draws_the_same_sentences_every_time(model: Model, tmp_path: Path) -> None:
    patterns = ["{who} saw the {thing}.", "The {thing} of {who}."]
    once, again = (measured(model, tmp_path, patterns, 'expect = "positive"') for _ in range(2))
    assert once == again


def test_the_table_says_what_lies_over_its_goal(model: Model, tmp_path: Path) -> None:
    found = measured(model, tmp_path, [PRAISE, COMPLAINT], 'expect = "positive"')
    first = as_table([found]).splitlines()[1]
    assert "50.0%" in first
    assert first.endswith("over")
    assert COMPLAINT in as_table([found])


def test_a_model_of_other_than_two_labels_has_no_such_behaviours(model: Model, tmp_path: Path) -> None:
    manifest = replace(model.bundle.manifest, labels=("a", "b", "c"))
    three = replace(model, bundle=replace(model.bundle, manifest=manifest))
    with pytest.raises(ConfigurationError, match="two labels"):
        measured(three, tmp_path, [PRAISE], 'expect = "positive"')


def test_what_was_found_is_recorded_in_the_bundle_and_changes_its_identity(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, folder)
    before = open_bundle(folder)
    negation = {
        "asked": "negative",
        "cases": 10,
        "failures": 1,
        "value": 0.1,
        "goal": 0.07,
        "worst": [{"not bad": 0.2}],
    }
    found = record_behaviours(folder, {"negation": negation})
    assert found.manifest.behaviours == {"negation": negation}
    assert found.digest != before.digest
    assert found.manifest.accuracy == before.manifest.accuracy
