"""What the manifests promise: fields and settings that exist, pods without rights, time to wake and to drain."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lightsleeper.serving.settings import Settings, read_settings, variables
from rendering import (
    OVERLAYS,
    ROOT,
    SERVICE_OVERLAYS,
    TOOLS,
    annotation,
    container,
    objects,
    one,
    revision,
    service,
)

pytestmark = pytest.mark.delivery

Object = dict[str, Any]

#: Read by the OpenTelemetry SDK itself.
STANDARD_VARIABLES = "OTEL_"

#: Newer than the package of types; `test_events` knows their fields.
UNTYPED = {"EventTransform", "JobSink"}


def declaration(number: int, found: Object) -> str:
    """The object as a constant of its type: an object literal may not have a field that its type lacks."""
    group, _, version = found["apiVersion"].rpartition("/")
    third_party = {"knative.dev": "@kubernetes-models/knative", "cert-manager.io": "@kubernetes-models/cert-manager"}
    packages = [package for domain, package in third_party.items() if group.endswith(domain)]
    (package,) = packages or ["kubernetes-models"]
    module = "/".join(part for part in (package, group, version, found["kind"]) if part)
    alias = f"Type{number}"
    return (
        f'import type {{ I{found["kind"]} as {alias} }} from "{module}";\n'
        f"export const object{number}: {alias} = {json.dumps(found)};\n"
    )


def type_errors(found: list[Object], folder: Path) -> str:
    """What TypeScript says of them with the types of Kubernetes, Knative and cert-manager; empty if all is right."""
    typed = [item for item in found if item["kind"] not in UNTYPED]
    (folder / "objects.ts").write_text("".join(declaration(number, item) for number, item in enumerate(typed)))
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    compiler = TOOLS / "node_modules" / ".bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "preserve"]
    return subprocess.run(
        [compiler, *options, "objects.ts"], cwd=folder, check=False, capture_output=True, text=True
    ).stdout


def test_every_field_of_every_object_exists_and_has_its_type(tmp_path: Path) -> None:
    jobs = [{"apiVersion": "batch/v1", "kind": "Job"} | one("events", "JobSink", "label-files")["spec"]["job"]]
    assert type_errors([found for overlay in OVERLAYS for found in objects(overlay)] + jobs, tmp_path) == ""


def misspell(found: Object) -> None:
    found["spec"]["template"]["spec"]["containerConcurency"] = 8


def misspell_deep(found: Object) -> None:
    found["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["pth"] = "/"


def mistype(found: Object) -> None:
    found["spec"]["template"]["spec"]["timeoutSeconds"] = "60"


@pytest.mark.parametrize(
    ("plant", "said"),
    [(misspell, "containerConcurency"), (misspell_deep, '"pth"'), (mistype, "not assignable to type 'number'")],
)
def test_an_unknown_field_or_a_wrong_type_is_refused(
    tmp_path: Path, plant: Callable[[Object], None], said: str
) -> None:
    faulty = service("local")
    plant(faulty)
    assert said in type_errors([faulty], tmp_path)


@pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "KnativeServing", "Certificate", "ClusterIssuer"])
def test_an_unknown_field_is_refused_in_every_other_kind_too(tmp_path: Path, kind: str) -> None:
    found = next(item for overlay in OVERLAYS for item in objects(overlay) if item["kind"] == kind)
    found["spec"]["misspelt"] = 1
    assert "misspelt" in type_errors([found], tmp_path)


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_every_variable_is_a_setting(overlay: str) -> None:
    names = {variable["name"] for variable in container(overlay)["env"]}
    assert {name for name in names if not name.startswith(STANDARD_VARIABLES)} <= set(variables())


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_every_variable_the_settings_read_has_a_value_they_accept(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in container(overlay)["env"]:
        if "value" in variable and not variable["name"].startswith(STANDARD_VARIABLES):
            monkeypatch.setenv(variable["name"], variable["value"])
    read_settings()


def pods() -> dict[str, Object]:
    """The pod specification of everything that runs."""
    return {
        f"{overlay}-{found['metadata']['name']}": found["spec"]["template"]["spec"]
        for overlay in SERVICE_OVERLAYS
        for found in objects(overlay)
        if "template" in found.get("spec", {})
    }


def containers() -> list[Object]:
    return [item for spec in pods().values() for item in spec["containers"]]


def test_no_pod_has_rights_it_does_not_need() -> None:
    for item in containers():
        context = item["securityContext"]
        assert context.pop("runAsUser") > 0, item["name"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, item["name"]


def test_no_pod_mounts_a_token() -> None:
    assert [name for name, spec in pods().items() if spec["automountServiceAccountToken"]] == []


def test_every_container_says_what_it_takes() -> None:
    for item in containers():
        assert item["resources"]["requests"].keys() == {"cpu", "memory"}, item["name"]
        assert "memory" in item["resources"]["limits"], item["name"]


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_waking_waits_for_no_volume(overlay: str) -> None:
    assert "volumes" not in revision(overlay)["spec"]


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_the_service_sleeps_at_zero_and_stops_growing_somewhere(overlay: str) -> None:
    assert annotation(overlay, "min-scale") == "0"
    assert int(annotation(overlay, "max-scale")) > 0


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_the_hard_limit_is_not_below_the_target(overlay: str) -> None:
    assert revision(overlay)["spec"]["containerConcurrency"] >= float(annotation(overlay, "target"))


def test_the_capacity_is_the_one_that_the_readme_quotes() -> None:
    quoted = dict(re.findall(r"^    (\S+): (\S+)$", (ROOT / "knative/README.md").read_text(), flags=re.MULTILINE))
    resources = container("aks")["resources"]
    assert quoted == {
        "autoscaling.knative.dev/target": annotation("aks", "target"),
        "containerConcurrency": str(revision("aks")["spec"]["containerConcurrency"]),
        "limits.cpu": resources["limits"]["cpu"],
        "requests.memory": resources["requests"]["memory"],
        "limits.memory": resources["limits"]["memory"],
    }


#: Of a node of 4: AKS keeps 0.14 for itself, and what runs on every node takes the rest.
#: https://learn.microsoft.com/azure/aks/node-resource-reservations
NODE_CPUS_FOR_PODS = 3
#: https://github.com/knative/serving/blob/release-1.23/config/core/configmaps/deployment.yaml
QUEUE_PROXY_CPU = "25m"


def cpus(quantity: str) -> float:
    return float(quantity.removesuffix("m")) / 1000 if quantity.endswith("m") else float(quantity)


def pod_cpus(overlay: str) -> tuple[str, str]:
    """What a pod of the service requests for us and for the queue-proxy."""
    own = revision(overlay)["metadata"]["annotations"].get("queue.sidecar.serving.knative.dev/cpu-resource-request")
    return container(overlay)["resources"]["requests"]["cpu"], own or QUEUE_PROXY_CPU


@pytest.mark.parametrize("overlay", ["../base", *SERVICE_OVERLAYS])
def test_the_readme_reckons_the_room_for_twice_max_scale_as_the_manifest_has_it(overlay: str) -> None:
    page = (ROOT / "knative/README.md").read_text()
    ((times, ours, beside, total),) = re.findall(
        rf"`{overlay.removeprefix('../')}`: 2 × (\d+) × \((\S+) \+ (\S+)\) = (\d+m?)", page
    )
    assert (times, ours, beside) == (annotation(overlay, "max-scale"), *pod_cpus(overlay))
    assert cpus(total) == pytest.approx(2 * int(times) * (cpus(ours) + cpus(beside)))


def test_on_azure_nodes_are_added_for_busy_pods_until_twice_max_scale_has_room() -> None:
    # The node autoscaler counts what is requested: pods that request less than they use share a node until they starve.
    resources = container("aks")["resources"]
    assert cpus(resources["requests"]["cpu"]) == cpus(resources["limits"]["cpu"])
    (most,) = re.findall(r"--max-count (\d+)", (ROOT / "knative/README.md").read_text())
    pods_of_a_node = int(NODE_CPUS_FOR_PODS / cpus(resources["requests"]["cpu"]))
    assert 2 * int(annotation("aks", "max-scale")) <= int(most) * pods_of_a_node
    assert (
        f"| nodes, `--max-count {most}` of the cluster | {int(most) * pods_of_a_node} busy pods:"
        in (ROOT / "knative/SCALE.md").read_text()
    )


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_our_own_queue_holds_more_than_knative_ever_lets_in(overlay: str) -> None:
    settings = Settings()
    longest_text_tokens = 512
    assert settings.max_queued_tokens > revision(overlay)["spec"]["containerConcurrency"] * longest_text_tokens


#: A new node that pulls the image before the first pod starts.
WORST_WAKE_S = 60
#: https://github.com/knative/serving/blob/release-1.23/pkg/queue/sharedmain/main.go: queue-proxy's quiet time.
QUEUE_PROXY_DRAIN_S = 30
#: To flush telemetry and end.
MARGIN_S = 10


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_the_slowest_answer_of_the_slowest_wake_is_not_cut_off(overlay: str) -> None:
    spec = revision(overlay)["spec"]
    needed_s = WORST_WAKE_S + Settings().request_timeout_s
    assert needed_s < spec["responseStartTimeoutSeconds"] < spec["timeoutSeconds"]


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_the_grace_period_covers_the_drain(overlay: str) -> None:
    needed_s = QUEUE_PROXY_DRAIN_S + Settings().drain_timeout_s + MARGIN_S
    assert needed_s < revision(overlay)["spec"]["timeoutSeconds"]


@pytest.mark.parametrize("overlay", SERVICE_OVERLAYS)
def test_every_pod_is_behind_a_policy_and_the_rest_is_closed(overlay: str) -> None:
    policies = [found["spec"] for found in objects(overlay) if found["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    selected = {label for policy in policies for label in policy["podSelector"].get("matchLabels", {}).values()}
    running = {found["metadata"]["name"] for found in objects(overlay) if "template" in found.get("spec", {})}
    assert selected == running


def test_redis_in_the_cluster_forgets_before_it_is_killed() -> None:
    redis = one("local", "Deployment", "redis")["spec"]["template"]["spec"]["containers"][0]
    options = dict(zip(redis["args"][::2], redis["args"][1::2], strict=True))
    assert options == {
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": "64mb",
        "--maxmemory-policy": "allkeys-lfu",
    }
    assert redis["resources"]["limits"]["memory"] == "128Mi"


@pytest.mark.parametrize(("setting", "key"), [("REDIS_URL", "url"), ("CACHE_SECRET", "cache-secret")])
def test_azure_redis_is_reached_by_a_secret_and_nothing_of_it_is_written_down(setting: str, key: str) -> None:
    variable = next(found for found in container("aks")["env"] if found["name"] == f"LIGHTSLEEPER_{setting}")
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "redis", "key": key}}


def test_no_overlay_holds_a_secret() -> None:
    kinds = {found["kind"] for overlay in OVERLAYS for found in objects(overlay)}
    assert "Secret" not in kinds


def test_the_collector_reads_the_file_of_the_observability_folder() -> None:
    spec = one("local", "Deployment", "otel-collector")["spec"]["template"]["spec"]
    config = one("local", "ConfigMap", spec["volumes"][0]["configMap"]["name"])
    assert config["data"] == {"collector.yaml": (ROOT / "observability" / "collector.yaml").read_text()}


def test_the_dockerfile_is_clean() -> None:
    lint = subprocess.run(
        [Path(sys.executable).parent / "hadolint", ROOT / "Dockerfile"], check=False, capture_output=True, text=True
    )
    assert (lint.stdout, lint.returncode) == ("", 0)
