"""Every example is a program that does what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lightsleeper

EXAMPLES = Path(__file__).parent / "examples"

pytestmark = [pytest.mark.bulk, pytest.mark.timeout(1800)]  # Ray and Spark start clusters


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("in_*.py")))
def test_an_example_labels_its_reviews(example: str) -> None:
    # Where its worker processes find the package: they do not inherit where pytest found it.
    paths = {"PYTHONPATH": str(Path(lightsleeper.__file__).parents[1]), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, EXAMPLES / example],
        env=os.environ | paths,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    labels = {row.get("text"): row.get("label") for row in map(json.loads, lines)}
    assert [labels.get("Loved every minute."), labels.get("Dull and long.")] == ["POSITIVE", "NEGATIVE"]
    assert [label for text, label in labels.items() if not (text or "").strip()] in ([None, None], [None])
    assert "0 rows differ" in done.stdout or example != "in_spark.py"
