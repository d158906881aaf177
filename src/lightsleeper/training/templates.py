"""Sentences from patterns whose {slots} word lists fill (CheckList: Ribeiro et al. 2020, arXiv:2005.04118)."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

#: Ends the name of a list whose words' slots are exchanged for their opposites.
_TURNED = "_turned"
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
        """`pattern` with a word drawn for each slot, and for the slots of that word; no list gives a word twice."""
        taken: set[str] = set()

        def word(slot: re.Match[str]) -> str:
            choice = draw.choice([word for word in self.words[slot[1]] if word not in taken])
            taken.add(choice)
            return _SLOT.sub(word, choice)

        return tidy(_SLOT.sub(word, pattern))


def read_templates(path: Path) -> Templates:
    """The word lists and groups of a TOML file.

    A group with `turned` is two: the second, with that score, says the opposite, by the lists that `[opposite]` names.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    opposite: dict[str, str] = content.get("opposite", {})
    opposite |= {other: name for name, other in opposite.items()}
    nested = {name: words for name, words in content["words"].items() if any(map(slots, words))}
    opposite |= {name: name + _TURNED for name in nested}
    turned = {opposite[name]: [_turn(word, opposite) for word in words] for name, words in nested.items()}
    groups = [
        group
        for table in content["group"]
        for group in (_group(table), *([_turned_group(table, opposite)] if "turned" in table else []))
    ]
    return Templates(content["words"] | turned, groups)


def _group(table: Mapping[str, Any]) -> Group:
    own = {key: value for key, value in table.items() if key not in ("name", "texts", "score", "turned")}
    return Group(name=table["name"], texts=table["texts"], score=table.get("score"), settings=own)


def _turned_group(table: Mapping[str, Any], opposite: Mapping[str, str]) -> Group:
    texts = [_turn(text, opposite) for text in table["texts"]]
    return replace(_group(table), texts=texts, score=table["turned"])


def _turn(text: str, opposite: Mapping[str, str]) -> str:
    """`text` with every slot exchanged for its opposite."""
    return _SLOT.sub(lambda slot: "{" + opposite.get(slot[1], slot[1]) + "}", text)


def slots(pattern: str) -> list[str]:
    """The names of a pattern's slots, in order."""
    return _SLOT.findall(pattern)


def tidy(text: str) -> str:
    """Single spaces, "an" before a vowel, a capital at the start of a sentence."""
    text = _SPACES.sub(" ", _ARTICLE.sub(r"\1n ", text)).strip()
    return text[:1].upper() + text[1:] if text.endswith((".", "!", "?")) else text
