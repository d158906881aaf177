"""Sentences from patterns whose {slots} word lists fill (CheckList: Ribeiro et al. 2020, arXiv:2005.04118)."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

_SLOT = re.compile(r"\{(\w+)\}")
#: "a" before a vowel letter, except where it is spoken as a consonant ("a useful", "a European", "a one").
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou](?!ni[tqvf]|uro|ne\b|se[dfr]|[0-9]))(?!us)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Group:
    """Patterns of one kind, and what the file says about them."""

    name: str
    texts: Sequence[str]
    #: Probability of the last label, where it is known.
    score: float | None
    #: Everything else that stands in the file.
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Templates:
    """A file of word lists and groups of patterns."""

    words: Mapping[str, Sequence[str]]
    groups: Sequence[Group]

    def named(self, name: str) -> list[Group]:
        """The groups of that name."""
        return [group for group in self.groups if group.name == name]

    def fill(self, pattern: str, draw: Random) -> str:
        """`pattern` with a word drawn for each slot; no list gives a word twice."""
        taken: set[str] = set()

        def word(slot: re.Match[str]) -> str:
            choice = draw.choice([word for word in self.words[slot[1]] if word not in taken])
            taken.add(choice)
            return choice

        return tidy(_SLOT.sub(word, pattern))


def read_templates(path: Path) -> Templates:
    """The word lists and groups of a TOML file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    groups = [
        Group(
            name=group["name"],
            texts=group["texts"],
            score=group.get("score"),
            settings={key: value for key, value in group.items() if key not in ("name", "texts", "score")},
        )
        for group in content["group"]
    ]
    return Templates(content["words"], groups)


def slots(pattern: str) -> list[str]:
    """The names of a pattern's slots, in order."""
    return _SLOT.findall(pattern)


def tidy(text: str) -> str:
    """Single spaces, "an" before a vowel, a capital at the start of a sentence."""
    text = _SPACES.sub(" ", _ARTICLE.sub(r"\1n ", text)).strip()
    return text[:1].upper() + text[1:] if text.endswith((".", "!", "?")) else text
