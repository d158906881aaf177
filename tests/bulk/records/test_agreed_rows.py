"""Rows that are read many at once are those that the reader would read alike one by one."""

import random
import re

import pytest

from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect

PLAIN = str.maketrans("", "", '",\r\n')
PARTS = ('"', '""', '"a"', ",", ",", "\n", "\r\n", "\r", "a", "b ", " ", '"c, d"', '"e\nf"', "\0")


DIALECTS = [
    Dialect(",", "doubled", "\n"),
    Dialect("^", "doubled", "\n"),
    Dialect("\t", "doubled", "\n"),
    Dialect(",", "backslash", "\n"),
    Dialect(",", "none", "\n"),
    Dialect(None, "none", "\n"),
    Dialect(",", "doubled", "\r\n"),
    Dialect(",", "doubled", "\r"),
]


class Slow(CellReader):
    def _many(self) -> list[Cells]:
        return []


class OneByOne(CellReader):
    def _plain_lines(self, end: int) -> list[Cells]:  # noqa: ARG002  # as it is called
        return []

    def _as_agreed(self, pattern: re.Pattern[str]) -> list[Cells]:
        return super()._as_agreed(re.compile(pattern.pattern.removesuffix("*+")))


@pytest.mark.parametrize("seed", range(20))
def test_a_file_without_quotes_that_never_close_is_read_alike_in_c(seed: int) -> None:
    """A quote that never closes is guessed about, and the guess may end before a cell that RFC 4180 describes."""
    chance = random.Random(seed)  # no secret
    quick = 0
    for _ in range(200):
        cells = ["".join(chance.choices([*PARTS, "x" * 9], k=chance.randint(0, 4))) for _ in range(6)]
        written = [
            '"' + cell.replace('"', '""') + '"'
            if chance.random() < 0.5
            else cell.translate(PLAIN)
            if chance.random() < 0.5
            else cell.translate(dict.fromkeys(map(ord, '",\r\n')))
            for cell in cells
        ]
        text = "{},{}\r\n{},{}\n{},{}\n".format(*written)
        cut = chance.randint(0, len(text))
        found = [_read(reader, text, cut) for reader in (CellReader, Slow)]
        assert found[0] == found[1]
        quick += '"' in text
    assert quick > 150


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_a_file_is_read_alike_many_rows_at_once(dialect: Dialect) -> None:
    chance = random.Random(7)  # no secret
    for _ in range(2000):
        parts = chance.choices([*PARTS, "\n", dialect.delimiter or "x"], k=chance.randint(1, 30))
        text = "".join(parts) if chance.random() < 0.5 else "".join(parts).replace('"', "")
        cut = chance.randint(0, len(text))
        found = [_read(reader, text, cut, dialect) for reader in (CellReader, OneByOne)]
        assert found[0] == found[1]


def _read(
    reader: type[CellReader], text: str, cut: int, dialect: Dialect = DIALECTS[0]
) -> list[tuple[list[str], int, int]]:
    cells = reader(dialect)
    rows = [*cells.push(text[:cut]), *cells.push(text[cut:]), *cells.push("", last=True)]
    return [(row.cells, row.line, row.odd_quotes) for row in rows]
