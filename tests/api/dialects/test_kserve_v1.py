"""`/v1/models`, as KServe's, TensorFlow Serving's and Vertex AI's users send it."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

TEXTS = ["A wonderful film.", "Dreadful, boring mess.", "A table."]
MODEL = "/v1/models/lightsleeper"


def post(client: TestClient, body: object, verb: str = "predict") -> Response:
    """As `curl -d` does."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return client.post(f"{MODEL}:{verb}", content=json.dumps(body).encode(), headers=headers)


def native(client: TestClient, **fields: object) -> Any:  # noqa: ANN401  # JSON
    return client.post("/predict", json=fields).json()["predictions"]


def test_instances_of_every_form_get_our_own_predictions(client: TestClient) -> None:
    expected = {"predictions": native(client, text=TEXTS)}
    for form in (lambda text: text, lambda text: {"text": text}, lambda text: {"content": text}, lambda text: [text]):
        assert post(client, {"instances": [form(text) for text in TEXTS]}).json() == expected


def test_columns_come_back_as_outputs(client: TestClient) -> None:
    expected = {"outputs": native(client, text=TEXTS)}
    assert post(client, {"signature_name": "serving_default", "inputs": TEXTS}).json() == expected
    assert post(client, {"inputs": {"text": TEXTS}}).json() == expected
    assert post(client, {"inputs": TEXTS[0]}).json() == {"outputs": expected["outputs"][:1]}


def test_a_second_text_that_is_null_is_none(client: TestClient) -> None:
    expected = post(client, {"instances": ["fine"]}).json()
    assert post(client, {"instances": [{"text": "fine", "text_pair": None}]}).json() == expected


def test_examples_are_classified_into_pairs(client: TestClient) -> None:
    expected = [[[each["label"], each["score"]] for each in row] for row in native(client, text=TEXTS)]
    examples = {"examples": [{"text": text} for text in TEXTS]}
    assert post(client, examples, "classify").json() == {"result": expected}


def test_parameters_choose_the_form_of_a_prediction(client: TestClient) -> None:
    for parameters in ({"top_k": 1}, {"top_k": 1.0}, {"raw_scores": True}):
        answer = post(client, {"instances": TEXTS, "parameters": {**parameters, "confidence": 0.5}}).json()
        assert answer == {"predictions": native(client, text=TEXTS, **parameters)}


def test_a_request_as_vertex_sends_it_is_answered(client: TestClient) -> None:
    headers = {"content-type": "application/json", "user-agent": "Google-Vertex", "accept-encoding": "gzip"}
    body = b'{\n  "instances": [{"content": "A wonderful film."}],\n  "parameters": null\n}'
    response = client.post(f"{MODEL}:predict", content=body, headers=headers)
    assert response.json() == {"predictions": native(client, text=TEXTS[0])}


def test_the_status_is_told_in_both_words(client: TestClient) -> None:
    version = client.get("/model").json()["digest"][:12]
    state = {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    expected = {"name": "lightsleeper", "ready": True, "model_version_status": [state]}
    assert client.get(MODEL).json() == expected
    assert client.get(f"{MODEL}/versions/{version}").json() == expected
    assert client.get("/v1/models").json() == {"models": ["lightsleeper-sentiment"]}
    instances = {"instances": ["x"]}
    assert client.post(f"{MODEL}/versions/{version}:predict", json=instances).status_code == 200
    assert client.post(f"{MODEL}/versions/7:predict", json=instances).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "instances is missing"),
        ({"text": "x"}, "did you mean 'instances'?"),
        ({"instance": ["x"]}, "did you mean 'instances'?"),
        ({"instances": "x"}, "instances must be a list"),
        ({"instances": {"text": "x"}}, "instances must be a list"),
        ({"instances": [{"b64": "eA=="}]}, "b64"),
        ({"instances": [{"words": "x"}]}, "instances[0]"),
        ({"instances": ["x", 5]}, "instances[1]"),
        ({"instances": [["x", "y"]]}, "instances[0]"),
        ({"instances": ["x", {"text": "a", "text_pair": "b"}]}, "instances[1]: this model reads one text, not pairs"),
        ({"instances": [""]}, "instances[0]"),
        ({"instances": ["x"] * 65}, "instances: more than 64"),
        ({"instances": []}, "empty list"),
        ({"instances": [""]}, "text 0 is empty"),
        ({"instances": ["x"] * 65}, "64"),
        ({"instances": ["x"], "parameters": {"top_k": "1"}}, "top_k"),
        ({"instances": ["x"], "top_k": 1}, "did you mean 'top_k' in 'parameters'?"),
        ({"instances": ["x"], "parameters": {"raw_score": True}}, "did you mean 'raw_scores'?"),
        ({"inputs": {"words": ["x"]}}, "inputs"),
        ([], "object"),
    ],
)
def test_what_cannot_be_answered_is_a_400_with_a_string(client: TestClient, body: object, said: str) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert said in response.json()["error"]
    assert response.headers["content-type"] == "application/json"


def test_an_unknown_model_is_a_404_in_kserve_s_words(client: TestClient) -> None:
    expected = (404, {"error": "Model with name other does not exist."})
    for response in (client.get("/v1/models/other"), client.post("/v1/models/other:predict", json={})):
        assert (response.status_code, response.json()) == expected


@pytest.mark.parametrize("model", [MODEL, f"{MODEL}/versions/1", "/v1/models/other"])
@pytest.mark.parametrize("verb", ["predict", "classify"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_verb_behind_the_colon_is_no_part_of_the_name_and_takes_a_post_alone(
    client: TestClient, model: str, verb: str, method: str
) -> None:
    response = client.request(method, f"{model}:{verb}")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("model", [MODEL, f"{MODEL}/versions/1", "/v1/models/other"])
@pytest.mark.parametrize("verb", ["explain", "regress", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_verb_that_nothing_answers_is_a_404(client: TestClient, model: str, verb: str, method: str) -> None:
    assert client.request(method, f"{model}:{verb}").status_code == 404
