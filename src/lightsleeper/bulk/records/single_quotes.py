"""Tables whose cells stand in single quotes, as databases write them: read with both kinds of quotes exchanged."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lightsleeper.bulk.records.cells import CellReader, Cells
from lightsleeper.bulk.records.dialect import decide
from lightsleeper.bulk.records.rules import DELIMITERS, MOSTLY

_EXCHANGED: Final = str.maketrans("'\"", "\"'")
_BEGINS = re.compile(f"(?:^|[{re.escape(''.join(DELIMITERS))}])'", re.MULTILINE)


def are_usual(text: str, *, whole: bool, delimiter: str | None) -> bool:
    """Whether a table that begins with `text` has them in nearly every row, closes all and is even that way alone."""
    if len(_BEGINS.findall(text)) < max(1, MOSTLY * (text.count("\n") - 1)):
        return False
    dialect = decide(exchanged(text), whole=whole, delimiter=delimiter)
    if dialect.delimiter is None or f'{dialect.delimiter}"' in text or text.startswith('"'):
        return False
    rows = [row for row in CellReader(dialect).push(exchanged(text), last=whole) if row.cells not in ([""], [])]
    width = len(rows[0].cells) if rows else 0
    even = sum(len(row.cells) == width for row in rows)
    quoted = len(re.findall(f"(?:^|{re.escape(dialect.delimiter)})'", text, re.MULTILINE))
    is_even = even >= MOSTLY * len(rows) and quoted >= MOSTLY * (len(rows) - 1) > 0
    return width > 1 and is_even and dialect.quoting == "doubled" and not any(row.odd_quotes for row in rows)


def exchanged(text: str) -> str:
    """Single quotes for double ones, and the other way round."""
    return text.translate(_EXCHANGED)


def pieces_exchanged(pieces: Iterable[str]) -> Iterator[str]:
    """As `exchanged`, of every piece."""
    return map(exchanged, pieces)


def cells_exchanged(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Rows of an exchanged text with the quotes that the file has."""
    for row in rows:
        row.cells = [exchanged(cell) if "'" in cell or '"' in cell else cell for cell in row.cells]
        yield row
