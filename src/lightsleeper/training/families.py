"""What differs between the architectures whose classifiers become bundles: one table.

All of them read token type 0 everywhere, which is what their code takes when it is told nothing, put one special
token before a text and one after, and are padded at the end. https://huggingface.co/docs/transformers/model_doc
"""

from dataclasses import dataclass
from typing import Any, Literal

from lightsleeper.errors import BundleError


@dataclass(frozen=True)
class Family:
    """How an architecture counts positions, and how its attention is told what is padding."""

    #: First position of a text: 0, or the one after the padding id's, as fairseq's encoders count.
    positions_from: Literal["zero", "padding"] = "zero"
    #: `added`: to the attention scores as it is, which saves 15-18 operators of the model's own way to the same mask.
    #: `own`: the mask means something else there (disentangled attention, a sliding window, a mean over tokens).
    mask: Literal["added", "own"] = "added"


_FROM_PADDING = Family(positions_from="padding")
_OWN_MASK = Family(mask="own")

FAMILIES = {
    "distilbert": Family(),
    "bert": Family(),
    "roberta": _FROM_PADDING,  # BERTweet's, too
    "xlm-roberta": _FROM_PADDING,
    "camembert": _FROM_PADDING,
    "electra": Family(),
    "albert": Family(),
    "mpnet": _FROM_PADDING,
    "deberta-v2": _OWN_MASK,  # and v3, which differs in how it was trained
    "modernbert": _OWN_MASK,
}


def family_of(config: Any) -> Family:  # noqa: ANN401  # a class per architecture
    """The row of the table; BundleError for an architecture that has none."""
    try:
        return FAMILIES[config.model_type]
    except KeyError:
        known = ", ".join(FAMILIES)
        raise BundleError(f"config.json: model_type is {config.model_type!r}; what works: {known}") from None


def longest_input(config: Any) -> int:  # noqa: ANN401  # see above
    """How many tokens the model has positions for, special tokens included."""
    unused = config.pad_token_id + 1 if family_of(config).positions_from == "padding" else 0
    return int(config.max_position_embeddings) - unused
