"""What is left of the service when more is asked than it can do: at 1, 2, 5 and 10 times its measured capacity.

    python tests/benchmarks/overload.py [SECONDS] [--part levels|bulk|explain]

The service runs on one core with one worker, the load comes from another. Requests are of one new sentence each and
leave when their time has come, whether or not earlier ones were answered (an open loop: clients do not wait for each
other). They are made before, and sent and received as plain bytes; the last columns say whether the load itself was
what limited a level. Two cores are often two threads of one, so a load slows down what it measures: the capacity is
measured twice, alone and while just as many requests go to a server that does nothing, on the load's core. Only ratios
and bounds count: what the machine does besides moves every figure.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import uvloop

from load import Server, serving
from open_loop import Answer, Connections, closed_loop, open_loop

MULTIPLES = (1, 2, 5, 10)
CLIENTS = 50
#: As many as keep the worker busy and none of them waiting for long.
IN_FLIGHT = 8
PROBES_PER_S = 10
BULK_CLIENTS = 3
EXPLAINERS = 2
SETTLING_S = 1.0


_WORDS = ("a", "film", "that", "never", "quite", "wakes", "but", "lingers", "long", "after", "the", "last", "scene")
_numbers = count()


def sentence(words: int = 12) -> str:
    """Never the same twice: no cache may do the work."""
    return f"{next(_numbers)} " + " ".join(random.choices(_WORDS, k=words))


def predict(text: str | Sequence[str], client: str, **options: bool) -> bytes:
    """A whole request, from an address of its own as a trusted proxy would name it."""
    body = json.dumps({"text": text, **options}).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: bench\r\nx-forwarded-for: {client}\r\ncontent-type: application/json\r\n"
    return b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body)


def explanation(text: Callable[[], str]) -> bytes:
    """A whole request for one, always from the same client."""
    return predict(text(), "203.0.113.9", explain=True)


def probe(path: str) -> bytes:
    """A whole request of what Kubernetes and Knative ask."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def one_sentence() -> bytes:
    """From one of many clients."""
    return predict([sentence()], f"192.0.2.{random.randrange(CLIENTS)}")


def percentile_ms(answers: Sequence[Answer], percent: int) -> float:
    """Of the time that they took."""
    if len(answers) < 2:  # `quantiles` needs two
        return float("nan")
    return statistics.quantiles([answer.took_s for answer in answers], n=100, method="inclusive")[percent - 1] * 1e3


@dataclass
class Level:
    """What the service did at one multiple of its capacity."""

    answers: list[Answer]
    probes: list[Answer]
    recovered_s: float
    #: Of the core that the load has: near 1 it is the load that was measured.
    load_share: float
    #: CPU seconds of the service, which a machine that is busy with something else hardly changes.
    service_cpu_s: float

    def row(self, capacity: "Capacity", beside: "Capacity", asked_per_s: float) -> Iterator[str]:
        """The columns of the table; `beside` is the capacity while the machine is as busy with the load."""
        good = [answer for answer in self.answers if answer.status == 200]  # HTTP's own
        refused = [answer for answer in self.answers if answer.status in {429, 503}]
        lost = len(self.answers) - len(good) - len(refused)
        began_s, ended_s = (pick(answer.sent_s for answer in self.answers) for pick in (min, max))
        # Once the queue has its length: until then fewer are answered than come in.
        settled_s = began_s + SETTLING_S
        in_time = [answer for answer in good if settled_s < answer.sent_s + answer.took_s < ended_s]
        goodput_per_s = len(in_time) / (ended_s - settled_s)
        yield from (f"{goodput_per_s / each.per_s:.0%}" for each in (capacity, beside))
        yield from (f"{percentile_ms(good, percent):.0f}" for percent in (50, 99))
        yield f"{len(refused)}"
        yield from (f"{percentile_ms(refused, percent):.0f}" for percent in (50, 99))
        spent_s = self.service_cpu_s - len(good) * beside.answer_cpu_s
        yield f"{spent_s / len(refused) * 1e6:.0f}" if refused else "nan"
        yield f"{lost}"
        yield f"{percentile_ms(self.probes, 99):.0f}"
        yield f"{self.recovered_s * 1e3:.0f}"
        yield f"{len(self.answers) / (ended_s - began_s) / asked_per_s:.0%}"
        yield f"{self.load_share:.0%}"


COLUMNS = (
    *("× capacity", "goodput", "of what is left beside the load", "p50 ms", "p99 ms"),
    *("refused", "p50 ms", "p99 ms", "CPU µs each", "lost"),
    *("probes p99 ms", "recovered ms", "sent", "load's CPU"),
)


@dataclass(frozen=True)
class Capacity:
    """What the service can do."""

    per_s: float
    answer_cpu_s: float


async def capacity_of(server: Server, connections: Connections, seconds: float) -> Capacity:
    """In sentences. Anew for each level: the machine is seldom as fast twice."""
    began_cpu_s = server.cpu_s()
    answers = await closed_loop(connections, IN_FLIGHT, seconds, one_sentence)
    answered = sum(answer.status == 200 for answer in answers)  # HTTP's own
    return Capacity(answered / seconds, (server.cpu_s() - began_cpu_s) / answered)


async def capacity_beside(
    server: Server, connections: Connections, elsewhere: Connections, per_s: float, seconds: float
) -> Capacity:
    """The same while so many requests are sent to, and answered by, a server `elsewhere`."""
    capacity, _ = await asyncio.gather(
        capacity_of(server, connections, seconds), open_loop(elsewhere, per_s, seconds, one_sentence)
    )
    return capacity


async def overloaded(server: Server, connections: Connections, per_s: float, seconds: float) -> Level:
    """One level, with probes during it, and how long after it a sentence is answered again."""
    paths = iter(("/livez", "/readyz") * 10_000)
    gc.collect()
    gc.disable()  # a pause of the load would be the service's latency
    began_s, began_cpu_s, began_service_s = time.perf_counter(), time.process_time(), server.cpu_s()
    answers, probes = await asyncio.gather(
        open_loop(connections, per_s, seconds, one_sentence),
        open_loop(connections, PROBES_PER_S, seconds, lambda: probe(next(paths))),
    )
    share = (time.process_time() - began_cpu_s) / (time.perf_counter() - began_s)
    service_cpu_s = server.cpu_s() - began_service_s
    gc.enable()
    ended_s = max(answer.sent_s for answer in answers)
    for _ in range(1_000):
        if (await connections.ask(one_sentence(), [])).status == 200:
            break
        await asyncio.sleep(0.05)
    return Level(answers, probes, time.perf_counter() - ended_s, share, service_cpu_s)


async def measure_levels(server: Server, connections: Connections, seconds: float) -> None:
    """Print the table."""
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with serving([sys.executable, str(Path(__file__).with_name("constant.py"))]) as constant:
        elsewhere = Connections(constant.port)
        for multiple in MULTIPLES:
            capacity = await capacity_of(server, connections, seconds / 2)
            per_s = multiple * capacity.per_s
            beside = await capacity_beside(server, connections, elsewhere, per_s, seconds / 2)
            level = await overloaded(server, connections, per_s, seconds)
            row = level.row(capacity, beside, per_s)
            print(f"| {multiple} (of {capacity.per_s:.0f}/s) | {' | '.join(row)} |", flush=True)


async def measure_bulk(_: Server, connections: Connections, seconds: float) -> None:
    """One-sentence users, five sentences a second, beside clients that send the largest requests back to back."""
    alone = await open_loop(connections, 5, seconds, one_sentence)
    names = iter([f"198.51.100.{number % BULK_CLIENTS}" for number in range(10_000)])
    small, large = await asyncio.gather(
        open_loop(connections, 5, seconds, one_sentence),
        closed_loop(
            connections, BULK_CLIENTS, seconds, lambda: predict([sentence(440) for _ in range(64)], next(names))
        ),
    )
    print(f"\none sentence alone: {latencies(alone)}")
    print(f"beside {BULK_CLIENTS} clients that send 64 long texts over and over: {latencies(small)}; {outcomes(large)}")


#: What costs most to explain, by its name.
EXPLAINED: dict[str, Callable[[], str]] = {
    "190 words": lambda: sentence(189),
    "140 words of three tokens": lambda: f"{next(_numbers)} {'a-q ' * 139}",
    "200 words of 249 letters": lambda: " ".join([str(next(_numbers)), *["影" * 249] * 199]),
}


async def measure_explain(server: Server, connections: Connections, seconds: float) -> None:
    """One-sentence users, at a quarter of the capacity, beside clients that have the largest texts explained."""
    per_s = (await capacity_of(server, connections, seconds / 2)).per_s / 4
    for name, text in EXPLAINED.items():
        alone = await open_loop(connections, per_s, seconds, one_sentence)
        explain = partial(explanation, text)
        small, explained = await asyncio.gather(
            open_loop(connections, per_s, seconds, one_sentence),
            closed_loop(connections, EXPLAINERS, seconds, explain),
        )
        ratio = percentile_ms(small, 99) / percentile_ms(alone, 99)
        print(f"\none sentence alone, {per_s:.0f}/s: {latencies(alone)}")
        print(f"beside {EXPLAINERS} who have {name} explained: {latencies(small)}, p99 × {ratio:.1f}", end="; ")
        print(outcomes(explained), flush=True)


def latencies(answers: Sequence[Answer]) -> str:
    """Of those answered, and how many were not."""
    good = [answer for answer in answers if answer.status == 200]  # HTTP's own
    spread = ", ".join(f"p{percent} {percentile_ms(good, percent):.0f} ms" for percent in (50, 99))
    return f"{spread}, {len(answers) - len(good)} of {len(answers)} not answered"


def outcomes(answers: Sequence[Answer]) -> str:
    """Of them: how many got which status."""
    statuses = [answer.status for answer in answers]
    return ", ".join(f"{statuses.count(status)} × {status}" for status in sorted(set(statuses)))


PARTS = {"levels": measure_levels, "bulk": measure_bulk, "explain": measure_explain}


async def measure(server: Server, seconds: float, parts: Sequence[str]) -> None:
    """Print what each part finds."""
    connections = Connections(server.port)
    await capacity_of(server, connections, seconds / 2)
    for part in parts:
        await PARTS[part](server, connections, seconds)


def main() -> None:
    """The service on the first core, the load on the last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=10.0, help="of each level; by default %(default)s")
    parser.add_argument("--part", choices=PARTS, action="append", help="may be given again; by default all")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # inherited
    command = [sys.executable, "-m", "lightsleeper", "serve"]
    with serving(command, {"LIGHTSLEEPER_WORKERS": "1", "LIGHTSLEEPER_CACHE_ENTRIES": "0"}) as server:
        os.sched_setaffinity(0, cores[-1:])
        uvloop.run(measure(server, options.seconds, options.part or list(PARTS)))


if __name__ == "__main__":
    main()
