"""What one pod can take, measured by `bench`, and what Knative should therefore be told, with the arithmetic."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Knative adds a pod when the average passes this share of the target, so that the pods there are have room meanwhile.
#: https://knative.dev/docs/serving/autoscaling/concurrency/#target-utilization
UTILISATION = 0.7
#: More requests in flight than give this share of the highest throughput only wait.
SATURATED = 0.95


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
    #: Highest resident memory under those levels.
    usual_mib: float
    #: The same with `container_concurrency` of the largest allowed requests at once.
    peak_mib: float
    #: What answers and tokens that are remembered may take besides: none were.
    cache_mib: float
    #: Whether the load came from the service's own CPUs.
    shared_cpus: bool

    @property
    def within_target(self) -> tuple[Level, ...]:
        """The levels whose 99th percentile meets the target; the first one if none does."""
        return within(self.levels, self.latency_target_ms)

    @property
    def container_concurrency(self) -> int:
        """The most requests in flight that still meet the target."""
        return self.within_target[-1].concurrency

    @property
    def saturation(self) -> Level:
        """The fewest requests in flight that use the pod up."""
        highest = max(level.requests_per_s for level in self.within_target)
        return next(level for level in self.within_target if level.requests_per_s >= SATURATED * highest)

    @property
    def target(self) -> int:
        """Half of what uses the pod up: few are in flight until it is nearly full, and then all at once.

        With 12 instead of 6, Knative halves the pods under a steady 500/s until the rest drown: a p99 of 1,226 ms
        instead of 48, for half as many pod-hours again (`lightsleeper plan`; knative/SCALE.md).
        """
        return max(1, self.saturation.concurrency // 2)

    @property
    def kept_at(self) -> Level:
        """The measured level next above what Knative keeps a pod at."""
        return next(level for level in self.levels if level.concurrency >= UTILISATION * self.target)

    @property
    def cpu_request_m(self) -> int:
        """Millicores a pod uses there, to the next 50, never more than it gets: a clock may find 1.02 of one CPU."""
        return min(_up(self.kept_at.cpus * 1000, 50), 1000 * self.cpus)

    @property
    def memory_request_mib(self) -> int:
        """What ordinary requests and a full cache take, to the next 32 MiB."""
        return _up(self.usual_mib + self.cache_mib, 32)

    @property
    def memory_limit_mib(self) -> int:
        """The worst that may come and a quarter, to the next 64 MiB: a pod at its limit is killed with its requests."""
        return _up((self.peak_mib + self.cache_mib) * 1.25, 64)


def as_json(found: Capacity) -> dict[str, Any]:
    """The same for programs; what is recommended in the words of a manifest."""
    return {
        **asdict(found),
        "recommended": {
            "target": found.target,
            "containerConcurrency": found.container_concurrency,
            "resources": {
                "requests": {"cpu": f"{found.cpu_request_m}m", "memory": f"{found.memory_request_mib}Mi"},
                "limits": {"cpu": f"{found.cpus}", "memory": f"{found.memory_limit_mib}Mi"},
            },
        },
    }


def describe(found: Capacity) -> Iterator[str]:
    """The measurement and the recommendation, line by line, with the arithmetic."""
    yield f"One pod of {found.cpus} CPU(s); requests of 1 text of {found.tokens} tokens, none of them cached."
    if found.shared_cpus:
        yield "The load ran on the same CPUs: a pod of its own does better. Leave one CPU free with --cpus."
    yield "\nmilliseconds of one thread for one batch"
    batches = sorted({each.texts for each in found.service_times})
    yield "tokens  " + "".join(f"{f'{texts} texts':>10}" for texts in batches)
    for width in sorted({each.tokens for each in found.service_times}):
        row = [each for each in found.service_times if each.tokens == width]
        yield f"{width:>6}  " + "".join(f"{each.milliseconds:>10.1f}" for each in row)
    yield "\nin flight   requests/s    p50 ms    p99 ms    CPUs"
    for level in found.levels:
        rate = f"{level.concurrency:>9}{level.requests_per_s:>13.0f}"
        yield f"{rate}{level.p50_ms:>10.0f}{level.p99_ms:>10.0f}{level.cpus:>8.2f}"
    yield f"\nexec → open: {found.wake_s:.2f} s"
    largest = f"{found.container_concurrency} of the largest requests at once"
    yield f"resident: {found.usual_mib:.0f} MiB under this load, {found.peak_mib:.0f} MiB with {largest}\n"
    yield from _recommendation(found)


def _recommendation(found: Capacity) -> Iterator[str]:
    full = found.saturation
    enough = f"{full.requests_per_s:.0f}/s, at least {SATURATED:.0%} of the most within the latency target"
    half = f"half of the {full.concurrency} in flight that give {enough}"
    yield f"autoscaling.knative.dev/target: {found.target:<8}{half}; Knative keeps pods at {UTILISATION:.0%} of it"
    most = f"the most in flight with a p99 of at most {found.latency_target_ms:.0f} ms"
    yield f"containerConcurrency: {found.container_concurrency:<18}{most}"
    yield f"limits.cpu: {found.cpus:<28}one inference thread per whole CPU"
    used = f"used at {found.kept_at.concurrency} in flight, next above those {UTILISATION:.0%}; what idles needs less"
    yield f"requests.cpu: {f'{found.cpu_request_m}m':<26}{used}"
    cache = f"{found.cache_mib:.0f} of cache"
    yield f"requests.memory: {f'{found.memory_request_mib}Mi':<23}{found.usual_mib:.0f} resident + {cache}"
    yield f"limits.memory: {f'{found.memory_limit_mib}Mi':<25}({found.peak_mib:.0f} at the peak + {cache}) × 1.25"


def within(levels: Sequence[Level], target_ms: float) -> tuple[Level, ...]:
    """The levels whose 99th percentile is at most `target_ms`; the first one if none is."""
    return tuple(level for level in levels if level.p99_ms <= target_ms) or tuple(levels[:1])


def _up(value: float, step: int) -> int:
    """The next multiple of `step`."""
    return step * math.ceil(value / step)
