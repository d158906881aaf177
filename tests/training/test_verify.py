"""A bundle that answers as its checkpoint does not is refused; chance alone is no reason."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from lightsleeper.errors import BundleError
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.training.prepare import own_texts
from lightsleeper.training.verify import chance_of_loss, check_agreement, check_company, check_export

pytestmark = pytest.mark.torch

TEXTS = ["A quiet film.", "Nothing works and nobody answers the phone! " * 12, "ok", "¿Qué? 😀 " * 80]


def sides(*, lost: int, won: int, same: int = 100) -> tuple[list[bool], list[bool]]:
    """The answers before and after, right or wrong, of texts of which so many changed sides."""
    return [True] * lost + [False] * won + [True] * same, [False] * lost + [True] * won + [True] * same


@pytest.mark.parametrize(
    ("lost", "won", "chance"), [(0, 0, 1.0), (1, 0, 0.5), (1, 1, 0.75), (5, 0, 1 / 32), (0, 5, 1.0), (6, 2, 37 / 256)]
)
def test_the_chance_of_a_loss_is_the_binomial_tail(lost: int, won: int, chance: float) -> None:
    assert chance_of_loss(*sides(lost=lost, won=won)) == pytest.approx(chance)


def test_one_text_that_changed_sides_proves_no_loss_and_twenty_do() -> None:
    assert chance_of_loss(*sides(lost=1, won=0)) > 0.05
    assert chance_of_loss(*sides(lost=20, won=3)) < 0.001


class _Skewed:
    """An engine that adds something to another's logits."""

    def __init__(self, model: Model, skew: float, *, per_text: bool = False) -> None:
        self._model = model
        self._skew = skew
        self._per_text = per_text

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        logits = np.array(self._model.run(texts), dtype=np.float32)
        logits[:, 0] += self._skew * (len(texts) if self._per_text else 1)
        return logits

    def close(self) -> None:
        pass


def test_a_graph_with_other_logits_than_torch_is_refused(model: Model) -> None:
    check_export(model.engine, _Skewed(model, 1e-4), model, TEXTS)
    with pytest.raises(BundleError, match=r"moves logits by 0\.01"):
        check_export(model.engine, _Skewed(model, 0.01), model, TEXTS)


@pytest.mark.parametrize("skew", [float("nan"), float("inf")])
def test_a_checkpoint_whose_answers_are_no_numbers_is_refused_by_that_reason(model: Model, skew: float) -> None:
    with pytest.raises(BundleError, match="answers with what is no finite number"):
        check_export(_Skewed(model, skew), model.engine, model, TEXTS)


def test_a_checkpoint_that_answers_all_texts_alike_is_refused(model: Model) -> None:
    with pytest.raises(BundleError, match="answers every text alike"):
        check_export(_Skewed(model, 1), model.engine, model, TEXTS[:1] * 3)


def test_an_engine_that_feels_its_company_is_refused(model: Model) -> None:
    check_company(model, TEXTS * 2, workers=1)
    sociable = Model(model.bundle, model.tokenizer, _Skewed(model, 0.01, per_text=True))
    with pytest.raises(BundleError, match="with its batch-mates"):
        check_company(sociable, TEXTS * 2, workers=1)


def test_a_model_that_answers_something_else_is_refused(model: Model) -> None:
    agreement = check_agreement(model, model, TEXTS, workers=1)
    assert agreement.same_label == 1
    assert agreement.largest_difference == 0
    other = Model(model.bundle, model.tokenizer, _Skewed(model, 20))
    with pytest.raises(BundleError, match="int8 lost too much"):
        check_agreement(model, other, own_texts()[:30], workers=1)
