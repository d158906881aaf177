"""Rows that are given to `csv` are those that the reader itself would read alike."""

import random

import pytest

from lightsleeper.bulk.records.cells import CellReader, Cells, Dialect

PLAIN = str.maketrans("", "", '",\r\n')
PARTS = ('"', '""', '"a"', ",", ",", "\n", "\r\n", "\r", "a", "b ", " ", '"c, d"', '"e\nf"', "\0")


class Slow(CellReader):
    def _as_agreed(self, row: Cells) -> bool:  # noqa: ARG002  # as it is called
        return False


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


def _read(reader: type[CellReader], text: str, cut: int) -> list[tuple[list[str], int, int]]:
    cells = reader(Dialect(",", "doubled", "\n"))
    rows = [*cells.push(text[:cut]), *cells.push(text[cut:]), *cells.push("", last=True)]
    return [(row.cells, row.line, row.odd_quotes) for row in rows]
