"""Many rows, by each engine and by what people use today: CPU-seconds and rows a second, the same texts for all.

`many_rows.py FILE [--rows 100000]`: FILE holds a text a line. Each contender runs in processes of its own, start
included, one after the other; their CPU time is what the kernel says of all that they started. On a machine that does
other work, only the CPU time means something.
"""

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import lightsleeper
from checkpoint import save_checkpoint

#: Whoever is orphaned becomes this process's child (prctl(2)), so that its CPU time is counted here: Ray's servers.
_PR_SET_CHILD_SUBREAPER = 36


def command(file: Path) -> None:
    """The command line."""
    out = file.with_suffix(".csv")
    options = ["--file", str(file), "--format", "txt", "--out", str(out), "--quiet"]
    subprocess.run([sys.executable, "-m", "lightsleeper", "predict", *options], check=True)


def python(file: Path) -> None:
    """`load().scores`."""
    lightsleeper.load().scores(_lines(file))


def duckdb(file: Path) -> None:
    """SQL over the file."""
    import duckdb  # noqa: PLC0415  # each contender imports what it needs

    import lightsleeper.duckdb  # noqa: PLC0415  # see above

    connection = duckdb.connect()
    lightsleeper.duckdb.register(connection)
    columns = "columns={'text': 'VARCHAR'}, delim='\\x01', quote='', escape='', header=false"
    connection.execute(f"SELECT count(sentiment(text)) FROM read_csv('{file}', {columns})")  # our file


def spark(file: Path) -> None:
    """A function of a column, a worker per core."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  # see above

    from lightsleeper.spark import sentiment  # noqa: PLC0415  # see above

    session = SparkSession.builder.master("local[*]").config("spark.driver.host", "127.0.0.1").getOrCreate()
    texts = session.read.text(str(file)).repartition(2 * (os.cpu_count() or 1))
    texts.select(sentiment("value").alias("s")).select("s.label").write.mode("overwrite").parquet(f"{file}.parquet")
    session.stop()


def pipeline(file: Path) -> None:
    """`transformers.pipeline(batch_size=32)` in float32, texts as they come."""
    from transformers import pipeline  # noqa: PLC0415  # see above

    with tempfile.TemporaryDirectory() as folder:
        classify = pipeline("text-classification", model=save_checkpoint(Path(folder)), batch_size=32, truncation=True)
        for _ in classify(_lines(file)):
            pass


def sorted_batches(file: Path) -> None:
    """The same in float32, sorted by length first, as sentence-transformers does."""
    from transformers import pipeline  # noqa: PLC0415  # see above

    with tempfile.TemporaryDirectory() as folder:
        classify = pipeline("text-classification", model=save_checkpoint(Path(folder)), batch_size=32, truncation=True)
        for _ in classify(sorted(_lines(file), key=len, reverse=True)):
            pass


CONTENDERS: dict[str, Callable[[Path], None]] = {
    run.__name__: run for run in (command, python, duckdb, spark, pipeline, sorted_batches)
}


def main() -> None:
    """Run all contenders and print the table, or one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        CONTENDERS[options.run](options.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.txt"
        texts.write_text("".join(islice(_readable(options.file), options.rows)), encoding="utf-8")
        rows = len(_lines(texts))
        print(f"{rows:,} rows, {os.cpu_count()} CPUs\n\n| | CPU-s per 1,000 rows | rows/s |\n|---|---|---|")
        for name in options.only:
            cpu_s, wall_s = _measured(name, texts)
            print(f"| {name} | {cpu_s / rows * 1e3:.2f} | {rows / wall_s:,.0f} |", flush=True)


def _measured(name: str, file: Path) -> tuple[float, float]:
    """CPU-seconds of all its processes, and seconds."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, __file__, str(file), "--run", name], check=True, stderr=subprocess.DEVNULL)
    wall_s = time.perf_counter() - started_s
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s


def _readable(file: Path) -> Iterable[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = json.loads(line)["text"] if file.suffix == ".jsonl" else line
            if text.strip():
                yield " ".join(text.split()) + "\n"


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    main()
