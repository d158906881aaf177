from pathlib import Path
from random import Random

import pytest

from lightsleeper.training.templates import read_templates

FILE = """
[words]
good = ["fine", "grand"]
bad = ["awful", "grim"]
it = ["the cup", "a cup"]
said = ["{it} is {good}"]

[opposite]
good = "bad"

[[group]]
name = "not"
score = 0.1
turned = 0.8
texts = ["It is not so that {said}, {good} as you think {it}."]

[[group]]
name = "plain"
score = 0.9
texts = ["{said}"]
"""

CUPS = [("the cup", "a cup"), ("a cup", "the cup")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "templates.toml"
    path.write_text(FILE)
    return path


def test_a_word_may_have_slots_of_its_own_and_no_word_comes_twice(file: Path) -> None:
    templates = read_templates(file)
    for seed in range(20):
        text = templates.fill("{said}, {it}", Random(seed))
        assert text in {f"{one} is {word}, {other}" for one, other in CUPS for word in ("fine", "grand")}


def test_a_group_that_is_turned_says_the_opposite_too_whatever_its_words_hold(file: Path) -> None:
    first, turned, plain = read_templates(file).groups
    assert (first.name, first.score, turned.name, turned.score, plain.score) == ("not", 0.1, "not", 0.8, 0.9)
    assert turned.texts == ["It is not so that {said_turned}, {bad} as you think {it}."]
    said = read_templates(file).fill(turned.texts[0], Random(0))
    assert "fine" not in said
    assert {"awful", "grim"} < set(said.replace(",", "").split())
