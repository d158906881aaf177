"""All telemetry against none, same machine, same run: metrics, OTLP push and a scraped Prometheus page; then tracing.

    python tests/benchmarks/telemetry_cost.py [ROUNDS]

Answers from the cache are the worst case: nothing is cheaper to answer, so nothing shows the cost more.
"""

import argparse
import statistics
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tqdm import tqdm

from lightsleeper.process import free_port
from load import Sample, Server, drive, mixed_texts, one_each, serving

SERVE = [sys.executable, "-m", "lightsleeper", "serve"]
#: The default interval.
SCRAPE_EVERY_S = 5.0
IN_FLIGHT = 16
WAKES = 11


class Workload(NamedTuple):
    """`distinct` texts asked for over and over; new ones in every round if None."""

    name: str
    requests: int
    distinct: int | None


WORKLOADS = (Workload("cached", 2000, 50), Workload("computed", 100, None))


def main() -> None:
    """Alternate between the services, round by round, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=7, help="by default %(default)s, and one to warm up")
    rounds = parser.parse_args().rounds
    with ExitStack() as stack:
        endpoint = stack.enter_context(_collector())
        port = free_port()
        push = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        servers = {
            "off": stack.enter_context(serving(SERVE)),
            "on": stack.enter_context(serving(SERVE, {**push, "LIGHTSLEEPER_METRICS_PORT": str(port)})),
            "on, 1 % traced": stack.enter_context(serving(SERVE, {**push, "LIGHTSLEEPER_TRACE_RATIO": "0.01"})),
            "on, 10 % traced": stack.enter_context(serving(SERVE, {**push, "LIGHTSLEEPER_TRACE_RATIO": "0.1"})),
        }
        stack.enter_context(_scraping(port))
        print("| | telemetry | requests/s | ratio | p50 ms | p99 ms | ratio | CPU µs each | ratio |")
        print("|---|---|---|---|---|---|---|---|---|")
        for workload in WORKLOADS:
            _compare(workload, servers, rounds)
        print(f"\n| exec → first answer (median of {WAKES}) | s | ratio |")
        print("|---|---|---|")
        seconds = _wakes({"off": {}, "on": push})
        for kind, each in seconds.items():
            print(f"| {kind} | {each:.3f} | {each / seconds['off']:.2f} |")


def _wakes(environments: dict[str, dict[str, str]]) -> dict[str, float]:
    """Median seconds, one wake of each kind in turn."""
    seconds: dict[str, list[float]] = {kind: [] for kind in environments}
    for _ in tqdm(range(WAKES), desc="wake"):
        for kind, environment in environments.items():
            with serving(SERVE, environment) as server:
                seconds[kind].append(server.wake_s)
    return {kind: statistics.median(each) for kind, each in seconds.items()}


def _compare(workload: Workload, servers: dict[str, Server], rounds: int) -> None:
    samples: dict[str, list[Sample]] = {kind: [] for kind in servers}
    cpu_s: dict[str, list[float]] = {kind: [] for kind in servers}
    for number in tqdm(range(rounds + 1), desc=workload.name):
        texts = mixed_texts(workload.distinct or workload.requests, seed=0 if workload.distinct else number)
        bodies = one_each(texts) * (workload.requests // len(texts))
        for kind, server in servers.items():
            before_s = server.cpu_s()
            sample = drive(server.port, bodies, in_flight=IN_FLIGHT)
            if number:  # the first fills the cache
                samples[kind].append(sample)
                cpu_s[kind].append((server.cpu_s() - before_s) / len(bodies))
    per_s = {kind: statistics.median(sample.per_s for sample in taken) for kind, taken in samples.items()}
    p50_ms = {kind: statistics.median(sample.percentile_ms(50) for sample in taken) for kind, taken in samples.items()}
    p99_ms = {kind: statistics.median(sample.percentile_ms(99) for sample in taken) for kind, taken in samples.items()}
    for kind in servers:
        ratios = per_s[kind] / per_s["off"], p99_ms[kind] / p99_ms["off"]
        cpu_us = {each: statistics.median(seconds) * 1e6 for each, seconds in cpu_s.items()}
        print(f"| {workload.name} | {kind} | {per_s[kind]:.0f} | {ratios[0]:.2f} |", end="")
        print(f" {p50_ms[kind]:.2f} | {p99_ms[kind]:.2f} | {ratios[1]:.2f} |", end="")
        print(f" {cpu_us[kind]:.0f} | {cpu_us[kind] / cpu_us['off']:.2f} |")


@contextmanager
def _collector() -> Iterator[str]:
    """Takes everything, keeps nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def _scraping(port: int) -> Iterator[None]:
    """Reads the Prometheus page as often as a Prometheus would."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_EVERY_S):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
                page.read()

    threading.Thread(target=scrape, daemon=True).start()
    yield
    ended.set()


if __name__ == "__main__":
    main()
