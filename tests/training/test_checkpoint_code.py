"""Code that comes with a checkpoint is never run."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from broken_checkpoints import WEIGHTS, read_whole
from checkpoints import write_checkpoint
from lightsleeper.errors import BundleError

pytestmark = pytest.mark.torch

#: What a checkpoint's own module would do, had it the chance.
TRAP = """
import os, pathlib
pathlib.Path(os.environ["TRAP"]).touch()
from transformers import DistilBertConfig as Config, DistilBertForSequenceClassification as Model
from transformers import DistilBertTokenizerFast as Tokenizer
Config.model_type = "trap"
"""
#: All of a checkpoint that `prepare` opens.
OPEN = """
import sys
from lightsleeper.errors import BundleError
from lightsleeper.training.checkpoint import find_checkpoint
try:
    with find_checkpoint(sys.argv[1]).opened() as model:
        model.run(model.tokenizer.encode(["fine"]))
    print("opened")
except BundleError as error:
    print("refused:", error.message)
"""
AUTO_MAP = {
    "AutoConfig": "trap.Config",
    "AutoModelForSequenceClassification": "trap.Model",
    "AutoTokenizer": ["trap.Tokenizer", "trap.Tokenizer"],
}


@pytest.mark.parametrize("model_type", ["distilbert", "trap"], ids=["of a known kind", "of a kind of its own"])
@pytest.mark.parametrize("tokenizer_file", ["tokenizer.json", "vocab.txt"])
def test_code_of_a_checkpoint_is_never_run_and_nobody_is_asked_whether_to(
    tmp_path: Path, model_type: str, tokenizer_file: str
) -> None:
    hostile, trap = write_checkpoint("distilbert", tmp_path / "hostile"), tmp_path / "sprung"
    (hostile / "trap.py").write_text(TRAP)
    config = json.loads((hostile / "config.json").read_text())
    (hostile / "config.json").write_text(json.dumps({**config, "model_type": model_type, "auto_map": AUTO_MAP}))
    (hostile / "tokenizer_config.json").write_text(json.dumps({"auto_map": AUTO_MAP, "tokenizer_class": "Trap"}))
    if tokenizer_file != "tokenizer.json":
        words = json.loads((hostile / "tokenizer.json").read_text())["model"]["vocab"]
        (hostile / "tokenizer.json").unlink()
        (hostile / tokenizer_file).write_text("\n".join(sorted(words, key=words.get)))
    done = subprocess.run(
        [sys.executable, "-c", OPEN, hostile],
        input="y\n" * 10,
        env={**os.environ, "TRAP": str(trap), "HF_MODULES_CACHE": str(tmp_path / "modules")},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert not trap.exists()
    assert "[y/N]" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    assert done.stdout == "opened\n" or done.stdout.startswith("refused: hostile"), done.stdout
    assert done.stdout.count("\n") == 1


class _Trap:
    """Unpickled by whoever trusts a file, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("write", [torch.save, lambda trap, file: file.write_bytes(pickle.dumps(trap))])
def test_a_pickled_checkpoint_runs_nothing(source: Path, tmp_path: Path, write: Callable[[Any, Path], None]) -> None:
    (source / WEIGHTS).unlink()
    write({"classifier.weight": _Trap(tmp_path / "sprung")}, source / "pytorch_model.bin")
    with pytest.raises(BundleError, match=r"pytorch_model\.bin cannot be loaded") as refusal:
        read_whole(source)
    assert "\n" not in refusal.value.message
    assert not (tmp_path / "sprung").exists()
