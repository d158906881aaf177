import re
from contextlib import suppress
from pathlib import Path

import pytest

from lightsleeper.bulk.records import Reading, Record, read_file
from lightsleeper.cli.main import main
from lightsleeper.errors import InvalidInput
from lightsleeper.training.labels import describe, names_of
from lightsleeper.training.mix import Source, read_rows


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


def test_a_missing_label_is_found_in_whatever_column_holds_the_labels(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("remark,verdict given\nso it was,a\nand then,b\nno one knew,\n")
    with pytest.raises(InvalidInput, match=r"rows\.csv.*4.*no label"):
        names_of(list(read_file(file, text_column="remark")), "it", label_column="verdict given")


@pytest.mark.parametrize("command", ["train", "evaluate", "prepare"])
@pytest.mark.parametrize(
    "content",
    ["a,b\nred one,x1\nblue two,y2\n", "text,label\nthe one,4\nthe two,5\nthe three,1\n", "id,no\n1,2\n2,3\n"],
)
def test_an_error_names_no_option_that_the_command_lacks(
    command: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content)
    with pytest.raises(InvalidInput) as error:
        list(Reading().labelled(read_file(file), ["NEGATIVE", "POSITIVE"]))
    with pytest.raises(SystemExit):
        main([command, "--help"])
    named = set(re.findall(r"--[a-z-]+", error.value.message))
    assert named
    assert not named - set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def test_what_labels_mean_and_which_are_left_out_can_be_said(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,stars\nbad,1\nso,3\nfine,5\n")
    reading = Reading(label_map={"1": "NEGATIVE", "5": "POSITIVE"}, skip_other=True)
    rows = read_rows(Source(file, reading=reading), ["NEGATIVE", "POSITIVE"])
    assert [(row.text, row.target) for row in rows] == [("bad", (1.0, 0.0)), ("fine", (0.0, 1.0))]
