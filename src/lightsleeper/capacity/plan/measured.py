"""What one pod takes, from what `bench` measured."""

import json
import math
from pathlib import Path
from statistics import NormalDist

from lightsleeper.capacity.capacity import Capacity
from lightsleeper.capacity.plan.fleet import ServiceTimes
from lightsleeper.errors import ConfigurationError

_LARGEST_BYTES = 1_000_000
#: Half the requests take less than the median, 99 of 100 less than the 99th percentile.
_DEVIATIONS = NormalDist().inv_cdf(0.99)


def service_times(levels: list[tuple[int, float, float, float]], container_concurrency: int) -> ServiceTimes:
    """From levels of (in flight, requests/s, p50 ms, p99 ms), the first with one in flight."""
    within = [level for level in levels if not container_concurrency or level[0] <= container_concurrency]
    _, alone, p50_ms, p99_ms = levels[0]
    return ServiceTimes(1e3 / alone, max(rate for _, rate, _, _ in within or levels[:1]), spread_of(p50_ms, p99_ms))


def spread_of(p50_ms: float, p99_ms: float) -> float:
    """The logarithm's standard deviation, were the times log-normal."""
    return math.log(max(1.0, p99_ms / p50_ms)) / _DEVIATIONS


def of_capacity(found: Capacity, container_concurrency: int) -> ServiceTimes:
    """What was measured just now."""
    levels = [(each.concurrency, each.requests_per_s, each.p50_ms, each.p99_ms) for each in found.levels]
    return service_times(levels, container_concurrency)


def of_file(file: Path, container_concurrency: int) -> ServiceTimes:
    """What `lightsleeper bench --json` printed; ConfigurationError if this is something else."""
    try:
        with file.open("rb") as content:
            found = json.loads(content.read(_LARGEST_BYTES))
        levels = [
            (int(each["concurrency"]), *(float(each[name]) for name in ("requests_per_s", "p50_ms", "p99_ms")))
            for each in found["levels"]
        ]
        if not levels or levels[0][0] != 1 or not all(0 < value < math.inf for level in levels for value in level):
            raise ConfigurationError(f"{file}: levels must begin with one request in flight, all above 0")
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise ConfigurationError(f"{file}: not what `lightsleeper bench --json` prints") from None
    return service_times(levels, container_concurrency)  # type: ignore[arg-type]  # four each
