"""Settings, from the manifests of this repository and from those of others."""

import sys
from pathlib import Path

import pytest

import lightsleeper
from lightsleeper.capacity.plan.manifest import read_manifests
from lightsleeper.capacity.plan.scaling import Scaling
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


def test_the_defaults_are_those_of_the_manifest() -> None:
    found = read_manifests([BASE])
    assert found.over(Scaling()) == Scaling()
    assert len(found.settings) >= 9, "and it was read"
    assert found.cpus == 1


def test_a_patch_of_an_overlay_goes_over_it() -> None:
    found = read_manifests([BASE, KNATIVE / "overlays" / "local" / "service.patch.yaml"])
    local = found.over(Scaling())
    assert (local.window_s, local.scale_down_delay_s, local.retention_s) == (15, 0, 0)
    assert (local.target, local.container_concurrency) == (6, 48)
    azure = read_manifests([BASE, KNATIVE / "overlays" / "aks" / "service.patch.yaml"]).over(Scaling())
    assert azure.max_scale == 20


def test_what_a_manifest_leaves_out_stays_as_it_is(tmp_path: Path) -> None:
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
        ("{}", "containerConcurrency: lots", "containerConcurrency: 'lots' is no value for it"),
        ("{}", "containers: [{resources: {limits: {cpu: fast}}}]", "limits.cpu is 'fast'"),
    ],
)
def test_a_value_that_is_none_is_named(tmp_path: Path, annotations: str, spec: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_manifests([manifest(tmp_path, annotations, spec)])
    assert complaint in refused.value.message


@pytest.mark.parametrize(
    "content", ["", "a: [", "kind: Service", "[1]", "- {path: 1}", "just words", "\x00", "&a [*a]"]
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
