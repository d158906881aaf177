"""Many rows, by each engine and by what people use today: CPU-seconds and rows a second, the same texts for all.

    many_rows.py FILE [--rows 100000] [--slow-rows 10000] [--labelled FILE --training FILE]

FILE holds a text a line, or is a .jsonl with `text`. Each contender runs in processes of its own, start included, one
after the other; their CPU time is that of all that they started. On a machine that does other work,
only the CPU time means something. Beside it: how often each kind of weights is right on the labelled texts, and texts
of 128 tokens on one thread. Each result is kept as soon as it is there: a run that was ended goes on where it was, and
deleting the file of results measures anew.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from pathlib import Path

from against_peers import ENVIRONMENTS, places_for, read_labelled, write_checkpoint
from engines.contenders import CONTENDERS, OURS, Contender, lines_of
from engines.cpu_time import CpuTime
from engines.results import Result, Results, Task, on_paper, table
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from peers.bench import Bench
from peers.contenders import Places
from peers.processes import last_line
from peers.table import cpu

_ON_PAPER = ("spark", "service")


def main() -> None:
    """Measure what is lacking and print the table, or be one contender in this process."""
    options = _options()
    if options.run:
        answer = CONTENDERS[options.run].run(options.file, places_for(None))
        options.answer.write_text(json.dumps(asdict(answer)), encoding="utf-8")
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts")
        texts.write_text("".join(islice(_readable(options.file), options.rows)), encoding="utf-8")
        slow = Path(folder, "slow")
        slow.write_text("".join(islice(_readable(texts), options.slow_rows)), encoding="utf-8")
        turns = Turns(Results(options.results), places_for(options.training), options.labelled)
        taken = [turns.take(name, slow if CONTENDERS[name].slow else texts) for name in options.only]
    known = [result for result in taken if result]
    print(f"{cpu()}; {os.cpu_count()} CPUs\n\n{table([(each, CONTENDERS[each.contender].weights) for each in known])}")
    if scaled := [each for each in known if each.contender in _ON_PAPER]:
        print(f"\n{on_paper(scaled, Task())}")
    print(*(f"\nNot run: {name}: {reason}" for name, reason in turns.failed.items()), sep="\n", end="")


class Turns:
    """One contender after the other."""

    def __init__(self, results: Results, places: Places, labelled: Path | None) -> None:
        self._results, self._places = results, places
        self._labelled = read_labelled(labelled) if labelled else []
        self._bundle = open_bundle(EMBEDDED).digest[:12]
        #: Who could not be run, and why.
        self.failed: dict[str, str] = {}

    def take(self, name: str, file: Path) -> Result | None:
        """What is known of a contender, or is measured now; None if it cannot be run."""
        contender = CONTENDERS[name]
        texts = "" if contender.own_texts else sha256(file.read_bytes()).hexdigest()[:12]
        rows = 0 if contender.own_texts else len(lines_of(file))
        wants_right = contender.answers and bool(self._labelled)
        known = self._results.find(name, texts, self._bundle, rows, right=wants_right)
        if known:
            return known
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            self._ready(contender)
            took = {"rows": rows, **measured(name, file)}
            right = self._right(name) if wants_right else None
        except RuntimeError as reason:
            self.failed[name] = str(reason)
            return None
        result = Result(contender=name, texts=texts, bundle=self._bundle, right=right, **took)
        self._results.add(result)
        return result

    def _ready(self, contender: Contender) -> None:
        """What it needs, made before the clock starts."""
        if contender.weights != OURS:
            write_checkpoint(self._places)
        if contender.peer:
            Bench(self._places, [], 0).prepare(contender.peer)

    def _right(self, name: str) -> float:
        """The share of the labelled texts that it answers right."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "labelled")
            file.write_text("".join(f"{' '.join(text.split())}\n" for text, _ in self._labelled), encoding="utf-8")
            labels = _answer(name, file)["labels"]
        right = [said == label for said, (_, label) in zip(labels, self._labelled, strict=True)]
        return sum(right) / len(right)


def measured(name: str, file: Path) -> dict[str, float]:
    """CPU-seconds of all its processes, and seconds; or what it says that it measured itself."""
    started_s = time.perf_counter()
    with CpuTime() as cpu_time:
        answer = _answer(name, file)
        wall_s = time.perf_counter() - started_s
    return {"cpu_s": cpu_time.seconds, "wall_s": wall_s, **answer["measured"]}


def _answer(name: str, file: Path) -> dict[str, dict[str, float]]:
    """Run it in a process of its own; RuntimeError says why it ended."""
    answer, log = file.with_suffix(".answer"), file.with_suffix(".log")
    words = [sys.executable, __file__, str(file), "--run", name, "--answer", str(answer)]
    with log.open("wb") as output:
        end = subprocess.run(words, stdout=output, stderr=output, check=False)
    if end.returncode:
        raise RuntimeError(f"ended with status {end.returncode}: {last_line(log)}")
    content: dict[str, dict[str, float]] = json.loads(answer.read_text(encoding="utf-8"))
    return content


def _readable(file: Path) -> Iterable[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = json.loads(line)["text"] if file.suffix == ".jsonl" else line
            if text.strip():
                yield " ".join(text.split()) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument(
        "--slow-rows", type=int, default=10_000, help="for those that take an hour for the others' minutes"
    )
    parser.add_argument(
        "--labelled", type=Path, help="csv or tsv with `sentence` or `text`, and `label`: who is right?"
    )
    parser.add_argument("--training", type=Path, help="the same, for who must train a head of its own: model2vec")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--results", type=Path, default=ENVIRONMENTS.parent / "many-rows.jsonl")
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
