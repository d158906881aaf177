import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from lightsleeper.bulk.event import Order, read_order
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
