"""When to stop: once a judge finds nothing better on rows that are not learned from (Prechelt 1998)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

if TYPE_CHECKING:
    from torch import Tensor

#: How good a model is on rows that it does not learn from; more is better, a later figure where those before are equal.
Judge = Callable[[PreTrainedModel], tuple[float, ...]]

#: Looks of a judge per run, and how many without anything better end it.
_JUDGEMENTS, _PATIENCE = 12, 4


class Best:
    """The best weights so far, by a judge that looks at them every so many steps."""

    def __init__(self, judge: Judge | None, steps: int) -> None:
        """`steps` of the whole run; without a judge it never has enough."""
        self._judge, self._every_steps = judge, max(1, steps // _JUDGEMENTS)
        self.score: tuple[float, ...] = ()
        self.weights: dict[str, Tensor] | None = None
        #: Looks since the best one.
        self.waited = 0

    @property
    def enough(self) -> bool:
        """Whether it has not become better for long."""
        return self.waited >= _PATIENCE

    def consider(self, model: PreTrainedModel, step: int) -> None:
        """Look, if it is time."""
        if self._judge is None or step % self._every_steps:
            return
        score = self._judge(model.eval())
        model.train()
        self.waited += 1
        if score > self.score:
            self.score, self.waited = score, 0
            self.weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
