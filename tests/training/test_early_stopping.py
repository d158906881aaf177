"""When a run stops, and which of its weights it keeps."""

import pytest

pytest.importorskip("torch")

import torch

from lightsleeper.training.early_stopping import Best

pytestmark = pytest.mark.torch


def kept_of(judgements: list[tuple[float, float]]) -> tuple[float, int]:
    """The step whose weights are kept, and after how many looks it was enough."""
    model = torch.nn.Linear(1, 1)
    looks = iter(judgements)
    found = Best(lambda _: next(looks), 12)  # a look a step
    step = 0
    while not found.enough and step < len(judgements):
        step += 1
        with torch.no_grad():
            model.bias.fill_(step)
        found.consider(model, step)  # of any model the weights are all that matters
    assert found.weights is not None
    return found.weights["bias"].item(), step


def test_of_equally_good_ones_the_surer_is_kept() -> None:
    assert kept_of([(0.5, -1.8), (1.0, -1.7), (1.0, -0.9), (1.0, -0.2), (0.9, -0.1)]) == (4, 5)


def test_a_better_one_is_kept_however_sure_and_nothing_better_for_long_ends_the_run() -> None:
    assert kept_of([(0.8, -0.3), (0.9, -0.9), *[(0.9, -1.0)] * 8]) == (2, 6)
