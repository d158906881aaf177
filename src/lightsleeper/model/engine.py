"""A batch of tokenised texts → logits: what every engine does, and the arrays that engines are fed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightsleeper.model.tokenizer import WIDTH_STEP, TokenizedText

Arrays = Mapping[str, NDArray[np.int64]]


class Engine(Protocol):
    """What the batcher's workers call. `run` is called from several threads at once."""

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        """Logits, float32 [texts, labels], for texts of any lengths; n in, n out, each as if it were alone."""

    def close(self) -> None:
        """Free the model."""


def pack(texts: Sequence[Sequence[int]]) -> Arrays:
    """The tokens of all texts, one text after the other, and where each of them stands.

    `input_ids`, `rows` (its text) and `positions` (its place there), int64 [tokens]; `grid`, int64 [texts, width],
    which token stands at each place, -1 where none does. A width that is a multiple of `WIDTH_STEP` fills the
    vectors of ONNX Runtime's sums over it: a longer one adds zeros to them, and changes no bit.
    """
    lengths = np.array([len(text) for text in texts])
    ends = lengths.cumsum()
    places = np.arange(-(-lengths.max() // WIDTH_STEP) * WIDTH_STEP)
    grid = np.where(places < lengths[:, None], (ends - lengths)[:, None] + places, -1)
    rows, positions = np.nonzero(grid >= 0)
    ids = np.concatenate(texts, dtype=np.int64, casting="unsafe")
    return {"input_ids": ids, "rows": rows, "positions": positions, "grid": grid}


def pad(texts: Sequence[TokenizedText], pad_token_id: int) -> Arrays:
    """`input_ids` and `attention_mask`, int64 [texts, width], of texts of one width."""
    width = texts[0].width
    ids = np.full((len(texts), width), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(texts), width), dtype=np.int64)
    for row, text in enumerate(texts):
        if text.width != width:
            raise ValueError(f"padded texts are of one width; got {width} and {text.width}")
        ids[row, : len(text.ids)] = text.ids
        mask[row, : len(text.ids)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def run_padded(
    texts: Sequence[TokenizedText], pad_token_id: int, run: Callable[[Arrays], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """`run` on the texts of each width apart, so that none is padded to its company; n in, n out."""
    by_width: dict[int, list[int]] = {}
    for index, text in enumerate(texts):
        by_width.setdefault(text.width, []).append(index)
    if len(by_width) == 1:
        return run(pad(texts, pad_token_id))
    logits = [run(pad([texts[index] for index in same], pad_token_id)) for same in by_width.values()]
    order = np.concatenate([np.array(same) for same in by_width.values()])
    return np.concatenate(logits)[np.argsort(order)]
