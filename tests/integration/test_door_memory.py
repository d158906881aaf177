"""A pod's memory, and its probe, while strangers send without end: the real process, against the manifest's limit."""

import asyncio
import gzip
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from burst import unique_text
from lightsleeper.process import cpu_s
from lightsleeper.serving.settings import Settings
from rendering import container
from service import Service
from wire import LAST, request, sized, talk

Report = Callable[[str], None]

#: What one attacker sends at most, if nobody stops it.
ENDLESS_BYTES = 100_000_000
PACKET_BYTES = 64_000
ATTACKERS = 20


async def flood(port: int, start: bytes, endless: bytes) -> int:
    """How many bytes of `endless` repeated the service took before it ended the connection."""
    packet = endless * (PACKET_BYTES // len(endless))
    sent = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer), suppress(OSError, TimeoutError):
        writer.write(start)
        async with asyncio.timeout(20):
            while sent < ENDLESS_BYTES and not reader.at_eof():
                writer.write(packet)
                await writer.drain()
                sent += len(packet)
    return sent


def many(attack: Callable[[int], Awaitable[object]], attackers: int = ATTACKERS) -> Callable[[int], Awaitable[object]]:
    async def together(port: int) -> object:
        return await asyncio.gather(*(attack(port) for _ in range(attackers)), return_exceptions=True)

    return together


def endless(start: bytes, repeated: bytes) -> Callable[[int], Awaitable[object]]:
    return many(lambda port: flood(port, start, repeated))


CHUNKED = request(headers="Transfer-Encoding: chunked")
GET = request("GET", "/livez")


async def half_heads(port: int) -> None:
    """More connections than may be open, each with half a head."""
    held: list[socket.socket] = []
    try:
        for _ in range(2 * Settings().max_connections):
            each = socket.create_connection(("127.0.0.1", port))
            held.append(each)
            with suppress(OSError):
                each.sendall(GET[:-2] + b"X-Half: " + b"x" * 16_000)
            await asyncio.sleep(0)
    finally:
        for each in held:
            each.close()


async def unread_answers(port: int) -> None:
    """The page's largest file, asked for by many who read none of it."""
    held: list[socket.socket] = []
    try:
        for _ in range(400):
            held.append(socket.create_connection(("127.0.0.1", port)))
            held[-1].sendall(request("GET", "/web/docs/swagger-ui-bundle.js") * 4)
            await asyncio.sleep(0)
        await asyncio.to_thread(talk, port, LAST)
    finally:
        for each in held:
            each.close()


async def large_bodies(port: int) -> None:
    """200 of the largest requests at once, each new to every cache."""
    settings = Settings()
    dice = random.Random(7)
    words = settings.max_body_bytes // settings.max_texts // 6
    texts = [unique_text(dice, words) for _ in range(settings.max_texts)]

    bodies = [json.dumps({"text": [f"{number} {text}" for text in texts]}).encode() for number in range(200)]

    async def ask(body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(request(headers=f"Connection: close\n{sized(body)}") + body)
            return await reader.read(12)

    asked = await asyncio.gather(*map(ask, bodies))
    assert {status[9:12] for status in asked} <= {b"200", b"429", b"503", b"504"}


async def inflated_bodies(port: int) -> None:
    """100 requests of 2 kB at once that become the largest, in Python four bytes a letter."""
    settings = Settings()
    text = "🙂" + "a b " * (settings.max_body_bytes // settings.max_texts // 4 - 8)
    body = gzip.compress(json.dumps({"text": [text] * settings.max_texts}, ensure_ascii=False).encode())

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(request(headers=f"Connection: close\nContent-Encoding: gzip\n{sized(body)}") + body)
            return await reader.read(12)

    asked = await asyncio.gather(*(ask() for _ in range(100)))
    assert {status[9:12] for status in asked} <= {b"200", b"503", b"504"}


ATTACKS: dict[str, Callable[[int], Awaitable[object]]] = {
    "endless small headers": endless(GET[:-2], b"a: b\r\n"),
    "an endless header": endless(GET[:-2] + b"a: ", b"x"),
    "an endless URL": endless(b"GET /", b"x"),
    "endless empty lines": endless(b"", b"\r\n"),
    "endless small trailers": endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n"),
    "an endless trailer": endless(CHUNKED + b"2\r\n{}\r\n0\r\na: ", b"x"),
    "an endless extension": endless(CHUNKED + b"2;", b"x"),
    "a byte a chunk": endless(CHUNKED, b"1\r\n \r\n"),
    "a body without end": endless(request(headers="Content-Length: 900000000"), b"x"),
    "requests sent ahead without end": endless(b"", GET),
    "upgrades sent ahead without end": endless(b"", request("GET", "/livez", "Connection: Upgrade\nUpgrade: h2c")),
    "half heads": half_heads,
    "answers that nobody reads": unread_answers,
    "200 of the largest bodies": large_bodies,
    "100 inflated bodies": inflated_bodies,
}


@pytest.fixture
def service() -> Iterator[Service]:
    """A process for each attack: memory that one took is not always given back."""
    with Service(cache_entries=0) as service:
        yield service


@asynccontextmanager
async def probed(port: int) -> AsyncIterator[list[float]]:
    """Seconds that each probe took; every one is answered."""
    took_s: list[float] = []
    over = asyncio.Event()

    def probe() -> None:
        started_s = time.perf_counter()
        [answer] = talk(port, LAST)
        assert answer.status == 200
        took_s.append(time.perf_counter() - started_s)

    async def go_on() -> None:
        while not over.is_set():
            await asyncio.to_thread(probe)
            await asyncio.sleep(0.05)

    prober = asyncio.create_task(go_on())
    try:
        yield took_s
    finally:
        over.set()
        await prober


@pytest.mark.door
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ATTACKS)
async def test_a_pod_survives_what_strangers_send_and_answers_its_probe(
    service: Service, name: str, report: Report
) -> None:
    pid = service.process.pid
    began_s = cpu_s(pid)
    async with probed(service.port) as took_s:
        await ATTACKS[name](service.port)
    peak_bytes = peak(pid)
    spent = f"{peak_bytes / 2**20:.0f} MiB at the peak, {cpu_s(pid) - began_s:.1f} s of CPU"
    report(f"{name}: {spent}; {len(took_s)} probes answered, slowest {1e3 * max(took_s):.0f} ms")
    limit = container("aks")["resources"]["limits"]["memory"]
    # Empty here, for the peaks to be those of the attack; full, these may stand beside it.
    assert peak_bytes + Settings().cache_bytes < int(limit.removesuffix("Mi")) * 2**20
    assert service.predict("Still here.").status_code == 200


def peak(pid: int) -> int:
    """Bytes: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak_kib] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(peak_kib)
