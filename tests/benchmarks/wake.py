"""exec → first answer on one CPU, in turns with a FastAPI service that answers a constant; and where the time goes.

    python tests/benchmarks/wake.py [ROUNDS] [NAME=CHECKOUT …]

CPU seconds are of the whole process until the answer is there, threads included: they say what a wake costs however
busy the machine is. Ratios are medians of pairs. Other checkouts of this repository take their turns, too.

Two cores with VNNI, quiet, 11 rounds, medians in ms (hello world is `uvicorn module:app`):

| | CPU | wall |
|---|---|---|
| hello world, started by `uvicorn.run` | 283 | 285 |
| hello world | 290 | 294 |
| lightsleeper | 242 (0.80) | 245 (0.81) |
| the same when digests were compared before the answer | 263 (0.88) | 265 (0.89) |

Beside 15 other processes and without the porch it was 1.54. Of its CPU, in hundredths, go 18 to numpy, 9 each to ONNX
Runtime's library and to the session, 8 each to the tokenizer's file and to the interpreter, 7 to asyncio and uvloop, 5
to uvicorn, 4 to logging and JSON, 3 to our API, 29 to the rest of ours (5 to its dataclasses), threads, sockets and the
answer.

What did not help: the model opened on the main thread (within the noise), one malloc arena (likewise), numpy without
its functions' documentation (likewise), the vocabulary as a dictionary from Python's JSON (as slow as the library's
own). Weights packed in advance save 2 ms and cost 11 MB; not packed at all they save 10 ms, each text then takes 27 %
longer, and its last bits are others. The vocabulary as lines, in a file of its own, would save 9 ms, and leave a
`tokenizer.json` that no other program can read.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from lightsleeper.process import free_port

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HELLO = "hello world"
HELLO_RUN = "the same by uvicorn.run"

BODY = b'{"text": "A quiet film that stays with you."}'
REQUEST = b"POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)

#: What `serve` does until it listens, on one thread and in an order in which nothing is done twice.
STAGES = {
    "interpreter": "",
    "command line": "import gc; gc.disable(); import lightsleeper.cli.main",
    "logging, JSON": "import lightsleeper.serving.server as server",
    "settings": "from lightsleeper.serving.settings import read_settings; settings = read_settings()",
    "numpy": "import numpy",
    "tokenizers": "import tokenizers",
    "our model room": "from lightsleeper.model import bundle as on_disk, model",
    "ONNX Runtime": "import onnxruntime",
    "asyncio, uvloop": "import asyncio, uvloop",
    "uvicorn": "server.import_uvicorn()",
    "our protocol": "import lightsleeper.serving.http_protocol",
    "our pipeline, cache": "import lightsleeper.pipeline.classifier, lightsleeper.cache.cache",
    "our API, porch": "from lightsleeper.serving.porch import Porch; Porch(settings)",
    "bundle opened": "bundle = on_disk.open_bundle(on_disk.EMBEDDED, digests=False)",
    "tokenizer opened": "tokenizer = model.Tokenizer(bundle.tokenizer, 512)",
    "session opened": "engine = model.open_engine(bundle, 'onnx')",
    "warm-up": "model.Model(bundle, tokenizer, engine).warm_up()",
}
PROGRAM = """
import json, os, sys, time
os.environ.update(OPENBLAS_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", ORT_DISABLE_TELEMETRY="1")
took_ms, before_s, names = {}, 0.0, {}
for stage, statements in json.loads(sys.argv[1]).items():
    exec(statements, names)
    now_s = time.process_time()
    took_ms[stage], before_s = 1e3 * (now_s - before_s), now_s
print(json.dumps(took_ms))
"""


class Wake(NamedTuple):
    """Of one process, until its first answer was read."""

    cpu_ms: float
    wall_ms: float
    resident_mib: float


def main() -> None:
    """Print both tables."""
    options = _options()
    rounds = options.rounds
    kinds = {HELLO: ROOT, HELLO_RUN: ROOT, "lightsleeper": ROOT, **dict(options.checkout)}
    cpu = min(os.sched_getaffinity(0))
    wakes: dict[str, list[Wake]] = {kind: [] for kind in kinds}
    for number in tqdm(range(rounds + 1), desc="wakes"):
        for kind, checkout in kinds.items() if number % 2 else reversed(kinds.items()):
            wakes[kind].append(_wake(kind, checkout, cpu))
    print("| one CPU, exec → first answer | CPU ms (quartiles) | ratio | wall ms (quartiles) | ratio | resident MiB |")
    print("|---|---|---|---|---|---|")
    for kind, each in wakes.items():
        print("|", " | ".join(_row(kind, each[1:], wakes[HELLO][1:])), "|")  # the first read the files
    stages = [_stages(cpu) for _ in tqdm(range(rounds), desc="stages")]
    whole_ms = statistics.median(wake.cpu_ms for wake in wakes["lightsleeper"][1:])
    print("\n| stage | CPU ms | share |\n|---|---|---|")
    for name, median_ms in _medians(stages, whole_ms):
        print(f"| {name} | {median_ms:.1f} | {median_ms / whole_ms:.0%} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=15, help="wakes of each kind; by default %(default)s")
    parser.add_argument("checkout", nargs="*", type=_named, metavar="NAME=CHECKOUT")
    return parser.parse_args()


def _named(argument: str) -> tuple[str, Path]:
    name, is_named, checkout = argument.partition("=")
    if not is_named:
        raise argparse.ArgumentTypeError(f"{argument!r} is not NAME=CHECKOUT")
    return name, Path(checkout)


def _command(kind: str, port: int) -> list[str]:
    if kind == HELLO:  # as its documentation has it
        return ["-m", "uvicorn", "bare_app:app", f"--app-dir={HERE}", f"--port={port}", "--log-level=error"]
    return [str(HERE / "bare_app.py")] if kind == HELLO_RUN else ["-m", "lightsleeper", "serve"]


def _wake(kind: str, checkout: Path, cpu: int) -> Wake:
    port = free_port()
    command = ["taskset", "-c", str(cpu), sys.executable, *_command(kind, port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTSLEEPER_")}
    environment |= {"PYTHONPATH": str(checkout / "src"), "PORT": str(port), "LIGHTSLEEPER_LOG_LEVEL": "error"}
    started_s = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    answer = _first_answer(process, port)
    wall_ms = 1e3 * (time.perf_counter() - started_s)
    status = Path(f"/proc/{process.pid}/status").read_text()
    cpu_ms = 1e3 * time.clock_gettime(_cpu_clock(process.pid))
    process.kill()  # at once: what it does after the answer is no part of this
    process.wait()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode())
    (resident,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return Wake(cpu_ms, wall_ms, int(resident.split()[1]) / 1024)


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, all its threads together: clock_getcpuclockid(3), as Linux numbers it."""
    return ~pid << 3 | 2


def _first_answer(process: "subprocess.Popen[bytes]", port: int) -> bytes:
    while process.poll() is None:
        with socket.socket() as client:
            try:
                client.connect(("127.0.0.1", port))
            except OSError:
                time.sleep(0.003)
                continue
            client.sendall(REQUEST)
            return client.recv(65_536)
    raise RuntimeError("it did not start")


def _row(kind: str, wakes: list[Wake], hello: list[Wake]) -> Iterator[str]:
    yield kind
    for field in ("cpu_ms", "wall_ms"):
        values = [getattr(wake, field) for wake in wakes]
        low, median, high = statistics.quantiles(values, n=4)
        pairs = [value / getattr(other, field) for value, other in zip(values, hello, strict=True)]
        yield f"{median:.0f} ({low:.0f} to {high:.0f})"
        yield f"{statistics.median(pairs):.2f}"
    yield f"{statistics.median(wake.resident_mib for wake in wakes):.0f}"


def _stages(cpu: int) -> dict[str, float]:
    command = ["taskset", "-c", str(cpu), sys.executable, "-c", PROGRAM, json.dumps(STAGES)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    took_ms: dict[str, float] = json.loads(done.stdout)
    return took_ms


def _medians(stages: list[dict[str, float]], whole_ms: float) -> Iterator[tuple[str, float]]:
    listed_ms = 0.0
    for name in STAGES:
        median_ms = statistics.median(each[name] for each in stages)
        listed_ms += median_ms
        yield name, median_ms
    yield "the rest: threads, the socket, the answer", whole_ms - listed_ms


if __name__ == "__main__":
    main()
