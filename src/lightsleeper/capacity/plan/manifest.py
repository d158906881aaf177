"""Settings as a manifest has them: a Knative Service, or the patch of an overlay."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lightsleeper.capacity.plan.revision import Revision, mapping
from lightsleeper.capacity.plan.scaling import KNATIVE, Scaling, of_knative
from lightsleeper.capacity.plan.traffic import parse_duration
from lightsleeper.errors import ConfigurationError, shortened

_PREFIX = "autoscaling.knative.dev/"
_CLASS = "kpa.autoscaling.knative.dev"
_MAX_QUEUE = "LIGHTSLEEPER_MAX_QUEUE_S"
#: Whichever is over first.
_TIMEOUTS = ("responseStartTimeoutSeconds", "timeoutSeconds")


def _whole(given: str) -> int:
    return int(given)


def _share(given: str) -> float:
    return float(given) / 100


def _algorithm(given: str) -> str:
    return "weighted-exponential" if given == "weightedExponential" else given  # Knative reads both


#: Annotation → setting, and how to read it. https://knative.dev/docs/serving/autoscaling/
_ANNOTATIONS: dict[str, tuple[str, Callable[[str], float | str]]] = {
    "metric": ("metric", str),
    "metric-aggregation-algorithm": ("aggregation", _algorithm),
    "target": ("target", float),
    "target-utilization-percentage": ("target_utilization", _share),
    "min-scale": ("min_scale", _whole),
    "max-scale": ("max_scale", _whole),
    "initial-scale": ("initial_scale", _whole),
    "activation-scale": ("activation_scale", _whole),
    "window": ("window_s", parse_duration),
    "panic-window-percentage": ("panic_window_percentage", float),
    "panic-threshold-percentage": ("panic_threshold_percentage", float),
    "scale-down-delay": ("scale_down_delay_s", parse_duration),
    "scale-to-zero-pod-retention-period": ("retention_s", parse_duration),
    "target-burst-capacity": ("target_burst_capacity", float),
}
#: What else can be set: by the spec, or by the cluster's ConfigMap config-autoscaler.
_OTHERS: dict[str, tuple[str, Callable[[str], float | str]]] = {
    "container-concurrency": ("container_concurrency", _whole),
    "retention": ("retention_s", parse_duration),
    "grace": ("grace_s", parse_duration),
    "timeout": ("timeout_s", parse_duration),
    "max-scale-up-rate": ("max_scale_up_rate", float),
    "max-scale-down-rate": ("max_scale_down_rate", float),
}


@dataclass
class Manifest:
    """What was found: settings by name, the CPUs a pod may use, and how many seconds of work may wait in it."""

    settings: dict[str, float | str] = field(default_factory=dict)
    cpus: float | None = None
    max_queue_s: float | None = None
    #: Whether it is a Service: what it leaves out is as Knative has it. A patch alone is one of knative/base.
    whole: bool = False

    def over(self, scaling: Scaling) -> Scaling:
        """These settings where they are given; elsewhere Knative's own, or those of `scaling` if these are a patch."""
        if self.whole:
            return of_knative(self.settings)
        return replace(scaling, **self.settings)  # type: ignore[arg-type]  # each by its own reader above


def read_manifests(files: list[Path]) -> Manifest:
    """All of them, the later over the earlier; ConfigurationError for what is no manifest or no setting."""
    revision, found = Revision(), Manifest()
    for file in files:
        revision.take(file)
        found = Manifest(whole=revision.whole)  # read again each time: what is wrong now is wrong in this file
        _read_annotations(file, revision.annotations, found)
        _read_spec(file, revision, found)
    return found


def read_setting(where: str, name: str, value: object) -> tuple[str, float | str]:
    """A setting by its name in Knative: what it is called here, and its value; ConfigurationError if it is none."""
    setting, read = (_ANNOTATIONS | _OTHERS)[name]
    try:
        found = read(str(value))
    except ValueError:
        found = math.nan
    if found != found:  # noqa: PLR0124  # not a number
        raise ConfigurationError(f"{where}: {shortened(str(value))!r} is no value for it")
    return setting, found


def _read_annotations(file: Path, annotations: dict[str, object], found: Manifest) -> None:
    for name, value in annotations.items():
        if not str(name).startswith(_PREFIX):
            continue
        short = _hyphenated(name.removeprefix(_PREFIX))
        if short == "class":
            if value not in (None, _CLASS):
                raise ConfigurationError(f"{file}: class {shortened(str(value))!r} is not simulated: {_CLASS}")
        elif short not in _ANNOTATIONS:
            raise ConfigurationError(f"{file}: {shortened(name)!r} is no annotation of Knative's autoscaler")
        elif short == name.removeprefix(_PREFIX) or f"{_PREFIX}{short}" not in annotations:
            _set(found, f"{file}: {short}", short, value)


def _hyphenated(name: str) -> str:
    """`minScale` is `min-scale`: Knative reads both, and of both together the one with hyphens."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda capital: f"-{capital[0].lower()}", name)


def _set(found: Manifest, where: str, name: str, value: object) -> None:
    if value is not None:
        setting, read = read_setting(where, name, value)
        found.settings[setting] = read
    elif not found.whole:  # what is taken away from knative/base is Knative's own again
        setting, _ = (_ANNOTATIONS | _OTHERS)[name]
        found.settings[setting] = getattr(KNATIVE, setting)


def _read_spec(file: Path, revision: Revision, found: Manifest) -> None:
    spec, container = revision.spec, revision.container
    if "containerConcurrency" in spec:
        _set(found, f"{file}: containerConcurrency", "container-concurrency", spec["containerConcurrency"])
    timeouts = {name: spec[name] for name in _TIMEOUTS if spec.get(name) is not None}
    if timeouts:
        usual = dict.fromkeys(_TIMEOUTS, KNATIVE.timeout_s) if found.whole else {}
        read = [read_setting(f"{file}: {name}", "timeout", value)[1] for name, value in (usual | timeouts).items()]
        found.settings["timeout_s"] = min(float(seconds) for seconds in read)
    cpu = mapping(mapping(container.get("resources")).get("limits")).get("cpu")
    found.cpus = None if cpu is None else _positive(f"{file}: limits.cpu", str(cpu), _cpu)
    variables = container.get("env")
    for variable in variables if isinstance(variables, list) else []:
        if mapping(variable).get("name") == _MAX_QUEUE and "value" in variable:
            found.max_queue_s = _positive(f"{file}: {_MAX_QUEUE}", str(variable["value"]))


def _cpu(given: str) -> float:
    """`500m` is half of one."""
    return float(given.removesuffix("m")) / (1000 if given.endswith("m") else 1)


def _positive(where: str, given: str, read: Callable[[str], float] = float) -> float:
    """What `read` makes of it; ConfigurationError unless that is above 0 and has an end."""
    try:
        found = read(given)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ConfigurationError(f"{where} is {shortened(given)!r}, which is no value for it")
    return found
