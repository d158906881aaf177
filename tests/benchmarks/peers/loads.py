"""What is sent to a server, and what is measured meanwhile."""

import itertools
import json
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from load import Sample, drive, long_texts, mixed_texts, uniform_texts
from peers.contenders import Peer, label_of
from peers.processes import Running
from peers.results import Point, Record

_MAKE = {"short": mixed_texts, "long": long_texts, "uniform": uniform_texts}
#: More than any of them answers in a second; a text sent twice would be a hit.
_NEW_PER_S = {"short": 3_000, "long": 300, "uniform": 3_000}
_CACHED = 50
#: The slowest takes half a second for a long text; 128 are in flight.
_TIMEOUT_S = 150


@dataclass(frozen=True)
class Load:
    """A peer that runs, and what it is asked."""

    peer: Peer
    server: Running
    installed_mb: float
    #: Texts with their right label; may be none.
    labelled: Sequence[tuple[str, str]]
    #: How long each point takes, at least.
    seconds: float

    @property
    def wake_s(self) -> float:
        """Seconds from exec until its first answer."""
        return self.server.wake_s

    def resident_mb(self) -> float:
        """Memory of all its processes."""
        return self.server.resident_mb()

    def describe(self, record: Record) -> None:
        """Its size, and once the share of labelled texts that it gets right."""
        record.installed_mb = self.installed_mb
        if self.labelled and record.accuracy is None:
            with ThreadPoolExecutor(8) as pool:
                answers = pool.map(self._answer, (text for text, _ in self.labelled))
                right = [label_of(answer) == label for answer, (_, label) in zip(answers, self.labelled, strict=True)]
            record.accuracy = sum(right) / len(right)

    def measure(self, point: str, seed: int) -> Point:
        """`seconds` of requests one after the other on each of so many connections, each with a text of its own."""
        kind, in_flight = point.split()
        if kind == "cached":
            bodies = self._bodies(mixed_texts(_CACHED, seed))
            self._drive(bodies, 1)
        else:
            bodies = self._bodies(_MAKE[kind](int(_NEW_PER_S[kind] * self.seconds), 1_000 * seed + int(in_flight)))
        before_s = self.server.cpu_s()
        try:
            sample = self._drive(until(bodies, self.seconds), int(in_flight))
        except (RuntimeError, OSError, EOFError, TimeoutError) as reason:
            return Point(refused=str(reason) or type(reason).__name__)
        return Point(
            per_s=sample.per_s,
            p50_ms=sample.percentile_ms(50),
            p99_ms=sample.percentile_ms(99),
            cpu_s_per_1000=(self.server.cpu_s() - before_s) / len(sample.latencies_s) * 1e3,
        )

    def warm(self) -> None:
        """A second that is not measured: the first batches of each size are slower."""
        self._drive(until(self._bodies(mixed_texts(500, seed=10**6)), 1), 8)

    def _bodies(self, texts: Sequence[str]) -> list[bytes]:
        return [self.peer.body(text) for text in texts]

    def _drive(self, bodies: Iterable[bytes], in_flight: int) -> Sample:
        return drive(self.server.port, bodies, in_flight=in_flight, path=self.peer.path, timeout_s=_TIMEOUT_S)

    def _answer(self, text: str) -> object:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}{self.peer.path}",
            data=self.peer.body(text),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            content: object = json.load(answer)
            return content


def until(bodies: Sequence[bytes], seconds: float) -> Iterator[bytes]:
    """The bodies over and over, for so many seconds from now."""
    ends_s = time.perf_counter() + seconds
    return itertools.takewhile(lambda _: time.perf_counter() < ends_s, itertools.cycle(bodies))
