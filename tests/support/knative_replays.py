"""Traffic that can be written down in a line, and what Knative's own autoscaler made of it.

`knative_1_23.json` holds numbers that were recorded from the code of Knative Serving 1.23.0 (knative/serving at
knative-v1.23.0): its activator's concurrency reporter, throttler and load balancing, its metric collector, autoscaler,
multiscaler and scale-to-zero logic, and queue-proxy's breaker, with Go's fake clock (`testing/synctest`). Ours were
only the clients, the pod (busy `server_s` with each request, one after the other, answering `delay_s` later) and what
creates, readies and deletes pods.
"""

import json
import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np

from lightsleeper.capacity.plan.fleet import Floats, ServiceTimes
from lightsleeper.capacity.plan.manifest import read_setting
from lightsleeper.capacity.plan.scaling import Scaling


@dataclass(frozen=True)
class Recorded:
    """One replay: what went in, and what came out."""

    name: str
    #: Stretches of (from s, until s, requests/s at first, at last).
    stretches: list[tuple[float, float, float, float]]
    annotations: dict[str, str]
    container_concurrency: int
    server_s: float
    delay_s: float
    wake_s: float
    until_s: float
    #: Where it changed: time of the tick, pods desired.
    desired: list[tuple[float, int]]
    #: The same for pods that were ready.
    ready: list[tuple[float, int]]
    answered: int
    woken: int
    p50_ms: float
    p99_ms: float

    def arrivals(self) -> list[float]:
        """Poisson, the same on every machine."""
        dice, found = random.Random(7), []
        for begin_s, end_s, first, last in self.stretches:
            at_s = begin_s
            while True:
                rate = first + (last - first) * (at_s - begin_s) / (end_s - begin_s)
                at_s += -math.log(1 - dice.random()) / max(rate, 1e-3)
                if at_s >= end_s:
                    break
                found.append(round(at_s, 6))
        return found

    def scaling(self) -> Scaling:
        """Its settings."""
        plain = {
            "target": 100.0,
            "container_concurrency": self.container_concurrency,
            "max_scale": 0,
            "window_s": 60.0,
            "scale_down_delay_s": 0.0,
            "retention_s": 0.0,
        }
        named = dict(read_setting(name, name, value) for name, value in self.annotations.items())
        return Scaling(**(plain | named))  # type: ignore[arg-type]  # each by its own reader

    def times(self) -> ServiceTimes:
        """Its pod."""
        return ServiceTimes(1e3 * (self.server_s + self.delay_s), 1 / self.server_s)

    def desired_at(self, at_s: float) -> int:
        """What Knative wanted then."""
        return self.desired[bisect_right(self.desired, at_s + 1e-3, key=itemgetter(0)) - 1][1]


@dataclass(frozen=True)
class Listed:
    """Requests at these times."""

    times: list[float]
    length_s: float | None

    def pieces(self) -> Iterator[tuple[Floats, Floats]]:
        """One."""
        yield np.array(self.times, dtype=float), np.ones(len(self.times))


_FILE = Path(__file__).parents[1] / "capacity" / "plan" / "knative_1_23.json"
RECORDED = [Recorded(**each) for each in json.loads(_FILE.read_text())]
