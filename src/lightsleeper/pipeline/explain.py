"""Which words moved the score: leave one word out of what the model reads, classify again, compare.

The method is occlusion (Zeiler and Fergus 2014; for words Li, Monroe and Jurafsky 2016, "Understanding Neural
Networks through Representation Erasure"). All variants of a text are one request to the classifier, so they are
batched, cached and bounded like any other texts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lightsleeper.errors import InvalidInput
from lightsleeper.model.head import Head
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import reading_cost

#: Words of a text that is explained.
MAX_WORDS = 200
#: Tokens of all its variants together: those of two of the largest requests, and of 200 usual words.
MAX_TOKENS = 65_536
#: `reading_cost` of them: that of the largest request, and several times that of 200 usual words. Signs without a form
#: and words that nobody knows are work before they are no tokens, or one.
MAX_READING = 2_000_000

#: What 512 tokens usually are, in bytes.
_READ_BYTES = 2_048

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one word did to the score of the text's best label, or to the one score there is."""

    word: str
    #: Position in the text, in Unicode code points; `end` is exclusive.
    start: int
    end: int
    #: Its score with the word, minus without it: above 0 the word speaks for that label.
    effect: float


def leave_one_out(text: str) -> list[str]:
    """The text without its first word, without its second, …; InvalidInput beyond `MAX_WORDS` or `MAX_READING`."""
    words = list(_WORD.finditer(text))
    if len(words) > MAX_WORDS:
        raise InvalidInput(
            f"the text has {len(words)} words; explain reads at most {MAX_WORDS}",
            code="too_many_words",
            field="text",
            limit=MAX_WORDS,
        )
    cost = len(words) * reading_cost(text)
    if cost > MAX_READING:
        raise InvalidInput(
            f"to read the text without each of its {len(words)} words is the work of {cost} letters in short words; "
            f"explain reads at most {MAX_READING}",
            code="explain_too_long",
            field="text",
            limit=MAX_READING,
        )
    return [text[: word.start()] + text[word.end() :] for word in words]


def expected_bytes(text: str) -> int:
    """Of a text and all its variants together, before anybody knows how much of it the model reads."""
    whole = len(text.encode(errors="surrogatepass"))
    read = min(whole, _READ_BYTES)
    return read + read * len(text.split()) * read // max(1, whole)


def most_chars(max_text_chars: int) -> int:
    """Of a text of so many and all its variants together."""
    return max_text_chars + min(MAX_WORDS * max_text_chars, MAX_READING)


def require_affordable(variants: int, tokens_each: int) -> None:
    """InvalidInput if so many variants of so many tokens are more than `MAX_TOKENS`."""
    tokens = variants * tokens_each
    if tokens > MAX_TOKENS:
        raise InvalidInput(
            f"without each of its {variants} words the text is {tokens} tokens; explain reads at most {MAX_TOKENS}",
            code="explain_too_long",
            field="text",
            limit=MAX_TOKENS,
        )


def explain(text: str, whole: Logits, without: Sequence[Logits], head: Head) -> list[Explanation]:
    """One `Explanation` per word of `text`, in order, read as `head` says.

    `whole` is the text's own answer, `without` the answers to `leave_one_out(text)`, n in, n out.
    """
    best = head.best(whole)
    score = head.scores(whole)[best]
    return [
        Explanation(word.group(), word.start(), word.end(), score - head.scores(logits)[best])
        for word, logits in zip(_WORD.finditer(text), without, strict=True)
    ]
