"""Who asks a benchmark for help gets it, and has not started minutes of load."""

import subprocess
import sys
from pathlib import Path

import pytest

#: What needs the group `torch` as soon as it is imported.
_WITH_TORCH = {"families_table"}
_SCRIPTS = sorted(file for file in Path(__file__).parent.glob("*.py") if "\ndef main(" in file.read_text("utf-8"))


@pytest.mark.parametrize(
    "script",
    [pytest.param(file, id=file.stem, marks=[pytest.mark.torch] * (file.stem in _WITH_TORCH)) for file in _SCRIPTS],
)
def test_a_benchmark_asked_for_help_says_what_it_measures_and_ends(script: Path) -> None:
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script.name} [-h]")
    assert script.read_text("utf-8").splitlines()[0].strip('"') in done.stdout
