"""Settings as a manifest has them: a Knative Service, or the patch of an overlay."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lightsleeper.capacity.plan.scaling import Scaling
from lightsleeper.capacity.plan.traffic import parse_duration
from lightsleeper.errors import ConfigurationError, shortened

_PREFIX = "autoscaling.knative.dev/"
_LARGEST_BYTES = 1_000_000


def _whole(written: str) -> int:
    return int(written)


def _share(written: str) -> float:
    return float(written) / 100


#: Annotation → setting, and how to read it. https://knative.dev/docs/serving/autoscaling/
_ANNOTATIONS: dict[str, tuple[str, Callable[[str], float | str]]] = {
    "metric": ("metric", str),
    "metric-aggregation-algorithm": ("aggregation", str),
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
    """What was found: settings by name, and the CPUs a pod may use."""

    settings: dict[str, float | str] = field(default_factory=dict)
    cpus: float | None = None

    def over(self, scaling: Scaling) -> Scaling:
        """These settings where they are given, those of `scaling` elsewhere."""
        return replace(scaling, **self.settings)  # type: ignore[arg-type]  # each by its own reader above


def read_manifests(files: list[Path]) -> Manifest:
    """All of them, the later over the earlier; ConfigurationError for what is no manifest or no setting."""
    found = Manifest()
    for file in files:
        revisions = [each for document in _documents(file) for each in _revisions(document)]
        if not revisions:
            raise ConfigurationError(f"{file}: no Knative Service, nor a patch of one, in it")
        for annotations, spec in revisions:
            _read_annotations(file, annotations, found.settings)
            _read_spec(file, spec, found)
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


def _documents(file: Path) -> list[object]:
    try:
        import yaml  # noqa: PLC0415  # who brings no manifest needs none
    except ModuleNotFoundError:  # the image, which only serves, is built without it
        raise ConfigurationError(f"{file}: manifests are read with PyYAML, which is not installed here") from None
    try:
        with file.open("rb") as content:
            written = content.read(_LARGEST_BYTES + 1)
        if len(written) > _LARGEST_BYTES:
            raise ConfigurationError(f"{file}: larger than any manifest ({_LARGEST_BYTES:,} bytes)")
        return list(yaml.safe_load_all(written))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise ConfigurationError(f"{file}: not YAML") from None


def _revisions(document: object) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """Annotations and spec of each revision's template; of a JSON patch, what it writes there."""
    if isinstance(document, dict) and document.get("kind") == "Service":
        template = _mapping(_mapping(document.get("spec")).get("template"))
        if str(document.get("apiVersion", "")).startswith("serving.knative.dev/"):
            yield _mapping(_mapping(template.get("metadata")).get("annotations")), _mapping(template.get("spec"))
    elif isinstance(document, list):
        at, inside = "/spec/template/metadata/annotations/", "/spec/template/spec/"
        patches = [each for each in document if isinstance(each, dict) and "path" in each]
        written = {str(each["path"]): each.get("value") for each in patches}
        if any(path.startswith((at, inside)) for path in written):
            annotations = {path.removeprefix(at).replace("~1", "/"): written[path] for path in written if at in path}
            yield annotations, {path.removeprefix(inside): written[path] for path in written if inside in path}


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_annotations(file: Path, annotations: dict[str, object], settings: dict[str, float | str]) -> None:
    for name, value in annotations.items():
        short = name.removeprefix(_PREFIX)
        if short != name and short in _ANNOTATIONS:
            setting, found = read_setting(f"{file}: {short}", short, value)
            settings[setting] = found


def _read_spec(file: Path, spec: dict[str, object], found: Manifest) -> None:
    if "containerConcurrency" in spec:
        where = f"{file}: containerConcurrency"
        setting, value = read_setting(where, "container-concurrency", spec["containerConcurrency"])
        found.settings[setting] = value
    timeouts = [
        float(read_setting(f"{file}: {name}", "timeout", spec[name])[1])
        for name in ("responseStartTimeoutSeconds", "timeoutSeconds")
        if name in spec
    ]
    if timeouts:
        found.settings["timeout_s"] = min(timeouts)
    containers = spec.get("containers")
    for container in containers[:1] if isinstance(containers, list) else []:
        limits = _mapping(_mapping(_mapping(container).get("resources")).get("limits"))
        if "cpu" in limits:
            found.cpus = _cpus(file, str(limits["cpu"]))


def _cpus(file: Path, written: str) -> float:
    try:
        return float(written.removesuffix("m")) / (1000 if written.endswith("m") else 1)
    except ValueError:
        raise ConfigurationError(f"{file}: limits.cpu is {shortened(written)!r}, which is no value for it") from None
