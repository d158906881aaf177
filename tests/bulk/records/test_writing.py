"""Rows out: every cell that came in, and ours behind them."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import file_cases
from lightsleeper.bulk.records.findings import FOUND, free_names
from lightsleeper.bulk.records.table import Choices, open_table
from lightsleeper.bulk.records.writing import output_format_of, writer_for
from lightsleeper.errors import InvalidInput

ANSWER: dict[str, Any] = dict(zip(FOUND, ("POSITIVE", 0.75, False, True, None), strict=True))


def written_bytes(content: bytes, output_format: str, name: str = "input.csv", choices: Choices | None = None) -> bytes:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    with open_table(io.BytesIO(content), name=name, choices=choices) as table:
        writer = writer_for(output_format, out, table)
        for row in table.rows:
            writer.write(row, {**ANSWER, "error": row.problem or None})
        writer.finish()
    out.flush()
    return out.buffer.getvalue()


def written(content: bytes, output_format: str, name: str = "input.csv", choices: Choices | None = None) -> str:
    return written_bytes(content, output_format, name, choices).decode()


def test_every_column_is_kept_in_its_place() -> None:
    assert written(b'id,text\n1,"a, ""b"""\n2,plain\n', "csv") == (
        "id,text,predicted_label,predicted_score,truncated,unfamiliar,error\n"
        '1,"a, ""b""",POSITIVE,0.75,false,true,\n'
        "2,plain,POSITIVE,0.75,false,true,\n"
    )


def test_a_lone_carriage_return_is_quoted() -> None:
    out = written(b'id,text\n1,"Great\rstay"\n', "csv")
    assert '"Great\rstay"' in out
    assert list(csv.reader(io.StringIO(out, newline="")))[1][1] == "Great\rstay"


def test_two_columns_of_one_name_and_one_without_stay_as_they_were() -> None:
    out = written(b",text,text\n0,Great,Thanks\n", "csv")
    assert out.splitlines()[0].startswith(",text,text,predicted_label")
    (row,) = [json.loads(line) for line in written(b",text,text\n0,Great,Thanks\n", "jsonl").splitlines()]
    assert {"column 1": "0", "text": "Great", "text 2": "Thanks"}.items() <= row.items()


def test_our_names_make_way_for_the_files() -> None:
    names = "text,label,predicted_label,predicted_label_by_lightsleeper,error"
    header, row = csv.reader(io.StringIO(written(f"{names}\nGreat,a,b,c,d\n".encode(), "csv")))
    assert row[:5] == ["Great", "a", "b", "c", "d"]
    assert len(set(header)) == len(header)
    assert row[header.index("predicted_label_by_lightsleeper_2")] == "POSITIVE"
    assert free_names(["error"], ["error"]) == ["error_by_lightsleeper"]


def test_a_file_keeps_its_delimiter() -> None:
    assert written(b"id;text\n1;Great\n", "csv").splitlines()[1] == "1;Great;POSITIVE;0.75;false;true;"
    assert written(b"id\ttext\n1\tGreat\n", "csv").splitlines()[1] == "1,Great,POSITIVE,0.75,false,true,"
    assert written(b"id;text\n1;Great\n", "tsv").splitlines()[1] == "1\tGreat\tPOSITIVE\t0.75\tfalse\ttrue\t"


def test_a_json_row_is_repeated_to_the_letter() -> None:
    lines = ['{"id": 1581797315601346561, "stars": 4.50, "text": "Gr\\u00e9at", "x": null}', '{ "text" : "b" }']
    out = written("\n".join(lines).encode(), "jsonl", "input.jsonl").splitlines()
    assert [each.startswith(line.rstrip("} ")) for each, line in zip(out, lines, strict=True)] == [True, True]
    assert [json.loads(each)["predicted_label"] for each in out] == ["POSITIVE", "POSITIVE"]


def test_keys_that_come_late_are_columns_of_every_row() -> None:
    content = b'{"text": "a"}\n{"text": "b", "id": 1581797315601346561, "error": "mine"}\n{"text": null}\n'
    rows = list(csv.DictReader(io.StringIO(written(content, "csv", "input.jsonl"))))
    assert [row["id"] for row in rows] == ["", "1581797315601346561", ""]
    assert [row["error"] for row in rows] == ["", "mine", ""]
    assert [row["text"] for row in rows] == ["a", "b", ""]
    assert {row["error_by_lightsleeper"] for row in rows} == {""}


def test_what_is_no_row_is_kept() -> None:
    content = b'{"text": "a"}\nnull\n{"text": "cut\n'
    out = [json.loads(line) for line in written(content, "jsonl", "input.jsonl").splitlines()]
    assert [row.get("line") for row in out] == [None, "null", '{"text": "cut']
    rows = list(csv.DictReader(io.StringIO(written(content, "csv", "input.jsonl"))))
    assert rows[2]["error"].endswith(': {"text": "cut')


def test_cells_without_a_column_are_kept() -> None:
    content = b'id,text\n1,"a",b,c\n2,d\n'
    surplus, _ = [json.loads(line) for line in written(content, "jsonl").splitlines()]
    assert surplus["surplus"] == ["b", "c"]
    _, row, _ = csv.reader(io.StringIO(written(content, "csv")))
    assert row[-1] == '4 cells, not 2: ["b", "c"]'


def test_excel_gets_its_mark_and_nothing_to_compute() -> None:
    out = written(b'id,text\n-5,"=1+1"\n+1 234,@sum\n3,-\n', "excel")
    assert out.startswith("\ufeffid,text,")
    lines = out.split("\r\n")
    assert [line.split(",POSITIVE")[0] for line in lines[1:4]] == ["-5,'=1+1", "'+1 234,'@sum", "3,'-"]


def test_other_formats_change_no_cell() -> None:
    assert "1,=1+1,POSITIVE" in written(b"id,text\n1,=1+1\n", "csv")


@pytest.mark.parametrize(
    ("name", "output_format"),
    [("a.csv", "csv"), ("a.CSV", "csv"), ("a", "csv"), ("a.tsv", "tsv"), ("a.jsonl", "jsonl"), ("a.ndjson", "jsonl")],
)
def test_the_name_says_the_format(name: str, output_format: str) -> None:
    assert output_format_of(Path(name)) == output_format


@pytest.mark.parametrize("name", ["a.xlsx", "a.orc", "a.csv.gz"])
def test_a_format_that_is_not_written_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not written"):
        output_format_of(Path(name))


@pytest.mark.parametrize(
    "name",
    [name for name in file_cases.names() if "rows" in (case := file_cases.expected(name)) and "only" not in case],
)
@pytest.mark.parametrize("output_format", ["csv", "tsv", "jsonl", "parquet"])
def test_what_is_written_is_read_again_with_every_cell(name: str, output_format: str) -> None:
    case = file_cases.expected(name)
    if not case["rows"]:
        return
    content = (file_cases.FOLDER / name).read_bytes()
    out = written_bytes(content, output_format, name, Choices(**case.get("choices", {})))
    choices = Choices(file_format=output_format, header=True) if output_format in {"csv", "tsv"} else Choices()
    with open_table(io.BytesIO(out), name=f"again.{output_format}", choices=choices) as again:
        rows = [row.cells for row in again.rows]
    for cells, row in zip(case["rows"], rows, strict=True):
        kept = [cell or "" for cell in row]
        assert [cell for cell in cells if cell and cell != "{}" and cell not in kept] == []


@given(
    st.lists(st.lists(st.text(alphabet='ab ",;\t\r\n=', max_size=6), min_size=2, max_size=2), min_size=1, max_size=5)
)
@example([["", "\r\r"], ["\r\r", "\n\r"]])
def test_any_cell_survives_csv(rows: list[list[str]]) -> None:
    source = io.StringIO(newline="")
    csv.writer(source, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["first", "second"], *rows])
    out = written(source.getvalue().encode(), "csv", choices=Choices(header=True, delimiter=","))
    read = list(csv.reader(io.StringIO(out, newline=""), strict=True))
    assert [row[:2] for row in read[1:]] == rows


PARQUET = {
    "id": [1581797315601346561, None, 3],
    "text": ["Great fit", "Too small", None],
    "tags": [["a"], [], None],
    "price": [Decimal("1.50"), None, Decimal("2.00")],
    "at": [datetime(2024, 1, 2, tzinfo=UTC), None, None],
    "error": ["theirs", "", None],
}


def test_parquet_from_parquet_keeps_every_type_and_value() -> None:
    source = pa.table(PARQUET)
    content = io.BytesIO()
    pq.write_table(source, content, row_group_size=2)
    labelled = pq.read_table(io.BytesIO(written_bytes(content.getvalue(), "parquet", "reviews.parquet")))
    assert labelled.select(source.column_names).equals(source)
    ours = [name for name in labelled.column_names if name not in source.column_names]
    assert ours == [*FOUND[:-1], "error_by_lightsleeper"]
    assert labelled["predicted_score"].to_pylist() == [0.75] * 3
    assert labelled["truncated"].to_pylist() == [False] * 3


def test_our_names_are_the_same_in_all_rows_and_no_member_has_one() -> None:
    content = b'{"text": "Great"}\n{"text": "Dull", "Predicted_Label": "x", "error": {"code": 1}, "a.truncated": 1}\n'
    rows = [json.loads(line) for line in written(content, "jsonl", "reviews.jsonl").splitlines()]
    for row in rows:
        assert row["predicted_label_by_lightsleeper"] == "POSITIVE"
        assert row["error_by_lightsleeper"] is None
        assert row["truncated"] is False
    assert "predicted_label" not in rows[0]
    assert rows[1]["error"] == {"code": 1}


def test_a_struct_of_parquet_with_one_of_our_names_is_read_back() -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"text": ["Great"], "error": [{"code": 1}]}), content)
    labelled = pq.read_table(io.BytesIO(written_bytes(content.getvalue(), "parquet", "a.parquet")))
    assert labelled.column_names == ["text", "error", *FOUND[:-1], "error_by_lightsleeper"]


def test_what_json_cannot_say_is_null() -> None:
    content = io.BytesIO()
    table = {"text": ["a", "b"], "rating": [float("nan"), float("inf")], "many": [[1.5, float("nan")], None]}
    pq.write_table(pa.table({**table, "in": [{"x": float("-inf")}, {"x": 2.0}]}), content)
    rows = [json.loads(line, parse_constant=pytest.fail) for line in _lines(content.getvalue(), "a.parquet")]
    assert [row["rating"] for row in rows] == [None, None]
    assert [row["many"] for row in rows] == [[1.5, None], None]
    assert [row["in"] for row in rows] == [{"x": None}, {"x": 2.0}]


@pytest.mark.parametrize("control", ["\n", "\r", "\t", "\x01", "\r\n"])
def test_a_raw_control_character_in_a_json_string_stays_what_it_was(control: str) -> None:
    content = f'[{{"id": 1,{control if control.isspace() else ""}"text": "Great{control}stay \\" again"}}]'.encode()
    (row,) = [json.loads(line) for line in _lines(content, "a.json")]
    assert (row["id"], row["text"]) == (1, f'Great{control}stay " again')


def _lines(content: bytes, name: str) -> list[str]:
    return written(content, "jsonl", name).removesuffix("\n").split("\n")


def test_parquet_of_rows_whose_columns_turn_up_late_has_them_all() -> None:
    content = b'{"text": "Great"}\n{"text": "Fine", "stars": 4}\n'
    labelled = pq.read_table(io.BytesIO(written_bytes(content, "parquet", "reviews.jsonl"))).to_pylist()
    assert [row["stars"] for row in labelled] == [None, "4"]
    assert [row["predicted_label"] for row in labelled] == ["POSITIVE"] * 2


def test_parquet_without_rows_has_its_columns() -> None:
    labelled = pq.read_table(io.BytesIO(written_bytes(b"id,text\n", "parquet")))
    assert labelled.column_names == ["id", "text", *FOUND]
