"""`lightsleeper evaluate` on files: what it says of how it read them, and what it refuses."""

import json
from pathlib import Path

import pytest

from lightsleeper.cli.main import main


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", *arguments])
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_it_says_how_a_file_was_read_and_which_column_holds_the_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "reviews.csv"
    file.write_bytes("text;rating;Sentiment\nSehr schön;5;positive\nGanz übel;1;negative\n".encode("cp1252"))
    status, out, err = evaluated(capsys, str(file), "--json")
    assert not status
    assert json.loads(out)["rows"] == 2
    assert "reviews.csv: csv · semicolons between cells · windows-1252 · 3 columns · texts in 'text'\n" in err
    assert "reviews.csv: read as windows-1252, a guess\n" in err
    assert "reviews.csv: labels in 'Sentiment', not in 'rating'\n" in err


def test_of_two_columns_of_one_name_it_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "twice.csv"
    file.write_text("text,label,label\nGreat fit,1,0\nToo small,0,1\n")
    assert "twice.csv: labels in 'label', not in 'label 2'\n" in evaluated(capsys, str(file))[2]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text,label\nGreat fit,maybe\n", "column label: 'maybe' (1) are none of NEGATIVE, POSITIVE"),
        ("", "text"),
        ("id,text\n1,Great\n", "which column holds the labels? id, text"),
    ],
)
def test_what_is_refused_names_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("text,label\nGreat fit,1\nToo small,0\n")
    bad.write_text(content)
    status, _, _ = evaluated(capsys, str(good), str(bad))
    assert str(status).startswith("lightsleeper: ")
    assert "bad.csv" in str(status)
    assert complaint in str(status)
