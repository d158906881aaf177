"""Is the int8 bundle still the model it was made from? Every check ends in one clear line, or in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import BundleError
from lightsleeper.model.engine import Engine
from lightsleeper.model.head import ONE_LABEL, REGRESSION, THRESHOLD, Head
from lightsleeper.model.model import Model

#: The exported float32 graph against torch: the same arithmetic in another order (found: up to 1e-5).
_EXPORT_TOLERANCE = 1e-3
#: A text alone against the same text in company (found: 0.0).
_COMPANY_TOLERANCE = 1e-4
#: int8 against float32 on unlabelled texts, where no accuracy can be measured.
_LEAST_SAME_LABEL = 0.95
_MOST_PROBABILITY_MOVED = 0.03


@dataclass(frozen=True)
class Agreement:
    """How far the answers of two models lie apart."""

    texts: int
    #: Share of texts with the same best label; where any number may apply, of decisions about one; 1 for numbers.
    same_label: float
    #: Mean and largest difference of a label's score; of a regression as a share of the range that its scores have.
    mean_difference: float
    largest_difference: float


def check_export(reference: Engine, exported: Engine, model: Model, texts: Sequence[str]) -> NDArray[np.float64]:
    """The logits of `texts`; BundleError if the float32 graph computes other ones than torch."""
    tokenized = model.tokenizer.encode(texts)
    logits = np.concatenate([reference.run([text]) for text in tokenized]).astype(np.float64)
    if not np.isfinite(logits).all():
        raise BundleError("the checkpoint answers with what is no finite number: its weights or config.json are broken")
    if len(logits) > 1 and not np.ptp(logits, axis=0).any():
        raise BundleError("the checkpoint answers every text alike: its weights are not what they were")
    moved = max(float(np.abs(row - exported.run([text])).max()) for row, text in zip(logits, tokenized, strict=True))
    if not moved <= _EXPORT_TOLERANCE:
        raise BundleError(f"the exported graph moves logits by {moved:.2g}, more than {_EXPORT_TOLERANCE}")
    return logits


def check_company(model: Model, texts: Sequence[str], *, workers: int) -> None:
    """BundleError if a text's logits depend on the texts that share its batch."""
    alone = np.array([model.run([text])[0] for text in model.tokenizer.encode(texts)])
    moved = float(np.abs(alone - _logits(model, texts, workers)).max())
    if not moved <= _COMPANY_TOLERANCE:
        raise BundleError(f"a text's logits move by {moved:.2g} with its batch-mates, more than {_COMPANY_TOLERANCE}")


def check_agreement(reference: Model, model: Model, texts: Sequence[str], *, workers: int) -> Agreement:
    """How int8 compares with float32 on real texts; BundleError if they are no longer the same model."""
    ours, theirs = (scores_of(each, texts, workers=workers) for each in (model, reference))
    moved = np.abs(ours - theirs) / (np.ptp(theirs) or 1.0 if model.head.task == REGRESSION else 1.0)
    found = Agreement(
        texts=len(texts),
        same_label=float((_decided(ours, model.head) == _decided(theirs, model.head)).mean()),
        mean_difference=float(moved.mean()),
        largest_difference=float(moved.max()),
    )
    if not (found.same_label >= _LEAST_SAME_LABEL and found.mean_difference <= _MOST_PROBABILITY_MOVED):
        raise BundleError(
            f"int8 lost too much: {found.same_label:.1%} of {found.texts} texts keep their label, scores move "
            f"by {found.mean_difference:.3f} on average (at least {_LEAST_SAME_LABEL:.0%}, at most "
            f"{_MOST_PROBABILITY_MOVED}); calibrate on more texts like yours"
        )
    return found


def scores_of(model: Model, texts: Sequence[str], *, workers: int) -> NDArray[np.float64]:
    """[texts, labels], as the model's head reads its logits."""
    return np.array([model.head.scores(tuple(row)) for row in _logits(model, texts, workers)])


def _decided(scores: NDArray[np.float64], head: Head) -> NDArray[Any]:
    """What somebody would do after reading the scores: take the best label, or all from a half on."""
    if head.task == ONE_LABEL:
        decided: NDArray[Any] = scores.argmax(axis=1)
        return decided
    return np.zeros(len(scores)) if head.task == REGRESSION else scores >= THRESHOLD


def chance_of_loss(before: Sequence[bool], after: Sequence[bool]) -> float:
    """How likely chance alone makes as many right answers wrong, of all that changed sides, n in, n out.

    The exact form of McNemar's test (1947), one-sided: of the texts that changed sides, each may fall either way.
    """
    lost = sum(was and not still for was, still in zip(before, after, strict=True))
    won = sum(still and not was for was, still in zip(before, after, strict=True))
    changed = lost + won
    at_least = sum(comb(changed, count) for count in range(lost, changed + 1))
    return float(at_least / 2**changed)


def _logits(model: Model, texts: Sequence[str], workers: int) -> NDArray[np.float64]:
    return np.array([answer.logits for answer in classify_all(model, texts, workers=workers)])
