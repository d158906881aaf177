"""The dashboard, the rules and the runbook against what the service really measures."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from opentelemetry.exporter.prometheus._mapping import map_unit

from lightsleeper.serving.settings import variables
from lightsleeper.telemetry.instruments import INSTRUMENTS, Instrument

OBSERVABILITY = Path(__file__).parents[2] / "observability"
DASHBOARD = json.loads((OBSERVABILITY / "grafana/dashboards/lightsleeper.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "prometheus/rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

#: What Knative 1.19 and later call theirs, in Prometheus' form: knative/docs, "Collecting metrics".
KNATIVE = {
    *(f"kn_revision_pods_{what}" for what in ("desired", "requested", "count")),
    *(f"kn_revision_concurrency_{what}" for what in ("stable", "panic", "target")),
    # Of {request}/s, of which Prometheus names what is not in braces: https://github.com/prometheus/otlptranslator.
    *(f"kn_revision_rps_{what}_per_second" for what in ("stable", "panic", "target")),
}


def prometheus_names(instrument: Instrument) -> set[str]:
    """https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/"""
    unit = map_unit(instrument.unit)
    name = re.sub(r"[^a-zA-Z0-9]", "_", instrument.name)
    name = name if not unit or name.endswith(f"_{unit}") else f"{name}_{unit}"
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(instrument.kind, ("",))
    return {name + suffix for suffix in suffixes}


OURS = {name for instrument in INSTRUMENTS for name in prometheus_names(instrument)}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


def metrics_in(expression: str) -> set[str]:
    without_labels = re.sub(r"\{[^}]*\}|by \([^)]*\)", "", expression)
    return set(re.findall(r"\b(?:lightsleeper[:_]|http_server_|kn_)[a-zA-Z0-9_:]+", without_labels))


def labels_in(expression: str) -> set[str]:
    matched = re.findall(r"(\w+)=~?\"", expression)
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    return {*matched, *(label.strip() for labels in grouped for label in labels.split(","))}


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_every_metric_that_is_asked_for_exists(query: str) -> None:
    assert metrics_in(query)
    assert metrics_in(query) - OURS - RECORDED - KNATIVE == set()


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_every_label_that_is_asked_for_exists(query: str) -> None:
    ours = {re.sub(r"[^a-z0-9]", "_", label) for instrument in INSTRUMENTS for label in instrument.labels}
    assert labels_in(query) - ours - {"job", "le", "kn_service_name", "server_address"} == set()


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_requests_are_counted_where_they_are_answered_and_not_in_queue_proxy_too(query: str) -> None:
    asked = re.findall(r"http_server_request_duration_seconds_\w+\{([^}]*)\}", query)
    assert [labels for labels in asked if 'server_address=""' not in labels] == []


def test_the_service_never_says_the_label_by_which_queue_proxy_is_known() -> None:
    assert [instrument.name for instrument in INSTRUMENTS if "server.address" in instrument.labels] == []


PAGES = [(OBSERVABILITY / page).read_text() for page in ("README.md", "runbook.md")]


def test_every_metric_that_a_page_names_exists() -> None:
    kubelet = {"container_cpu_cfs_throttled_periods_total"}
    spans = [span for page in PAGES for span in re.findall(r"`([^`]+)`", page)]
    named = {name for span in spans for name in re.findall(r"\b(?:lightsleeper_|http_server_|kn_|container_)\w+", span)}
    assert named
    assert named - OURS - RECORDED - KNATIVE - kubelet == set()


def test_every_row_and_panel_that_the_runbook_sends_somebody_to_exists() -> None:
    rows = {panel["title"].split(" ")[0] for panel in DASHBOARD["panels"] if panel["type"] == "row"}
    panels = {panel["title"] for panel in PANELS}
    for place in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", PAGES[1]):
        row, _, panel = place.partition(" → ")
        assert row in rows | panels, place
        assert not panel or panel in panels, place


def test_every_setting_that_a_page_names_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bLIGHTSLEEPER_[A-Z_]+\b", page)}
    assert named - set(variables()) == set()


def test_grafana_understands_every_field_of_the_dashboard() -> None:
    register_default_plugins()
    understood = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert lost(DASHBOARD, understood) == []


def lost(written: object, read: object, path: str = "") -> list[str]:
    """Paths in `written` that are not the same in `read`; Grafana adds its defaults."""
    if isinstance(written, dict) and isinstance(read, dict):
        return [step for key in written for step in lost(written[key], read.get(key), f"{path}/{key}")]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        return [
            step
            for n, (one, two) in enumerate(zip(written, read, strict=True))
            for step in lost(one, two, f"{path}/{n}")
        ]
    return [] if written == read else [path]


def test_the_dashboard_has_six_rows_and_no_more_than_fourteen_panels() -> None:
    rows = [panel["title"].split(" ")[0] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Users", "Waking", "Batching", "Cache", "Autoscaling", "Model"]
    assert len(PANELS) <= 14


def test_panels_do_not_overlap_and_explain_themselves() -> None:
    cells = [
        (column, line)
        for position in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for column in range(position["x"], position["x"] + position["w"])
        for line in range(position["y"], position["y"] + position["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24
    assert [panel["title"] for panel in PANELS if not panel["description"]] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_links_to_its_paragraph_of_the_runbook(alert: dict[str, Any]) -> None:
    file, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)\n\n\S", (OBSERVABILITY.parent / file).read_text(), re.MULTILINE)
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = yaml.safe_load((OBSERVABILITY / "prometheus/rules_test.yaml").read_text())["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    fires = {check["alertname"] for check in checks if check["exp_alerts"]}
    silent = {check["alertname"] for check in checks if not check["exp_alerts"]}
    assert fires == silent == {alert["alert"] for alert in ALERTS}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yaml")],
    ids=["configuration", "rules"],
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=OBSERVABILITY / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


#: Knative says these of a revision, and what it aims at of a pod (pkg/autoscaler/scaling/autoscaler.go): which of the
#: two is there is up to the annotation `metric`.
SCALED_ON: dict[str, dict[str, float]] = {
    "concurrency": {"stable": 8, "panic": 10, "target": 4.2},
    "rps": {"stable": 300, "panic": 500, "target": 194},
}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize("metric", SCALED_ON)
@pytest.mark.parametrize("pods", [0, 1, 2])
def test_the_load_of_a_revision_is_shown_by_pod_beside_the_target_of_one(
    tmp_path: Path, metric: str, pods: int
) -> None:
    said = SCALED_ON[metric]
    unit = "_per_second" if metric == "rps" else ""
    values = {f"kn_revision_{metric}_{what}{unit}": value for what, value in said.items()}
    (panel,) = [panel for panel in PANELS if panel["title"] == "Load per pod"]
    shown = said | {what: said[what] / max(pods, 1) for what in ("stable", "panic")}
    case = {
        "interval": "1m",
        "input_series": [
            {"series": f'{name}{{kn_service_name="lightsleeper"}}', "values": f"{value}x1"}
            for name, value in {**values, "kn_revision_pods_count": pods}.items()
        ],
        "promql_expr_test": [
            {
                "expr": target["expr"],
                "eval_time": "1m",
                "exp_samples": [{"value": shown[target["legendFormat"]]}],
            }
            for target in panel["targets"]
        ],
    }
    file = tmp_path / "panel.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_score_is_shown_as_the_number_it_is_since_a_regression_has_any() -> None:
    asked = [panel for panel in PANELS if any("prediction_score" in target["expr"] for target in panel["targets"])]
    shown = [panel["fieldConfig"]["defaults"] for panel in asked]
    assert [(each["unit"], each.get("min")) for each in shown] == [("short", None)]


def test_the_collector_uses_what_it_declares_and_takes_every_address_from_the_environment() -> None:
    text = (OBSERVABILITY / "collector.yaml").read_text()
    collector = yaml.safe_load(text)
    default = re.compile(r"\$\{env:\w+:-([^}]+)\}")
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert {default.sub(r"\1", name) for name in pipeline[kind]} <= collector[kind].keys()
    assert re.findall(r"endpoint: (?!\$\{env:)\S+", text) == []


def test_the_compose_file_is_one_by_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, OBSERVABILITY / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_laptop_and_the_cluster_run_the_same_collector() -> None:
    deployment = (OBSERVABILITY.parent / "knative/base/collector.yaml").read_text()
    compose = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())
    assert re.findall(r"image: (\S+)", deployment) == [compose["services"]["collector"]["image"]]


def test_the_compose_file_mounts_what_exists_and_sets_what_is_a_setting() -> None:
    services = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    assert services.keys() == {"lightsleeper", "redis", "collector", "prometheus", "grafana"}
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    assert [path for path in mounted if not (OBSERVABILITY / path).exists()] == []
    assert services["lightsleeper"]["environment"].keys() <= set(variables())
    collector = (OBSERVABILITY / "collector.yaml").read_text()
    assert [name for name in services["collector"]["environment"] if f"${{env:{name}" not in collector] == []
