"""Texts → the token ids the model sees. Knows no model, no cache and no request."""

import os
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.familiar import in_other_language, little_known

#: Where texts are padded, to the next multiple of this, whatever their company: their width depends on themselves
#: alone, so their arithmetic does too. Eight costs 4 padding tokens on average and fills the vector units.
WIDTH_STEP = 8

#: Up to so many tokens attention costs a text little, whatever its company.
_SHORT_TOKENS = 32

#: The library holds about 120 bytes per token of all texts it is handed, those past the cut included: 50 MB for the
#: largest request. In parts of this size it is 3 MB, and what most people send is one part.
_PART_CHARS = 100_000

#: [CLS] and [SEP], or <s> and </s>: the only templates of the supported architectures.
_SPECIAL_TOKENS = 2

#: What BERT's kind and RoBERTa's kind call what they do not know; the latter, made of bytes, never uses it.
_UNKNOWN = ("[UNK]", "<unk>")

#: A tokenizer with patterns of its own, which the supported architectures do without, may give up on any text: here
#: on one with words, digits, signs, blanks, and letters enough to try many ways of splitting them.
_OWN_PATTERNS = b'"Regex"'
_TRIAL = f"A sentence, 2 numbers (1.5 and 1,000) - and a long word: {'a' * 64}! \n"

_SHOWN_CHARS = 200

#: Of a text that is at least twice as long the start is read first, and mostly holds all that the model reads: there
#: are 4 or 5 characters to a token. To read 50,000 takes twelve times as long.
_START_CHARS_PER_TOKEN = 8
#: A word may end in other tokens where the start ends.
_START_MARGIN = 8

#: Of a word's pieces each end is tried from each start, so a byte of a word of 99 costs as much as ten of short words;
#: a longer word is unknown, and nothing is tried.
_LONGEST_WORD = 100
#: What no tokenizer of words divides. Beyond ASCII some signs end a word and some do not: what is taken for one word
#: there is counted as if it were as many of the longest.
_UNDIVIDED = re.compile(r"[^\s!-/:-@\[-`{-~\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff0f]+")


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """One text as the model sees it."""

    #: Token ids, special tokens included, at most `max_tokens`.
    ids: "array[int]"
    #: Tokens before truncation, of as much as was read.
    total_tokens: int
    #: `len(ids)` rounded up to the width it is padded to, where it is.
    width: int
    #: Whether all of it was read, or no more than fills `ids`.
    whole: bool = True
    #: Whether the model knows little of it; see `familiar`.
    unfamiliar: bool = False

    @property
    def kind(self) -> int:
        """Texts of one kind share batches: attention looks at as many places for each as for the longest of them."""
        return max(_SHORT_TOKENS, 1 << (len(self.ids) - 1).bit_length())

    @property
    def empty(self) -> bool:
        """Whether the model sees nothing of the text: it is blank, or of signs without a form."""
        return self.total_tokens <= _SPECIAL_TOKENS

    @property
    def truncated(self) -> bool:
        """Whether the model sees less than the whole text."""
        return self.total_tokens > len(self.ids)


class Tokenizer:
    """The bundle's tokenizer, cutting at the bundle's longest input."""

    def __init__(self, path: Path, max_tokens: int, languages: Sequence[str] = ()) -> None:
        """Load `tokenizer.json`; BundleError if it is not one, or adds other special tokens than first and last."""
        try:
            content = path.read_bytes()
            with _hushed() if _OWN_PATTERNS in content else nullcontext():
                self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
                # Files from the hub often have a fixed length baked in, and a hostile one pads to what no memory
                # holds: cutting and padding happen here and in the engine.
                self._tokenizer.no_truncation()
                self._tokenizer.no_padding()
                self._tokenizer.encode(_TRIAL)
        except BaseException as error:
            if not isinstance(error, Exception) and not _is_panic(error):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0][:_SHOWN_CHARS]
            raise BundleError(f"{path.name} cannot be loaded: {reason}") from error
        # A text is text: who types [MASK] or </s> means these letters, and hides or ends nothing.
        self._tokenizer.encode_special_tokens = True
        if self._tokenizer.num_special_tokens_to_add(is_pair=False) != _SPECIAL_TOKENS:
            raise BundleError(f"{path.name} does not add exactly one token before and one after a text")
        self._max_tokens = max_tokens
        self._languages = languages
        unknown = map(self._tokenizer.token_to_id, _UNKNOWN)
        self._unknown_id = next((index for index in unknown if index is not None), None)

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """One `TokenizedText` per text, in order: n in, n out."""
        return [
            self._cut(text, encoding.ids, whole=whole)
            for part in parts(texts, _PART_CHARS)
            for text, (encoding, whole) in zip(part, self._read(part), strict=True)
        ]

    def require_whole(self, texts: Sequence[TokenizedText]) -> None:
        """InvalidInput with its index and token count for the first text of more than `max_tokens` tokens."""
        for index, text in enumerate(texts):
            if text.truncated:
                raise InvalidInput(
                    f"text {index} has {'' if text.whole else 'at least '}{text.total_tokens} tokens; "
                    f"the model reads {self._max_tokens}",
                    code="too_many_tokens",
                    field=f"text[{index}]",
                    limit=self._max_tokens,
                )

    def cut_at(self, text: str) -> int:
        """How many characters of `text`, in Unicode code points, the model reads."""
        # As a batch: of a text alone the library holds the interpreter's lock meanwhile, of 50,000 letters for 0.1 s.
        (encoding,) = self._tokenizer.encode_batch([self._start(text)])
        if not self._is_filled(encoding):
            (encoding,) = self._tokenizer.encode_batch([text])
        if len(encoding.ids) <= self._max_tokens:
            return len(text)
        last_kept = self._max_tokens - _SPECIAL_TOKENS
        return int(encoding.offsets[last_kept][1])

    def _read(self, texts: list[str]) -> list[tuple[tokenizers.Encoding, bool]]:
        """As much of each as the model reads, or more, and whether that is all of it."""
        starts = list(map(self._start, texts))
        read = [
            (encoding, start is text) for encoding, start, text in zip(self._encode(starts), starts, texts, strict=True)
        ]
        unfilled = [index for index, (encoding, whole) in enumerate(read) if not (whole or self._is_filled(encoding))]
        for index, encoding in zip(unfilled, self._encode([texts[index] for index in unfilled]), strict=True):
            read[index] = encoding, True
        return read

    def _start(self, text: str) -> str:
        """Of a long text as much as mostly is enough, up to a blank: nothing before it depends on what follows."""
        most = _START_CHARS_PER_TOKEN * self._max_tokens
        return text if len(text) < 2 * most else text[:most].rpartition(" ")[0].rstrip()

    def _is_filled(self, start: tokenizers.Encoding) -> bool:
        return len(start.ids) > self._max_tokens + _START_MARGIN

    def _encode(self, texts: list[str]) -> list[tokenizers.Encoding]:
        """InvalidInput where a pattern of the model's maker tries longer than the library lets it."""
        try:
            return self._tokenizer.encode_batch_fast(texts)
        except BaseException as error:
            if not _is_panic(error):
                raise
        raise InvalidInput("the model's tokenizer gives up on a text", code="unreadable_text", field="text")

    def _cut(self, text: str, ids: list[int], *, whole: bool) -> TokenizedText:
        """Keep the start of the text between its first and last special token."""
        kept = ids if len(ids) <= self._max_tokens else [*ids[: self._max_tokens - 1], ids[-1]]
        width = min(-(-len(kept) // WIDTH_STEP) * WIDTH_STEP, self._max_tokens)
        unfamiliar = little_known(text, kept[1:-1], self._unknown_id) or in_other_language(text, self._languages)
        return TokenizedText(array("I", kept), len(ids), width, whole, unfamiliar)


def reading_cost(text: str) -> int:
    """How much work it is to tokenise `text`, or more, in bytes of short words: 1,000 are about a millisecond."""
    return len(text.encode(errors="surrogatepass")) + sum(map(_more_of_word, _UNDIVIDED.findall(text)))


def _more_of_word(word: str) -> int:
    if word.isascii():
        return len(word) ** 2 // 11 if len(word) <= _LONGEST_WORD else 0
    size = len(word.encode(errors="surrogatepass"))
    return size * min(size, _LONGEST_WORD) // 11


def _is_panic(error: BaseException) -> bool:
    """Whether Rust code gave up. Not an Exception, and of a class that no module exports."""
    return type(error).__name__ == "PanicException"


@contextmanager
def _hushed() -> Iterator[None]:
    """Standard error goes nowhere: Rust writes a page about each panic, and the reason is one line of ours."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def parts(texts: Sequence[str], chars_each: int) -> Iterator[list[str]]:
    """The texts in order, in lists that end once they hold `chars_each` characters."""
    part: list[str] = []
    chars = 0
    for text in texts:
        part.append(text)
        chars += len(text)
        if chars >= chars_each:
            yield part
            part, chars = [], 0
    if part:
        yield part
