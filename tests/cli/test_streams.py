"""Streams that are full or not there are one line, whatever the command."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "command", ["predict Great", "evaluate labelled.csv", "plan --rate 1/s --service-ms 5 --hours 1"]
)
def test_what_is_said_onto_a_full_disk_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "labelled.csv").write_text("text,label\nGreat,POSITIVE\nDull,NEGATIVE\n")
    shell = f'exec "$0" -m lightsleeper {command} >/dev/full'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable], capture_output=True, check=False, timeout=100, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "lightsleeper: No space left on device"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "complaint"),
    [
        ("<&-", b"standard input is closed"),
        (">&-", b"standard output is closed"),
        (">/dev/full", b"standard output: No space"),
    ],
)
def test_streams_that_are_not_there_are_one_line_each(closed: str, complaint: bytes) -> None:
    command = f'printf "Great\\n" | exec "$0" -m lightsleeper predict --quiet --file - {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, check=False, timeout=100)
    assert done.returncode == 1
    assert done.stderr.startswith(b"lightsleeper: " + complaint)
    assert done.stderr.count(b"\n") == 1
