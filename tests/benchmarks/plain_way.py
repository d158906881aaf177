"""Ours against the plain way (`plain_app`), same architecture, same machine, same run: speed, wake, memory.

    python tests/benchmarks/plain_way.py [CHECKPOINT]

Without a checkpoint the peer serves the weights of the embedded bundle, in float32.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from checkpoint import save_checkpoint
from load import Sample, Server, drive, mixed_texts, one_each, serving

OURS = [sys.executable, "-m", "lightsleeper", "serve"]
WAKES = 5
REQUESTS = {1: 150, 32: 600}


def main() -> None:
    """Measure both, alternating, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", help="a folder that transformers loads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = options.checkpoint or save_checkpoint(Path(scratch))
        peer = [sys.executable, str(Path(__file__).with_name("plain_app.py")), checkpoint]
        wakes = _wakes(peer)
        rows = [_row(f"exec → first answer, s (median of {WAKES})", wakes["plain"], wakes["ours"], better="less")]
        rows.append(_row("the same, against the bare imports", wakes["bare"], wakes["ours"], better="less"))
        with serving(peer) as plain, serving(OURS) as ours:
            for in_flight, count in REQUESTS.items():
                theirs, mine = (_sample(server, in_flight, count) for server in (plain, ours))
                rows.append(_row(f"texts/s, {in_flight} in flight", theirs.per_s, mine.per_s, better="more"))
                for percent in (50, 99):
                    name = f"p{percent} ms, {in_flight} in flight"
                    rows.append(_row(name, theirs.percentile_ms(percent), mine.percentile_ms(percent), better="less"))
            rows.append(_row("resident MB afterwards", plain.resident_mb(), ours.resident_mb(), better="less"))
    print("| | plain | ours | ratio |\n|---|---|---|---|", *rows, sep="\n")


def _wakes(peer: list[str]) -> dict[str, float]:
    """Median seconds: the imports that any such service needs, the plain way's wake, ours; one of each in turn."""
    bare = [sys.executable, "-c", "import fastapi, uvicorn, onnxruntime, tokenizers"]
    seconds: dict[str, list[float]] = {"bare": [], "plain": [], "ours": []}
    for _ in tqdm(range(WAKES), desc="wake"):
        started_s = time.perf_counter()
        subprocess.run(bare, check=True)
        seconds["bare"].append(time.perf_counter() - started_s)
        for name, command in (("plain", peer), ("ours", OURS)):
            with serving(command) as server:
                seconds[name].append(server.wake_s)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _sample(server: Server, in_flight: int, count: int) -> Sample:
    """Distinct texts: what is measured is inference, not a cache."""
    return drive(server.port, one_each(mixed_texts(count, seed=in_flight)), in_flight=in_flight)


def _row(name: str, plain: float, ours: float, *, better: str) -> str:
    ratio = ours / plain if better == "more" else plain / ours
    return f"| {name} | {plain:.3g} | {ours:.3g} | {ratio:.2f}× |"


if __name__ == "__main__":
    main()
