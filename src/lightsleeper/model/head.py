"""What a model's outputs mean: one of several labels, any number of them, or a number.

The names of tasks are the manifest's; which function turns logits into scores is what transformers' own
`TextClassificationPipeline` takes for the same checkpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lightsleeper.model.prediction import LabelScore, Logits, best_first, sigmoid, softmax

#: One of several labels: scores sum to 1.
ONE_LABEL = "text-classification"
#: Any number of labels: each score stands for itself.
MANY_LABELS = "multi-label-classification"
#: One output between 0 and 1.
SCORE = "scoring"
#: One output as it is.
REGRESSION = "regression"

_ACTIVATIONS: Mapping[str, Callable[[Logits], list[float]]] = {
    ONE_LABEL: softmax,
    MANY_LABELS: sigmoid,
    SCORE: sigmoid,
    REGRESSION: list,
}
TASKS = tuple(_ACTIVATIONS)

#: A label applies from here on, where nobody says otherwise: it is then more likely than not.
THRESHOLD = 0.5
#: What is said, and counted, of a text to which none of any number of labels applies.
NO_LABEL = "(none)"


@dataclass(frozen=True)
class Head:
    """How one model's logits are read."""

    task: str
    #: In the order of the outputs.
    labels: tuple[str, ...]
    #: Least and largest score of one output that is no probability, as they were seen while the bundle was made.
    seen_range: tuple[float, ...] = ()

    @property
    def one_output(self) -> bool:
        """Whether the model answers with a number and names nothing."""
        return self.task in (SCORE, REGRESSION)

    @property
    def many_labels(self) -> bool:
        """Whether any number of labels may apply to a text."""
        return self.task == MANY_LABELS

    @property
    def score_range(self) -> tuple[float, float] | None:
        """The least and the largest score there is, or of a regression that was seen; None where nobody knows."""
        if self.task != REGRESSION:
            return (0.0, 1.0)
        return (self.seen_range[0], self.seen_range[1]) if self.seen_range else None

    def scores(self, logits: Logits) -> list[float]:
        """One score for each output, in order."""
        return _ACTIVATIONS[self.task](logits)

    def best(self, logits: Logits) -> int:
        """The output with the highest score; of several the first."""
        return logits.index(max(logits))

    def chosen(self, logits: Logits, threshold: float | None = None) -> list[int]:
        """The labels that apply, best first: the best one, or where any number may, those from the threshold on."""
        if not self.many_labels:
            return [self.best(logits)]
        scores = self.scores(logits)
        least = THRESHOLD if threshold is None else threshold
        return sorted((index for index, score in enumerate(scores) if score >= least), key=lambda at: -scores[at])

    def rank(
        self,
        logits: Logits,
        *,
        top_k: int | None = None,
        raw_scores: bool = False,
        threshold: float | None = None,
    ) -> list[LabelScore]:
        """The `top_k` best labels (all by default) whose score is at least `threshold`, best first.

        With their logits in place of scores if so asked; the threshold is one of scores all the same.
        """
        scores = self.scores(logits)
        ranked = best_first(logits if raw_scores else scores, self.labels, top_k)
        if threshold is None:
            return ranked
        enough = sum(score >= threshold for score in scores)
        return ranked[:enough]

    def answer(self, logits: Logits, **asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # what `rank` takes
        """`rank` as our own JSON has it; of one output its score alone, which has no label."""
        ranked = self.rank(logits, **asked)
        if self.one_output:
            return [{"score": score} for _, score in ranked]
        return [{"label": label, "score": score} for label, score in ranked]
