"""Texts → the token ids the model sees. Knows no model, no cache and no request."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from lightsleeper.errors import BundleError, InvalidInput

#: Every text is padded to the next multiple of this, whatever its company: its width depends on itself alone, so
#: its arithmetic does too. Eight costs 4 padding tokens on average and fills the vector units.
WIDTH_STEP = 8

#: The library holds about 120 bytes per token of all texts it is handed, those past the cut included: 50 MB for the
#: largest request. In parts of this size it is 3 MB, and what most people send is one part.
_PART_CHARS = 100_000

#: [CLS] and [SEP], or <s> and </s>: the only templates of the supported architectures.
_SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """One text as the model sees it."""

    #: Token ids, special tokens included, at most `max_tokens`.
    ids: "array[int]"
    #: Tokens before truncation.
    total_tokens: int
    #: `len(ids)` rounded up to the width it is padded to.
    width: int

    @property
    def truncated(self) -> bool:
        """Whether the model sees less than the whole text."""
        return self.total_tokens > len(self.ids)


class Tokenizer:
    """The bundle's tokenizer, cutting at the bundle's longest input."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Load `tokenizer.json`; BundleError if it is not one, or adds other special tokens than first and last."""
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises plain Exception
            raise BundleError(f"{path.name} cannot be loaded: {error}") from error
        # Files from the hub often have a fixed length baked in; cutting and padding happen here and in the engine.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        if self._tokenizer.num_special_tokens_to_add(is_pair=False) != _SPECIAL_TOKENS:
            raise BundleError(f"{path.name} does not add exactly one token before and one after a text")
        self._max_tokens = max_tokens

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """One `TokenizedText` per text, in order: n in, n out."""
        return [
            self._cut(encoding.ids) for part in _parts(texts) for encoding in self._tokenizer.encode_batch_fast(part)
        ]

    def require_whole(self, texts: Sequence[TokenizedText]) -> None:
        """InvalidInput with its index and token count for the first text of more than `max_tokens` tokens."""
        for index, text in enumerate(texts):
            if text.truncated:
                raise InvalidInput(
                    f"text {index} has {text.total_tokens} tokens; the model reads {self._max_tokens}",
                    code="too_many_tokens",
                    field=f"text[{index}]",
                    limit=self._max_tokens,
                )

    def cut_at(self, text: str) -> int:
        """How many characters of `text`, in Unicode code points, the model reads."""
        encoding = self._tokenizer.encode(text)
        if len(encoding.ids) <= self._max_tokens:
            return len(text)
        last_kept = self._max_tokens - _SPECIAL_TOKENS
        return int(encoding.offsets[last_kept][1])

    def _cut(self, ids: list[int]) -> TokenizedText:
        """Keep the start of the text between its first and last special token."""
        kept = ids if len(ids) <= self._max_tokens else [*ids[: self._max_tokens - 1], ids[-1]]
        width = min(-(-len(kept) // WIDTH_STEP) * WIDTH_STEP, self._max_tokens)
        return TokenizedText(array("I", kept), len(ids), width)


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in order, in lists that end once they hold `_PART_CHARS` characters."""
    part: list[str] = []
    chars = 0
    for text in texts:
        part.append(text)
        chars += len(text)
        if chars >= _PART_CHARS:
            yield part
            part, chars = [], 0
    if part:
        yield part
