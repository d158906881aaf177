"""Training rows that no file holds, by name: sentences whose sentiment is known, and changes that do not touch it.

A name either *writes* rows, for two labels of which the second is the positive one, or *changes* the texts of rows
and leaves their labels. Both draw from a seeded generator alone: the same recipe makes the same rows.
"""

import re
import string
import tomllib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from random import Random

from lightsleeper.training.templates import Templates, read_templates

TEMPLATES = Path(__file__).with_name("augment.toml")
EMOJI = Path(__file__).with_name("emoji.toml")

#: A text and the probability of its last label.
Written = tuple[str, float]

_NEUTRAL = 0.5
_EMOJI_SCORES = {"positive": 0.93, "negative": 0.07, "neutral": _NEUTRAL}
_EMOTICONS = {
    "positive": (":)", ":-)", ":D", ":-D", ";)", "<3", "=)", ":P", "xD"),
    "negative": (":(", ":-(", ":'(", ":/", "D:", ":-/", ">:(", "</3", ":|"),
}
_FIVE = (0.02, 0.04, 0.15, 0.5, 0.88, 0.96)
_TEN = (0.02, 0.03, 0.04, 0.06, 0.15, 0.4, 0.55, 0.78, 0.92, 0.96, 0.97)
_NOTHING = (
    *("NULL", "null", "nan", "NaN", "None", "N/A", "n/a", "undefined", "-", "--", "?", "...", ".", "test", "foo bar"),
    *("#REF!", "#N/A", "lorem ipsum dolor sit amet", "TODO", "tbd", "x", "xxx", "empty", "[deleted]", "<br />", "nil"),
    *("unknown", "not available", "not applicable", "blank", "see above", "as above", "[removed]", "(blank)", "(none)"),
    *("no answer", "no comment", "na", "#DIV/0!", "#NAME?", "#NUM!", "error", "untitled", "text", "comment", "title"),
    *("review", "hello", "hi", "ok?", "1", "00", "//", "**", "==", "~", "{}", "[]", '""', "tmp", "temp", "column 1"),
    *("this is a test", "example", "example text", "dummy", "dummy text", "new document", "draft", "page 1", "n.n."),
)
_RATED = ("My rating for the {thing}:", "I give the {thing}", "{thing}:", "our score for the {thing}", "We rated it")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
_CONTRACTIONS = (
    *(("is not", "isn't"), ("are not", "aren't"), ("was not", "wasn't"), ("were not", "weren't"), ("it is", "it's")),
    *(("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"), ("would not", "wouldn't"), ("I am", "I'm")),
    *(("cannot", "can't"), ("could not", "couldn't"), ("will not", "won't"), ("have not", "haven't")),
)
_SWAPPED = ("first", "last", "city", "country", "people")
#: Ends of words that no list holds: what is learned of a list then holds for any name.
_ENDS = {
    "first": ("", "", "a", "o", "i", "ah", "ine", "el"),
    "last": ("", "son", "ov", "ez", "ski", "sen", "ini", "oglu"),
    "city": ("", "", "burg", "ville", "ton", "grad", "abad", "o"),
    "country": ("ia", "stan", "land", "a"),
    "people": ("ian", "ese", "ish", "i", "an", "ite", "ean", "ist"),
}
_INVENTED_SHARE = 0.3
_ONSETS = (
    "b",
    "br",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "kh",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "sh",
    "t",
    "th",
    "v",
    "z",
)
_RHYMES = ("a", "ai", "an", "ar", "e", "el", "en", "i", "im", "in", "o", "on", "or", "u", "ul", "un")
#: What films are called, exchanged for other things: most of the labelled rows are about films.
_FILMS = re.compile(r"\b(film|movie|flick)(s?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{4,}")


@cache
def templates() -> Templates:
    """The patterns and words that training may use."""
    return read_templates(TEMPLATES)


@cache
def emoji() -> dict[str, dict[str, str]]:
    """Sentiment → emoji → the words its token starts from."""
    return tomllib.loads(EMOJI.read_text(encoding="utf-8"))


def _from_templates(name: str, draw: Random) -> Written:
    groups = templates().named(name)
    (group,) = draw.choices(groups, [group.settings.get("weight", len(group.texts)) for group in groups])
    if group.score is None:
        raise ValueError(f"{TEMPLATES.name}: a group {name!r} has no score")
    text = templates().fill(draw.choice(group.texts), draw)
    return (text.rstrip(".!") if draw.random() < 0.2 else text), group.score


def _sentence(sentiment: str, draw: Random) -> str:
    if sentiment == "neutral":
        return _from_templates("facts", draw)[0]
    wanted = sentiment == "positive"
    groups = [group for group in templates().named("plain") if ((group.score or 0) > _NEUTRAL) == wanted]
    return templates().fill(draw.choice(draw.choice(groups).texts), draw)


def _write_emoji(draw: Random) -> Written:
    """An emoji or an emoticon, alone, after a plain statement, or after a sentence that agrees with it."""
    sentiment = draw.choice(("positive", "negative", "positive", "negative", "neutral"))
    signs = [*emoji()[sentiment], *_EMOTICONS.get(sentiment, ())]
    sign = draw.choice(signs)
    # A draw of how it is written: more often one sign, said again, than different ones.
    shown = sign * draw.choice((1, 1, 2, 3)) if draw.random() < 0.7 else f"{sign} {draw.choice(signs)}"
    company = draw.choice(("", _sentence("neutral", draw), _sentence(sentiment, draw)))
    return f"{company} {shown}".strip(), _EMOJI_SCORES[sentiment]


def _write_rating(draw: Random) -> Written:
    """Points out of five or ten, or stars, alone or beside a plain statement."""
    best, scores = draw.choice(((5, _FIVE), (5, _FIVE), (10, _TEN)))
    points = draw.randint(0 if best == 10 else 1, best)  # nobody gives 0 stars
    number = draw.choice((str(points), templates().words["number"][points - 2] if 2 <= points <= 6 else str(points)))
    stars = (f"{number} star{'' if points == 1 else 's'}", "★" * points + "☆" * (5 - points), "⭐" * points)
    forms = (f"{points}/{best}", f"{points} / {best}", f"{points} out of {best}", f"rating: {points}/{best}")
    # Stars go up to five.
    shown = draw.choice((*forms, *stars, f"{number} stars out of {best}") if best == 5 else forms)
    company = draw.choice(("", "", _sentence("neutral", draw), templates().fill(draw.choice(_RATED), draw)))
    return draw.choice((f"{company} {shown}", f"{shown} {company}")).strip(), scores[points]


def _write_noise(draw: Random) -> Written:
    """What stands in a field without a text: placeholders, random letters and digits, links, addresses."""
    letters = partial(_letters, draw)
    forms: tuple[Callable[[], str], ...] = (
        lambda: draw.choice(_NOTHING),
        lambda: draw.choice(_NOTHING),
        lambda: letters(string.ascii_lowercase, 2, 9),
        lambda: letters(draw.choice(_KEYBOARD), 4, 12),
        lambda: " ".join(letters(string.ascii_lowercase, 2, 9) for _ in range(draw.randint(2, 6))),
        lambda: letters(string.digits, 1, 12),
        lambda: letters(string.digits, 60, 400),
        lambda: " ".join(letters(string.digits, 1, 4) for _ in range(draw.randint(2, 20))),
        lambda: letters(string.punctuation, 1, 8),
        lambda: draw.choice(string.ascii_lowercase) * draw.randint(1, 90),
        lambda: draw.choice(string.ascii_lowercase) * draw.randint(101, 400),
        lambda: _link(draw),
        lambda: _handle(draw),
        lambda: f"{letters(string.ascii_lowercase, 4, 8)}@{letters(string.ascii_lowercase, 4, 8)}.com",
        lambda: letters("0123456789abcdef", 8, 32),
        lambda: f"{draw.randint(1, 28)}/{draw.randint(1, 12)}/{draw.randint(1980, 2030)}",
        lambda: letters("éüßñøåçžλπдщйи中文字日本語한국어", 2, 12),
    )
    return draw.choice(forms)(), _NEUTRAL


def _letters(draw: Random, alphabet: str, fewest: int, most: int) -> str:
    return "".join(draw.choice(alphabet) for _ in range(draw.randint(fewest, most)))


def _handle(draw: Random) -> str:
    return "@" + draw.choice(
        ("user", _letters(draw, string.ascii_lowercase, 4, 9) + draw.choice(("", "7", "_x", "99")))
    )


def _link(draw: Random) -> str:
    path = _letters(draw, string.ascii_letters + string.digits, 5, 10)
    return draw.choice(("http://t.co/", "https://t.co/", "https://www.example.com/", "www.shop.example/")) + path


def _typos(text: str, draw: Random) -> str:
    """One or two words with letters exchanged, left out or doubled."""
    for _ in range(draw.randint(1, 2)):
        words = list(_WORD.finditer(text))
        if not words:
            return text
        word = draw.choice(words)
        at = draw.randrange(word.start(), word.end() - 1)
        left, right = text[at], text[at + 1]
        changed = draw.choice((right + left, right + left, right, left + left + right, left))
        text = text[:at] + changed + text[at + 2 :]
    return text


def _handles(text: str, draw: Random) -> str:
    """A handle, a link or a hashtag before or after."""
    extra = draw.choice((_handle, _link, lambda _: "#" + draw.choice(templates().words["city"]).replace(" ", "")))(draw)
    return draw.choice((f"{extra} {text}", f"{text} {extra}"))


def _swaps(text: str, draw: Random) -> str:
    """Names, places and peoples exchanged for others of their list or for invented ones, numbers for others."""
    text = _swappable().sub(lambda word: _another(word[0], draw), text)
    # Small ones may be ratings.
    return _NUMBER.sub(lambda number: number[0] if len(number[0]) < 3 else str(draw.randint(100, 2000)), text)


def _another(word: str, draw: Random) -> str:
    """A name of the same kind."""
    kind = _kinds()[word]
    if draw.random() < _INVENTED_SHARE:
        stem = "".join(draw.choice(_ONSETS) + draw.choice(_RHYMES) for _ in range(draw.randint(1, 3)))
        return (stem + draw.choice(_ENDS[kind])).capitalize()
    return draw.choice(templates().words[kind])


def _things(text: str, draw: Random) -> str:
    """What is said of a film, of something else."""
    thing = draw.choice([thing for thing in templates().words["thing"] if not _FILMS.search(thing)])
    return _FILMS.sub(lambda film: thing + film[2], text)


def _contractions(text: str, draw: Random) -> str:
    """Long forms short, or short ones long; and the punctuation at the end otherwise."""
    shorten = draw.random() < 0.5
    for long, short in _CONTRACTIONS:
        text = text.replace(long, short) if shorten else text.replace(short, long)
    return text.rstrip(".!? ") + draw.choice(("", ".", "!", "..", " ."))


def _beside(text: str, draw: Random) -> str:
    """A plain statement before or after."""
    fact = _sentence("neutral", draw)
    return draw.choice((f"{fact} {text}", f"{text} {fact}"))


@cache
def _kinds() -> Mapping[str, str]:
    words = templates().words
    return {word: kind for kind in _SWAPPED for word in words[kind] if word[0].isupper()}


@cache
def _swappable() -> re.Pattern[str]:
    return re.compile(r"\b(" + "|".join(sorted(map(re.escape, _kinds()), key=len, reverse=True)) + r")\b")


WRITERS: Mapping[str, Callable[[Random], Written]] = {
    **{name: partial(_from_templates, name) for name in sorted({group.name for group in templates().groups})},
    "emoji": _write_emoji,
    "ratings": _write_rating,
    "noise": _write_noise,
}

CHANGES: Mapping[str, Callable[[str, Random], str]] = {
    "typos": _typos,
    "handles": _handles,
    "swaps": _swaps,
    "contractions": _contractions,
    "beside": _beside,
    "things": _things,
}
