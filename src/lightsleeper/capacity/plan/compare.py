"""Other settings for the same traffic: one after the other, each from the best that was found before it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from lightsleeper.capacity.plan.report import Plan
from lightsleeper.capacity.plan.scaling import Scaling, named
from lightsleeper.errors import ConfigurationError

#: In this order: what changes most first. `min_scale` and `max_scale` have more, in multiples of the pods that the
#: busiest part of the time keeps busy; `metric` has requests per second, at as many as a pod can answer.
_CHOICES: dict[str, tuple[float, ...]] = {
    "max_scale": (),
    "metric": (),
    "min_scale": (0, 1, 2),
    "target": (2, 4, 6, 12, 24),
    "target_utilization": (0.5, 0.7, 0.85),
    "container_concurrency": (12, 24, 48, 96),
    "window_s": (15, 30, 60),
    "scale_down_delay_s": (0, 30, 120),
    "retention_s": (0, 60, 300, 900),
}
_OF_BUSY_PODS = {"max_scale": (1.5, 2, 4), "min_scale": (1.25, 1.5)}
_PASSES = 2
#: What is no cheaper than this is no reason to change a setting.
_WORTH = 0.99


@dataclass(frozen=True)
class Comparison:
    """All that was tried; `best` is the cheapest that keeps the target (to 1 %), or the fastest if none does."""

    tried: tuple[Plan, ...]
    best: Plan
    latency_target_ms: float

    def keeps(self, plan: Plan) -> bool:
        """Whether 99 of 100 requests are answered in time, and none is given up."""
        return _keeps(plan, self.latency_target_ms)

    def lines(self) -> Iterator[str]:
        """A table, cheapest first, and what to write into the manifest."""
        yield "    cost   pod-hours     p50 ms     p99 ms   waited for a wake   settings"
        for plan in sorted(self.tried, key=lambda plan: plan.cost):
            found = plan.outcome
            numbers = f"{plan.cost:>8.2f}{found.pod_hours:>12.2f}{found.latencies.quantile_ms(0.5):>11,.1f}"
            slow = f"{found.latencies.quantile_ms(0.99):>11,.1f}{found.woken:>20,}"
            yield f"{numbers}{slow}   {self._changes(plan)}{' ←' if plan is self.best else ''}"
        yield ""
        target = f"a p99 of {self.latency_target_ms:g} ms"
        kept = f"the cheapest that keeps {target}" if self.keeps(self.best) else f"none keeps {target}; the fastest"
        yield f"{kept}, of {len(self.tried)} tried: {self._changes(self.best)}"

    def as_json(self) -> dict[str, object]:
        """The same."""
        return {
            "latency_target_ms": self.latency_target_ms,
            "kept": self.keeps(self.best),
            "best": self.best.as_json(),
            "tried": [
                {
                    "changes": changes(self.tried[0].scaling, plan.scaling),
                    "cost": plan.cost,
                    "pod_hours": plan.outcome.pod_hours,
                    "p50_ms": plan.outcome.latencies.quantile_ms(0.5),
                    "p99_ms": plan.outcome.latencies.quantile_ms(0.99),
                    "waited_for_a_wake": plan.outcome.woken,
                    "timed_out": plan.outcome.timed_out,
                }
                for plan in self.tried
            ],
        }

    def _changes(self, plan: Plan) -> str:
        found = changes(self.tried[0].scaling, plan.scaling)
        return ", ".join(f"{named(name)} {value}" for name, value in found.items()) or "as given"


def compare(run: Callable[[Scaling], Plan], given: Scaling, latency_target_ms: float) -> Comparison:
    """Simulate `given` and its neighbours with `run`."""
    tried = {given: run(given)}
    best = given
    for _ in range(_PASSES):
        before = best
        for name in _CHOICES:
            for other in _others(best, name, tried[given]):
                if other not in tried:
                    tried[other] = run(other)
            for other, plan in tried.items():
                best = other if _better(plan, tried[best], latency_target_ms) else best
        if best == before:
            break
    return Comparison(tuple(tried.values()), tried[best], latency_target_ms)


def _others(scaling: Scaling, name: str, first: Plan) -> Iterator[Scaling]:
    """With other values of that setting, as far as they make sense beside the rest."""
    values: list[dict[str, float | str]] = [{name: value} for value in _CHOICES[name]]
    values += [{name: math.ceil(first.busy_pods * times)} for times in _OF_BUSY_PODS.get(name, ())]
    if name == "metric":
        values = [{"metric": "rps", "target": max(1, math.floor(first.pod_requests_per_s))}]
    for each in values:
        try:
            other = replace(scaling, **each)  # type: ignore[arg-type]  # numbers, but for the metric
        except ConfigurationError:  # more at least than at most
            continue
        in_flight = other.target if other.metric == "concurrency" else 0
        if in_flight <= (other.container_concurrency or in_flight) and not (name == "target" and not in_flight):
            yield other


def changes(given: Scaling, other: Scaling) -> dict[str, float | str]:
    """The settings in which they differ, with the other's values."""
    names = [field.name for field in fields(Scaling)]
    return {name: getattr(other, name) for name in names if getattr(other, name) != getattr(given, name)}


def _keeps(plan: Plan, latency_target_ms: float) -> bool:
    return plan.outcome.latencies.quantile_ms(0.99) <= latency_target_ms and not plan.outcome.timed_out


def _better(plan: Plan, than: Plan, latency_target_ms: float) -> bool:
    keeps, kept = _keeps(plan, latency_target_ms), _keeps(than, latency_target_ms)
    if keeps != kept:
        return keeps
    if keeps:
        return plan.cost < _WORTH * than.cost
    return plan.outcome.latencies.quantile_ms(0.99) < _WORTH * than.outcome.latencies.quantile_ms(0.99)
