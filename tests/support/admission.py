"""What Knative Serving 1.23 refuses although its schema allows it, as its webhook does by default (no feature flags).

Each rule names the source it was read from, in https://github.com/knative/serving/blob/release-1.23/. Stricter than the
webhook on purpose where it accepts what then has no effect: names it does not know, time-outs that never act.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]

AUTOSCALING = "autoscaling.knative.dev/"
KPA = "kpa.autoscaling.knative.dev"
WINDOW_S = (6, 3600)
MAX_SCALE = 2**31 - 1
MAX_TIMEOUT_S = 600
MAX_CONCURRENCY = 1000

#: pkg/apis/autoscaling/register.go; a name that is not here is silently ignored, which is worse than refused.
ANNOTATIONS = {
    "activation-scale",
    "class",
    "initial-scale",
    "max-scale",
    "metric",
    "metric-aggregation-algorithm",
    "min-scale",
    "panic-threshold-percentage",
    "panic-window-percentage",
    "scale-down-delay",
    "scale-to-zero-pod-retention-period",
    "target",
    "target-burst-capacity",
    "target-utilization-percentage",
    "window",
}

#: pkg/apis/serving/register.go
QUEUE_RESOURCES = {
    f"queue.sidecar.serving.knative.dev/{resource}-resource-{bound}"
    for resource in ("cpu", "memory", "ephemeral-storage")
    for bound in ("request", "limit")
}

#: PodSpecMask in pkg/apis/serving/fieldmask.go, plus RevisionSpec's own fields (pkg/apis/serving/v1).
REVISION_FIELDS = {
    "automountServiceAccountToken",
    "containerConcurrency",
    "containers",
    "enableServiceLinks",
    "idleTimeoutSeconds",
    "imagePullSecrets",
    "responseStartTimeoutSeconds",
    "serviceAccountName",
    "timeoutSeconds",
    "volumes",
}

#: Allowed by PodSpecMask once config-features says so.
FEATURE_FIELDS = {"topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints"}

#: ContainerMask in pkg/apis/serving/fieldmask.go
CONTAINER_FIELDS = {
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMounts",
    "workingDir",
}

#: SecurityContextMask in pkg/apis/serving/fieldmask.go
SECURITY_FIELDS = {
    "allowPrivilegeEscalation",
    "capabilities",
    "privileged",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seccompProfile",
}

#: reservedEnvVars, reservedPorts, validPortNames in pkg/apis/serving/k8s_validation.go
RESERVED_ENV = {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
RESERVED_PORTS = {8012, 8013, 8022, 9090, 9091, 8008}
PORT_NAMES = {None, "", "h2c", "http1"}


def violations(service: Object, enabled_features: frozenset[str] = frozenset()) -> list[str]:
    """What the webhook would say of a Knative Service; empty if it would accept it."""
    template = service["spec"]["template"]
    spec = template["spec"]
    return [
        *_service_annotations(service["metadata"].get("annotations", {})),
        *_annotations(template["metadata"].get("annotations", {})),
        *_revision(spec, enabled_features),
        *(found for container in spec["containers"] for found in _container(container)),
        *_timeouts(spec),
    ]


def autoscaler_violations(config: Object) -> list[str]:
    """What the webhook would say of config-autoscaler's scales (pkg/autoscaler/config/config.go); empty if nothing."""
    limit, most = (int(config.get(name, "0")) for name in ("max-scale-limit", "max-scale"))
    if limit and not 1 <= most <= limit:
        return [f"max-scale is {most}, with max-scale-limit it must be 1 to {limit}"]
    return []


def _service_annotations(annotations: Object) -> Iterator[str]:
    """ValidateHasNoAutoscalingAnnotation in pkg/apis/serving/metadata_validation.go."""
    for name in annotations:
        if name.startswith(AUTOSCALING):
            yield f"{name} belongs on the revision template"


def _annotations(annotations: Object) -> Iterator[str]:
    """pkg/apis/autoscaling/annotation_validation.go; queue-proxy: pkg/apis/serving/v1/revision_validation.go."""
    for name, value in annotations.items():
        if not isinstance(value, str):
            yield f"{name}: an annotation is a string"
        elif name.startswith(AUTOSCALING) and name.removeprefix(AUTOSCALING) not in ANNOTATIONS:
            yield f"{name} is no annotation of the autoscaler"
        elif name.startswith("queue.sidecar.serving.knative.dev/") and name not in QUEUE_RESOURCES:
            yield f"{name} is no annotation of the queue-proxy"
        elif name in QUEUE_RESOURCES and not re.fullmatch(r"\d+(\.\d+)?(m|[KMGT]i?)?", value):
            yield f"{name}: {value} is no quantity"
        elif name.startswith(AUTOSCALING):
            yield from _autoscaling(name.removeprefix(AUTOSCALING), value)
    yield from _scales(
        {
            key.removeprefix(AUTOSCALING): int(value)
            for key, value in annotations.items()
            if key.endswith("-scale") and str(value).isdecimal()
        }
    )


def _autoscaling(name: str, value: str) -> Iterator[str]:
    kpa_metrics = ("concurrency", "rps")
    checks: dict[str, Callable[[], bool]] = {
        "class": lambda: value in (KPA, "hpa.autoscaling.knative.dev"),
        "metric": lambda: value in kpa_metrics,
        "min-scale": value.isdecimal,
        "max-scale": value.isdecimal,
        "initial-scale": lambda: value.isdecimal() and int(value) > 0,  # zero needs allow-zero-initial-scale
        "activation-scale": lambda: value.isdecimal() and int(value) > 1,
        "target": lambda: _number(value) >= 0.01,
        "target-utilization-percentage": lambda: 1 <= _number(value) <= 100,
        "panic-window-percentage": lambda: 1 <= _number(value) <= 100,
        "panic-threshold-percentage": lambda: 110 <= _number(value) <= 1000,
        "target-burst-capacity": lambda: _number(value) >= 0 or _number(value) == -1,
        "window": lambda: WINDOW_S[0] <= _seconds(value) <= WINDOW_S[1] and _seconds(value).is_integer(),
        "scale-down-delay": lambda: 0 <= _seconds(value) <= WINDOW_S[1] and _seconds(value).is_integer(),
        "scale-to-zero-pod-retention-period": lambda: 0 <= _seconds(value) <= WINDOW_S[1],
        "metric-aggregation-algorithm": lambda: value in ("linear", "weightedExponential", "weighted-exponential"),
    }
    if not checks[name]():
        yield f"{AUTOSCALING}{name}: {value} is not allowed"


def _scales(scales: dict[str, int]) -> Iterator[str]:
    """validateMinMaxScale in pkg/apis/autoscaling/annotation_validation.go; a max-scale of 0 is no limit."""
    least = scales.get("min-scale", 0)
    most = scales.get("max-scale") or MAX_SCALE
    if most < least:
        yield f"max-scale {most} is less than min-scale {least}"
    elif not least <= scales.get("activation-scale", least) <= most:
        yield "activation-scale is not between min-scale and max-scale"


def _revision(spec: Object, enabled_features: frozenset[str]) -> Iterator[str]:
    """ValidatePodSpec in pkg/apis/serving/k8s_validation.go."""
    features = {field for field, flag in FEATURE_FIELDS.items() if flag in enabled_features}
    for field in spec.keys() - REVISION_FIELDS - features:
        yield f"spec.{field} is not allowed"
    if spec.get("automountServiceAccountToken"):
        yield "automountServiceAccountToken can only be false"
    if not 0 <= spec.get("containerConcurrency", 0) <= MAX_CONCURRENCY:
        yield "containerConcurrency is out of range"
    if sum(len(container.get("ports", [])) for container in spec["containers"]) > 1:
        yield "more than one port"
    mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
    for volume in spec.get("volumes", []):
        if volume["name"] not in mounted:
            yield f"volume {volume['name']} is not mounted"
        if volume.keys() - {"name", "configMap", "emptyDir", "projected", "secret"}:
            yield f"volume {volume['name']} is of a kind that is switched off"


def _container(container: Object) -> Iterator[str]:
    """ValidateUserContainer and validate in pkg/apis/serving/k8s_validation.go."""
    for field in container.keys() - CONTAINER_FIELDS:
        yield f"container.{field} is not allowed"
    if container.get("name") == "queue-proxy":
        yield "queue-proxy is a reserved name"
    for port in container.get("ports", []):
        yield from _port(port)
    for variable in container.get("env", []):
        yield from _variable(variable)
    yield from _security(container.get("securityContext", {}))
    for kind in ("readinessProbe", "livenessProbe", "startupProbe"):
        if kind in container:
            yield from _probe(kind, container[kind], container.get("ports", []))
    if "readinessProbe" in container:
        yield from _readiness(container["readinessProbe"])


def _variable(variable: Object) -> Iterator[str]:
    """validateEnvVar in pkg/apis/serving/k8s_validation.go."""
    if variable["name"] in RESERVED_ENV:
        yield f"{variable['name']} is a reserved variable"
    if variable.get("valueFrom", {}).keys() - {"secretKeyRef", "configMapKeyRef"}:
        yield f"{variable['name']}: only secrets and ConfigMaps may be referred to"


def _security(context: Object) -> Iterator[str]:
    """validateSecurityContext in pkg/apis/serving/k8s_validation.go."""
    for field in context.keys() - SECURITY_FIELDS:
        yield f"securityContext.{field} is not allowed"
    if context.get("privileged"):
        yield "privileged can only be false"


def _port(port: Object) -> Iterator[str]:
    """validateContainerPorts in pkg/apis/serving/k8s_validation.go."""
    if port["containerPort"] in RESERVED_PORTS:
        yield f"{port['containerPort']} is a reserved port"
    if port.get("name") not in PORT_NAMES:
        yield f"a port is not named {port['name']}"
    if port.get("protocol", "TCP") != "TCP":
        yield "a port is TCP"
    if port.keys() - {"containerPort", "name", "protocol"}:
        yield "a port has no other fields"


def _probe(kind: str, probe: Object, ports: list[Object]) -> Iterator[str]:
    """validateProbe in pkg/apis/serving/k8s_validation.go."""
    handlers = probe.keys() & {"httpGet", "tcpSocket", "exec", "grpc"}
    if len(handlers) != 1:
        yield f"{kind} has {len(handlers)} handlers"
    for handler in handlers & {"httpGet", "tcpSocket"}:
        port = probe[handler].get("port", 0)
        if isinstance(port, str) and port not in [found.get("name") for found in ports]:
            yield f"{kind} probes a port that the container does not name"


def _readiness(probe: Object) -> Iterator[str]:
    """validateReadinessProbe in pkg/apis/serving/k8s_validation.go."""
    if probe.get("successThreshold", 1) < 1:
        yield "readinessProbe.successThreshold is below 1"
    if not probe.get("periodSeconds"):
        for field in probe.keys() & {"failureThreshold", "timeoutSeconds"}:
            yield f"readinessProbe.{field} is not allowed while periodSeconds is unset"


def _timeouts(spec: Object) -> Iterator[str]:
    """validateTimeoutSeconds in revision_validation.go; the order: pkg/http/handler/timeout.go.

    A response-start or idle timeout that is not below `timeoutSeconds` is accepted and never acts.
    """
    timeout_s = spec.get("timeoutSeconds", 300)
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        yield f"timeoutSeconds {timeout_s} is out of range"
    for field in ("responseStartTimeoutSeconds", "idleTimeoutSeconds"):
        if not 0 <= spec.get(field, 0) < timeout_s:
            yield f"{field} is not below timeoutSeconds"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _seconds(text: str) -> float:
    """A Go duration of hours, minutes and seconds; nan if it is none."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", text)
    if not text or not found:
        return float("nan")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
