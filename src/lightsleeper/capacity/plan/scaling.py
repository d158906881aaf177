"""What Knative is told about a service: the settings of the simulation, with the ranges Knative's webhook allows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lightsleeper.errors import ConfigurationError, shortened

#: An hour, the longest window, delay and retention that Knative admits.
#: https://github.com/knative/serving/blob/release-1.23/pkg/apis/autoscaling/register.go
_LONGEST_S = 3600
_MOST_PODS = 10_000
MOST_CONCURRENT = 1000

#: Setting → least and most. A pod limit of ours (`_MOST_PODS`) keeps memory bounded.
_RANGES: dict[str, tuple[float, float]] = {
    "target": (0.01, 100_000),
    "target_utilization": (0.01, 1),
    "container_concurrency": (0, MOST_CONCURRENT),
    "min_scale": (0, _MOST_PODS),
    "max_scale": (0, _MOST_PODS),
    "initial_scale": (0, _MOST_PODS),
    "activation_scale": (1, _MOST_PODS),
    "window_s": (6, _LONGEST_S),
    "panic_window_percentage": (1, 100),
    "panic_threshold_percentage": (110, 1000),
    "max_scale_up_rate": (1.01, 10_000),
    "max_scale_down_rate": (1.01, 10_000),
    "scale_down_delay_s": (0, _LONGEST_S),
    "retention_s": (0, _LONGEST_S),
    "grace_s": (1, _LONGEST_S),
    "target_burst_capacity": (-1, 1_000_000),
    "activator_capacity": (1, 1_000_000),
    "timeout_s": (1, _LONGEST_S),
}

_WHOLE_SECONDS = ("window_s", "scale_down_delay_s")

#: Setting → its name in a manifest, where that is another.
_NAMES = {
    "aggregation": "metric-aggregation-algorithm",
    "target_utilization": "target-utilization-percentage",
    "container_concurrency": "containerConcurrency",
    "retention_s": "scale-to-zero-pod-retention-period",
    "grace_s": "scale-to-zero-grace-period",
}


@dataclass(frozen=True)
class Scaling:
    """One revision's settings; ConfigurationError names the one that is out of range.

    The defaults are those of knative/base/service.yaml, and Knative 1.23's own for what it does not say.
    """

    metric: str = "concurrency"
    aggregation: str = "linear"
    target: float = 6
    #: A share, not a percentage.
    target_utilization: float = 0.7
    #: 0 is no limit.
    container_concurrency: int = 48
    min_scale: int = 0
    #: 0 is no limit.
    max_scale: int = 4
    #: Pods that are there, and ready, when the simulation begins.
    initial_scale: int = 0
    activation_scale: int = 1
    window_s: float = 30
    panic_window_percentage: float = 10
    panic_threshold_percentage: float = 200
    max_scale_up_rate: float = 1000
    max_scale_down_rate: float = 2
    scale_down_delay_s: float = 30
    retention_s: float = 60
    grace_s: float = 30
    #: -1: every request goes through the activator.
    target_burst_capacity: float = -1
    activator_capacity: float = 100
    #: How long a request waits for a pod before it is given up.
    timeout_s: float = 100

    def __post_init__(self) -> None:
        """Refuse what Knative would refuse."""
        if self.metric not in ("concurrency", "rps"):
            said = shortened(self.metric)
            raise ConfigurationError(f"metric {said!r} is not Knative's own autoscaler's: concurrency or rps")
        if self.aggregation not in ("linear", "weighted-exponential"):
            said = shortened(self.aggregation)
            raise ConfigurationError(f"{named('aggregation')} {said!r}: linear or weighted-exponential")
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                low, high, given = (f"{_as_written(name, each):g}" for each in (least, most, getattr(self, name)))
                raise ConfigurationError(f"{named(name)} must be {low} to {high}, not {given}")
        if self.max_scale and self.min_scale > self.max_scale:
            raise ConfigurationError(f"min-scale {self.min_scale} is above max-scale {self.max_scale}")
        if self.activation_scale > 1 and not self.min_scale <= self.activation_scale <= (self.max_scale or math.inf):
            raise ConfigurationError(f"activation-scale {self.activation_scale} is not between min-scale and max-scale")
        for name in _WHOLE_SECONDS:
            if getattr(self, name) % 1:
                raise ConfigurationError(f"{named(name)} must be whole seconds, not {getattr(self, name):g}s")
        if self.target_burst_capacity != -1 and self.target_burst_capacity < 0:
            raise ConfigurationError("target-burst-capacity must be -1, 0 or more")

    @property
    def total(self) -> float:
        """What a pod may hold of the metric (`ResolveMetricTarget`, pkg/reconciler/autoscaling/resources/target.go)."""
        if self.metric == "concurrency" and self.container_concurrency:
            return min(self.target, self.container_concurrency)
        return self.target

    @property
    def kept_at(self) -> float:
        """What the autoscaler keeps a pod at: the share of `total`."""
        return max(0.01, self.total * self.target_utilization)

    @property
    def panic_window_s(self) -> float:
        """A share of the window in whole seconds, 1 at least (pkg/reconciler/autoscaling/resources/metric.go)."""
        return max(1, math.floor(self.window_s * self.panic_window_percentage / 100 + 0.5))

    def bounded(self, pods: int) -> int:
        """Between min-scale and max-scale."""
        return max(self.min_scale, min(pods, self.max_scale) if self.max_scale else min(pods, _MOST_PODS))

    def activators(self, ready: int) -> int:
        """How many activators Knative puts before so many pods (`computeNumActivators`, kpa.go); 2 at least."""
        capacity = ready * self.total + max(0, self.target_burst_capacity)
        return 2 if self.target_burst_capacity == 0 else max(2, math.ceil(capacity / self.activator_capacity))


#: What Knative 1.23 does with a manifest that says nothing, for a service that was deployed long ago.
#: https://github.com/knative/serving/blob/release-1.23/config/core/configmaps/autoscaler.yaml
KNATIVE = Scaling(
    target=100,
    container_concurrency=0,
    max_scale=0,
    window_s=60,
    scale_down_delay_s=0,
    retention_s=0,
    target_burst_capacity=211,
    timeout_s=300,
)
_KNATIVE_RPS = 200


def of_knative(settings: Mapping[str, float | str]) -> Scaling:
    """These settings, and Knative's own defaults for all others (`ResolveMetricTarget` for the target)."""
    found = replace(KNATIVE, **settings)  # type: ignore[arg-type]  # each of its own type
    if "target" in settings:
        return found
    return replace(found, target=_KNATIVE_RPS if found.metric == "rps" else found.container_concurrency or found.target)


def named(setting: str) -> str:
    """A setting as a manifest names it: `window_s` is `window`."""
    return _NAMES.get(setting, setting.removesuffix("_s").replace("_", "-"))


def written(setting: str, value: float | str) -> str:
    """A setting with its value, to be pasted into a manifest: an annotation, or `containerConcurrency` of the spec."""
    if isinstance(value, str):
        return f"{named(setting)}: {value}"
    number = f"{_as_written(setting, value):g}"
    if setting.endswith("_s"):
        number += "s"
    elif setting != "container_concurrency":
        number = f'"{number}"'  # an annotation is a text
    return f"{named(setting)}: {number}"


def _as_written(setting: str, value: float) -> float:
    return 100 * value if setting == "target_utilization" else value
