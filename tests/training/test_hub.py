"""`lightsleeper prepare` as a process, with the hub's own client, against a hub on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from checkpoints import write_checkpoint
from hub import COMMIT, serve_hub
from lightsleeper.model.model import load_model

pytestmark = pytest.mark.torch

MODEL = "someone/tiny-sentiment"


def prepare(address: str, home: Path, *arguments: str, **said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lightsleeper", "prepare", *arguments],
        env={**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **said},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_of_the_hub_is_downloaded_at_its_commit_and_prepared(tmp_path: Path) -> None:
    source = write_checkpoint("distilbert", tmp_path / "source")
    (source / "training_log.txt").write_text("nothing that a bundle needs")
    (source / "pytorch_model.bin").write_bytes(b"the same weights, pickled")
    out = tmp_path / "bundle"
    with serve_hub(MODEL, source) as hub:
        found = prepare(hub.address, tmp_path / "home", "--model", MODEL, "--revision", "main", "--out", str(out))
    assert found.returncode == 0, found.stderr
    assert sorted(hub.given) == ["config.json", "model.safetensors", "tokenizer.json"]
    manifest = load_model(out).bundle.manifest
    assert (manifest.model_id, manifest.revision) == (MODEL, COMMIT)


@pytest.mark.parametrize(
    ("model", "revision", "reason"),
    [
        ("someone/else", "main", "someone/else: the hub has no such model"),
        (MODEL, "v2", f"{MODEL}: the hub has no revision v2 of it"),
        ("not a/model/id", "main", "not a/model/id is neither a folder nor the id of a model on the hub"),
    ],
)
def test_what_the_hub_does_not_have_is_said_in_one_line(tmp_path: Path, model: str, revision: str, reason: str) -> None:
    with serve_hub(MODEL, tmp_path) as hub:
        found = prepare(
            hub.address, tmp_path / "home", "--model", model, "--revision", revision, "--out", str(tmp_path / "bundle")
        )
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"lightsleeper: {reason}")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("model", ["bundles/mistyped", MODEL])
def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path: Path, model: str) -> None:
    found = prepare("http://127.0.0.1:9", tmp_path / "home", "--model", model, "--out", str(tmp_path / "bundle"))
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"lightsleeper: {model} is no folder here and cannot be downloaded: ")


READ = f"from lightsleeper.training.checkpoint import find_checkpoint; print(find_checkpoint({MODEL!r}).revision)"


def test_offline_a_model_that_was_downloaded_earlier_is_read_and_no_other(tmp_path: Path) -> None:
    source, home = write_checkpoint("distilbert", tmp_path / "source"), tmp_path / "home"
    with serve_hub(MODEL, source) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        subprocess.run([sys.executable, "-c", READ], env=environment, check=True)
    offline = {**environment, "HF_HUB_OFFLINE": "1"}
    found = subprocess.run([sys.executable, "-c", READ], env=offline, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == COMMIT
    out = tmp_path / "bundle"
    other = prepare(hub.address, home, "--model", "someone/else", "--out", str(out), HF_HUB_OFFLINE="1")
    assert other.returncode == 1
    assert other.stderr == (
        "lightsleeper: someone/else is no folder here, nor was it downloaded earlier; HF_HUB_OFFLINE is set\n"
    )


def test_a_gated_model_says_what_to_do(tmp_path: Path) -> None:
    source = write_checkpoint("distilbert", tmp_path / "source")
    with serve_hub(MODEL, source) as hub:
        hub.refuses_files = "GatedRepo"
        found = prepare(hub.address, tmp_path / "home", "--model", MODEL, "--out", str(tmp_path / "bundle"))
    assert found.returncode == 1
    assert found.stderr == f"lightsleeper: {MODEL} is gated: accept its terms on the hub, then log in (HF_TOKEN)\n"


def test_a_model_of_the_hub_without_weights_is_named(tmp_path: Path) -> None:
    source = write_checkpoint("distilbert", tmp_path / "source")
    (source / "model.safetensors").rename(source / "model.gguf")
    with serve_hub(MODEL, source) as hub:
        found = prepare(hub.address, tmp_path / "home", "--model", MODEL, "--out", str(tmp_path / "bundle"))
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"lightsleeper: {MODEL}: ")
    assert "has neither model.safetensors nor pytorch_model.bin" in line
