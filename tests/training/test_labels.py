from contextlib import suppress
from pathlib import Path

import pytest

from lightsleeper.bulk.records import Record, read_file
from lightsleeper.errors import InvalidInput
from lightsleeper.training.labels import describe, names_of


def records(folder: Path, *labels: str) -> list[Record]:
    file = folder / "rows.csv"
    file.write_text("text,label\n" + "".join(f"text {number},{label}\n" for number, label in enumerate(labels)))
    return list(read_file(file))


def test_labels_are_sorted_numbers_by_their_value(tmp_path: Path) -> None:
    assert names_of(records(tmp_path, "b", "a", "b"), "it") == ["a", "b"]
    assert names_of(records(tmp_path, "10", "9"), "it") == ["9", "10"]


@pytest.mark.parametrize("missing", ["", "  ", "null", "NaN", "None"])
def test_a_missing_label_names_its_line(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InvalidInput, match=r"rows\.csv.*3.*no label"):
        names_of(records(tmp_path, "a", missing, "b"), "it")


def test_a_zero_of_json_is_a_label_and_null_is_none(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n')
    assert names_of(list(read_file(file)), "it") == ["0", "1"]
    file.write_text('{"text": "a", "label": 0}\n{"text": "b", "label": null}\n')
    with pytest.raises(InvalidInput, match="no label"):
        names_of(list(read_file(file)), "it")


def test_one_number_in_two_spellings_is_a_question(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"are '3' and '3\.0' one label|are '3\.0' and '3' one label"):
        names_of(records(tmp_path, "3.0", "3", "4"), "it")


def test_one_word_in_two_spellings_is_never_two_labels(tmp_path: Path) -> None:
    found: list[str] = []
    with suppress(InvalidInput):
        found = names_of(records(tmp_path, "Positive", "positive", "no"), "it")
    assert len(found) in (0, 2)


def test_one_label_alone_tells_nothing_apart(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="only the label"):
        names_of(records(tmp_path, "yes", "yes"), "rows.csv")


def test_rows_per_label_are_counted_with_their_share() -> None:
    assert describe({"a": 1, "bee": 3}) == ["  a           1   25.0%", "  bee         3   75.0%"]
