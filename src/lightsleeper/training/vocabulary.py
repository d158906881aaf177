"""Emoji as tokens of their own, in places of the vocabulary that nothing uses.

BERT's vocabulary holds no emoji, so all of them are one unknown token, and 994 `[unused…]` places. Taking those
leaves the model's size, and the id of every other token, as they were.
"""

import json
import re
from collections.abc import Mapping

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

_UNUSED = re.compile(r"\[unused\d+\]")
#: Skin tones, which would part a hand from its meaning.
_SKIN_TONES = "[\U0001f3fb-\U0001f3ff]"


def add_emoji(tokenizer: Tokenizer, model: PreTrainedModel, words: Mapping[str, str]) -> Tokenizer:
    """A tokenizer that knows the emoji of `words`; their embeddings in `model` become those words' means.

    Emoji the vocabulary holds already keep their token. A tokenizer without unused places is returned as it is.
    """
    content = json.loads(tokenizer.to_str())
    tokenizer.no_padding()  # a published one may pad to 128 tokens, whose mean means nothing
    vocabulary: dict[str, int] = content["model"]["vocab"]
    free = sorted((token for token in vocabulary if _UNUSED.fullmatch(token)), key=vocabulary.__getitem__)
    table = model.get_input_embeddings().weight
    for sign, place in zip((sign for sign in words if sign not in vocabulary), free, strict=False):
        index = vocabulary.pop(place)
        vocabulary[sign] = index
        meaning = tokenizer.encode(words[sign], add_special_tokens=False).ids
        with torch.no_grad():
            table[index] = table[meaning].mean(dim=0)
    known = "".join(sorted(sign for sign in words if sign in vocabulary))
    # Alone, so that three angry faces in a row are three tokens and not one unknown word.
    alone = {"type": "Split", "pattern": {"Regex": f"[{known}]"}, "behavior": "Isolated", "invert": False}
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [content["pre_tokenizer"], alone]}
    plain = {"type": "Replace", "pattern": {"Regex": _SKIN_TONES}, "content": ""}
    content["normalizer"] = {"type": "Sequence", "normalizers": [plain, content["normalizer"]]}
    return Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
