"""Ends of lines and cells behind a backslash, wherever the pieces of a file are cut."""

import pytest

from lightsleeper.bulk.records import escaped_ends
from lightsleeper.bulk.records.cell_table import rows_of
from lightsleeper.bulk.records.cells import Dialect

TEXT = "1\tGreat\\\nplace\n2\tA\\\ttab\n3\tends\\\\\n4\tFine\\\n\\\nindeed\n"
DIALECT = Dialect("\t", "none")


def read(pieces: list[str]) -> list[tuple[int, list[str]]]:
    rows = escaped_ends.cells_exchanged(rows_of(escaped_ends.pieces_exchanged(pieces), DIALECT))
    return [(row.line, row.cells) for row in rows]


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_a_cut_changes_nothing(cut: int) -> None:
    assert read([TEXT[:cut], TEXT[cut:]]) == [
        (1, ["1", "Great\nplace"]),
        (3, ["2", "A\ttab"]),
        (4, ["3", "ends\\\\"]),
        (5, ["4", "Fine\n\nindeed"]),
    ]


def test_a_backslash_at_the_very_end_is_kept() -> None:
    assert read(["1\tGreat\\"]) == [(1, ["1", "Great\\"])]
