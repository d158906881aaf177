"""`predict` on files: a process, what it writes, what it leaves alone."""

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import file_cases

COMMAND = [sys.executable, "-m", "lightsleeper", "predict"]


def predict(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *map(str, arguments)], input=stdin, capture_output=True, check=False, timeout=100)


def rows_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_the_file_that_is_read_is_never_written(tmp_path: Path, link: Callable[[Path, Path], None] | None) -> None:
    source = out = tmp_path / "s.csv"
    source.write_text("text\nGreat\n")
    if link:
        out = tmp_path / "other.csv"
        link(out, source)
    done = predict("--file", source, "--out", out)
    assert done.returncode == 1
    assert b"is the file that is read" in done.stderr
    assert source.read_text() == "text\nGreat\n"


def test_standard_output_onto_the_input_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "s.csv"
    source.write_text("text\nGreat\n")
    with source.open("ab") as out:
        done = subprocess.run(
            [*COMMAND, "--file", source], stdout=out, stderr=subprocess.PIPE, check=False, timeout=100
        )
    assert done.returncode == 1
    assert source.read_text() == "text\nGreat\n"


def test_a_bundle_that_is_refused_leaves_no_header_behind(tmp_path: Path) -> None:
    done = predict("--file", "-", "--bundle", tmp_path, stdin=b"text\nGreat\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"cannot read bundle.json" in done.stderr


@pytest.mark.parametrize(
    "content",
    [None, b"%PDF-1.7", b'{"text": "Great"}\n' * 300 + b"{\n"],
    ids=["missing", "refused", "an unreadable row after 300"],
)
def test_an_input_that_is_no_good_leaves_the_old_result(tmp_path: Path, content: bytes | None) -> None:
    source, out = tmp_path / "s.jsonl", tmp_path / "out.csv"
    out.write_text("old")
    if content is not None:
        source.write_bytes(content)
    done = predict("--file", source, "--out", out, "--strict")
    assert done.returncode == 1
    assert done.stderr.count(b"Traceback") == 0
    assert out.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} <= {"s.jsonl", "out.csv"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_the_old_result_and_nothing_else(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    # Who starts the tests in the background hands them a SIGINT that is ignored.
    command: list[str | Path] = [
        "env",
        "--default-signal=INT",
        *COMMAND,
        "--file",
        "-",
        "--format",
        "txt",
        "--out",
        out,
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"Great\n" * 50_000)
    process.stdin.flush()
    process.stderr.readline()  # how the file is read: the run is under way, and waits for the rest of its input
    while process.poll() is None:
        process.send_signal(number)
        # Python drops what a handler raises within a callback, as of an import (python/cpython#95959): tell it again.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
    process.stdin.close()
    process.stderr.close()
    assert process.returncode in {130, 143}
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_bad_row_is_named_kept_and_left_without_a_label() -> None:
    content = b'{"text": "Great"}\nnull\n5\n{"text": 5}\n{"id": 1}\n{"text": "Fine"}\n'
    done = predict("--file", "-", "--output-format", "jsonl", stdin=content)
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [bool(row["predicted_label"]) for row in rows] == [True, False, False, False, False, True]
    assert rows[1]["line"] == "null"
    assert rows[3]["text"] == 5
    assert b"neither a JSON object nor a string: rows 2, 3" in done.stderr
    assert b"text is a number, not a text: row 4" in done.stderr


def test_strict_stops_at_it() -> None:
    done = predict("--file", "-", "--strict", stdin=b'{"text": "Great"}\nnull\n')
    assert done.returncode == 1
    assert b"standard input, row 2 (line 2): neither a JSON object nor a string" in done.stderr


def test_strict_stops_at_no_blank() -> None:
    assert predict("--file", "-", "--strict", stdin=b"id,text\n1,Great\n2,\n3,NULL\n").returncode == 0


def test_what_is_not_unicode_is_read_and_written() -> None:
    done = predict("--file", "-", stdin=b"caf\xe9\n")
    assert rows_of(done)[0]["text"] == "caf\u00e9"
    done = predict("--file", "-", "--output-format", "jsonl", stdin=b'{"text":"\\ud83d x"}\n')
    assert done.stdout.startswith(b'{"text":"\\ud83d x", "predicted_label": ')


def test_a_mark_on_standard_input_is_not_part_of_the_first_name() -> None:
    done = predict("--file", "-", stdin="\ufeffid,text\n1,Great\n".encode())
    assert next(iter(rows_of(done)[0])) == "id"


def test_the_summary_says_what_became_of_every_row() -> None:
    done = predict("--file", "-", stdin=b'id,text\n1,Great\n2,\n3,NULL\n4,n/a\n5,"Fine",x\n6,"Awful, really"\n')
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "standard input: csv · commas between cells · utf-8 · 2 columns · texts in 'text'"
    assert lines[1].startswith("2 rows classified: ")
    assert re.fullmatch(r"in [\d.]+ s, \d+ rows a second", lines[-1])
    assert lines[2:-1] == [
        "1 row without a label: blank",
        "2 rows without a label: placeholders (NULL 1, n/a 1)",
        "1 row without a label: 3 cells, not 2: row 5",
    ]


def test_rows_of_which_the_model_knows_little_are_named_and_counted() -> None:
    done = predict("--file", "-", stdin="Great stay\nCe film est très mauvais.\n12345\n".encode())
    assert [row["unfamiliar"] for row in rows_of(done)] == ["false", "true", "true"]
    assert b"2 of them hold little that the model knows" in done.stderr


#: A zero-width space, control characters, a lone accent; and a sign without a form that only the tokenizer knows.
@pytest.mark.parametrize("text", ["\u200b", "\x7f", "\u0301", "\U0001f3fb"])
def test_what_the_api_refuses_to_read_is_a_blank_row(text: str) -> None:
    done = predict("--file", "-", stdin=f"id,text\n1,Great\n2,{text}\n".encode())
    assert [row["error"] for row in rows_of(done)] == ["", "blank"]
    assert "1 row without a label: blank" in done.stderr.decode().splitlines()
    assert predict(text).stdout.decode() == f"(blank)  {text}\n"


def test_a_typed_text_of_which_the_model_knows_little_is_named() -> None:
    done = predict("Great stay", "12345")
    assert done.stderr == b"the model knows little of: 12345\n"


def test_quiet_says_nothing() -> None:
    assert predict("--file", "-", "--quiet", stdin=b"Great\n").stderr == b""


def test_a_guess_can_be_corrected() -> None:
    content = "a|b\nGr\u00fc\u00dfe|x\n".encode("cp850")
    options = ("--format", "csv", "--delimiter", "|", "--encoding", "cp850", "--no-header", "--text-column", "column 2")
    done = predict("--file", "-", *options, stdin=content)
    assert [line.split("|")[0] for line in done.stdout.decode().splitlines()] == ["column 1", "a", "Gr\u00fc\u00dfe"]
    assert b"texts in 'column 2'" in done.stderr


def test_the_name_of_the_result_says_its_format(tmp_path: Path) -> None:
    for name, start in (("o.tsv", "id\ttext"), ("o.jsonl", '{"id": "1"'), ("o.csv", "id,text")):
        assert predict("--file", "-", "--out", tmp_path / name, stdin=b"id,text\n1,Great\n").returncode == 0
        assert (tmp_path / name).read_text().startswith(start)


@pytest.mark.parametrize(
    ("out", "complaint"),
    [("absent/out.csv", b"there is no folder"), (".", b"Is a directory"), ("out.xlsx", b"xlsx is not written")],
)
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, out: str, complaint: bytes) -> None:
    done = predict("--file", "-", "--out", tmp_path / out, stdin=b"Great\n")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_blank_text_has_no_label() -> None:
    assert predict("", " ").stdout == b"(blank)  \n(blank)   \n"


def test_bytes_on_the_command_line_that_are_not_unicode_are_read() -> None:
    done = subprocess.run([*COMMAND, b"caf\xe9"], capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().endswith("caf\u00e9\n")


def test_nothing_but_a_header_is_no_error() -> None:
    done = predict("--file", "-", "--format", "csv", stdin=b"id,text\n")
    assert done.returncode == 0
    assert done.stdout == b"id,text,predicted_label,predicted_score,truncated,unfamiliar,error\n"


def test_every_kind_of_file_goes_through(tmp_path: Path) -> None:
    """One process a file would take minutes; the readers' own tests take them one by one."""
    for name in ("shift_jis.csv", "gzip.csv.gz", "deep_envelope.json", "stray_quote.tsv"):
        out = tmp_path / f"{name}.jsonl"
        done = predict("--file", file_cases.FOLDER / name, "--out", out)
        assert done.returncode == 0, done.stderr
        labels = [json.loads(line)["predicted_label"] for line in out.read_text().splitlines()]
        assert len(labels) == len(file_cases.expected(name)["rows"])
        assert all(labels)


def test_a_full_disk_is_one_line() -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.fail("no /dev/full on this machine")
    done = predict("--file", "-", "--out", "/dev/full", stdin=b"Great\n")
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_standard_output_under_its_other_name_is_added_to_and_never_replaced(tmp_path: Path) -> None:
    source, log = tmp_path / "s.csv", tmp_path / "log.csv"
    source.write_text("text\nGreat\n")
    log.write_text("kept\n")
    command = [*COMMAND, "--quiet", "--file", str(source), "--out", "/dev/stdout"]
    with log.open("ab") as out:
        subprocess.run(command, stdout=out, check=True, timeout=100)
    assert log.read_text().splitlines()[:2] == [
        "kept",
        "text,predicted_label,predicted_score,truncated,unfamiliar,error",
    ]
    assert subprocess.run(command, capture_output=True, check=True, timeout=100).stdout.startswith(b"text,")


def test_a_damaged_input_is_not_laid_to_the_result(tmp_path: Path) -> None:
    source = tmp_path / "s.csv.gz"
    source.write_bytes(gzip.compress(b"text\nGreat\n" * 50_000)[:-8])
    done = predict("--file", source, "--out", tmp_path / "out.csv")
    assert done.returncode == 1
    assert b"s.csv.gz is damaged" in done.stderr
    assert list(tmp_path.iterdir()) == [source]


def test_a_column_called_surplus_stays(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    predict("--file", "-", "--format", "csv", "--out", out, stdin=b'surplus,text\n1,Great\n2,"Fine",3\n')
    second = json.loads(out.read_text().splitlines()[1])
    assert (second["surplus"], second["surplus_by_lightsleeper"]) == ("2", ["3"])
