"""Rows out of pieces: the same rows, however the text is cut."""

import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightsleeper.bulk.records import table as table_module
from lightsleeper.bulk.records.cell_table import rows_of
from lightsleeper.bulk.records.cells import CellReader, Dialect, Quoting
from lightsleeper.bulk.records.dialect import decide
from lightsleeper.bulk.records.table import open_table
from lightsleeper.errors import InvalidInput

AWKWARD = st.text(alphabet='ab "\\\t,;\r\n', max_size=40)


def cells(pieces: list[str], dialect: Dialect) -> list[list[str]]:
    return [row.cells for row in rows_of(pieces, dialect)]


@given(AWKWARD, st.sampled_from([",", "\t"]), st.sampled_from(["doubled", "backslash", "none"]), st.integers(1, 5))
def test_rows_do_not_depend_on_where_the_pieces_end(text: str, delimiter: str, quoting: Quoting, size: int) -> None:
    dialect = Dialect(delimiter, quoting)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert cells(pieces, dialect) == cells([text], dialect)


@given(AWKWARD, st.sampled_from([",", "\t", None]), st.sampled_from(["doubled", "backslash", "none"]))
def test_no_character_but_quotes_and_blanks_around_them_is_lost(
    text: str, delimiter: str | None, quoting: Quoting
) -> None:
    kept = "".join("".join(row) for row in cells([text], Dialect(delimiter, quoting)))
    for letter in "ab;":
        assert kept.count(letter) == text.count(letter)


@given(st.lists(st.lists(st.text(alphabet='ab "\t,;\n', max_size=8), min_size=2, max_size=2), min_size=1, max_size=6))
def test_what_python_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert cells([out.getvalue()], Dialect(",", "doubled")) == rows


@given(st.text(max_size=200))
def test_a_dialect_is_found_for_any_text(text: str) -> None:
    assert decide(text, whole=True).line_end in {"\n", "\r\n", "\r"}


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    rows = rows_of(['id,text\n1,"two\nlines"\n\n2,x\r\n3,y'], Dialect(",", "doubled"))
    assert [row.line for row in rows] == [1, 2, 4, 5, 6]


def test_a_row_without_end_is_refused_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightsleeper.bulk.records.cells.MAX_ROW_CHARS", 1000)
    with pytest.raises(InvalidInput, match="line 2 goes on for more than 1,000 characters"):
        cells(["text\n", *["x" * 100] * 20], Dialect(",", "doubled"))


def test_a_quote_that_never_closes_costs_its_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightsleeper.bulk.records.cells.MAX_ROW_CHARS", 1000)
    lines = ['0,"never closed\n', *[f"{number},fine\n" for number in range(1, 500)]]
    assert cells(lines, Dialect(",", "doubled"))[:2] == [["0", '"never closed'], ["1", "fine"]]
    assert len(cells(lines, Dialect(",", "doubled"))) == 500


def test_a_thousand_stray_quotes_are_searched_once() -> None:
    """Each would otherwise search the rest of the text again."""

    class Counted(str):
        __slots__ = ()
        searches = 0

        def find(self, *args: object) -> int:
            Counted.searches += args[0] == '"'
            return super().find(*args)  # type: ignore[arg-type]  # handed through

    reader = CellReader(Dialect(",", "doubled"))
    text = Counted('"a,b\n' * 1000)
    reader._text = text  # noqa: SLF001  # slicing would give a plain str
    reader._position = 0  # noqa: SLF001  # see above
    rows = []
    while (row := reader._row(last=True)) is not None and reader._position < len(text):  # noqa: SLF001  # see above
        rows.append(row)
    assert Counted.searches < 3 * 1000


class Endless(io.RawIOBase):
    """Many megabytes of rows that nobody holds."""

    def __init__(self, head: bytes, row: bytes, total: int) -> None:
        super().__init__()
        self._rest = self._bytes(head, row, total)

    @staticmethod
    def _bytes(head: bytes, row: bytes, total: int) -> Iterator[bytes]:
        yield head
        chunk = row * (1 + 2048 // len(row))
        for _ in range(total // len(chunk)):
            yield chunk

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants a wider type
        self._buffer = getattr(self, "_buffer", b"") or next(self._rest, b"")
        count = min(len(buffer), len(self._buffer))
        buffer[:count], self._buffer = self._buffer[:count], self._buffer[count:]
        return count


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (b"id,text\n", b'1,"a fine, quiet text"\n'),
        (b"id,text\n", b"1,caf\xe9\n"),
        (b"", b'{"id": 1, "text": "a fine text"}\n'),
        (b"[", b'{"id": 1, "text": "a fine text"},\n'),
    ],
)
def test_a_file_of_any_length_is_read_in_bounded_memory(
    head: bytes, row: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "WINDOW_BYTES", 2048)
    monkeypatch.setattr(table_module, "PIECE_BYTES", 2048)

    def peak(total: int) -> int:
        tracemalloc.start()
        try:
            with open_table(io.BufferedReader(Endless(head, row, total)), name="input") as table:
                rows = sum(1 for _ in table.rows)
            assert rows >= total // len(row) - 2048 // len(row) - 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20_000)  # what is allocated once
    short = peak(60_000)
    assert peak(240_000) < 1.5 * short
