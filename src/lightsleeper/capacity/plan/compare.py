"""Other settings for the same traffic: one after the other, each from the best that was found before it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from lightsleeper.capacity.plan.report import Plan
from lightsleeper.capacity.plan.scaling import Scaling, written
from lightsleeper.errors import ConfigurationError

#: In this order: what changes most first. `min_scale` and `max_scale` have more, in multiples of the pods that the
#: busiest stable window keeps busy (a burst may be shorter, a day quieter); `metric` has requests per second, at as
#: many as a pod can answer; `container_concurrency` has as many as a pod may hold and refuses none.
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
_OF_BUSY_PODS = {"max_scale": (1.5, 2, 4, 8), "min_scale": (0.25, 0.5, 1.25, 1.5)}
#: Knative's, for pods that take longer than a second for a request.
_LEAST_RATE = 0.01
_PASSES = 2
#: What is no cheaper than this is no reason to change a setting.
_WORTH = 0.99
_SLOWEST = 0.99


@dataclass(frozen=True)
class Comparison:
    """All that was tried; `best` is the cheapest that keeps the target (to 1 %), or the fastest if none does."""

    tried: tuple[Plan, ...]
    best: Plan
    latency_target_ms: float

    def keeps(self, plan: Plan) -> bool:
        """Whether 99 of 100 requests are answered in time, and none is given up or refused."""
        return _keeps(plan, self.latency_target_ms)

    def lines(self) -> Iterator[str]:
        """A table, cheapest first, and what to write into the manifest."""
        yield "    cost   pod-hours     p50 ms     p99 ms   waited for a wake   without answer   settings"
        for plan in sorted(self.tried, key=lambda plan: plan.outcome.pod_hours):
            found = plan.outcome
            numbers = f"{plan.cost:>8.2f}{found.pod_hours:>12.2f}{found.latencies.quantile_ms(0.5):>11,.1f}"
            slow = f"{_slowest_ms(plan):>11,.1f}{found.woken:>20,}{found.lost:>17,}"
            yield f"{numbers}{slow}   {self._written(plan)}{' ←' if plan is self.best else ''}"
        yield ""
        target = f"a p99 of {self.latency_target_ms:g} ms"
        kept = f"the cheapest that keeps {target}" if self.keeps(self.best) else f"none keeps {target}; the fastest"
        yield f"{kept}, of {len(self.tried)} tried: {self._written(self.best)}"

    def as_json(self) -> dict[str, object]:
        """The same."""
        return {
            "latency_target_ms": self.latency_target_ms,
            "kept": self.keeps(self.best),
            "best": self.best.as_json(),
            "manifest": [written(*each) for each in self._changed(self.best).items()],
            "tried": [
                {
                    "changes": self._changed(plan),
                    "cost": plan.cost,
                    "pod_hours": plan.outcome.pod_hours,
                    "p50_ms": plan.outcome.latencies.quantile_ms(0.5),
                    "p99_ms": _slowest_ms(plan),
                    "waited_for_a_wake": plan.outcome.woken,
                    "timed_out": plan.outcome.timed_out,
                    "refused": plan.outcome.refused,
                }
                for plan in self.tried
            ],
        }

    def _changed(self, plan: Plan) -> dict[str, float | str]:
        return changes(self.tried[0].scaling, plan.scaling)

    def _written(self, plan: Plan) -> str:
        return ", ".join(written(*each) for each in self._changed(plan).items()) or "as given"


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
    for each in _values(scaling, name, first):
        try:
            other = replace(scaling, **each)  # type: ignore[arg-type]  # numbers, but for the metric
        except ConfigurationError:  # more at least than at most
            continue
        in_flight = other.target if other.metric == "concurrency" else 0
        if in_flight <= (other.container_concurrency or in_flight) and not (name == "target" and not in_flight):
            yield other


def _values(scaling: Scaling, name: str, first: Plan) -> list[dict[str, float | str]]:
    if name == "metric":
        rate = first.pod_requests_per_s
        return [{"metric": "rps", "target": math.floor(rate) or max(_LEAST_RATE, round(rate, 2))}]
    values: list[dict[str, float | str]] = [{name: value} for value in _CHOICES[name]]
    if name in _OF_BUSY_PODS:
        busy_pods = first.busy_pods
        values += [{name: math.ceil(busy_pods * times)} for times in _OF_BUSY_PODS[name]]
    if name == "container_concurrency":
        holds = first.pod_holds
        in_flight = scaling.metric == "concurrency"
        values.append({name: holds, "target": min(scaling.target, holds) if in_flight else scaling.target})
    return values


def changes(given: Scaling, other: Scaling) -> dict[str, float | str]:
    """The settings in which they differ, with the other's values."""
    names = [field.name for field in fields(Scaling)]
    return {name: getattr(other, name) for name in names if getattr(other, name) != getattr(given, name)}


def _keeps(plan: Plan, latency_target_ms: float) -> bool:
    return _slowest_ms(plan) <= latency_target_ms and not plan.outcome.lost


def _better(plan: Plan, than: Plan, latency_target_ms: float) -> bool:
    keeps, kept = _keeps(plan, latency_target_ms), _keeps(than, latency_target_ms)
    if keeps != kept:
        return keeps
    if keeps:  # by the hour: the price is the same for all, and may be 0
        return plan.outcome.pod_hours < _WORTH * than.outcome.pod_hours
    lost, were_lost = _too_many(plan), _too_many(than)
    if lost != were_lost:
        return lost < _WORTH * were_lost
    return _slowest_ms(plan) < _WORTH * _slowest_ms(than)


def _slowest_ms(plan: Plan) -> float:
    return plan.outcome.latencies.quantile_ms(_SLOWEST)


def _too_many(plan: Plan) -> int:
    """Requests without an answer, where they are so many that the p99 of the answers says nothing."""
    return plan.outcome.lost if plan.outcome.lost > (1 - _SLOWEST) * plan.outcome.requests else 0
