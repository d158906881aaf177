"""Knative 1.23 would accept the service, and `admission` would notice if it did not: every rule is broken once here."""

from collections.abc import Callable
from typing import Any

import pytest

from admission import autoscaler_violations, violations
from rendering import SERVICE_OVERLAYS, one, service

pytestmark = pytest.mark.delivery

Object = dict[str, Any]

SPREAD = frozenset({"kubernetes.podspec-topologyspreadconstraints"})
ENABLED_FEATURES = {"local": frozenset[str](), "aks": SPREAD}


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_knative_admits_the_service(overlay: str) -> None:
    assert violations(service(overlay), ENABLED_FEATURES[overlay]) == []


def test_the_features_that_the_service_needs_are_the_ones_that_the_cluster_switches_on() -> None:
    serving = one("aks/cluster", "KnativeServing", "knative-serving")
    enabled = {flag for flag, value in serving["spec"]["config"]["features"].items() if value == "enabled"}
    assert enabled == SPREAD


def test_knative_admits_the_cluster_s_limits_and_they_admit_the_service() -> None:
    limits = one("aks/cluster", "KnativeServing", "knative-serving")["spec"]["config"]["autoscaler"]
    assert autoscaler_violations(limits) == []
    annotations = service("aks")["spec"]["template"]["metadata"]["annotations"]
    assert int(annotations["autoscaling.knative.dev/max-scale"]) <= int(limits["max-scale-limit"])


@pytest.mark.parametrize("most", ["0", "51"])
def test_a_limit_without_a_default_below_it_is_noticed(most: str) -> None:
    (found,) = autoscaler_violations({"max-scale": most, "max-scale-limit": "50"})
    assert found.startswith(f"max-scale is {most}")


def annotate(key: str, value: object) -> Callable[[Object], None]:
    def plant(template: Object) -> None:
        template["metadata"]["annotations"][key] = value

    return plant


def scale(**values: object) -> Callable[[Object], None]:
    def plant(template: Object) -> None:
        for name, value in values.items():
            template["metadata"]["annotations"][f"autoscaling.knative.dev/{name.replace('_', '-')}"] = value

    return plant


def spec(**fields: object) -> Callable[[Object], None]:
    return lambda template: template["spec"].update(fields)


def container(**fields: object) -> Callable[[Object], None]:
    return lambda template: template["spec"]["containers"][0].update(fields)


def probe(kind: str, **fields: object) -> Callable[[Object], None]:
    return lambda template: template["spec"]["containers"][0][kind].update(fields)


FAULTS = [
    (annotate("autoscaling.knative.dev/minScale-", "0"), "is no annotation of the autoscaler"),
    (annotate("autoscaling.knative.dev/targett", "8"), "is no annotation of the autoscaler"),
    (annotate("autoscaling.knative.dev/target", 8), "an annotation is a string"),
    (annotate("queue.sidecar.serving.knative.dev/memory-request", "1Mi"), "is no annotation of the queue-proxy"),
    (annotate("queue.sidecar.serving.knative.dev/memory-resource-limit", "lots"), "is no quantity"),
    (scale(metric="qps"), "metric: qps"),
    (scale(target="0"), "target: 0"),
    (scale(target="many"), "target: many"),
    (scale(target_utilization_percentage="0.7"), "target-utilization-percentage: 0.7"),
    (scale(target_burst_capacity="-2"), "target-burst-capacity: -2"),
    (scale(panic_window_percentage="0"), "panic-window-percentage: 0"),
    (scale(panic_threshold_percentage="100"), "panic-threshold-percentage: 100"),
    (scale(window="5s"), "window: 5s"),
    (scale(window="2h"), "window: 2h"),
    (scale(window="30"), "window: 30"),
    (scale(window="10.5s"), "window: 10.5s"),
    (scale(scale_down_delay="2h"), "scale-down-delay: 2h"),
    (scale(scale_to_zero_pod_retention_period="never"), "scale-to-zero-pod-retention-period: never"),
    (scale(min_scale="-1"), "min-scale: -1"),
    (scale(min_scale="9", max_scale="4"), "max-scale 4 is less than min-scale 9"),
    (scale(activation_scale="1"), "activation-scale: 1"),
    (scale(activation_scale="9", max_scale="4"), "activation-scale is not between"),
    (scale(initial_scale="0"), "initial-scale: 0"),
    (scale(metric_aggregation_algorithm="median"), "metric-aggregation-algorithm: median"),
    (annotate("autoscaling.knative.dev/class", "vpa.autoscaling.knative.dev"), "class: vpa"),
    (spec(automountServiceAccountToken=True), "can only be false"),
    (spec(containerConcurrency=1001), "containerConcurrency is out of range"),
    (spec(timeoutSeconds=601), "timeoutSeconds 601"),
    (spec(timeoutSeconds=60), "responseStartTimeoutSeconds is not below timeoutSeconds"),
    (spec(idleTimeoutSeconds=120), "idleTimeoutSeconds is not below timeoutSeconds"),
    (spec(initContainers=[]), "spec.initContainers is not allowed"),
    (spec(nodeSelector={"pool": "gpu"}), "spec.nodeSelector is not allowed"),
    (spec(terminationGracePeriodSeconds=60), "spec.terminationGracePeriodSeconds is not allowed"),
    (spec(volumes=[{"name": "tmp", "emptyDir": {}}]), "volume tmp is not mounted"),
    (container(lifecycle={"preStop": {"sleep": {"seconds": 5}}}), "container.lifecycle is not allowed"),
    (container(name="queue-proxy"), "reserved name"),
    (container(ports=[{"containerPort": 8080}, {"containerPort": 9464}]), "more than one port"),
    (container(ports=[{"containerPort": 9090}]), "9090 is a reserved port"),
    (container(ports=[{"containerPort": 8080, "name": "http"}]), "a port is not named http"),
    (container(ports=[{"containerPort": 8080, "protocol": "UDP"}]), "a port is TCP"),
    (container(ports=[{"containerPort": 8080, "hostPort": 80}]), "a port has no other fields"),
    (container(env=[{"name": "PORT", "value": "80"}]), "PORT is a reserved variable"),
    (
        container(env=[{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        "only secrets and ConfigMaps",
    ),
    (container(securityContext={"privileged": True}), "privileged can only be false"),
    (container(securityContext={"procMount": "Default"}), "securityContext.procMount is not allowed"),
    (probe("readinessProbe", timeoutSeconds=1), "readinessProbe.timeoutSeconds is not allowed"),
    (probe("readinessProbe", failureThreshold=3), "readinessProbe.failureThreshold is not allowed"),
    (probe("readinessProbe", successThreshold=0), "readinessProbe.successThreshold is below 1"),
    (probe("readinessProbe", tcpSocket={"port": 8080}), "readinessProbe has 2 handlers"),
    (probe("livenessProbe", httpGet={"path": "/livez", "port": "http"}), "that the container does not name"),
]


@pytest.mark.parametrize(("plant", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_a_planted_fault_is_the_one_thing_noticed(plant: Callable[[Object], None], said: str) -> None:
    faulty = service("local")
    plant(faulty["spec"]["template"])
    (found,) = violations(faulty)
    assert said in found


def test_autoscaling_annotations_on_the_service_itself_are_noticed() -> None:
    faulty = service("local")
    faulty["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "0"}
    assert violations(faulty) == ["autoscaling.knative.dev/min-scale belongs on the revision template"]


def test_a_pod_spread_is_noticed_where_the_cluster_does_not_allow_it() -> None:
    assert violations(service("aks")) == ["spec.topologySpreadConstraints is not allowed"]


def test_a_volume_of_a_kind_that_is_switched_off_is_noticed() -> None:
    faulty = service("local")
    spec(volumes=[{"name": "disk", "hostPath": {"path": "/"}}])(faulty["spec"]["template"])
    container(volumeMounts=[{"name": "disk", "mountPath": "/disk"}])(faulty["spec"]["template"])
    assert violations(faulty) == ["volume disk is of a kind that is switched off"]
