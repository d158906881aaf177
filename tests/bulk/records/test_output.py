"""A file appears whole and at the end, or stays as it was."""

import errno
import os
import stat
from pathlib import Path
from threading import Thread

import pytest

from lightsleeper.bulk.records.output import output
from lightsleeper.errors import InvalidInput


def write(path: Path, text: str = "new", *, source: Path | None = None) -> None:
    with output(path, source=source.stat() if source else None) as stream:
        stream.write(text)


def test_a_new_file_is_as_readable_as_any(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "new"
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    out.chmod(0o640)
    write(out)
    assert out.read_text() == "new"
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit(143)])
def test_whatever_ends_the_run_the_old_file_stays_and_nothing_beside_it(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def broken_off() -> None:
        with output(out, source=None) as stream:
            stream.write("half")
            raise error

    with pytest.raises(type(error)):
        broken_off()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_one_line_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidInput, match="No space left on device"):
        write(out)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to, None])
def test_the_file_that_is_read_is_refused_under_any_name(tmp_path: Path, link: object) -> None:
    source, out = tmp_path / "s.csv", tmp_path / "out.csv"
    source.write_text("text\nGreat\n")
    if callable(link):
        link(out, source)
    else:
        out = source
    with pytest.raises(InvalidInput, match="is the file that is read"):
        write(out, source=source)
    assert source.read_text() == "text\nGreat\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, out = tmp_path / "target.csv", tmp_path / "out.csv"
    target.write_text("old")
    out.symlink_to(target)
    write(out)
    assert out.is_symlink()
    assert target.read_text() == "new"


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no folder"):
        write(tmp_path / "absent" / "out.csv")


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Is a directory"):
        write(tmp_path)


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join()
    assert read == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
