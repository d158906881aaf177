"""Names of columns, what fills them, and which holds the texts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import category

from lightsleeper.bulk.records.rules import (
    ABOUT_STEMS,
    ANSWERING_NAMES,
    ASIDE_NAMES,
    OTHER_NAMES,
    OTHER_STEMS,
    PLACEHOLDERS,
    TEXT_NAMES,
    TEXT_STEMS,
    WEAK_TEXT_NAMES,
)
from lightsleeper.bulk.records.values import are_values, trimmed
from lightsleeper.errors import InvalidInput

#: A text longer than this says no more about its column.
_MOST_WORDS: Final = 100
#: Words a cell, below which a column is none of texts; one called `text` has as many, though its cells may be smileys.
_LEAST_WORDS: Final = 0.1
_LONGEST_PLACEHOLDER: Final = max(map(len, PLACEHOLDERS))
#: A letter of a script that writes no spaces is about half a word.
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
#: Its first letter, or what `isalpha` tells from one: `\w` holds `²`, too.
_WORD = re.compile(r"(?<!\S)[(\[\"'“‘«¿¡#*_-]*([^\W\d_])[^\s/@<>{}=_\\]*(?!\S)")
#: Separators, control and format characters, private use, accents: BERT's tokenizer drops what holds nothing else.
_UNSEEN: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Mn"})
_PARTS = re.compile(r"[^\W\d_]+")
_SHORT_STEM: Final = 5
_NAME_WORDS: Final = 4
#: A column called text that is at least half filled is one, unless nothing in it can be read or another holds this many
#: times as much.
_NAMED: Final = 16.0
_HALF: Final = 0.5
_LEAST_WEIGHT: Final = 0.01
_FEW_WORDS: Final = 3.0
#: So many cells, all alike, are no texts.
_MANY: Final = 3
#: A string of two words or more.
_TEXT_WITHIN = re.compile(r'[:\[,]\s*"[^"\s]+\s[^"]*"')
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file, as its beginning shows it."""

    #: What the file calls it; columns without a name are numbered, repeated names get a number.
    name: str
    #: Share of the rows whose cell is neither blank nor a placeholder.
    filled: float
    #: Share of those cells that no other equals.
    distinct: float
    #: How much it looks like the column of texts; 0 if nothing in it can be read.
    likeness: float
    #: Whether its name says that it holds the texts, and it holds something.
    is_named: bool = False
    #: Whether that is JSON with texts in it: rows of their own, it may be.
    holds_texts: bool = False


def unique_names(header: Sequence[str], width: int) -> list[str]:
    """One name for each of `width` columns: `column 3` where there is none, `text 2` for the second `text`."""
    names: dict[str, None] = {}
    counts: dict[str, int] = {}
    for index in range(width):
        given = trimmed(header[index]) if index < len(header) else ""
        name = stem = given or f"column {index + 1}"
        while name in names:
            counts[stem] = counts.get(stem, 1) + 1
            name = f"{stem} {counts[stem]}"
        names[name] = None
    return list(names)


def is_blank(cell: str) -> bool:
    """Whether there is nothing to see in it: blanks, control characters, signs without a width, lone accents.

    As a model's tokenizer sees it, for which such a text has no token.
    """
    return all(char.isspace() or category(char) in _UNSEEN for char in cell)


def is_placeholder(cell: str) -> bool:
    """Whether it says that there is no text, as `NULL`, `nan`, `n/a` and `-` do."""
    return trimmed(cell).lower() in PLACEHOLDERS


def is_filled(cell: str) -> bool:
    """Neither blank nor a placeholder; quick to see where a long one begins with a letter."""
    if len(cell) > _LONGEST_PLACEHOLDER and cell[0].isalpha() and not cell[-1].isspace():
        return True
    return not is_blank(cell) and not is_placeholder(cell)


def describe(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[Column]:
    """The columns of `names` as `rows` fill them."""
    return [
        _column(name, [row[index] if index < len(row) else None for row in rows]) for index, name in enumerate(names)
    ]


def text_column(columns: Sequence[Column]) -> int | None:
    """The index of the column that looks most like texts; the only one there is; None if none can be read.

    None, too, where texts stand within JSON, in a column called so, and the best of the others says but a few words:
    the names of what was reviewed.
    """
    if len(columns) == 1:
        return 0
    best = max(range(len(columns)), key=lambda index: columns[index].likeness, default=0)
    if not columns or columns[best].likeness == 0:
        return None
    is_doubtful = columns[best].likeness < _FEW_WORDS and not columns[best].is_named
    return None if is_doubtful and any(column.is_named and column.holds_texts for column in columns) else best


def words_of_name(name: str) -> set[str]:
    """The words of a column's name: `reviewText` and `Review Text` hold review and text."""
    parts = _PARTS.findall(_HUMP.sub(" ", name))
    if not name.isascii():
        parts = [word for part in parts for word in "".join(char if char.isalpha() else " " for char in part).split()]
    return {part.lower() for part in parts} | {name.lower()}


def is_called_text(name: str) -> bool:
    """Whether it is one word that says, in another language than English, that texts stand below."""
    word = trimmed(name).lower()
    return word.isalpha() and any(
        word == stem or (not _UNSPACED.match(stem) and _is_stem(stem, word)) for stem in TEXT_STEMS
    )


def sparseness(columns: Sequence[Column], chosen: int, rows: int) -> str:
    """Words for a column of texts that is mostly blank."""
    filled = columns[chosen].filled
    others = [column for column in columns if column.likeness and column.filled > filled]
    fuller = f"; {max(others, key=lambda column: column.likeness).name} is fuller" if others else ""
    return f"{round(rows * (1 - filled)):,} of the first {rows:,} rows have no text in {columns[chosen].name}{fuller}"


def column_named(said: str, names: Sequence[str], file_name: str) -> int:
    """The index of that name, whatever its case and the blanks around it; InvalidInput if there is none."""
    if said in names:
        return names.index(said)
    folded = [trimmed(each).lower() for each in names]
    if trimmed(said).lower() not in folded:
        raise InvalidInput(f"{file_name}: no column {said!r} among {', '.join(names)}", field="text_column")
    return folded.index(trimmed(said).lower())


def named_otherwise(columns: Sequence[Column], chosen: int) -> str:
    """Words for a column called text where another one, not called so, is chosen; empty if there is none."""
    others = [column.name for column in columns if column.is_named]
    return f"{others[0]} is named like the text" if others and not columns[chosen].is_named else ""


def _column(name: str, cells: Sequence[str | None]) -> Column:
    filled = [cell for cell in cells if cell is not None and is_filled(cell)]
    if not filled:
        return Column(name, 0.0, 0.0, 0.0)
    share, distinct = len(filled) / len(cells), len(set(filled)) / len(filled)
    words = sum(min(_MOST_WORDS, _words(cell)) for cell in filled) / len(filled)
    weight, is_named = _weight(name), _weight(name) == _NAMED
    if weight > 1:  # `tweet_id` is none
        words, seen = max(words, _LEAST_WORDS), words
        if is_named and are_values(map(trimmed, filled)):  # if there is nothing else
            weight = _LEAST_WEIGHT
        elif seen < _LEAST_WORDS or share < _HALF or (len(filled) >= _MANY and len(set(filled)) == 1):
            weight = 2.0
    likeness = words * share * distinct * weight if words >= _LEAST_WORDS else 0.0
    holds_texts = is_named and all(map(_is_json, filled)) and any(map(_TEXT_WITHIN.search, filled))
    return Column(name, share, distinct, likeness, is_named, holds_texts)


def _is_json(cell: str) -> bool:
    return cell.startswith(("{", "[")) and cell.endswith(("}", "]"))


def _words(cell: str) -> float:
    if _is_json(cell):  # not written by hand
        return 0
    unspaced = len(_UNSPACED.findall(cell))
    return unspaced / 2 if unspaced > len(cell) / 4 else sum(map(str.isalpha, _WORD.findall(cell)))


def _weight(name: str) -> float:
    """What a name says: not which column it is, unless it is called text and is no other's answer."""
    words = words_of_name(name)
    if len(_PARTS.findall(name)) > _NAME_WORDS:  # a question, which may hold any of them
        if words & OTHER_NAMES:
            return 1.0 if words & TEXT_NAMES else 0.5
        return 2.0 if words & TEXT_NAMES else 1.0
    if _has_stem(words, ANSWERING_NAMES):
        return 0.25
    is_text = words & (TEXT_NAMES - WEAK_TEXT_NAMES) or _has_stem(words, TEXT_STEMS)
    others = {word for word in words if word in OTHER_NAMES | ASIDE_NAMES or _has_stem({word}, OTHER_STEMS)}
    if is_text:  # a `product_review` is one
        others = {word for word in others if not _has_stem({word}, ABOUT_STEMS)}
    if others:
        return 1.0 if is_text else 0.5
    return _NAMED if is_text else 2.0 if words & WEAK_TEXT_NAMES else 1.0


def _has_stem(words: set[str], stems: frozenset[str]) -> bool:
    return any(_is_stem(stem, word) for stem in stems for word in words)


def _is_stem(stem: str, word: str) -> bool:
    if _UNSPACED.match(stem):
        return stem in word
    return word == stem or (len(stem) >= _SHORT_STEM and (word.startswith(stem) or word.endswith(stem)))
