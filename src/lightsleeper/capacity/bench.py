"""Measures what one pod can take: the service as it is deployed, under load.

The service runs as a process of its own on as many CPUs as a pod gets, with its metrics and without a cache; requests
of one text each, all different, come over loopback from a fixed number of connections that always wait for an answer
(a closed loop: that number is what Knative calls concurrency). Last, as many of the largest requests as it may get.
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
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from lightsleeper.capacity.capacity import Capacity, Level, ServiceTime, within
from lightsleeper.errors import LightsleeperError
from lightsleeper.model.model import Model, load_model
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.encoding import REMEMBERED_BYTES
from lightsleeper.process import cpu_s, free_port

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
BATCHES = (1, 4, 16)
#: The first and the last of every text, and a word: one of all different texts has some more.
_LEAST_TOKENS = 8
CONCURRENCIES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)

_WORDS = ("a", "film", "that", "never", "quite", "wakes", "but", "lingers", "long", "after", "the", "last", "scene")
_START_TIMEOUT_S = 60.0

#: A full queue, a deadline: what a pod with too much to do says, and goes on.
_REFUSALS = frozenset({b"503", b"504"})


class Refused(LightsleeperError):
    """More was asked than the service lets wait."""


def measure(
    bundle: Path,
    *,
    cache_bytes: int,
    cpus: int = 1,
    tokens: int = 32,
    latency_target_ms: float = 250.0,
    seconds: float = 5,
) -> Capacity:
    """Measure for about `seconds` per level of concurrency, with texts of so many tokens.

    LightsleeperError if the service does not start, if this machine or the model has less than is asked for, and,
    as Refused, if the service lets not even one request in.

    `cache_bytes` is what the pod is to keep answers in; 0 if it is to keep none, nor the tokens of their texts.
    """
    available = sorted(os.sched_getaffinity(0))
    if not 1 <= cpus <= len(available):
        raise LightsleeperError(f"this machine has {len(available)} CPUs; {cpus} cannot be measured on it")
    if not 0 < latency_target_ms < math.inf:
        raise LightsleeperError(f"--latency-target-ms must be above 0, not {latency_target_ms:g}")
    service_cpus, load_cpus = set(available[:cpus]), set(available[cpus:]) or set(available)
    model = load_model(bundle)
    longest = model.bundle.manifest.max_tokens
    if not _LEAST_TOKENS <= tokens <= longest:
        raise LightsleeperError(
            f"--tokens must be {_LEAST_TOKENS} to {longest}, all that the model reads, not {tokens}"
        )
    service_times = tuple(_service_times(model))
    words = _words_of(model, tokens)
    with _service(bundle, service_cpus) as (process, port, wake_s):
        os.sched_setaffinity(0, load_cpus)
        try:
            levels = asyncio.run(measure_levels(process.pid, port, words, latency_target_ms, seconds))
            usual_mib = _peak_mib(process.pid)
            asyncio.run(_largest(port, within(levels, latency_target_ms)[-1].concurrency))
            peak_mib = _peak_mib(process.pid)
        finally:
            os.sched_setaffinity(0, set(available))
    return Capacity(
        cpus=cpus,
        tokens=tokens,
        latency_target_ms=latency_target_ms,
        service_times=service_times,
        levels=levels,
        wake_s=wake_s,
        usual_mib=usual_mib,
        peak_mib=peak_mib,
        cache_mib=(cache_bytes + REMEMBERED_BYTES) / 2**20 if cache_bytes else 0.0,
        shared_cpus=bool(service_cpus & load_cpus),
    )


def wake_s(bundle: Path) -> float:
    """Seconds from exec until the service with that bundle is open; LightsleeperError if it does not start."""
    with _service(bundle, set(os.sched_getaffinity(0))) as (_, _, took_s):
        return took_s


def _service_times(model: Model) -> Iterator[ServiceTime]:
    # Real tokens: which ids there are is the vocabulary's business.
    (whole,) = model.tokenizer.encode([_text(random.Random(1), 4000)])  # noqa: S311  # not a secret
    for width in (width for width in WIDTHS if width <= model.bundle.manifest.max_tokens):
        for texts in BATCHES:
            batch = [
                TokenizedText(array("I", [*whole.ids[: width - 1], whole.ids[-1]]), width, width) for _ in range(texts)
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
    """The service on those CPUs, its port, and the seconds from exec until it was open; ended on leaving."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LIGHTSLEEPER_")},
        "PORT": str(port),
        "LIGHTSLEEPER_HOST": "127.0.0.1",
        "LIGHTSLEEPER_BUNDLE": str(bundle),
        "LIGHTSLEEPER_CACHE_ENTRIES": "0",
        "LIGHTSLEEPER_METRICS_PORT": str(free_port()),
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


async def measure_levels(pid: int, port: int, words: int, target_ms: float, seconds: float) -> tuple[Level, ...]:
    """More and more texts of so many words in flight, for `seconds` each, until twice the target or the first refusal.

    Refused if one is too many; LightsleeperError for any other answer that is none.
    """
    dice = random.Random(2)  # noqa: S311  # not a secret
    levels: list[Level] = []
    for concurrency in CONCURRENCIES:
        until_s = time.perf_counter() + seconds
        try:
            levels.append(await _level(pid, port, [_bodies(dice, words, until_s) for _ in range(concurrency)]))
        except Refused:
            if not levels:
                raise
            break  # a pod that says no has had too many
        if levels[-1].p99_ms > 2 * target_ms:
            break  # more only waits longer
    return tuple(levels)


async def _largest(port: int, requests: int) -> None:
    """So many of the largest requests that the service allows, at once. It may refuse some: memory is the question."""
    dice = random.Random(3)  # noqa: S311  # not a secret
    with urlopen(f"http://127.0.0.1:{port}/model") as answer:  # noqa: ASYNC210  # nothing else runs
        limits = json.load(answer)["limits"]
    words = int(0.95 * limits["max_body_bytes"] / limits["max_texts"] / (len(_text(dice, 1000)) / 1000))
    body = json.dumps({"text": [_text(dice, words) for _ in range(limits["max_texts"])]}).encode()
    await asyncio.gather(*(_client(port, [body], [], refusals=_REFUSALS) for _ in range(requests)))


async def _level(pid: int, port: int, bodies: Sequence[Iterable[bytes]]) -> Level:
    took_s: list[float] = []
    started_s, started_cpu_s = time.perf_counter(), cpu_s(pid)
    await asyncio.gather(*(_client(port, each, took_s) for each in bodies))
    wall_s, busy_s = time.perf_counter() - started_s, cpu_s(pid) - started_cpu_s
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


async def _client(port: int, bodies: Iterable[bytes], took_s: list[float], *, refusals: Collection[bytes] = ()) -> None:
    """One connection, one request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for body in bodies:
            started_s = time.perf_counter()
            await _ask(reader, writer, body, refusals)
            took_s.append(time.perf_counter() - started_s)
    finally:
        writer.close()
        await writer.wait_closed()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, refusals: Collection[bytes]
) -> None:
    """One request, to the end of its answer; Refused, LightsleeperError if that is none we can use."""
    writer.write(
        b"POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    if status != b"200" and status not in refusals:
        kind = Refused if status in _REFUSALS else LightsleeperError
        raise kind(f"the service answered {head.splitlines()[0].decode()}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


def _peak_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
