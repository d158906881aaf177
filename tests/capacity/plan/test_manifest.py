"""Settings, from the manifests of this repository and from those of others."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import lightsleeper
from lightsleeper.capacity.plan.manifest import Manifest, read_manifests
from lightsleeper.capacity.plan.scaling import Scaling, written
from lightsleeper.errors import ConfigurationError

KNATIVE = Path(lightsleeper.__file__).parents[2] / "knative"
BASE = KNATIVE / "base" / "service.yaml"


def manifest(folder: Path, annotations: str = "{}", spec: str = "") -> Path:
    file = folder / "service.yaml"
    file.write_text(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nspec:\n  template:\n"
        f"    metadata: {{annotations: {annotations}}}\n    spec: {{{spec}}}\n"
    )
    return file


def patch(folder: Path, operation: str, path: str, value: object = None) -> Path:
    file = folder / "service.patch.yaml"
    given = {} if operation == "remove" else {"value": value}
    file.write_text(json.dumps([{"op": operation, "path": f"/spec/template/{path}", **given}]))
    return file


def annotation(name: str) -> str:
    return f"metadata/annotations/autoscaling.knative.dev~1{name}"


def test_the_defaults_are_those_of_the_manifest() -> None:
    found = read_manifests([BASE])
    assert found.over(Scaling()) == Scaling()
    assert len(found.settings) >= 9, "and it was read"
    assert found.cpus == 1


def test_what_a_service_leaves_out_is_as_knative_has_it(tmp_path: Path) -> None:
    found = read_manifests([manifest(tmp_path)])
    bare = found.over(Scaling())
    assert (bare.metric, bare.target, bare.target_utilization) == ("concurrency", 100, 0.7)
    assert bare.container_concurrency == 0
    assert (bare.min_scale, bare.max_scale, bare.target_burst_capacity, bare.timeout_s) == (0, 0, 211, 300)
    assert (bare.window_s, bare.scale_down_delay_s, bare.retention_s) == (60, 0, 0)
    assert (found.cpus, found.max_queue_s) == (None, None)
    rps = manifest(tmp_path, '{autoscaling.knative.dev/metric: rps, autoscaling.knative.dev/max-scale: "9"}')
    assert read_manifests([rps]).over(Scaling()).target == 200
    assert read_manifests([rps]).over(Scaling()).max_scale == 9
    one = read_manifests([manifest(tmp_path, spec="containerConcurrency: 150, timeoutSeconds: 600")]).over(Scaling())
    assert (one.total, one.timeout_s) == (150, 300), "what one pod may hold; the usual time to the first byte"


def test_knatives_other_spellings_are_read(tmp_path: Path) -> None:
    names = {
        "minScale": "1",
        "maxScale": "9",
        "initialScale": "2",
        "targetUtilizationPercentage": "85",
        "targetBurstCapacity": "0",
        "panicWindowPercentage": "20",
        "panicThresholdPercentage": "300",
        "scaleDownDelay": "15s",
        "scaleToZeroPodRetentionPeriod": "1m5s",
        "class": "kpa.autoscaling.knative.dev",
    }
    annotations = json.dumps({f"autoscaling.knative.dev/{name}": value for name, value in names.items()})
    found = read_manifests([manifest(tmp_path, annotations)]).over(Scaling())
    assert (found.min_scale, found.max_scale, found.initial_scale) == (1, 9, 2)
    assert (found.target_utilization, found.target_burst_capacity) == (0.85, 0)
    assert (found.panic_window_percentage, found.panic_threshold_percentage) == (20, 300)
    assert (found.scale_down_delay_s, found.retention_s) == (15, 65)
    for both in ('{P/min-scale: "2", P/minScale: "5"}', '{P/minScale: "5", P/min-scale: "2"}'):
        file = manifest(tmp_path, both.replace("P/", "autoscaling.knative.dev/"))
        assert read_manifests([file]).settings["min_scale"] == 2, "as Knative does"


def test_a_patch_of_an_overlay_goes_over_it() -> None:
    found = read_manifests([BASE, KNATIVE / "overlays" / "local" / "service.patch.yaml"])
    local = found.over(Scaling())
    assert (local.window_s, local.scale_down_delay_s, local.retention_s) == (15, 0, 0)
    assert (local.target, local.container_concurrency) == (6, 48)
    azure = read_manifests([BASE, KNATIVE / "overlays" / "aks" / "service.patch.yaml"]).over(Scaling())
    assert azure.max_scale == 20
    alone = read_manifests([KNATIVE / "overlays" / "aks" / "service.patch.yaml"]).over(Scaling())
    assert alone == replace(Scaling(), max_scale=20), "of the Service in knative/base"


def test_a_patch_changes_what_it_names_and_takes_away_what_it_removes(tmp_path: Path) -> None:
    def patched(operation: str, path: str, value: object = None) -> Manifest:
        return read_manifests([BASE, patch(tmp_path, operation, path, value)])

    assert patched("replace", "spec/containers/0/resources/limits/cpu", "2").cpus == 2
    assert patched("replace", "spec/containers/0/resources/limits", {"cpu": "1500m"}).cpus == 1.5
    assert patched("add", "spec/containers/0/resources", {}).cpus is None
    assert patched("remove", annotation("target")).over(Scaling()) == replace(Scaling(), target=48)
    assert patched("remove", annotation("max-scale")).over(Scaling()) == replace(Scaling(), max_scale=0)
    unlimited = patched("remove", "spec/containerConcurrency").over(Scaling())
    assert unlimited == replace(Scaling(), container_concurrency=0)
    assert patched("test", annotation("max-scale"), "4").over(Scaling()) == Scaling()
    bare = patched("replace", "metadata/annotations", {"autoscaling.knative.dev/minScale": "1"}).over(Scaling())
    assert (bare.min_scale, bare.max_scale, bare.target, bare.window_s) == (1, 0, 48, 60)
    queue = {"name": "LIGHTSLEEPER_MAX_QUEUE_S", "value": "0.5"}
    assert patched("add", "spec/containers/0/env/-", queue).max_queue_s == 0.5


def test_a_patch_alone_is_one_of_the_service_in_this_repository(tmp_path: Path) -> None:
    def alone(operation: str, path: str, value: object = None) -> Manifest:
        return read_manifests([patch(tmp_path, operation, path, value)])

    assert alone("add", "spec/containers/0/resources/limits/cpu", "2").cpus == 2
    assert alone("remove", annotation("max-scale")).over(Scaling()) == replace(Scaling(), max_scale=0)
    assert alone("replace", annotation("window"), "1m").over(Scaling()) == replace(Scaling(), window_s=60)
    with pytest.raises(ConfigurationError, match="give the Service that it patches first"):
        alone("replace", "metadata/annotations", {})


def test_a_service_over_another_is_a_patch_of_it(tmp_path: Path) -> None:
    changed = {"autoscaling.knative.dev/max-scale": "9", "autoscaling.knative.dev/scale-down-delay": None}
    over = manifest(tmp_path, json.dumps(changed))
    assert read_manifests([BASE, over]).over(Scaling()) == replace(Scaling(), max_scale=9, scale_down_delay_s=0)


@pytest.mark.parametrize(
    ("operation", "path", "value", "complaint"),
    [
        ("move", annotation("target"), None, "op 'move' is not read"),
        ("copy", "spec/containers/0", None, "op 'copy' is not read"),
        ("replace", "spec/containers/7/resources", {}, "there is nothing at '7'"),
        ("replace", "spec/containerConcurrency/x", 1, "there is nothing at 'x'"),
        ("replace", "spec/containers/0/resources/limits/cpu", "fast", "limits.cpu is 'fast'"),
        ("add", annotation("windows"), "5s", "'autoscaling.knative.dev/windows' is no annotation of Knative's"),
    ],
)
def test_a_patch_that_cannot_be_laid_over_is_refused(
    tmp_path: Path, operation: str, path: str, value: object, complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_manifests([BASE, patch(tmp_path, operation, path, value)])
    assert complaint in refused.value.message
    assert "\n" not in refused.value.message


def test_what_is_recommended_can_be_pasted_into_a_manifest(tmp_path: Path) -> None:
    other = Scaling("rps", target=277, target_utilization=0.85, min_scale=1, max_scale=8, window_s=15, retention_s=300)
    names = ("metric", "target", "target_utilization", "min_scale", "max_scale", "window_s", "retention_s")
    lines = [written(name, getattr(other, name)) for name in names]
    assert lines[2:6] == ['target-utilization-percentage: "85"', 'min-scale: "1"', 'max-scale: "8"', "window: 15s"]
    assert lines[6] == "scale-to-zero-pod-retention-period: 300s"
    assert written("container_concurrency", 24) == "containerConcurrency: 24"
    pasted = manifest(tmp_path, "{" + ", ".join(f"autoscaling.knative.dev/{line}" for line in lines) + "}")
    assert read_manifests([pasted]).settings == {name: getattr(other, name) for name in names}


def test_what_a_manifest_leaves_out_is_no_setting_of_it(tmp_path: Path) -> None:
    file = manifest(tmp_path, '{autoscaling.knative.dev/target-utilization-percentage: "80", other/x: "1"}')
    assert read_manifests([file]).settings == {"target_utilization": 0.8}


@pytest.mark.parametrize(
    ("annotations", "spec", "complaint"),
    [
        ('{autoscaling.knative.dev/target: "many"}', "", "target: 'many' is no value for it"),
        ('{autoscaling.knative.dev/target: "nan"}', "", "target: 'nan' is no value for it"),
        ('{autoscaling.knative.dev/min-scale: "1.5"}', "", "min-scale: '1.5' is no value for it"),
        ('{autoscaling.knative.dev/window: "soon"}', "", "'soon' is no length of time"),
        ("{autoscaling.knative.dev/target: [1]}", "", "target: '[1]' is no value for it"),
        ('{autoscaling.knative.dev/maxScales: "4"}', "", "dev/maxScales' is no annotation of Knative's"),
        ('{autoscaling.knative.dev/class: "hpa.autoscaling.knative.dev"}', "", "class 'hpa.autosc"),
        ("{}", "containerConcurrency: lots", "containerConcurrency: 'lots' is no value for it"),
        ("{}", "containers: [{resources: {limits: {cpu: fast}}}]", "limits.cpu is 'fast'"),
        ("{}", "containers: [{resources: {limits: {cpu: 0}}}]", "limits.cpu is '0'"),
        ("{}", "containers: [{env: [{name: LIGHTSLEEPER_MAX_QUEUE_S, value: soon}]}]", "MAX_QUEUE_S is 'soon'"),
    ],
)
def test_a_value_that_is_none_is_named(tmp_path: Path, annotations: str, spec: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_manifests([manifest(tmp_path, annotations, spec)])
    assert complaint in refused.value.message


@pytest.mark.parametrize(
    "content",
    ["", "a: [", "kind: Service", "[1]", "- {path: 1}", "- {path: /spec/ingress}", "just words", "\x00", "&a [*a]"],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"service\.yaml: (not YAML|no Knative Service)"):
        read_manifests([file])


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": 5},
        {"window_s": 7200},
        {"panic_threshold_percentage": 100},
        {"target": 0},
        {"target_utilization": 1.1},
        {"container_concurrency": 1001},
        {"min_scale": 5, "max_scale": 4},
        {"min_scale": -1},
        {"max_scale": 1_000_000},
        {"metric": "cpu"},
        {"aggregation": "median"},
        {"target_burst_capacity": -0.5},
        {"activation_scale": 5, "max_scale": 4},
        {"activation_scale": 2, "min_scale": 3},
        {"window_s": 7.5},
        {"scale_down_delay_s": 0.5},
        {"retention_s": float("nan")},
    ],
    ids=str,
)
def test_what_knative_refuses_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Scaling(**wrong)  # type: ignore[arg-type]  # that is the question


def test_without_pyyaml_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match="PyYAML, which is not installed"):
        read_manifests([BASE])
