"""Tab-separated files whose texts hold line ends and tabs behind a backslash, as MySQL writes them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.rules import MOSTLY

_PAIR = re.compile(r"\\([\s\S])")
#: No text holds half a surrogate: what stands for an escaped end until the cells are told apart.
_HELD: Final = {"\n": "\udc0a", "\t": "\udc09"}
_BACK = re.compile("\\\\([\udc0a\udc09])")


def are_usual(text: str, *, whole: bool, delimiter: str | None) -> bool:
    """Whether nearly all rows of `text` have as many tabs as the first only if a backslash before an end escapes it."""
    if delimiter not in {None, "\t"} or "\t" not in text or not re.search(r"\\[\n\t]", text):
        return False
    as_it_is, changed = _evenness(text, whole=whole), _evenness(exchanged(text), whole=whole)
    return changed >= MOSTLY and changed > as_it_is


def _evenness(text: str, *, whole: bool) -> float:
    lines = text.split("\n")
    tabs = [line.count("\t") for line in (lines if whole else lines[:-1]) if line]
    return tabs.count(tabs[0]) / len(tabs) if len(tabs) > 1 and tabs[0] else 0.0


def exchanged(text: str) -> str:
    """What is escaped, held; `text` ends with no half of a pair."""
    return _PAIR.sub(lambda pair: "\\" + _HELD.get(pair[1], pair[1]), text)


def pieces_exchanged(pieces: Iterable[str]) -> Iterator[str]:
    """As `exchanged`, of every piece."""
    kept = ""
    for piece in pieces:
        text = kept + piece
        backslashes = len(text) - len(text.rstrip("\\"))
        kept = "\\" if backslashes % 2 else ""
        yield exchanged(text[: len(text) - len(kept)])
    yield kept


def cells_exchanged(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Rows of an exchanged text with the ends that the file has, in the lines that they begin in."""
    above = 0
    for row in rows:
        row.line += above
        for index, cell in enumerate(row.cells):
            if "\\" in cell:
                above += cell.count("\udc0a")
                row.cells[index] = _BACK.sub(lambda held: chr(ord(held[1]) & 0xFF), cell)
        yield row
