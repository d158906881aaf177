import io
from pathlib import Path

import pytest

from lightsleeper.bulk.records import Writer, format_of, labelled, read, read_file
from lightsleeper.errors import InvalidInput


def texts(content: str, file_format: str, **options: str) -> list[str]:
    return [record.text for record in read(io.StringIO(content, newline=""), file_format, name="input", **options)]


def test_every_line_of_a_txt_is_a_text() -> None:
    assert texts("one\r\ntwo\n\nfour", "txt") == ["one", "two", "", "four"]


def test_a_csv_field_may_hold_quotes_commas_and_line_breaks() -> None:
    assert texts('id,review\n1,"a ""b"", c\nd"\n2,plain\n', "csv") == ['a "b", c\nd', "plain"]


def test_a_tsv_quote_is_a_plain_character() -> None:
    assert texts('sentence\tlabel\n"a quote that never ends\t1\nnext\t0\n', "tsv") == [
        '"a quote that never ends',
        "next",
    ]


def test_jsonl_rows_are_objects_or_strings() -> None:
    assert texts('{"text": "one", "id": 1}\n\n"two"\n', "jsonl") == ["one", "two"]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "excel.csv").write_bytes("\ufefftext,id\nfine,1\n".encode())
    assert [record.text for record in read_file(tmp_path / "excel.csv")] == ["fine"]


def test_the_text_column_is_found_whatever_its_case_and_place() -> None:
    assert texts("id,Review\n1,fine\n", "csv") == ["fine"]


def test_an_unusual_column_is_asked_for_and_can_be_named() -> None:
    with pytest.raises(InvalidInput, match="which column\\? id, opinion: name it with --text-column"):
        texts("id,opinion\n1,fine\n", "csv")
    assert texts("id,opinion\n1,fine\n", "csv", text_column="opinion") == ["fine"]


def test_other_columns_are_kept() -> None:
    (record,) = read(io.StringIO("id,text\n7,fine\n"), "csv", name="input")
    assert record.columns == {"id": "7", "text": "fine"}


@pytest.mark.parametrize(
    ("content", "file_format", "place"),
    [
        ("text,id\na,1\nb,2,3\n", "csv", "line 3"),
        ('text\n"never closed\n', "csv", "input"),
        ("id,text\n1,a\n\n2\n", "csv", "input, line 4"),
        ('{"text": "one"}\n{', "jsonl", "line 2"),
        ('{"text": "one"}\n[1]\n', "jsonl", "line 2"),
        ('{"text": "one"}\n{"text": 2}\n', "jsonl", "input, line 2"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(content: str, file_format: str, place: str) -> None:
    with pytest.raises(InvalidInput, match=place):
        texts(content, file_format)


def test_bytes_that_are_not_utf_8_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"fine\ncaf\xe9\n")
    with pytest.raises(InvalidInput, match=r"latin\.txt.*not UTF-8 \(byte 0xe9\)"):
        list(read_file(tmp_path / "latin.txt"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        list(read_file(tmp_path / "absent.csv"))


def test_an_unknown_suffix_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--format"):
        format_of(Path("reviews.xlsx"))


def test_labels_may_be_names_or_indices() -> None:
    rows = read(io.StringIO("text,label\na,POSITIVE\nb,0\n"), "csv", name="input")
    assert list(labelled(rows, ["NEGATIVE", "POSITIVE"])) == [("a", 1), ("b", 0)]


def test_an_unknown_label_is_refused_with_its_line() -> None:
    rows = read(io.StringIO("text,label\na,MIXED\n"), "csv", name="input")
    with pytest.raises(InvalidInput, match="input, line 2: label 'MIXED'"):
        list(labelled(rows, ["NEGATIVE", "POSITIVE"]))


def test_a_file_is_read_row_by_row() -> None:
    class Endless(io.StringIO):
        def __next__(self) -> str:  # type: ignore[override]  # typeshed derives StringIO from a stream of bytes
            return "again\n"

    rows = read(Endless(), "txt", name="input")
    assert [next(rows).text for _ in range(3)] == ["again"] * 3


@pytest.mark.parametrize(
    ("file_format", "expected"),
    [
        ("csv", 'text,score\n"a, ""b""",0.5\né,0.25\n'),
        ("jsonl", '{"text": "a, \\"b\\"", "score": 0.5}\n{"text": "é", "score": 0.25}\n'),
    ],
)
def test_rows_are_written_with_their_columns(file_format: str, expected: str) -> None:
    stream = io.StringIO()
    writer = Writer(stream, file_format)
    writer.write({"text": 'a, "b"', "score": 0.5})
    writer.write({"text": "é", "score": 0.25})
    assert stream.getvalue() == expected
