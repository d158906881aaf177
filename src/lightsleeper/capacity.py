"""What one pod can take: measures the service as it is deployed, and says what Knative should be told.

The service runs as a process of its own on as many CPUs as a pod gets, without a cache; requests of one text each,
all different, come over loopback from a fixed number of connections that always wait for an answer (a closed loop:
that number is what Knative calls concurrency).
"""

import asyncio
import json
import math
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightsleeper.errors import LightsleeperError
from lightsleeper.model import Model, load_model
from lightsleeper.tokenizer import TokenizedText

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
BATCHES = (1, 4, 16)
CONCURRENCIES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)

#: Knative adds a pod when the average passes this share of the target, so that the pods there are have room meanwhile.
#: https://knative.dev/docs/serving/autoscaling/concurrency/#target-utilization
UTILISATION = 0.7
#: More requests in flight than give this share of the highest throughput only wait.
SATURATED = 0.95

_WORDS = ("a", "film", "that", "never", "quite", "wakes", "but", "lingers", "long", "after", "the", "last", "scene")
_START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ServiceTime:
    """One thread's time for one batch."""

    tokens: int
    texts: int
    milliseconds: float


@dataclass(frozen=True)
class Level:
    """What the service did with this many requests in flight."""

    concurrency: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    #: CPUs the service kept busy.
    cpus: float


@dataclass(frozen=True)
class Capacity:
    """One pod, measured."""

    cpus: int
    tokens: int
    latency_target_ms: float
    service_times: tuple[ServiceTime, ...]
    levels: tuple[Level, ...]
    wake_s: float
    #: Highest resident memory, largest allowed requests included.
    peak_mib: float
    #: Whether the load came from the service's own CPUs.
    shared_cpus: bool

    @property
    def within_target(self) -> tuple[Level, ...]:
        """The levels whose 99th percentile meets the target; the first one if none does."""
        return tuple(level for level in self.levels if level.p99_ms <= self.latency_target_ms) or self.levels[:1]

    @property
    def container_concurrency(self) -> int:
        """The most requests in flight that still meet the target."""
        return max(level.concurrency for level in self.within_target)

    @property
    def saturation(self) -> Level:
        """The fewest requests in flight that use the pod up."""
        highest = max(level.requests_per_s for level in self.within_target)
        return next(level for level in self.within_target if level.requests_per_s >= SATURATED * highest)

    @property
    def cpu_request_m(self) -> int:
        """Millicores a pod uses while Knative keeps it at its target utilisation, to the next 50."""
        return _up(UTILISATION * self.saturation.cpus * 1000, 50)

    @property
    def memory_request_mib(self) -> int:
        """Peak and a quarter, to the next 32 MiB."""
        return _up(self.peak_mib * 1.25, 32)

    @property
    def memory_limit_mib(self) -> int:
        """Twice the peak, to the next 64 MiB: a pod at its limit is killed, and its requests with it."""
        return _up(self.peak_mib * 2, 64)


def measure(
    bundle: Path, *, cpus: int = 1, tokens: int = 32, latency_target_ms: float = 250.0, seconds: float = 5.0
) -> Capacity:
    """Measure for about `seconds` per level of concurrency; LightsleeperError if the service does not start."""
    available = sorted(os.sched_getaffinity(0))
    if not 1 <= cpus <= len(available):
        raise LightsleeperError(f"this machine has {len(available)} CPUs; {cpus} cannot be measured on it")
    service_cpus, load_cpus = set(available[:cpus]), set(available[cpus:]) or set(available)
    model = load_model(bundle)
    service_times = tuple(_service_times(model))
    words = _words_of(model, tokens)
    with _service(bundle, service_cpus) as (process, port, wake_s):
        os.sched_setaffinity(0, load_cpus)
        try:
            levels, peak_mib = asyncio.run(_load(process.pid, port, words, latency_target_ms, seconds))
        finally:
            os.sched_setaffinity(0, set(available))
    return Capacity(
        cpus, tokens, latency_target_ms, service_times, levels, wake_s, peak_mib, bool(service_cpus & load_cpus)
    )


def describe(found: Capacity) -> Iterator[str]:
    """The measurement and the recommendation, line by line, with the arithmetic."""
    yield f"One pod of {found.cpus} CPU(s); requests of 1 text of {found.tokens} tokens, none of them cached."
    if found.shared_cpus:
        yield "The load ran on the same CPUs: a pod of its own does better. Leave one CPU free with --cpus."
    yield "\nmilliseconds of one thread for one batch"
    yield "tokens  " + "".join(f"{f'{texts} texts':>10}" for texts in BATCHES)
    for width in sorted({each.tokens for each in found.service_times}):
        row = [each for each in found.service_times if each.tokens == width]
        yield f"{width:>6}  " + "".join(f"{each.milliseconds:>10.1f}" for each in row)
    yield "\nin flight   requests/s    p50 ms    p99 ms    CPUs"
    for level in found.levels:
        rate = f"{level.concurrency:>9}{level.requests_per_s:>13.0f}"
        yield f"{rate}{level.p50_ms:>10.0f}{level.p99_ms:>10.0f}{level.cpus:>8.2f}"
    yield f"\nexec to first answer: {found.wake_s:.2f} s; peak resident memory: {found.peak_mib:.0f} MiB\n"
    yield from _recommendation(found)


def _recommendation(found: Capacity) -> Iterator[str]:
    full = found.saturation
    enough = f"{full.requests_per_s:.0f}/s, at least {SATURATED:.0%} of the most within the latency target"
    kept = f"Knative keeps pods at {UTILISATION:.0%} of it"
    yield f"autoscaling.knative.dev/target: {full.concurrency:<8}{enough}; {kept}"
    most = f"the most in flight with a p99 of at most {found.latency_target_ms:.0f} ms"
    yield f"containerConcurrency: {found.container_concurrency:<18}{most}"
    yield f"limits.cpu: {found.cpus:<28}one inference thread per whole CPU"
    used = f"{UTILISATION:.0%} of the {full.cpus:.2f} CPUs used at {full.concurrency} in flight"
    yield f"requests.cpu: {f'{found.cpu_request_m}m':<26}{used}"
    yield f"requests.memory: {f'{found.memory_request_mib}Mi':<23}peak x 1.25"
    yield f"limits.memory: {f'{found.memory_limit_mib}Mi':<25}peak x 2"


def _service_times(model: Model) -> Iterator[ServiceTime]:
    dice = random.Random(1)  # noqa: S311  # not a secret
    for width in (width for width in WIDTHS if width <= model.bundle.manifest.max_tokens):
        for texts in BATCHES:
            batch = [
                TokenizedText(array("I", [101, *dice.choices(range(1000, 20_000), k=width - 2), 102]), width, width)
                for _ in range(texts)
            ]
            yield ServiceTime(width, texts, 1e3 * _median_s(model, batch))


def _median_s(model: Model, batch: Sequence[TokenizedText]) -> float:
    took_s: list[float] = []
    model.run(batch)  # allocates what this shape needs
    while len(took_s) < 3 or (sum(took_s) < 0.2 and len(took_s) < 30):  # noqa: PLR2004  # enough for a median
        started_s = time.perf_counter()
        model.run(batch)
        took_s.append(time.perf_counter() - started_s)
    return statistics.median(took_s)


def _words_of(model: Model, tokens: int) -> int:
    """How many words a text of that many tokens has, the number that makes it unique included."""
    (probe,) = model.tokenizer.encode([_text(random.Random(1), 100)])  # noqa: S311  # not a secret
    return max(1, round(100 * tokens / probe.total_tokens))


def _text(dice: random.Random, words: int) -> str:
    return " ".join([f"{dice.getrandbits(32):x}", *dice.choices(_WORDS, k=words)])


@contextmanager
def _service(bundle: Path, cpus: set[int]) -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
    """The service on those CPUs, its port, and the seconds from exec until it answered; ended on leaving."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LIGHTSLEEPER_")},
        "PORT": str(port),
        "LIGHTSLEEPER_HOST": "127.0.0.1",
        "LIGHTSLEEPER_BUNDLE": str(bundle),
        "LIGHTSLEEPER_CACHE_ENTRIES": "0",
        "LIGHTSLEEPER_LOG_LEVEL": "error",
    }
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)  # inherited
    started_s = time.perf_counter()
    command = [sys.executable, "-m", "lightsleeper", "serve"]
    process = subprocess.Popen(command, env=environment)  # noqa: S603  # ourselves
    os.sched_setaffinity(0, before)
    try:
        _until_open(process, port)
        yield process, port, time.perf_counter() - started_s
    finally:
        process.terminate()
        process.wait()


def _until_open(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline_s = time.perf_counter() + _START_TIMEOUT_S
    while time.perf_counter() < deadline_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise LightsleeperError("the service did not start")


async def _load(pid: int, port: int, words: int, target_ms: float, seconds: float) -> tuple[tuple[Level, ...], float]:
    dice = random.Random(2)  # noqa: S311  # not a secret
    levels: list[Level] = []
    for concurrency in CONCURRENCIES:
        until_s = time.perf_counter() + seconds
        levels.append(await _level(pid, port, [_bodies(dice, words, until_s) for _ in range(concurrency)]))
        if levels[-1].p99_ms > 2 * target_ms:
            break  # more only waits longer
    longest = json.dumps({"text": [_text(dice, 600) for _ in range(64)]}).encode()
    await _client(port, [longest], [])
    return tuple(levels), _peak_mib(pid)


async def _level(pid: int, port: int, bodies: Sequence[Iterable[bytes]]) -> Level:
    took_s: list[float] = []
    started_s, cpu_s = time.perf_counter(), _cpu_s(pid)
    await asyncio.gather(*(_client(port, each, took_s) for each in bodies))
    wall_s, busy_s = time.perf_counter() - started_s, _cpu_s(pid) - cpu_s
    took_s.sort()
    return Level(
        len(bodies),
        len(took_s) / wall_s,
        1e3 * statistics.median(took_s),
        1e3 * took_s[math.ceil(0.99 * len(took_s)) - 1],
        busy_s / wall_s,
    )


def _bodies(dice: random.Random, words: int, until_s: float) -> Iterator[bytes]:
    while time.perf_counter() < until_s:
        yield json.dumps({"text": _text(dice, words)}).encode()


async def _client(port: int, bodies: Iterable[bytes], took_s: list[float]) -> None:
    """One connection, one request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in bodies:
        started_s = time.perf_counter()
        writer.write(
            b"POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise LightsleeperError(f"the service answered {head.splitlines()[0].decode()}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        took_s.append(time.perf_counter() - started_s)
    writer.close()
    await writer.wait_closed()


def _cpu_s(pid: int) -> float:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _up(value: float, step: int) -> int:
    """The next multiple of `step`."""
    return step * math.ceil(value / step)
