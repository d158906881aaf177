"""`POST /predict` with `inputs` and `GET /info`, as text-embeddings-inference's users send them."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

TEXTS = ["A wonderful film.", "Dreadful, boring mess.", "A table."]
LONG = "good " * 600


def post(client: TestClient, body: dict[str, Any]) -> Response:
    """As `curl -d` does, with a form's content type."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return client.post("/predict", content=json.dumps(body).encode(), headers=headers)


def native(client: TestClient, **fields: object) -> Any:  # noqa: ANN401  # JSON
    return client.post("/predict", json=fields).json()["predictions"]


def test_one_text_gets_its_labels_and_a_batch_a_list_of_them(client: TestClient) -> None:
    expected = native(client, text=TEXTS)
    assert post(client, {"inputs": TEXTS[0]}).json() == expected[0]
    assert post(client, {"inputs": [[text] for text in TEXTS]}).json() == expected
    assert post(client, {"inputs": [TEXTS[0], [TEXTS[1]], TEXTS[2]]}).json() == expected


def test_what_the_original_ignores_is_ignored(client: TestClient) -> None:
    ignored = {"prompt_name": "query", "parameters": {}, "normalize": True}
    assert post(client, {"inputs": TEXTS, **ignored}).json() == native(client, text=TEXTS)


def test_a_flat_list_is_a_batch(client: TestClient) -> None:
    for size in (1, 2, 3):
        assert post(client, {"inputs": TEXTS[:size]}).json() == native(client, text=TEXTS[:size])


def test_raw_scores_are_logits(client: TestClient) -> None:
    raw = {"inputs": TEXTS, "raw_scores": True}
    assert post(client, raw).json() == native(client, text=TEXTS, raw_scores=True)


def test_a_long_text_is_cut_unless_that_is_refused(client: TestClient) -> None:
    assert post(client, {"inputs": LONG, "truncate": None}).status_code == 200
    response = post(client, {"inputs": LONG, "truncate": False})
    assert response.status_code == 422
    assert response.json() == {"error": "text 0 has 602 tokens; the model reads 512", "error_type": "Validation"}


def test_the_end_of_a_text_is_never_taken_for_its_start(client: TestClient) -> None:
    assert post(client, {"inputs": "short", "truncation_direction": "left"}).status_code == 200
    response = post(client, {"inputs": LONG, "truncation_direction": "Left"})
    assert response.status_code == 422
    assert "truncation_direction" in response.json()["error"]


def test_the_timing_headers_are_whole_milliseconds(client: TestClient) -> None:
    headers = post(client, {"inputs": "How long does this take?"}).headers
    assert headers["x-compute-type"] == "cpu"
    assert (headers["x-compute-characters"], headers["x-compute-tokens"]) == ("24", "8")
    stages = ("compute", "total", "tokenization", "queue", "inference")
    assert all(headers[f"x-{stage}-time"].isdecimal() for stage in stages)


@pytest.mark.parametrize(
    ("body", "status", "kind", "said"),
    [
        ({"inputs": []}, 400, "Empty", "inputs"),
        ({"inputs": [[]]}, 422, "Validation", "empty"),
        ({"inputs": ""}, 422, "Validation", "empty"),
        ({"inputs": [["a", "b"]]}, 422, "Validation", "pairs"),
        ({"inputs": 5}, 422, "Validation", "inputs"),
        ({"inputs": ["a", {"text": "b"}]}, 422, "Validation", "inputs[1]"),
        ({"inputs": ["x"] * 65}, 422, "Validation", "64"),
        ({"inputs": "x", "raw_scores": "yes"}, 422, "Validation", "raw_scores"),
        ({"inputs": "x", "truncation_direction": "Up"}, 422, "Validation", "Right"),
        ({"inputs": "x", "raw_score": True}, 422, "Validation", "did you mean 'raw_scores'?"),
        ({"inputs": "x", "parameters": {"top_k": 1}}, 422, "Validation", "goes to POST /"),
    ],
)
def test_an_error_has_a_type(client: TestClient, body: dict[str, Any], status: int, kind: str, said: str) -> None:
    response = post(client, body)
    assert (response.status_code, response.json()["error_type"]) == (status, kind)
    assert said in response.json()["error"]


def test_info_says_that_it_is_a_classifier_and_what_it_reads(client: TestClient) -> None:
    info = client.get("/info").json()
    facts = client.get("/model").json()
    assert info["model_type"]["classifier"]["id2label"] == {"0": "NEGATIVE", "1": "POSITIVE"}
    assert (info["model_id"], info["model_sha"]) == (facts["model_id"], facts["digest"])
    assert (info["max_input_length"], info["max_client_batch_size"]) == (512, 64)


def test_unknown_fields_of_our_own_form_are_named_with_what_was_meant(client: TestClient) -> None:
    for sent, meant in (("texts", "text"), ("input", "text"), ("topk", "top_k"), ("raw_score", "raw_scores")):
        error = client.post("/predict", json={sent: "fine"}).json()["error"]
        assert error["field"] == sent
        assert error["message"].endswith(f"did you mean {meant!r}?")
