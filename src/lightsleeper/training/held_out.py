"""How good is what was trained, on rows it never saw, beside what costs nothing: the majority, and words counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightsleeper.errors import BundleError

if TYPE_CHECKING:
    from lightsleeper.training.mix import Row

#: Rows that are kept from training: this share, and no more of them than say enough.
SHARE, _MOST_ROWS = 0.2, 2_000

#: Signs too, or a text of emoji alone would hold nothing to count.
_WORDS_AND_SIGNS = r"\w+|[^\w\s]"

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows to learn from, to decide on when to stop, and to report on; a text is in one of them alone."""

    train: Sequence["Row"]
    stop: Sequence["Row"]
    report: Sequence["Row"]


@dataclass(frozen=True)
class Score:
    """What one way of answering reached."""

    accuracy: float
    macro_f1: float
    #: By label index.
    recall: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """The model beside what costs nothing, on the same rows."""

    rows: int
    model: Score
    majority: Score
    #: TF-IDF of words and pairs of words with logistic regression.
    words: Score

    def lines(self, labels: Sequence[str]) -> list[str]:
        """The verdict for people."""
        named = {"this model": self.model, "TF-IDF and logistic regression": self.words, "majority": self.majority}
        table = [f"  {name:<30}  {score.accuracy:8.1%}  {score.macro_f1:8.3f}" for name, score in named.items()]
        recalls = ", ".join(f"{label} {share:.0%}" for label, share in zip(labels, self.model.recall, strict=True))
        head = f"on {self.rows} rows held out:{'':<10}  accuracy  macro F1"
        return [head, *table, f"  recall by label: {recalls}"]

    def require_use(self) -> None:
        """BundleError if the model is no better than answering every text with the commonest label."""
        if self.model.macro_f1 <= self.majority.macro_f1:
            raise BundleError(
                f"the model is no better than its commonest label: macro F1 {self.model.macro_f1:.3f} on {self.rows} "
                f"rows held out, {self.majority.macro_f1:.3f} for the label alone and {self.words.macro_f1:.3f} for "
                "words counted; it needs more rows, more --steps, or labels that follow from the text"
            )


def split(rows: Sequence["Row"], *, share: float, seed: int) -> Split:
    """`share` of each label's texts kept from training, half to stop by and half to report on.

    Rows of one text stay together, or the answer would have been learned by heart.
    """
    by_text: dict[str, list[Row]] = {}
    for row in rows:
        by_text.setdefault(" ".join(row.text.lower().split()), []).append(row)
    by_label: dict[int, list[list[Row]]] = {}
    for same in by_text.values():
        by_label.setdefault(best(same[0].target), []).append(same)
    share = min(share, _MOST_ROWS / len(rows))
    kept: list[list[Row]] = []
    learned: list[list[Row]] = []
    for label in sorted(by_label):
        texts = by_label[label]
        Random(f"{seed}/{label}").shuffle(texts)  # noqa: S311  # not for secrets
        count = min(round(share * len(texts)), len(texts) - 1)  # one at least to learn from
        kept += texts[:count]
        learned += texts[count:]
    flat = [[row for same in part for row in same] for part in (learned, kept[::2], kept[1::2])]
    return Split(*flat)


def best(target: Sequence[float]) -> int:
    """The label that a row's target favours."""
    return max(range(len(target)), key=target.__getitem__)


def judge(parts: Split, predicted: Labels, label_count: int) -> Verdict:
    """`predicted` label indices of `parts.report` against its labels, beside the two that cost nothing."""
    truth = np.array([best(row.target) for row in parts.report])
    commonest = Counter(best(row.target) for row in parts.train).most_common(1)[0][0]
    return Verdict(
        rows=len(truth),
        model=score(truth, predicted, label_count),
        majority=score(truth, np.full_like(truth, commonest), label_count),
        words=score(truth, _by_words(parts), label_count),
    )


def score(truth: Labels, predicted: Labels, label_count: int) -> Score:
    """Accuracy, macro F1 and recall; a label that does not occur counts for nothing."""
    hits = np.array([((truth == label) & (predicted == label)).sum() for label in range(label_count)])
    true, said = (np.bincount(each, minlength=label_count) for each in (truth, predicted))
    f1 = 2 * hits / np.maximum(true + said, 1)
    recall = hits / np.maximum(true, 1)
    return Score(float((truth == predicted).mean()), float(f1[true > 0].mean()), tuple(map(float, recall)))


def label_weights(rows: Sequence["Row"], label_count: int) -> list[float]:
    """How much a row of each label counts, so that every label counts alike; 1 on average over the rows.

    The square root of it: a label of three rows must not drown the others (as in Mikolov et al. 2013 for words).
    """
    counts = np.maximum(np.bincount([best(row.target) for row in rows], minlength=label_count), 1)
    weights = np.sqrt(counts.sum() / (label_count * counts))
    return [float(weight) for weight in weights / np.average(weights, weights=counts)]


def _by_words(parts: Split) -> Labels:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  # in the torch group
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  # see above
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415  # see above

    counted = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORDS_AND_SIGNS),
        LogisticRegression(max_iter=1000, class_weight="balanced"),
    )
    counted.fit([row.text for row in parts.train], [best(row.target) for row in parts.train])
    predicted: Labels = counted.predict([row.text for row in parts.report])
    return predicted
