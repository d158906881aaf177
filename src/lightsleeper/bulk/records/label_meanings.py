"""Which of the model's labels people mean by what they write in a file. As `web/many/own_labels.js`."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from unicodedata import normalize

from lightsleeper.bulk.records.columns import words_of_name
from lightsleeper.errors import InvalidInput

POSITIVE: Final = frozenset(
    {*("positive", "pos", "+", "true", "yes", "good", "\N{THUMBS UP SIGN}"), *("positiv", "positivo", "positif")}
)
NEGATIVE: Final = frozenset(
    {
        *("negative", "neg", "-", "false", "no", "bad", "\N{THUMBS DOWN SIGN}"),
        *("negativ", "negativo", "négatif", "negatif"),
    }
)
MOST_STARS: Final = 5
#: Columns in which a 1 is the worst of five, even where no other number stands.
_OF_STARS: Final = frozenset({"rating", "ratings", "star", "stars"})
#: `LABEL_1`, as transformers calls a label without a name.
_NUMBERED = re.compile(r"label[_ ]?([0-9]{1,6})")
_STARS = re.compile(r"([0-5])(?:[.,]0+)? ?(?:(?:/|out of|of|von|sur|de|su|из) ?5(?: stars?)?|[- ]?stars?)")
_STAR_SIGNS = re.compile("([★⭐\N{GLOWING STAR}]{1,5})☆{0,4}")
#: What only says how a sign is shown: its colour, and that it is a picture.
_VARIANTS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_MOST_GRADES: Final = 11
_LISTED: Final = 10
_LABEL_CHARS: Final = 40
#: `int` takes long over thousands, and then raises.
_MOST_DIGITS: Final = 18


def fold(written: str) -> str:
    """`Positive`, `POSITIVE` and `positive` are one; so are 1, 1.0 and +1, and é however it is composed."""
    folded = _VARIANTS.sub("", normalize("NFC", written.strip()).casefold()).replace("\N{MINUS SIGN}", "-")
    try:
        number = float(folded)
    except ValueError:
        return folded
    return str(int(number)) if number.is_integer() else folded


def parse_map(argument: str) -> dict[str, str]:
    """`4,5=POSITIVE;1,2=NEGATIVE` → what each is taken for; InvalidInput for anything else."""
    meaning: dict[str, str] = {}
    for part in filter(None, argument.split(";")):
        written, equals, label = part.partition("=")
        if not equals or not label.strip() or not written.strip():
            raise InvalidInput(f"--map: {part!r} is not like 4,5=POSITIVE", field="map")
        for each in map(fold, written.split(",")):
            if fold(meaning.setdefault(each, label.strip())) != fold(label):
                raise InvalidInput(f"--map: {each!r} is both {meaning[each]} and {label.strip()}", field="map")
    return meaning


def meaning_of(
    found: Mapping[str, int],
    labels: Sequence[str],
    *,
    label_map: Mapping[str, str] | None = None,
    skip_other: bool = False,
    column: str = "label",
) -> dict[str, str]:
    """Which of `labels` each label written in a file stands for; InvalidInput if some stand for none."""
    said = known_names(labels, label_map)
    known = {**_usual(found, labels, column), **said}
    meaning = {}
    for written in found:
        label = known.get(fold(written)) or said.get(_stars(written))
        if label is not None:
            meaning[written] = label
    other = {written: times for written, times in found.items() if written and written not in meaning}
    if other and not skip_other:
        raise InvalidInput(_complaint(other, labels, column), field=column)
    return meaning


def known_names(labels: Sequence[str], label_map: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which of `labels` each name stands for, folded: its own, and what `label_map` adds."""
    names = {fold(name): name for name in labels}
    known = dict(names)
    for written, said in (label_map or {}).items():
        if fold(said) not in names:
            raise InvalidInput(f"--map: {said!r} is none of {', '.join(labels)}", field="map")
        known[written] = names[fold(said)]
    return known


def _usual(found: Mapping[str, int], labels: Sequence[str], column: str) -> dict[str, str]:
    """What everybody means by true, neg, -1 and the like; numbers only if all of them can be indices."""
    usual: dict[str, str] = {}
    numbers = {written for written in map(fold, found) if _is_whole(written)}
    if numbers <= {str(index) for index in range(len(labels))} and not _are_grades(numbers, column):
        usual |= {str(index): label for index, label in enumerate(labels)}
    numbered = {match[0]: int(match[1]) for written in found if (match := _NUMBERED.fullmatch(fold(written)))}
    if all(index < len(labels) for index in numbered.values()):
        usual |= {written: labels[index] for written, index in numbered.items()}
    if len(labels) == 2:  # noqa: PLR2004  # no and yes
        if numbers == {"-1", "1"}:
            usual |= {"-1": labels[0], "1": labels[1]}
        folded = [label.casefold() for label in labels]
        if folded[0] in NEGATIVE and folded[1] in POSITIVE:
            usual |= dict.fromkeys(NEGATIVE, labels[0]) | dict.fromkeys(POSITIVE, labels[1])
        usual |= {"false": labels[0], "true": labels[1]}
    return usual


def _are_grades(numbers: set[str], column: str) -> bool:
    """Whether numbers that could be indices are stars all the same: in a file of the worst, all are 1."""
    words = words_of_name(column)
    return bool(words & _OF_STARS) or ("score" in words and numbers == {"1"})


def _is_whole(written: str) -> bool:
    digits = written.removeprefix("-")
    return digits.isdecimal() and len(digits) <= _MOST_DIGITS


def _stars(written: str) -> str:
    """How many of five stars are meant by `4/5`, `4 out of 5`, `4 stars` and `★★★★☆`; empty for anything else."""
    folded = fold(written)
    if (signs := _STAR_SIGNS.fullmatch(folded)) and len(folded) <= MOST_STARS:
        return str(len(signs[1]))
    said = _STARS.fullmatch(folded)
    return said[1] if said else ""


def _complaint(other: Mapping[str, int], labels: Sequence[str], column: str) -> str:
    most = sorted(other.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{written[:_LABEL_CHARS]!r} ({times:,})" for written, times in most[:_LISTED])
    more = f" and {len(most) - _LISTED} others" if len(most) > _LISTED else ""
    return (
        f"column {column}: {listed}{more} are none of {', '.join(labels)}: say what they are with "
        f"--map '{_example(other, labels, column)}', and leave out the rest with --skip-other"
    )


def _example(other: Mapping[str, int], labels: Sequence[str], column: str) -> str:
    """A map that names both sides: of a scale its ends, so that nobody who copies it turns the labels around."""
    low, high = labels[0], labels[-1]
    if fold(low) in POSITIVE and fold(high) in NEGATIVE:
        low, high = high, low
    graded = [_stars(written) or fold(written) for written in other]
    grades = sorted({int(grade) for grade in graded if _is_whole(grade)})
    if len(labels) == 2 and grades:  # noqa: PLR2004  # a bad one and a good one
        of_stars = any(map(_stars, other)) or _are_grades({str(grade) for grade in grades}, column)
        if grades[0] >= 1 and grades[-1] <= MOST_STARS and (of_stars or grades[-1] > 2):  # noqa: PLR2004  # 1, 2: two labels
            return f"4,5={high};1,2={low}"
        if 2 <= len(grades) <= _MOST_GRADES and len(grades) == len(set(graded)):  # noqa: PLR2004  # both ends
            middle = (grades[0] + grades[-1]) / 2
            above = ",".join(str(grade) for grade in grades if grade > middle)
            below = ",".join(str(grade) for grade in grades if grade < middle)
            return f"{above}={high};{below}={low}"
    return f"A={high};B={low}" if high != low else f"A={high}"
