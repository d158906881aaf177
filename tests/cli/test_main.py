"""The command line as a person uses it: a process, its output and its exit status."""

import csv
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lightsleeper import __version__
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.training.augment import CHANGES, WRITERS


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lightsleeper", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_texts_on_the_command_line_get_a_line_each() -> None:
    done = run("predict", "Simply wonderful!", "A dreadful, boring mess.")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["POSITIVE", "NEGATIVE"]
    assert done.returncode == 0


def test_it_says_its_version() -> None:
    assert run("--version").stdout == f"lightsleeper {__version__}\n"


def test_ten_thousand_lines_of_csv_keep_their_columns_and_order(tmp_path: Path) -> None:
    source, out = tmp_path / "reviews.csv", tmp_path / "out.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "review"])
        writer.writerows([n, "wonderful" if n % 3 else 'awful, "really"'] for n in range(10_000))
    done = run("predict", "--file", str(source), "--out", str(out))
    assert done.returncode == 0, done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == list(range(10_000))
    assert all(row["predicted_label"] == ("POSITIVE" if int(row["id"]) % 3 else "NEGATIVE") for row in rows)
    assert rows[0].keys() == {"id", "review", "predicted_label", "predicted_score", "truncated", "unfamiliar", "error"}


def test_standard_input_becomes_jsonl() -> None:
    done = run("predict", "--file", "-", "--output-format", "jsonl", stdin="Simply wonderful!\n\nAwful.\n")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["predicted_label"] for row in rows] == ["POSITIVE", None, "NEGATIVE"]
    assert [row["error"] for row in rows] == [None, "blank", None]


def test_a_label_column_of_the_file_is_not_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "labelled.jsonl"
    source.write_text('{"text": "Simply wonderful!", "label": "mine"}\n')
    (row,) = (
        json.loads(line)
        for line in run("predict", "--file", str(source), "--output-format", "jsonl").stdout.splitlines()
    )
    assert (row["label"], row["predicted_label"]) == ("mine", "POSITIVE")


def test_an_event_has_the_file_labelled_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("id,text\n1,Simply wonderful!\n2,Awful.\n")
    event = {"specversion": "1.0", "id": "1", "source": "/test", "type": "test"}
    (tmp_path / "event").write_text(json.dumps(event | {"data": {"file": "reviews.csv", "out": "done/reviews.csv"}}))
    done = run("predict", "--event", str(tmp_path / "event"), "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    with (tmp_path / "done" / "reviews.csv").open(newline="") as file:
        assert [row["predicted_label"] for row in csv.DictReader(file)] == ["POSITIVE", "NEGATIVE"]


def test_an_event_that_names_its_own_answer_is_no_work(tmp_path: Path) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/test", "type": "test", "subject": "reviews.labelled.csv"}
    (tmp_path / "event").write_text(json.dumps(event))
    done = run("predict", "--event", str(tmp_path / "event"), "--folder", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to do" in done.stderr


def test_a_reader_that_stops_early_is_no_error() -> None:
    done = subprocess.run(
        f"yes fine | head -5000 | {sys.executable} -m lightsleeper predict --file - | head -2",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["predict"], 2, "give texts, or --file"),
        (["predict", "text", "--file", "x.csv"], 2, "one of them"),
        (["predict", "text", "--out", "x.csv"], 2, "--out is for files"),
        (["predict", "text", "--output-format", "jsonl"], 2, "--output-format is for files"),
        (["predict", "text", "--strict"], 2, "--strict is for files"),
        (["predict", "text", "--text-column", "a"], 2, "--text-column is for files"),
        (["predict", "text", "--no-header"], 2, "--no-header is for files"),
        (["predict", "--file", "x.csv", "--folder", "."], 2, "--folder is for --event"),
        (["predict", "--event", "x.json", "--out", "x.csv"], 2, "--out is for --file"),
        (["predict", "--file", "x.csv", "--delimiter", "ab"], 1, "--delimiter is 'ab'; one character"),
        (["predict", "--file", "x.csv", "--delimiter", '"'], 1, "--delimiter is '\"'; one character"),
        (["predict", "--file", "x.csv", "--delimiter", "\n"], 1, "--delimiter is '\\n'; one character"),
        (
            ["predict", "--file", "x", "--format", "txt", "--delimiter", ","],
            1,
            "--format txt has no use for --delimiter",
        ),
        (["evaluate", "x", "--format", "jsonl", "--header"], 1, "--format jsonl has no use for --header"),
        (["predict", "--file", "x", "--format", "tsv", "--delimiter", ";"], 1, "--format tsv has tabs"),
        (["predict", "--file", "absent.csv"], 1, "No such file"),
        (["predict", "text", "--bundle", "absent"], 1, "cannot read bundle.json"),
        (["unknown"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_misuse_is_one_clear_line(arguments: list[str], status: int, complaint: str) -> None:
    done = run(*arguments)
    assert done.returncode == status
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("fault", ["taken", "no such host", "not ours"])
def test_an_address_that_cannot_be_had_ends_with_status_1(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        hosts = {"taken": "127.0.0.1", "no such host": "no-such-host.invalid", "not ours": "192.0.2.1"}
        monkeypatch.setenv("LIGHTSLEEPER_HOST", hosts[fault])
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))
        done = run("serve")
    assert done.returncode == 1
    assert f"lightsleeper: cannot listen on {hosts[fault]}, port " in done.stderr
    assert "Traceback" not in done.stderr


def damage(folder: Path, how: str) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    if how == "a manifest of nothing":
        (folder / "bundle.json").write_text("null")
    elif how == "a manifest that never ends":
        (folder / "bundle.json").unlink()
        os.mkfifo(folder / "bundle.json")
    elif how == "weights that are not listed":
        del manifest["files"]["model.onnx.data"]
        (folder / "bundle.json").write_text(json.dumps(manifest))
    elif how == "a tokenizer that panics":
        content = json.loads((folder / "tokenizer.json").read_text())
        content["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(a|aa)+$"}, "content": ""}
        tokenizer = json.dumps(content).encode()
        (folder / "tokenizer.json").write_bytes(tokenizer)
        listed = {"sha256": hashlib.sha256(tokenizer).hexdigest(), "bytes": len(tokenizer)}
        manifest["files"]["tokenizer.json"] = listed
        (folder / "bundle.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("command", [["predict", "fine", "--bundle", "bundle"], ["serve"]], ids=["predict", "serve"])
@pytest.mark.parametrize(
    "how",
    [
        "a manifest of nothing",
        "a manifest that never ends",
        "weights that are not listed",
        "a tokenizer that panics",
    ],
)
def test_a_hostile_bundle_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], how: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTSLEEPER_BUNDLE", "bundle")
    monkeypatch.setenv("RUST_BACKTRACE", "full")
    shutil.copytree(EMBEDDED, "bundle", ignore=shutil.ignore_patterns("__pycache__"))
    damage(tmp_path / "bundle", how)
    done = run(*command)
    assert done.returncode == 1
    assert done.stderr.startswith("lightsleeper: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_setting_that_cannot_be_right_ends_a_measurement_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSLEEPER_REDIS_URL", "redis://:s3cret@[")
    done = run("bench")
    assert done.returncode == 1
    assert done.stderr.startswith("lightsleeper: LIGHTSLEEPER_REDIS_URL: ")
    assert "s3cret" not in done.stderr


def test_help_teaches_by_example() -> None:
    assert 'lightsleeper predict "What a film!"' in run("--help").stdout


def test_help_for_training_names_every_augmentation() -> None:
    told = " ".join(run("train", "--help").stdout.split())
    assert f"writes rows ({', '.join(WRITERS)}) or changes those of the files ({', '.join(CHANGES)})" in told
