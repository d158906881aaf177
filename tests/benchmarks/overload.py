"""What is left of the service when more is asked than it can do: at 1, 2, 5 and 10 times its measured capacity.

    python tests/benchmarks/overload.py [SECONDS]

The service runs on one core with one worker, the load comes from another. Requests are of one new sentence each and
leave when their time has come, whether or not earlier ones were answered (an open loop: clients do not wait for each
other). Only ratios and bounds count: what the machine does besides moves every figure.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from load import Server, serving

MULTIPLES = (1, 2, 5, 10)
CLIENTS = 50
#: As many as keep the worker busy and none of them waiting for long.
IN_FLIGHT = 8
PROBES_PER_S = 10
BULK_CLIENTS = 3
SETTLING_S = 1.0
#: Longer than anybody waits, and than the service lets anybody wait.
TIMEOUT_S = 40.0

_WORDS = ("a", "film", "that", "never", "quite", "wakes", "but", "lingers", "long", "after", "the", "last", "scene")
_numbers = count()


def sentence(words: int = 12) -> str:
    """Never the same twice: no cache may do the work."""
    return f"{next(_numbers)} " + " ".join(random.choices(_WORDS, k=words))


def predict(texts: Sequence[str], client: str) -> bytes:
    """A whole request, from an address of its own as a trusted proxy would name it."""
    body = json.dumps({"text": list(texts)}).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: bench\r\nx-forwarded-for: {client}\r\ncontent-type: application/json\r\n"
    return b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body)


def probe(path: str) -> bytes:
    """A whole request of what Kubernetes and Knative ask."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


@dataclass(frozen=True)
class Answer:
    """One request's fate; status 0 if it got none."""

    status: int
    sent_s: float
    took_s: float


class Connections:
    """Kept connections, as many as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> Answer:
        """Send it and wait for its answer."""
        sent_s = time.perf_counter()
        status = 0
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                status = await self._exchange(request)
        return Answer(status, sent_s, time.perf_counter() - sent_s)

    async def _exchange(self, request: bytes) -> int:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])


async def open_loop(connections: Connections, per_s: float, seconds: float, make: Callable[[], bytes]) -> list[Answer]:
    """A request every 1/`per_s` seconds, whatever becomes of the earlier ones."""
    began_s = time.perf_counter()
    asked: list[asyncio.Task[Answer]] = []
    while (elapsed_s := time.perf_counter() - began_s) < seconds:
        asked += [asyncio.create_task(connections.ask(make())) for _ in range(int(elapsed_s * per_s) - len(asked))]
        await asyncio.sleep(0.002)
    return list(await asyncio.gather(*asked))


async def closed_loop(
    connections: Connections, in_flight: int, seconds: float, make: Callable[[], bytes]
) -> list[Answer]:
    """So many clients that each wait for their answer."""
    until_s = time.perf_counter() + seconds

    async def client() -> list[Answer]:
        answers = []
        while time.perf_counter() < until_s:
            answers.append(await connections.ask(make()))
        return answers

    return [answer for answers in await asyncio.gather(*(client() for _ in range(in_flight))) for answer in answers]


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
    recovered_s: float = field(default=float("nan"))

    def row(self, capacity: float) -> Iterator[str]:
        """The columns of the table."""
        good = [answer for answer in self.answers if answer.status == 200]  # HTTP's own
        refused = [answer for answer in self.answers if answer.status in {429, 503}]
        lost = len(self.answers) - len(good) - len(refused)
        began_s, ended_s = (pick(answer.sent_s for answer in self.answers) for pick in (min, max))
        # Once the queue has its length: until then fewer are answered than come in.
        settled_s = began_s + SETTLING_S
        in_time = [answer for answer in good if settled_s < answer.sent_s + answer.took_s < ended_s]
        yield f"{len(in_time) / (ended_s - settled_s) / capacity:.0%}"
        yield from (f"{percentile_ms(good, percent):.0f}" for percent in (50, 99))
        yield f"{len(refused)}"
        yield from (f"{percentile_ms(refused, percent):.0f}" for percent in (50, 99))
        yield f"{lost}"
        yield f"{percentile_ms(self.probes, 99):.0f}"
        yield f"{self.recovered_s * 1e3:.0f}"


async def overloaded(connections: Connections, per_s: float, seconds: float) -> Level:
    """One level, with probes during it, and how long after it a sentence is answered again."""
    paths = iter(("/livez", "/readyz") * 10_000)
    answers, probes = await asyncio.gather(
        open_loop(connections, per_s, seconds, one_sentence),
        open_loop(connections, PROBES_PER_S, seconds, lambda: probe(next(paths))),
    )
    level = Level(answers, probes)
    ended_s = max(answer.sent_s for answer in answers)
    for _ in range(1_000):
        if (await connections.ask(one_sentence())).status == 200:
            break
        await asyncio.sleep(0.05)
    level.recovered_s = time.perf_counter() - ended_s
    return level


async def beside_bulk(connections: Connections, seconds: float) -> tuple[list[Answer], list[Answer]]:
    """One-sentence users, five sentences a second, beside clients that send the largest requests back to back."""
    names = iter([f"198.51.100.{number % BULK_CLIENTS}" for number in range(10_000)])
    return await asyncio.gather(
        open_loop(connections, 5, seconds, one_sentence),
        closed_loop(
            connections, BULK_CLIENTS, seconds, lambda: predict([sentence(440) for _ in range(64)], next(names))
        ),
    )


async def measure(server: Server, seconds: float) -> None:
    """Print the table."""
    connections = Connections(server.port)
    await closed_loop(connections, IN_FLIGHT, seconds / 2, one_sentence)
    print(
        "| × capacity | goodput | p50 ms | p99 ms | refused | p50 ms | p99 ms | lost | probes p99 ms | recovered ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for multiple in MULTIPLES:
        # Anew each time: the machine is seldom as fast twice.
        closed = await closed_loop(connections, IN_FLIGHT, seconds / 2, one_sentence)
        capacity = sum(answer.status == 200 for answer in closed) / (seconds / 2)  # HTTP's own
        level = await overloaded(connections, multiple * capacity, seconds)
        print(f"| {multiple} (of {capacity:.0f}/s) | {' | '.join(level.row(capacity))} |", flush=True)
    alone = await open_loop(connections, 5, seconds, one_sentence)
    small, large = await beside_bulk(connections, seconds)
    answered = [answer for answer in small if answer.status == 200]  # HTTP's own
    print(f"\none sentence alone: p99 {percentile_ms(alone, 99):.0f} ms")
    print(f"beside {BULK_CLIENTS} bulk clients: p50 {percentile_ms(answered, 50):.0f} ms, ", end="")
    print(f"p99 {percentile_ms(answered, 99):.0f} ms, {len(small) - len(answered)} of {len(small)} not answered")
    done = sum(answer.status == 200 for answer in large)  # HTTP's own
    print(f"bulk requests of 64 long texts: {done} answered, {len(large) - done} refused")


def main() -> None:
    """The service on the first core, the load on the last."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # inherited
    command = [sys.executable, "-m", "lightsleeper", "serve"]
    with serving(command, {"LIGHTSLEEPER_WORKERS": "1", "LIGHTSLEEPER_CACHE_ENTRIES": "0"}) as server:
        os.sched_setaffinity(0, cores[-1:])
        asyncio.run(measure(server, seconds))


if __name__ == "__main__":
    main()
