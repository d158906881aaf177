"""What one pod takes, from what `bench` measured."""

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

from lightsleeper.capacity.capacity import Capacity
from lightsleeper.capacity.plan.fleet import MAX_BATCH_TOKENS, ServiceTimes
from lightsleeper.errors import ConfigurationError

_LARGEST_BYTES = 1_000_000
_MOST_CPUS = 1024
#: Half the requests take less than the median, 99 of 100 less than the 99th percentile.
_DEVIATIONS = NormalDist().inv_cdf(0.99)
#: Of log-normal times, the 99th percentile over the mean, at most: more uneven ones have a higher mean instead.
_MOST_UNEVEN = math.exp(_DEVIATIONS**2 / 2)


def service_times(levels: list[tuple[int, float, float]], container_concurrency: int) -> ServiceTimes:
    """From levels of (in flight, requests/s, p99 ms), the first with one in flight."""
    within = [level for level in levels if not container_concurrency or level[0] <= container_concurrency]
    _, alone, p99_ms = levels[0]
    times = ServiceTimes(1e3 / alone, max(rate for _, rate, _ in within or levels[:1]))
    return uneven(times, min(p99_ms, most_uneven_ms(times, container_concurrency)), container_concurrency)


def uneven(times: ServiceTimes, p99_ms: float, container_concurrency: int) -> ServiceTimes:
    """So spread that of requests that are alone the slowest of a hundred takes so long, and the mean stays.

    The spread is the bottleneck's; what a request spends beside it is the same for all. Of log-normal times with a
    mean of 1 the 99th percentile is exp(zσ - σ²/2): solved for σ.
    """
    server_ms = 1e3 * times.bottleneck_s(container_concurrency)
    slowest = max(1.0, 1 + (p99_ms - times.alone_ms) / server_ms)
    return replace(times, spread=_DEVIATIONS - math.sqrt(max(0.0, _DEVIATIONS**2 - 2 * math.log(slowest))))


def most_uneven_ms(times: ServiceTimes, container_concurrency: int) -> float:
    """The highest 99th percentile that those can have."""
    return times.alone_ms + 1e3 * times.bottleneck_s(container_concurrency) * (_MOST_UNEVEN - 1)


def of_capacity(found: Capacity, container_concurrency: int) -> ServiceTimes:
    """What was measured just now."""
    levels = [(each.concurrency, each.requests_per_s, each.p99_ms) for each in found.levels]
    return replace(service_times(levels, container_concurrency), cpus=found.cpus, tokens=found.tokens)


def of_file(file: Path, container_concurrency: int) -> ServiceTimes:
    """What `lightsleeper bench --json` printed; ConfigurationError if this is something else."""
    try:
        with file.open("rb") as content:
            found = json.loads(content.read(_LARGEST_BYTES))
        levels = [
            (int(each["concurrency"]), float(each["requests_per_s"]), float(each["p99_ms"])) for each in found["levels"]
        ]
        cpus, tokens = found.get("cpus"), found.get("tokens", ServiceTimes.tokens)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise ConfigurationError(f"{file}: not what `lightsleeper bench --json` prints") from None
    if not levels or levels[0][0] != 1 or not all(0 < value < math.inf for level in levels for value in level):
        raise ConfigurationError(f"{file}: bench levels must begin with one request in flight, all above 0")
    if cpus is not None and not (isinstance(cpus, int) and 1 <= cpus <= _MOST_CPUS):
        raise ConfigurationError(f"{file}: cpus, which bench counts, must be 1 to {_MOST_CPUS}")
    if not (isinstance(tokens, int) and 1 <= tokens <= MAX_BATCH_TOKENS):
        raise ConfigurationError(f"{file}: tokens, which bench counts, must be 1 to {MAX_BATCH_TOKENS}")
    return replace(service_times(levels, container_concurrency), cpus=cpus, tokens=tokens)
