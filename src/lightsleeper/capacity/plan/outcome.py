"""What came of a simulation: counts, latencies in a histogram of fixed size, and the pods over time."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lightsleeper.capacity.plan.fleet import Floats

#: Bins half a per cent wide, from 0.1 ms up: no quantile is further off than that.
_STEP = np.log(1.005)
_LEAST_S = 1e-4
_BINS = 4000


class Latencies:
    """A histogram whose size does not grow with what it counts."""

    def __init__(self) -> None:
        """Empty."""
        self._counts = np.zeros(_BINS, dtype=np.int64)

    def add(self, latencies_s: Floats) -> None:
        """Count them."""
        bins = np.log(np.maximum(latencies_s, _LEAST_S) / _LEAST_S) / _STEP
        self._counts += np.bincount(np.minimum(bins.astype(np.intp), _BINS - 1), minlength=_BINS)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._counts.sum())

    def quantile_ms(self, share: float) -> float:
        """0 if there is none."""
        if not self.count:
            return 0.0
        found = int(np.searchsorted(np.cumsum(self._counts), share * self.count))
        return float(1e3 * _LEAST_S * np.exp((found + 0.5) * _STEP))


@dataclass
class Timeline:
    """A row for every tick of the autoscaler, but none while it rests and nothing changes."""

    at_s: "array[float]" = field(default_factory=lambda: array("d"))
    desired: "array[int]" = field(default_factory=lambda: array("i"))
    ready: "array[int]" = field(default_factory=lambda: array("i"))
    #: At most since the row before.
    waiting: "array[int]" = field(default_factory=lambda: array("q"))
    #: Since the beginning.
    requests: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, at_s: float, *, desired: int, ready: int, waiting: int, requests: int) -> None:
        """One more tick."""
        self.at_s.append(at_s)
        self.desired.append(desired)
        self.ready.append(ready)
        self.waiting.append(waiting)
        self.requests.append(requests)

    def most(self, values: "array[int]", parts: int, length_s: float) -> list[int]:
        """The highest value within each of so many equal parts of the time; a value holds until the next."""
        most = [0] * parts
        edges = [min(parts - 1, int(at_s / length_s * parts)) for at_s in self.at_s]
        for value, first, last in zip(values, edges, [*edges[1:], parts - 1], strict=True):
            for part in range(first, last + 1):
                most[part] = max(most[part], value)
        return most

    def rates(self, parts: int, length_s: float) -> list[float]:
        """Requests per second in each of so many equal parts."""
        edges = np.linspace(0, length_s, parts + 1)
        so_far = np.interp(edges, [0.0, *self.at_s], [0, *self.requests])
        return [float(rate) for rate in np.diff(so_far) / (length_s / parts)]

    def highest_rate(self, window_s: float) -> float:
        """Requests per second in the busiest time that is so long and ends with a row."""
        at_s, so_far = np.array([0.0, *self.at_s]), np.array([0, *self.requests])
        return float((so_far - np.interp(at_s - window_s, at_s, so_far)).max()) / window_s

    def __iter__(self) -> Iterator[tuple[float, int, int]]:
        """Time, desired, ready."""
        return zip(self.at_s, self.desired, self.ready, strict=True)


@dataclass
class Outcome:
    """One simulation's results."""

    requests: int = 0
    texts: int = 0
    #: Given up by the activator, since no pod had room in time.
    timed_out: int = 0
    #: Answered with 503 by a pod in which too much work waited.
    refused: int = 0
    #: Came when no pod was ready.
    woken: int = 0
    #: Times the service went from no pod to some.
    wakes: int = 0
    length_s: float = 0.0
    #: From creation until the end, the 30 s of draining included.
    pod_s: float = 0.0
    ready_pod_s: float = 0.0
    busy_s: float = 0.0
    most_pods: int = 0
    most_waiting: int = 0
    #: How many activators Knative would put before the most pods.
    activators: int = 2
    latencies: Latencies = field(default_factory=Latencies)
    timeline: Timeline = field(default_factory=Timeline)

    @property
    def lost(self) -> int:
        """Requests that got none: given up, or refused."""
        return self.timed_out + self.refused

    @property
    def answered(self) -> int:
        """Requests that got their answer."""
        return self.latencies.count

    @property
    def pod_hours(self) -> float:
        """Hours times pods, draining ones included."""
        return self.pod_s / 3600

    @property
    def mean_pods(self) -> float:
        """Pods that were ready, on average over the time."""
        return self.ready_pod_s / self.length_s if self.length_s else 0.0

    def share(self, requests: int) -> float:
        """Of all requests; 0 if there was none."""
        return requests / self.requests if self.requests else 0.0

    @property
    def utilisation(self) -> float:
        """Of the time that pods were ready, the share in which they worked."""
        return min(1.0, self.busy_s / self.ready_pod_s) if self.ready_pod_s else 0.0

    def cost(self, *, cpus: float, cpu_hour_price: float) -> float:
        """Of CPUs that are paid for while their pod is there, in the price's currency."""
        return self.pod_hours * cpus * cpu_hour_price
