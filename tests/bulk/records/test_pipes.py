"""Pipes by name: what is read several times is kept, and nothing is read twice by accident."""

import zipfile
from pathlib import Path

import pytest

from lightsleeper.bulk.records import rules
from lightsleeper.bulk.records.pipes import rereadable
from lightsleeper.bulk.records.table import open_table
from lightsleeper.cli.main import main
from named_pipe import pipe_with

LABELLED = b"text,label\nA great film,POSITIVE\nAn awful film,NEGATIVE\n"


def test_no_row_is_lost_from_a_pipe_that_is_longer_than_the_window(tmp_path: Path) -> None:
    rows = [f"{number},a fine text of many words {number}" for number in range(10_000)]
    content = "\n".join(["id,text", *rows, ""]).encode()
    assert len(content) > rules.WINDOW_BYTES
    with pipe_with(content, tmp_path / "pipe.csv") as pipe, open_table(pipe) as table:
        assert [",".join(map(str, row.cells)) for row in table.rows] == rows


def test_an_archive_comes_through_a_pipe_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", LABELLED)
    with pipe_with((tmp_path / "a.zip").read_bytes(), tmp_path / "pipe") as pipe, open_table(pipe) as table:
        assert [row.cells for row in table.rows] == [["A great film", "POSITIVE"], ["An awful film", "NEGATIVE"]]


def test_a_pipe_is_kept_under_its_name_as_long_as_it_is_read(tmp_path: Path) -> None:
    with pipe_with(LABELLED, tmp_path / "pipe.csv") as pipe, rereadable() as again:
        copy = again(pipe)
        assert (copy, copy.parent.name) == (again(pipe), tmp_path.name)
        assert copy.name == "pipe.csv"
        assert [copy.read_bytes() for _ in range(2)] == [LABELLED, LABELLED]
    assert not copy.exists()


@pytest.mark.parametrize("name", ["file.csv", "absent.csv", "."])
def test_what_can_be_read_again_is_left_where_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.csv").write_bytes(LABELLED)
    with rereadable() as again:
        assert again(tmp_path / name) == tmp_path / name


def test_evaluate_takes_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pipe_with(LABELLED, tmp_path / "ev.csv") as pipe:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", str(pipe), "--json"])
        assert ended.value.code == 0
    assert '"rows": 2' in capsys.readouterr().out
