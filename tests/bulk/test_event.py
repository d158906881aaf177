import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from lightsleeper.bulk.event import Order, make_place, read_order
from lightsleeper.bulk.records.writing import output_format_of
from lightsleeper.errors import InvalidInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where events may name files."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def order(folder: Path, **fields: Any) -> Order | None:  # noqa: ANN401  # an event holds anything
    event = folder.parent / "event"
    event.write_text(json.dumps({"specversion": "1.0", "id": "1", "source": "/test", "type": "test"} | fields))
    return read_order(event, folder)


def test_the_data_names_the_file_and_where_its_labels_go(folder: Path) -> None:
    asked = order(folder, data={"file": "in/a.csv", "out": "done/a.jsonl"})
    assert asked == Order(folder / "in/a.csv", folder / "done/a.jsonl")


def test_without_a_place_the_labels_lie_beside_the_file(folder: Path) -> None:
    assert order(folder, data={"file": "in/a.b.csv"}) == Order(folder / "in/a.b.csv", folder / "in/a.b.labelled.csv")


@pytest.mark.parametrize(
    "fields",
    [
        {"data": '{"file": "a.csv"}'},
        {"data_base64": b64encode(b'{"file": "a.csv"}').decode()},
        {"subject": "a.csv"},
        {"subject": "a.csv", "data": "no JSON"},
        {"subject": "/blobServices/default/containers/reviews/blobs/a.csv", "data": {"api": "PutBlob", "url": "x"}},
    ],
)
def test_stores_name_a_file_in_many_ways(folder: Path, fields: dict[str, Any]) -> None:
    asked = order(folder, **fields)
    assert asked
    assert asked.source == folder / "a.csv"


def test_an_answer_is_not_answered_again(folder: Path) -> None:
    first = order(folder, data={"file": "a.csv"})
    assert first
    assert order(folder, subject=first.out.name) is None


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("r.csv.gz", "r.labelled.csv"),
        ("in/R.JSONL.GZ", "in/R.labelled.JSONL"),
        ("r.tsv.bz2.xz", "r.labelled.tsv"),
        ("r.csv.zip", "r.labelled.csv"),
        ("r.zip", "r.labelled.csv"),
        ("r.gz", "r.labelled.csv"),
        ("r.xlsx", "r.labelled.csv"),
        ("r.2026", "r.labelled.csv"),
        ("reviews", "reviews.labelled.csv"),
        ("r.parquet", "r.labelled.parquet"),
    ],
)
def test_the_place_beside_a_file_is_one_that_can_be_written(folder: Path, name: str, out: str) -> None:
    asked = order(folder, data={"file": name})
    assert asked == Order(folder / name, folder / out)
    assert output_format_of(asked.out)
    assert order(folder, subject=out) is None
    assert order(folder, subject=f"{out}.gz") is None


@pytest.mark.parametrize("out", ["r.csv/x.csv", "r.csv/deeper/x.csv", f"{'long' * 75}/x.csv"])
def test_a_place_that_no_folder_can_be_made_for_is_one_line(folder: Path, out: str) -> None:
    (folder / "r.csv").write_text("text\nGreat\n")
    asked = order(folder, data={"file": "r.csv", "out": out})
    assert asked
    with pytest.raises(InvalidInput, match=r"a file stands where a folder should be|name too long") as refusal:
        make_place(asked.out)
    assert refusal.value.field == "data.out"


@pytest.mark.parametrize("name", ["circle/a.csv", "\ud800.csv"])
def test_a_name_that_no_file_can_have_is_refused(folder: Path, name: str) -> None:
    (folder / "circle").symlink_to(folder / "circle")
    with pytest.raises(InvalidInput, match="names no file"):
        order(folder, data={"file": name})


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a/../../secret", ".", "link/a.csv", "a\0b"])
@pytest.mark.parametrize("field", ["file", "out"])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, field: str, name: str) -> None:
    (folder / "link").symlink_to("/")
    with pytest.raises(InvalidInput) as refusal:
        order(folder, data={"file": "a.csv"} | {field: name})
    assert refusal.value.field == f"data.{field}"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "subject"),
        ({"data": {"file": 5}}, "data.file"),
        ({"data": {"file": ""}}, "data.file"),
        ({"data": []}, "subject"),
    ],
)
def test_an_event_that_names_no_file_is_refused(folder: Path, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput, match="names no file") as refusal:
        order(folder, **fields)
    assert refusal.value.field == field


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"specversion": 1}', b"[" * 100_000, b" " * (2 << 20)])
def test_what_is_no_event_is_refused(folder: Path, content: bytes) -> None:
    (folder / "event").write_bytes(content)
    with pytest.raises(InvalidInput):
        read_order(folder / "event", folder)


def test_an_event_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_order(folder / "absent", folder)
