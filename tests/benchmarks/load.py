"""What every benchmark shares: processes to measure, texts to send, and a client cheap enough not to be the limit."""

import asyncio
import json
import os
import random
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightsleeper.process import cpu_s, free_port

_OPENINGS = (
    "Honestly,",
    "For me",
    "I would say that",
    "After all the praise,",
    "On a rainy evening",
    "Sadly,",
    "In short,",
)
_SUBJECTS = ("the story", "this film", "the lead actor", "every single scene", "the soundtrack", "its quiet ending")
_VERDICTS = (
    "works far better than it should",
    "never finds its feet",
    "made me laugh out loud",
    "drags on and on",
    "is worth the ticket alone",
    "left me cold",
)
_TAILS = (
    "and I have seen a few",
    "which says a lot",
    "though my sister disagrees",
    "from the first minute to the last",
)
# Each one token, so that texts of as many words are equally long.
_WORDS = (
    "film",
    "story",
    "love",
    "bad",
    "good",
    "great",
    "music",
    "actor",
    "scene",
    "slow",
    "long",
    "funny",
    "sad",
    "end",
)


def mixed_texts(count: int, seed: int = 0) -> list[str]:
    """Distinct short texts of 8 to about 60 words, as people write them: most of them short."""
    draw = random.Random(seed)
    texts = []
    for number in range(count):
        sentences = [
            " ".join(draw.choice(part) for part in (_OPENINGS, _SUBJECTS, _VERDICTS, _TAILS))
            for _ in range(min(4, 1 + int(draw.expovariate(1.2))))
        ]
        texts.append(f"{'. '.join(sentences)} ({number})")
    return texts


def long_texts(count: int, seed: int = 0) -> list[str]:
    """Distinct texts of about 220 words, as a review of a film has them."""
    short = mixed_texts(10 * count, seed)
    return [" ".join(short[first : first + 10]) for first in range(0, len(short), 10)]


def uniform_texts(count: int, seed: int = 0) -> list[str]:
    """Texts of 16 words, hardly two the same, and equally long, so that none is padded."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(_WORDS, k=16)) for _ in range(count)]


def texts_of_length(tokens: int, count: int, seed: int | None = None) -> list[str]:
    """Distinct texts of so many tokens: words of one token each."""
    draw = random.Random(tokens if seed is None else seed)
    return [" ".join(draw.choices(_WORDS, k=tokens - 2)) for _ in range(count)]


@dataclass(frozen=True)
class Sample:
    """The outcome of one run: seconds each request took, and seconds they all took together."""

    latencies_s: Sequence[float]
    elapsed_s: float

    @property
    def per_s(self) -> float:
        """Requests answered per second."""
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, percent: int) -> float:
        """The latency that `percent` of the requests stayed below."""
        return statistics.quantiles(self.latencies_s, n=100, method="inclusive")[percent - 1] * 1e3


def drive(
    port: int, bodies: Iterable[bytes], *, in_flight: int, path: str = "/predict", timeout_s: float | None = None
) -> Sample:
    """Send every body once, `in_flight` at a time over as many kept connections.

    RuntimeError for any answer but a 200, TimeoutError when not all are there after `timeout_s`.
    """

    async def within() -> Sample:
        async with asyncio.timeout(timeout_s):
            return await _drive(port, bodies, in_flight, path)

    return asyncio.run(within())


async def _drive(port: int, bodies: Iterable[bytes], in_flight: int, path: str) -> Sample:
    latencies_s: list[float] = []
    waiting = iter(bodies)

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ".encode()
        for body in waiting:
            started_s = time.perf_counter()
            writer.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
            answer = await reader.readuntil(b"\r\n\r\n")
            content = await _content(reader, answer.lower())
            latencies_s.append(time.perf_counter() - started_s)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{answer.splitlines()[0].decode()}: {content[:200].decode()}")
        writer.close()

    started_s = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(in_flight)))
    return Sample(latencies_s, time.perf_counter() - started_s)


async def _content(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The body after a head in small letters: of a length that it says, or in chunks (RFC 9112, 7.1)."""
    if b"\r\ntransfer-encoding: chunked" not in head:
        return await reader.readexactly(int(head.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0]))
    content = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        content += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return content


def one_each(texts: Sequence[str]) -> list[bytes]:
    """A request body per text."""
    return [json.dumps({"text": [text]}).encode() for text in texts]


@dataclass(frozen=True)
class Server:
    """A running HTTP service."""

    port: int
    pid: int
    #: Seconds from exec until its first answer to a prediction.
    wake_s: float

    def resident_mb(self) -> float:
        """Resident memory in MB, shared pages included."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return int(kilobytes) * 1024 / 1e6

    def cpu_s(self) -> float:
        """CPU seconds it has used, all threads, user and system."""
        return cpu_s(self.pid)


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start `command` with PORT set, wait for its first prediction, stop it with SIGTERM at the end."""
    port = free_port()
    started_s = time.perf_counter()
    with subprocess.Popen(
        command,
        env={**os.environ, **(environment or {}), "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _first_answer(process, port)
            yield Server(port, process.pid, time.perf_counter() - started_s)
        finally:
            process.terminate()


def _first_answer(process: "subprocess.Popen[bytes]", port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        data=b'{"text": ["Is anybody there?"]}',
        headers={"content-type": "application/json"},
    )
    while process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
