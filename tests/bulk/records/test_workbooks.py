"""xlsx and parquet, as Excel and pandas write them."""

import io
import json
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightsleeper.bulk.records import workbooks
from lightsleeper.bulk.records.table import Choices, open_table
from lightsleeper.errors import InvalidInput


def workbook(*sheets: tuple[str, list[list[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_first_filled_sheet_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["id", "review", "at"],
        [1581797315601, "Great fit", datetime(2024, 1, 2, 3, 4)],  # noqa: DTZ001  # Excel knows no zones
        [2.5, None, date(2024, 1, 2)],
        [3.0, "Too small", True],
    ]
    (tmp_path / "reviews.xlsx").write_bytes(workbook(("cover", []), ("data", rows), ("notes", [["x"]])))
    with open_table(tmp_path / "reviews.xlsx") as table:
        assert (table.format, table.header, table.text_name) == ("xlsx", ["id", "review", "at"], "review")
        assert [row.cells for row in table.rows] == [
            ["1581797315601", "Great fit", "2024-01-02 03:04:00"],
            ["2.5", "", "2024-01-02"],
            ["3", "Too small", "TRUE"],
        ]
        assert table.notes == ["the sheet 'data' was read, not 'cover', 'notes'"]


MONTHS: list[tuple[str, list[list[object]]]] = [
    (month, [["text", "stars"], [f"Great fit in {month}", 5], ["Too small", 1]]) for month in ("Jan", "Feb", "Mar")
]
INFO: list[list[object]] = [["About this file"], ["It holds what guests wrote in the first quarter."]]
REVIEWS: list[list[object]] = [["id", "review"], *[[number, f"Great fit number {number}"] for number in range(20)]]


@pytest.mark.parametrize(
    ("sheets", "choices", "title"),
    [
        ([("Info", INFO), ("Reviews", REVIEWS)], Choices(), "Reviews"),
        ([("Reviews", REVIEWS), ("Info", INFO)], Choices(), "Reviews"),
        (MONTHS, Choices(), "Jan"),
        (MONTHS, Choices(sheet="feb"), "Feb"),
        ([("Numbers", [["a", "b"], [1, 2]]), *MONTHS], Choices(), "Jan"),
        ([("Info", INFO), ("Reviews", REVIEWS)], Choices(text_column="id"), "Reviews"),
    ],
)
def test_the_sheet_that_has_clearly_more_to_read_is_read_or_the_one_that_is_named(
    sheets: list[tuple[str, list[list[object]]]], choices: Choices, title: str
) -> None:
    with open_table(io.BytesIO(workbook(*sheets)), name="reviews.xlsx", choices=choices) as table:
        assert any(note.startswith(f"the sheet {title!r} was read, not ") for note in table.notes)
        assert len(list(table.rows)) == len(dict(sheets)[title]) - 1


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are() -> None:
    content = workbook(*MONTHS)
    with (
        pytest.raises(InvalidInput, match=r"reviews\.xlsx: no sheet 'April' among 'Jan', 'Feb', 'Mar'"),
        open_table(io.BytesIO(content), name="reviews.xlsx", choices=Choices(sheet="April")),
    ):
        pass
    with (
        pytest.raises(InvalidInput, match=r"reviews\.csv has no sheets: --sheet is for xlsx"),
        open_table(io.BytesIO(b"text\nGreat\n"), name="reviews.csv", choices=Choices(sheet="Jan")),
    ):
        pass


def test_a_workbook_is_known_by_its_contents_and_from_a_pipe() -> None:
    content = workbook(("data", [["text"], ["Great fit"]]))
    with open_table(io.BytesIO(content), name="standard input") as table:
        assert [row.cells for row in table.rows] == [["Great fit"]]


def test_a_damaged_workbook_is_one_line() -> None:
    content = workbook(("data", [["text"], ["Great fit"]]))
    with pytest.raises(InvalidInput, match=r"damaged|cannot be read"), open_table(io.BytesIO(content[:900])) as table:
        list(table.rows)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    columns = {
        "id": [1581797315601346561, None],
        "text": ["Great fit", "Too small"],
        "tags": [["a"], []],
        "price": [Decimal("1.50"), None],
        "at": [datetime(2024, 1, 2, tzinfo=UTC), None],
    }
    pq.write_table(pa.table(columns), tmp_path / "reviews.parquet")
    with open_table(tmp_path / "reviews.parquet") as table:
        rows = list(table.rows)
        assert (table.format, table.text_name) == ("parquet", "text")
    assert rows[0].cells[:3] == ["1581797315601346561", "Great fit", '["a"]']
    assert rows[1].cells[0] == ""
    assert json.loads(rows[0].raw or "")["id"] == 1581797315601346561


def test_parquet_loses_no_column_of_two_with_one_name_and_says_which_bytes_are_no_text(tmp_path: Path) -> None:
    struct = pa.array([{"b": "nested"}, None])
    columns = [pa.array([b"Great fit", b"caf\xe9"]), pa.array(["x", "y"]), pa.array(["flat", "flat"]), struct]
    pq.write_table(pa.Table.from_arrays(columns, ["text", "text", "a.b", "a"]), tmp_path / "reviews.parquet")
    with open_table(tmp_path / "reviews.parquet", choices=Choices(text_column="text")) as table:
        rows = list(table.rows)
    assert table.names == ["text", "text 2", "a.b", "a.b 2", "a"]
    assert [row.cells for row in rows] == [["Great fit", "x", "flat", "nested"], ["café", "y", "flat", None, ""]]
    assert [row.damaged for row in rows] == [False, True]


def test_a_date_that_python_does_not_have_is_read_as_it_is_written(tmp_path: Path) -> None:
    days = pa.array([0, -800_000], pa.date32())
    pq.write_table(pa.table({"text": ["Great fit", "Too small"], "day": days}), tmp_path / "days.parquet")
    with open_table(tmp_path / "days.parquet") as table:
        assert [row.cells for row in table.rows] == [["Great fit", "1970-01-01"], ["Too small", "-0221-09-04"]]


def test_a_parquet_file_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())}), tmp_path / "0.parquet"
    )
    with open_table(tmp_path / "0.parquet", choices=Choices(text_column="text")) as table:
        assert (list(table.rows), table.names) == ([], ["id", "text"])


def test_of_no_rows_any_column_may_be_said_to_hold_the_texts() -> None:
    with open_table(io.BytesIO(b"[]"), name="empty.json", choices=Choices(text_column="text")) as table:
        assert list(table.rows) == []


def test_a_sheet_that_breaks_off_in_a_later_row_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "reviews.xlsx"
    whole = io.BytesIO(workbook(("data", [["id", "text"], *[[number, f"Great {number}"] for number in range(5000)]])))
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[: len(content) * 2 // 3] if "sheet1" in name else content)
    with pytest.raises(InvalidInput, match="cannot be read as xlsx"), open_table(path) as table:
        list(table.rows)


def rewritten(content: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            for before, after in changes:
                part = re.sub(before, after, part, flags=re.DOTALL)
            target.writestr(name, part)
    return out.getvalue()


STRICT = (rb"http://schemas\.openxmlformats\.org/(\w+)/2006/(main|relationships)", rb"http://purl.oclc.org/ooxml/\1/\2")


@pytest.mark.parametrize(
    "changes",
    [
        [STRICT],
        [(rb"<fills>.*</fills>", b"<fills><fill/></fills>")],
        [(rb"<fonts>.*</fonts>", b"<fonts><font><sz/></font></fonts>")],
    ],
    ids=["strict", "a fill of nothing", "a font without a size"],
)
def test_what_excel_saves_as_strict_or_others_without_styles_is_read(changes: list[tuple[bytes, bytes]]) -> None:
    moment = datetime(2024, 1, 2, 3, 4)  # noqa: DTZ001  # Excel knows no zones
    content = rewritten(
        workbook(("data", [["text", "at"], ["Great fit", moment], ["Too small", date(2024, 1, 2)]])), *changes
    )
    with open_table(io.BytesIO(content), name="reviews.xlsx") as table:
        assert [row.cells for row in table.rows] == [["Great fit", "2024-01-02 03:04:00"], ["Too small", "2024-01-02"]]


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "find_spec", lambda _: None)
    with (
        pytest.raises(InvalidInput, match=r"pip install 'lightsleeper\[files\]'"),
        open_table(io.BytesIO(workbook(("data", [["text"], ["Great"]]))), name="reviews.xlsx"),
    ):
        pass
