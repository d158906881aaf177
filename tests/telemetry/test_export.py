"""Metrics against real sockets: what leaves, when, and what happens when nobody takes it."""

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx2
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from lightsleeper.errors import ConfigurationError
from lightsleeper.model.head import ONE_LABEL, Head
from lightsleeper.process import free_port
from lightsleeper.telemetry.export import Telemetry
from lightsleeper.telemetry.instruments import INSTRUMENTS
from lightsleeper.telemetry.metrics import Identity, Metrics
from otlp_receiver import OtlpReceiver, attributes

IDENTITY = Identity("a/model", "d1", "1.2.3", Head(ONE_LABEL, ("NEGATIVE", "POSITIVE")), workers=1)
NEVER_S = 3600.0


def open_telemetry(endpoint: str | None, interval_s: float = NEVER_S, port: int | None = None) -> Telemetry:
    return Telemetry(
        otlp_endpoint=endpoint,
        export_interval_s=interval_s,
        metrics_address=None if port is None else ("127.0.0.1", port),
        traces=False,
        instance_id="pod-1",
    )


async def announced(telemetry: Telemetry) -> Metrics:
    metrics = Metrics(telemetry.meter, IDENTITY)
    await telemetry.announce(metrics.histograms)
    return metrics


async def test_every_counter_and_histogram_is_exported_at_zero_before_anything_happened(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    receiver.wait_for_exports(1)
    summed = {i.name for i in INSTRUMENTS if i.kind in ("counter", "histogram")} - {"lightsleeper.cache.faults"}
    assert {name: receiver.total(name, export=0) for name in summed} == dict.fromkeys(summed, 0)
    await telemetry.close()


async def test_what_happens_before_the_first_export_has_left_is_not_in_it(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    metrics = await announced(telemetry)
    metrics.lookups("memory", "hit", 4)
    metrics.batch(items=1, cost=8, queue_s=[], run_s=0.1, origins=[])
    receiver.wait_for_exports(1)
    assert receiver.total("lightsleeper.cache.lookups", export=0) == 0
    assert receiver.total("lightsleeper.batch.texts", export=0) == 0
    await telemetry.close()


async def test_a_wake_does_not_wait_for_an_export_that_the_sdk_was_told_not_to_make(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setattr("lightsleeper.telemetry.export.ANNOUNCE_TIMEOUT_S", 60.0)
    telemetry = open_telemetry(receiver.endpoint)
    await asyncio.wait_for(announced(telemetry), 30)
    await telemetry.close()
    assert receiver.exports == []


def test_a_wake_does_not_import_what_speaks_otlp() -> None:
    code = (
        "import lightsleeper.serving.app, lightsleeper.telemetry.export, sys;"
        "print({'google.protobuf', 'requests'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


async def test_a_refusal_can_be_seen_to_increase_because_its_series_exists_from_the_start(
    receiver: OtlpReceiver,
) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    receiver.wait_for_exports(1)
    points = receiver.metrics()["http.server.request.duration"].histogram.data_points
    statuses = {attributes(point.attributes)["http.response.status_code"] for point in points}
    assert statuses == {"200", "413", "422", "429", "500", "503", "504"}
    await telemetry.close()


async def test_what_was_measured_since_the_last_export_leaves_on_close(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    metrics = await announced(telemetry)
    metrics.request_began()
    metrics.request_ended("POST", "http", 200, "/predict", error=None, dialect="native", duration_s=0.01)
    metrics.lookups("memory", "hit", 4)
    await telemetry.close()
    assert receiver.total("http.server.request.duration") == 1
    assert receiver.total("lightsleeper.cache.lookups", level="memory", result="hit") == 4


async def test_a_histogram_arrives_as_it_was_recorded(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    metrics = await announced(telemetry)
    for items in (1, 2, 2, 1000):
        metrics.batch(items=items, cost=8, queue_s=[], run_s=0.1, origins=[])
    await telemetry.close()
    (point,) = receiver.metrics()["lightsleeper.batch.texts"].histogram.data_points
    assert (point.count, point.sum) == (4, 1005)
    counts = dict(zip([*point.explicit_bounds, "more"], point.bucket_counts, strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {1: 1, 2: 2, "more": 1}


async def test_sums_are_cumulative_so_that_a_lost_export_loses_nothing(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    await telemetry.close()
    metrics = receiver.metrics()
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert metrics["lightsleeper.predictions"].sum.aggregation_temporality == cumulative
    assert metrics["http.server.request.duration"].histogram.aggregation_temporality == cumulative


async def test_the_resource_says_which_service_and_which_process(receiver: OtlpReceiver) -> None:
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    await telemetry.close()
    resource = attributes(receiver.exports[0].resource.attributes)
    assert (resource["service.name"], resource["service.instance.id"]) == ("lightsleeper", "pod-1")


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"OTEL_SERVICE_NAME": "reviews"}, "reviews"),
        ({"OTEL_SERVICE_NAME": ""}, "lightsleeper"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=film,service.name=reviews"}, "reviews"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=others", "OTEL_SERVICE_NAME": "reviews"}, "reviews"),
    ],
)
async def test_the_deployer_s_word_on_the_resource_counts(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    await telemetry.close()
    resource = attributes(receiver.exports[0].resource.attributes)
    assert (resource["service.name"], resource["service.instance.id"]) == (name, "pod-1")
    assert resource.get("team") == ("film" if "team" in variables.get("OTEL_RESOURCE_ATTRIBUTES", "") else None)


async def test_knative_revision_is_reported(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_REVISION", "lightsleeper-00007")
    telemetry = open_telemetry(receiver.endpoint)
    await announced(telemetry)
    await telemetry.close()
    assert attributes(receiver.exports[0].resource.attributes)["kn.revision.name"] == "lightsleeper-00007"


class Warned(logging.Handler):
    """Opens when a warning was logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.event.set()


@pytest.fixture
def warned() -> Iterator[Warned]:
    """Every warning of the whole process, whoever gives it."""
    warned = Warned()
    logging.getLogger().addHandler(warned)
    yield warned
    logging.getLogger().removeHandler(warned)


async def test_a_collector_that_is_not_there_is_warned_of_with_its_address(warned: Warned) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    telemetry = open_telemetry(endpoint, interval_s=0.05)
    await announced(telemetry)
    assert await asyncio.to_thread(warned.event.wait, 60)
    await telemetry.close()
    assert warned.messages == [f"metrics do not arrive at {endpoint}; counts are kept and sent when it answers"]


async def test_a_collector_that_refuses_again_and_again_is_warned_of_once(
    receiver: OtlpReceiver, warned: Warned
) -> None:
    receiver.status = 400
    telemetry = open_telemetry(receiver.endpoint, interval_s=0.05)
    await announced(telemetry)
    await asyncio.to_thread(receiver.wait_for_refusals, 5)
    await telemetry.close()
    assert len(warned.messages) == 1


async def test_a_collector_that_returns_is_sent_everything(receiver: OtlpReceiver) -> None:
    receiver.status = 400
    telemetry = open_telemetry(receiver.endpoint, interval_s=0.05)
    metrics = await announced(telemetry)
    metrics.lookups("memory", "hit", 4)
    await asyncio.to_thread(receiver.wait_for_refusals, 3)
    receiver.status = 200
    await asyncio.to_thread(receiver.wait_for_exports, 1)
    await telemetry.close()
    assert receiver.total("lightsleeper.cache.lookups", level="memory", result="hit") == 4


async def test_a_collector_that_never_answers_holds_up_neither_wake_nor_exit_and_nothing_grows() -> None:
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        telemetry = open_telemetry(f"http://127.0.0.1:{black_hole.getsockname()[1]}", interval_s=0.02)
        metrics = await asyncio.wait_for(announced(telemetry), 30)
        threads = threading.active_count()
        for _ in range(200):
            metrics.lookups("memory", "hit", 1)
            await asyncio.sleep(0)
        assert threading.active_count() <= threads
        await asyncio.wait_for(telemetry.close(), 30)


async def test_the_page_is_on_a_port_of_its_own_and_closes_with_the_service() -> None:
    telemetry = open_telemetry(None, port=0)
    await announced(telemetry)
    url = f"http://127.0.0.1:{telemetry.metrics_port}/metrics"
    assert "http_server_request_duration_seconds_bucket" in httpx2.get(url).text
    await telemetry.close()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url)


def test_a_metrics_port_that_is_taken_is_a_configuration_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"LIGHTSLEEPER_METRICS_PORT: port {port}"):
            open_telemetry(None, port=port)
