"""Does a text hold what a model knows? A word count, not a language identifier: an English text that quotes is English.

Knows the function words of the languages that people write to such a service in, and which letters are Latin. What it
says is a warning beside an answer, never a refusal.
"""

import re
from collections.abc import Sequence

#: As much of a text as is looked at; the first lines tell its language.
_MOST_CHARS = 2_000

#: More of the tokens unknown than known, or no token but digits: the answer rests on next to nothing.
_MOST_UNKNOWN = 0.5

_DIGITS_ALONE = re.compile(r"[\d\s.,:;#+-]+")
# Compiled at the first text that is not ASCII: sets of so many letters take 6 ms, which a wake need not pay.
#: Letters of other scripts than Latin: Greek to Georgian; Chinese, Japanese, Korean.
_OTHER_SCRIPT = "[\u0370-\u1cff\u3040-\u9fff\uac00-\ud7ff]"
#: Latin letters that English does not borrow, and those that it does: café, naïve, coöperate, über.
_MARKED = "[àáâãäåæçèêëìíîðñòóôõøùúûýþßāăąćčďđęěğıłńňőœřśşšťůűźżžơư]"
_BORROWED = "[éïöü]"

#: Frequent words of French, Spanish, Portuguese, Italian, German, Dutch, Swedish, Danish, Norwegian, Polish, Czech,
#: Turkish, Indonesian, Finnish, Romanian and Hungarian; none of them is also a common word of English.
_FOREIGN = """
le la les des une est et pas très ce cette bonne mauvais qui dans avec mais nous vous c'est n'est j'ai été sont
aux plus tout bien peu ça elle leur el los las una muy excelente película libro pero para por este esta esto
como más lo todo hay os uma é não muito mas isso essa esse foi são bom boa eu ele meu minha em na il gli è che
non di molto ma questo questa sono della nel del per anche più alla delle dei bello ottimo y que se su mi nos
der das und gut ist nicht ein eine einen mit ich auf für auch sehr wir zu wird kann von werden bei aber noch nur
sich sind oder het een niet zeer goed wordt naar ik heel maar voor zijn dit dat wel ook geen de en deze bij uit
och är inte det ett som på mycket av jag og ikke jeg meget til med fra nie jest się bardzo ale tak jak że są
velmi var bir ve çok bu için değil ama yang ini tidak sangat saya untuk dengan adalah bagus ei että hyvin mutta și
foarte cu az egy nem és hogy
"""
_ENGLISH = """
the a an and is are was were it this that of to in for with on not i you we they he she be have has had do does
did but or as at by from so if no my your his her our their its there what who which when how all just can will
would very too than then been i'm it's don't
"""
_FOREIGN_WORDS, _ENGLISH_WORDS = frozenset(_FOREIGN.split()), frozenset(_ENGLISH.split())


def in_other_language(text: str, languages: Sequence[str]) -> bool:
    """Whether `text` is clearly in none of `languages` (BCP 47 tags); never for a model that does not say "en"."""
    if not any(language.split("-")[0].lower() == "en" for language in languages):
        return False
    start = text[:_MOST_CHARS].lower()
    words = start.replace(",", " ").replace(".", " ").split()
    marked = 0
    if not start.isascii():
        letters = sum(map(str.isalpha, start))
        if 2 * len(re.findall(_OTHER_SCRIPT, start)) > letters:
            return letters > 0
        marked = len(re.findall(_MARKED, start)) + max(0, len(re.findall(_BORROWED, start)) - 1)
    evidence = sum(map(_FOREIGN_WORDS.__contains__, words)) + marked
    if evidence < 2:  # noqa: PLR2004  # one word may be a name
        return False
    return evidence > 2 * sum(map(_ENGLISH_WORDS.__contains__, words)) and 5 * evidence >= len(words)


def little_known(text: str, inner_ids: Sequence[int], unknown_id: int | None) -> bool:
    """Whether the model knows too few of the tokens of `text`, or it holds nothing but numbers."""
    unknown = inner_ids.count(unknown_id) if unknown_id is not None else 0
    return unknown > _MOST_UNKNOWN * len(inner_ids) or _DIGITS_ALONE.fullmatch(text) is not None
