import subprocess
import sys
from pathlib import Path

import lightsleeper

ROOT = Path(lightsleeper.__file__).parents[2]


def test_imports_keep_to_the_layers_and_walls() -> None:
    # A process of its own: import-linter configures logging for the whole process and disables our loggers.
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
