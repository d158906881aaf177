"""A batch of tokenised texts → logits: what every engine does, and the arrays that every engine is fed."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightsleeper.model.tokenizer import TokenizedText


class Engine(Protocol):
    """What the batcher's workers call. `run` is called from several threads at once."""

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        """Logits, float32 [texts, labels], for texts of one width; n in, n out."""

    def close(self) -> None:
        """Free the model."""


def pad(texts: Sequence[TokenizedText], pad_token_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and attention mask, int64 [texts, width], of texts of one width."""
    width = texts[0].width
    ids = np.full((len(texts), width), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(texts), width), dtype=np.int64)
    for row, text in enumerate(texts):
        if text.width != width:
            raise ValueError(f"a batch holds one width; got {width} and {text.width}")
        ids[row, : len(text.ids)] = text.ids
        mask[row, : len(text.ids)] = 1
    return ids, mask
