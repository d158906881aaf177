"""What the whole application counts of its requests, as a collector gets it."""

import hashlib

from fastapi.testclient import TestClient

from faces import Face
from lightsleeper.serving.settings import Settings
from otlp_receiver import OtlpReceiver, attributes


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
