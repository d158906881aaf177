"""Texts of which a word decides each label, and texts as no data set has them."""

import random
from collections.abc import Iterator

#: Any of a text's words may be one of these; each speaks for the label of its place.
SIGNALS = (("awful", "broken", "refund"), ("okay", "average", "usual"), ("lovely", "brilliant", "thanks"))
_FILLERS = (
    "the film",
    "this app",
    "our train",
    "it rained",
    "my order",
    "everything here",
    "a keyboard",
    "Nobody knew",
)


def texts_of(count: int, *, seed: int = 0, signals: int = 1) -> Iterator[tuple[str, list[int]]]:
    """Texts with as many words that speak for a label, and the labels that they speak for, sorted."""
    draw = random.Random(seed)
    for _ in range(count):
        labels = sorted(draw.sample(range(len(SIGNALS)), signals or draw.randrange(3)))
        words = [draw.choice(SIGNALS[label]) for label in labels] + draw.choices(_FILLERS, k=draw.randrange(1, 6))
        draw.shuffle(words)
        yield " ".join(words), labels


def odd_texts(count: int) -> list[str]:
    """Texts as no data set has them: scripts, signs and blanks in any order, from nothing to a long line."""
    draw = random.Random(1)
    pieces = [
        *(
            "A film",
            "DON'T",
            "naïve café",
            "Straße",
            "ﬁne",
            "I'm",
            "it's",
            "can't",
            "e-mail@example.org",
            "https://a.b/c?d=1",
        ),
        *(
            "１２３",
            "3.14",
            "1,000",
            "…",
            "“quoted”",
            "—",
            "!!!",
            "''",
            "``",
            "#tag",
            "@user",
            "\u200b",
            "\u00a0",
            "\ufeff",
        ),
        *(
            "  ",
            "\t",
            "\n",
            "\r\n",
            "漢字かな",
            "한국어",
            "русский",
            "العربية",
            "ไทย",
            "हिन्दी",
            "Ελληνικά",
            "İstanbul",
            "ǅ",
        ),
        *(
            "😀",
            "👩‍👩‍👧",
            "👍🏽",
            "e\u0301",
            "\u0301",
            "a" * 60,
            "x_y",
            "<b>",
            "&amp;",
            "\\n",
            "\x7f",
            "\ufffd",
            "\U0001f1e9\U0001f1ea",
        ),
        *("loved", "unbelievable", "Ünïcödé", "K", "ß", "…….", "½", "™", "٣", "-", "_", "(", ")", "/", "'", '"'),
    ]
    return [
        "".join(draw.choice((" ", "", " ")) + piece for piece in draw.choices(pieces, k=draw.randrange(1, 30)))
        for _ in range(count)
    ]
