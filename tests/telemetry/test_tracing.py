"""Traces against a real socket: which requests leave one, what it says, and who decides."""

import pytest
from fastapi.testclient import TestClient

from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
from otlp_receiver import OtlpReceiver, attributes


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
