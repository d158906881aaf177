"""What `make bench-bulk` keeps and concludes; a contender is run in earnest where that takes a second."""

import subprocess
import sys
from pathlib import Path

import pytest

import many_rows
from against_peers import places_for
from engines.contenders import CONTENDERS
from engines.cpu_time import CpuTime
from engines.results import Result, Results, Task, on_paper, table


def _result(contender: str, *, cpu_s: float = 3.0, right: float | None = None, rows: int = 1_000) -> Result:
    return Result(contender=contender, texts="t", bundle="b", rows=rows, cpu_s=cpu_s, wall_s=2, right=right)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    Results(tmp_path / "kept").add(_result("spark"))
    kept = Results(tmp_path / "kept")
    assert kept.find("spark", "t", "b", 1_000, right=False) == _result("spark")
    for other in (
        ("ray", "t", "b", 1_000),
        ("spark", "u", "b", 1_000),
        ("spark", "t", "c", 1_000),
        ("spark", "t", "b", 9),
    ):
        assert kept.find(*other, right=False) is None


def test_who_was_not_asked_for_labels_is_measured_again_when_they_are_wanted(tmp_path: Path) -> None:
    kept = Results(tmp_path / "kept")
    kept.add(_result("python"))
    assert kept.find("python", "t", "b", 1_000, right=True) is None
    kept.add(_result("python", right=0.9))
    assert kept.find("python", "t", "b", 1_000, right=True) == _result("python", right=0.9)


def test_the_table_says_of_how_many_rows_each_figure_is() -> None:
    lines = table([(_result("python", right=0.9), "int8"), (_result("pipeline", rows=100), "float32")]).splitlines()
    assert lines[2] == "| python | int8 | 1,000 | 3 | 333 | 500 | 90.0% |"
    assert lines[3] == "| pipeline | float32 | 100 | 30 | 33 | 50 |  |"


def test_a_billion_rows_follow_from_the_cpu_time_of_a_thousand() -> None:
    task = Task(rows=1e9, hours=8, node_cores=4, usd_per_core_hour=0.05)
    # 10⁹ × 0.0036 s = 3.6 million CPU-seconds in 28,800 s: 125 cores; a tenth more on nodes of four: 34.4.
    assert (task.cores(3.6), task.nodes(3.6)) == (125, 35)
    assert task.usd(3.6) == pytest.approx(35 * 4 * 8 * 0.05)
    assert on_paper([_result("spark", cpu_s=3.6)], task).splitlines()[-1] == "| spark | 3.6 | 125 | 35 | 56 |"


def test_a_contender_runs_in_a_process_of_its_own_and_says_its_labels(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.write_text("Loved every minute.\nDull and long.\n", encoding="utf-8")
    labelled = tmp_path / "labelled.tsv"
    labelled.write_text("sentence\tlabel\nLoved it.\t1\nDreadful.\t1\n", encoding="utf-8")
    kept = Results(tmp_path / "kept")
    result = many_rows.Turns(kept, places_for(None), labelled).take("python", texts)
    assert result is not None
    assert (result.rows, result.right) == (2, 0.5)
    assert result.cpu_s > 0
    assert kept.find("python", result.texts, result.bundle, 2, right=True) == result


def test_the_slow_ones_are_those_in_float32() -> None:
    assert {name for name, each in CONTENDERS.items() if each.slow} == {"pipeline", "sorted"}


def test_a_process_that_nobody_waits_for_is_counted() -> None:
    """As Spark's workers are: their parent ignores that they end."""
    busy = "import time\nwhile time.process_time() < 1: pass"
    parent = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, '-c', {busy!r}])
while os.path.exists(f'/proc/{{worker.pid}}'): time.sleep(0.01)
"""
    with CpuTime() as cpu_time:
        subprocess.run([sys.executable, "-c", parent], check=True)
    assert 0.5 < cpu_time.seconds < 2
