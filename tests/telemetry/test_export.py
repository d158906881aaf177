"""The outputs against real sockets: what leaves, when, and what happens when nobody takes it."""

import asyncio
import hashlib
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx2
import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk.trace import TracerProvider

from faces import Face
from lightsleeper.errors import ConfigurationError
from lightsleeper.model.head import ONE_LABEL, Head
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
from lightsleeper.telemetry.export import Telemetry
from lightsleeper.telemetry.instruments import INSTRUMENTS
from lightsleeper.telemetry.logs import JsonFormatter
from lightsleeper.telemetry.metrics import Identity, Metrics
from otlp_receiver import OtlpReceiver, attributes
from redis_server import free_port

IDENTITY = Identity("a/model", "d1", "1.2.3", Head(ONE_LABEL, ("NEGATIVE", "POSITIVE")), workers=1)
NEVER_S = 3600.0


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """A collector that answers."""
    with OtlpReceiver() as receiver:
        yield receiver


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


def exported_by(receiver: OtlpReceiver, trace_ratio: float = 1.0, peer: str = "127.0.0.1") -> TestClient:
    """A client of the application that connects from the address `peer`; leaving it exports the rest."""
    settings = Settings(
        otlp_endpoint=receiver.endpoint,
        trace_ratio=trace_ratio,
        trusted_proxies=("127.0.0.1", "::1", "10.1.0.0/16"),
    )
    return TestClient(create_app(settings), client=(peer, 50_000), raise_server_exceptions=False)


def test_the_stages_of_a_request_are_spans_under_its_server_span(receiver: OtlpReceiver) -> None:
    with exported_by(receiver) as client:
        client.post("/predict", json={"text": "A text."})
    spans = {span.name: span for span in receiver.spans}
    assert spans.keys() == {"POST /predict", "tokenize", "cache", "queue", "inference", "batch"}
    server = spans["POST /predict"]
    assert {spans[stage].parent_span_id for stage in ("tokenize", "cache", "queue", "inference")} == {server.span_id}
    assert server.start_time_unix_nano <= spans["tokenize"].start_time_unix_nano
    assert spans["tokenize"].end_time_unix_nano <= spans["inference"].start_time_unix_nano


def test_an_explanation_of_a_text_that_is_cached_shows_where_its_time_went(receiver: OtlpReceiver) -> None:
    with exported_by(receiver) as client:
        for explain in (False, True):
            client.post("/predict", json={"text": "A fine film.", "explain": explain})
    stages = [span.name for span in receiver.spans]
    assert [stages.count(name) for name in ("POST /predict", "cache", "queue", "inference")] == [2, 2, 2, 2]


def test_a_batch_links_to_the_request_whose_texts_it_holds(receiver: OtlpReceiver) -> None:
    with exported_by(receiver) as client:
        client.post("/predict", json={"text": ["One text.", "Two text."]})
    spans = {span.name: span for span in receiver.spans}
    assert [link.span_id for link in spans["batch"].links] == [spans["POST /predict"].span_id]
    assert attributes(spans["batch"].attributes)["lightsleeper.texts"] == "2"


def test_the_trace_that_the_platform_began_is_continued(receiver: OtlpReceiver) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with exported_by(receiver, trace_ratio=0.000001) as client:
        client.post("/predict", json={"text": "A text."}, headers={"traceparent": parent})
    assert {span.trace_id.hex() for span in receiver.spans} == {"0af7651916cd43dd8448eb211c80319c"}


@pytest.mark.parametrize("peer", ["10.1.2.3", "::1", "::ffff:10.1.2.3"])
def test_a_trusted_proxy_may_have_a_request_traced(receiver: OtlpReceiver, peer: str) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with exported_by(receiver, trace_ratio=1e-12, peer=peer) as client:
        client.get("/model", headers={"traceparent": parent, "x-forwarded-for": "203.0.113.9"})
    assert {span.trace_id.hex() for span in receiver.spans} == {"0af7651916cd43dd8448eb211c80319c"}


@pytest.mark.parametrize("flag", ["00", "01"])
@pytest.mark.parametrize("peer", ["203.0.113.9", "10.2.0.1", "2001:db8::1"])
def test_a_stranger_decides_nothing_about_traces(receiver: OtlpReceiver, peer: str, flag: str) -> None:
    headers = {
        "traceparent": f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flag}",
        "x-forwarded-for": "127.0.0.1",
    }
    with exported_by(receiver, trace_ratio=1e-12, peer=peer) as client:
        client.get("/model", headers=headers)
    assert receiver.spans == []
    with exported_by(receiver, trace_ratio=1, peer=peer) as client:
        client.get("/model", headers=headers)
    assert {span.name for span in receiver.spans} == {"GET /model"}
    assert all(span.trace_id.hex() != "0af7651916cd43dd8448eb211c80319c" for span in receiver.spans)
    assert all(not span.parent_span_id for span in receiver.spans)


#: Everything a span may say. A new attribute is given its place here once somebody has asked who chooses its value.
ATTRIBUTES = {
    "http.request.method",
    "url.scheme",
    "http.route",
    "http.response.status_code",
    "error.type",
    "lightsleeper.texts",
    "lightsleeper.tokens",
}


def test_spans_say_what_is_on_the_list_and_nothing_that_a_caller_chose(receiver: OtlpReceiver) -> None:
    headers = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "canary=canary",
        "user-agent": "canary",
        "host": "canary.example",
    }
    with exported_by(receiver) as client:
        client.post("/predict?api_key=canary", json={"text": "A text."}, headers=headers)
        client.post("/predict", content=b"{", headers=headers)
        client.get("/canary", headers=headers)
        client.request("CANARY", "/predict", headers=headers)
    assert {name for span in receiver.spans for name in attributes(span.attributes)} <= ATTRIBUTES
    assert {span.name for span in receiver.spans if not span.parent_span_id or span.kind == 2} == {
        "POST /predict",
        "GET",
        "_OTHER /predict",
    }
    assert all(span.trace_state == "" and not span.events for span in receiver.spans)
    assert "canary" not in repr(receiver.spans).lower()


def test_a_bug_of_ours_is_an_error_in_its_trace_without_its_message(receiver: OtlpReceiver) -> None:
    with exported_by(receiver) as client:
        client.app_state["head"] = None
        answer = client.post("/predict", json={"text": "canary"})
    assert answer.status_code == 500
    (server,) = [span for span in receiver.spans if span.kind == 2]
    assert attributes(server.attributes)["http.response.status_code"] == "500"
    assert server.status.code == 2
    assert "canary" not in repr(receiver.spans)


def test_what_the_platform_does_not_trace_is_not_traced(receiver: OtlpReceiver) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    with exported_by(receiver) as client:
        assert client.post("/predict", json={"text": "A text."}, headers={"traceparent": parent}).status_code == 200
    assert receiver.spans == []
    assert receiver.total("lightsleeper.predictions") == 1


@pytest.mark.parametrize(
    ("traceparent", "traced"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", True),
        ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more0", True),
        ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more1", False),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
        ("anything 1", False),
        ("", False),
    ],
)
def test_only_a_caller_whose_header_is_one_decides(receiver: OtlpReceiver, traceparent: str, *, traced: bool) -> None:
    with exported_by(receiver, trace_ratio=1e-12) as client:
        client.get("/model", headers={"traceparent": traceparent})
    assert bool(receiver.spans) is traced


def test_a_share_of_the_others_is_traced(receiver: OtlpReceiver) -> None:
    with exported_by(receiver, trace_ratio=0.5) as client:
        for _ in range(40):
            client.post("/predict", json={"text": "A text."})
    traces = {span.trace_id for span in receiver.spans}
    assert 0 < len(traces) < 40  # fails by chance once in 10¹²
    assert receiver.total("lightsleeper.predictions") == 40


def test_probes_leave_no_trace_and_requests_are_counted_by_route_template(receiver: OtlpReceiver) -> None:
    with exported_by(receiver) as client:
        client.get("/readyz?who=queue-proxy")
        client.get("/no/such/path")
    assert [span.name for span in receiver.spans if "readyz" in span.name] == []
    points = receiver.metrics()["http.server.request.duration"].histogram.data_points
    routes = {attributes(point.attributes).get("http.route") for point in points}
    assert routes == {"/predict", "/readyz", None}


def reasons(receiver: OtlpReceiver) -> dict[str, float]:
    """What was refused and why, by the last export."""
    points = receiver.metrics()["lightsleeper.rejections"].sum.data_points
    counts = {attributes(point.attributes)["reason"]: point.as_double or point.as_int for point in points}
    return {reason: count for reason, count in counts.items() if count}


def test_whoever_refuses_a_request_its_reason_is_counted(face: Face, receiver: OtlpReceiver) -> None:
    key = hashlib.sha256(b"a key").hexdigest()
    app = face(Settings(otlp_endpoint=receiver.endpoint, api_key_digests=(key,)))
    with TestClient(app) as client:
        client.post("/predict", json={"text": "No key."})  # the guard
        client.post("/predict", json={"text": []}, headers={"x-api-key": "a key"})  # the route
        client.get("/no/such/path")  # the router
        client.delete("/model", headers={"x-api-key": "a key"})
    assert reasons(receiver) == {"unauthorized": 1, "no_texts": 1, "not_found": 1, "method_not_allowed": 1}


def test_a_bug_of_ours_is_counted_as_internal(face: Face, receiver: OtlpReceiver) -> None:
    app = face(Settings(otlp_endpoint=receiver.endpoint))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.app_state["facts"] = None  # what no code does, so that the route raises
        assert client.get("/model").status_code == 500
    assert reasons(receiver) == {"internal": 1}


def test_the_variants_of_an_explanation_are_no_predictions(face: Face, receiver: OtlpReceiver) -> None:
    with TestClient(face(Settings(otlp_endpoint=receiver.endpoint))) as client:
        client.post("/predict", json={"text": "pneumonoultramicroscopicsilicovolcanoconiosis " * 150, "explain": True})
    counted = ("predictions", "prediction.score", "truncations")
    assert [receiver.total(f"lightsleeper.{name}") for name in counted] == [1, 1, 1]


def test_a_log_line_is_one_json_object_with_the_trace_it_belongs_to() -> None:
    record = logging.LogRecord("lightsleeper", logging.WARNING, "file", 1, "line one\nof %s", ("two",), None)
    record.fields = {"reason": "test"}
    with TracerProvider().get_tracer("test").start_as_current_span("span") as span:
        line = JsonFormatter().format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert event["message"] == "line one\nof two"
    assert (event["level"], event["reason"]) == ("warning", "test")
    assert event["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_a_log_line_outside_of_any_span_has_no_trace() -> None:
    record = logging.LogRecord("lightsleeper", logging.INFO, "file", 1, "event", (), None)
    assert json.loads(JsonFormatter().format(record)).keys() == {"time", "level", "logger", "message"}
