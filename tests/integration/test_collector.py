"""What the collector's configuration does in a real OpenTelemetry Collector, and a Prometheus with an OTLP receiver.

No package registry has these two, so `make test-collector` takes them from whoever runs it, and CI does not run it.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import yaml

from lightsleeper.process import free_port
from prometheus_server import OBSERVABILITY, Prometheus, scraping
from redis_server import RedisServer
from service import Service

pytestmark = pytest.mark.collector

DASHBOARD = json.loads((OBSERVABILITY / "grafana/dashboards/lightsleeper.json").read_text())
#: Less what has no series here: Knative's own, and values that Redis held wrongly or did not take.
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
    if "kn_" not in target["expr"] and "cache_faults" not in target["expr"]
}
RECORDED = [
    rule["record"]
    for group in yaml.safe_load((OBSERVABILITY / "prometheus/rules.yaml").read_text())["groups"]
    for rule in group["rules"]
    if "record" in rule
]
REQUESTS = 40


def program(variable: str) -> str:
    assert os.environ.get(variable), f"{variable} is not set: make test-collector OTELCOL=… PROMETHEUS=…"
    return os.environ[variable]


class Collector:
    """`otelcol` with the repository's configuration."""

    def __init__(self, **settings: str) -> None:
        self.otlp, self.page = free_port(), free_port()
        health = free_port()
        addresses = {"OTLP_ADDRESS": self.otlp, "PROMETHEUS_PAGE_ADDRESS": self.page, "HEALTH_ADDRESS": health}
        loopback = {name: f"127.0.0.1:{port}" for name, port in addresses.items()}
        self._environment = {**os.environ, **loopback, **settings}
        self._health = f"http://127.0.0.1:{health}"
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [program("OTELCOL"), f"--config={OBSERVABILITY / 'collector.yaml'}"],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        while not self._healthy():  # pytest's own time-out ends it
            threading.Event().wait(0.05)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()

    def _healthy(self) -> bool:
        assert self._process.poll() is None, self.said
        try:
            return httpx2.get(self._health).status_code == 200
        except httpx2.HTTPError:
            return False

    def _listen(self) -> None:
        assert self._process.stderr
        self.said.extend(self._process.stderr)


def pod(collector: Collector, **settings: object) -> Service:
    service = Service(**settings)
    service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector.otlp}"
    return service


def ask(service: Service, count: int) -> str:
    """Have so many requests answered; the name of the instance."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: service.predict(f"Text number {n}."), range(count)))
    assert {answer.status_code for answer in answers} == {200}
    name: str = answers[0].headers["x-instance-id"]
    return name


def counted(instance: str) -> str:
    """What `increase()` would see of an instance's requests, without its extrapolation."""
    series = (
        f'http_server_request_duration_seconds_count{{job="lightsleeper", instance="{instance}", '
        'http_route="/predict", http_response_status_code="200"}[10m]'
    )
    return f"sum(max_over_time({series})) - sum(min_over_time({series}))"


class Pushed(NamedTuple):
    """A Prometheus that was pushed to, the collector that did, and two pods: dead at once, and alive."""

    prometheus: Prometheus
    collector: Collector
    dead: str
    alive: Service


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """As in the compose file: every sample into Prometheus' OTLP receiver, with the repository's configuration."""
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        prometheus = Prometheus(
            OBSERVABILITY / "prometheus/prometheus.yml",
            folder,
            "--web.enable-otlp-receiver",
            program=program("PROMETHEUS"),
        )
        stack.enter_context(closing(prometheus))
        prometheus.wait_until("vector(1)")
        push = {"METRICS_EXPORTER": "otlp_http/prometheus", "PROMETHEUS_OTLP_ENDPOINT": f"{prometheus.url}/api/v1/otlp"}
        collector = stack.enter_context(closing(Collector(**push)))
        with pod(collector, export_interval_s=3600) as short:
            dead = ask(short, REQUESTS)
        redis = stack.enter_context(RedisServer())
        alive = stack.enter_context(pod(collector, export_interval_s=1, trace_ratio=1, redis_url=redis.url))
        ask(alive, REQUESTS)
        alive.predict()  # refused
        prometheus.wait_until("lightsleeper:label_share:ratio1h > 0")
        yield Pushed(prometheus, collector, dead, alive)


def test_a_pod_that_died_at_once_is_counted_in_full(pushed: Pushed) -> None:
    assert pushed.prometheus.number(counted(pushed.dead)) == REQUESTS


def test_both_pods_are_seen_to_have_woken(pushed: Pushed) -> None:
    pushed.prometheus.wait_until("lightsleeper:wakes:count1h == 2")


@pytest.mark.parametrize("expression", QUERIES.values(), ids=QUERIES)
def test_every_query_of_the_dashboard_returns_data(pushed: Pushed, expression: str) -> None:
    assert pushed.prometheus.query(expression)


@pytest.mark.parametrize("name", RECORDED)
def test_every_recording_rule_has_recorded(pushed: Pushed, name: str) -> None:
    pushed.prometheus.wait_until(name)


def test_spans_arrive(pushed: Pushed) -> None:
    assert [line for line in pushed.collector.said if '"otelcol.signal":"traces"' in line]


def test_the_collector_has_nothing_to_complain_about(pushed: Pushed) -> None:
    assert [line for line in pushed.collector.said if json.loads(line)["level"] != "info"] == []


def test_what_happens_while_the_collector_is_away_arrives_when_it_is_back(pushed: Pushed) -> None:
    pushed.collector.close()
    instance = ask(pushed.alive, REQUESTS)
    pushed.collector.start()
    pushed.prometheus.wait_until(f"{counted(instance)} == {2 * REQUESTS}")


def test_without_an_otlp_receiver_prometheus_reads_the_page(tmp_path: Path) -> None:
    with ExitStack() as stack:
        collector = stack.enter_context(closing(Collector()))
        configuration = scraping({"collector": collector.page}, tmp_path)
        prometheus = stack.enter_context(closing(Prometheus(configuration, tmp_path)))
        alive = stack.enter_context(pod(collector, export_interval_s=1))
        prometheus.wait_until('http_server_request_duration_seconds_count{job="lightsleeper"} == 0')
        instance = ask(alive, REQUESTS)
        prometheus.wait_until(f"{counted(instance)} == {REQUESTS}")
        prometheus.wait_until("lightsleeper:wakes:count1h == 1")
