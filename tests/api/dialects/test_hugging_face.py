"""`POST /`, byte for byte as Hugging Face's clients send it."""

import json
import math
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

TEXTS = ["A wonderful film.", "Dreadful, boring mess.", "A table."]


def post(client: TestClient, body: bytes | dict[str, Any], **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/", content=content, headers=headers)


def native(client: TestClient, **fields: object) -> Any:  # noqa: ANN401  # JSON
    return client.post("/predict", json=fields).json()["predictions"]


def test_one_text_and_a_list_get_a_list_of_lists_equal_to_our_own(client: TestClient) -> None:
    assert post(client, {"inputs": TEXTS[0], "parameters": {}}).json() == native(client, text=TEXTS[0])
    assert post(client, {"inputs": {"text": TEXTS[0]}}).json() == native(client, text=TEXTS[0])
    assert post(client, {"inputs": TEXTS}).json() == native(client, text=TEXTS)
    assert post(client, {"inputs": TEXTS, "parameters": {"top_k": 1}}).json() == native(client, text=TEXTS, top_k=1)


def test_a_text_in_a_list_of_its_own_or_beside_no_other_is_one_text(client: TestClient) -> None:
    """As text-embeddings-inference writes a batch, and as transformers takes a pair of which one is null."""
    batch = native(client, text=TEXTS)
    assert post(client, {"inputs": [[text] for text in TEXTS]}).json() == batch
    assert post(client, {"inputs": [{"text": text, "text_pair": None} for text in TEXTS]}).json() == batch
    assert post(client, {"inputs": {"text": TEXTS[0], "text_pair": None}}).json() == batch[:1]


@pytest.mark.parametrize(
    ("parameters", "labels"),
    [
        ({"return_all_scores": False}, 1),
        ({"return_all_scores": True}, 2),
        ({"return_all_scores": None}, 2),
        ({"return_all_scores": False, "top_k": 2}, 2),
        ({"return_all_scores": False, "top_k": None}, 2),
        ({"return_all_scores": True, "top_k": 1}, 1),
    ],
)
def test_return_all_scores_is_what_older_pipelines_made_of_it(
    client: TestClient, parameters: dict[str, object], labels: int
) -> None:
    body = {"inputs": TEXTS[0], "parameters": parameters}
    assert post(client, body).json() == native(client, text=TEXTS[0], top_k=labels)


def test_function_to_apply_turns_logits_into_scores(client: TestClient) -> None:
    def scores(function: str | None) -> dict[str, float]:
        body = {"inputs": TEXTS[0], "parameters": {"function_to_apply": function}}
        return {ranked["label"]: ranked["score"] for ranked in post(client, body).json()[0]}

    logits = scores("none")
    assert logits == {each["label"]: each["score"] for each in native(client, text=TEXTS[0], raw_scores=True)[0]}
    assert scores("softmax") == scores(None)
    assert scores("sigmoid") == pytest.approx({label: 1 / (1 + math.exp(-logit)) for label, logit in logits.items()})


@pytest.mark.parametrize("function", ["SOFTMAX", "Sigmoid", "None", "Default"])
def test_a_function_is_known_in_any_case_as_transformers_has_it(client: TestClient, function: str) -> None:
    upper, lower = (
        post(client, {"inputs": TEXTS, "parameters": {"function_to_apply": name}})
        for name in (function, function.lower())
    )
    assert upper.status_code == 200
    assert upper.json() == lower.json()


@pytest.mark.parametrize("strategy", [True, None, "longest_first", "only_first", "only_second"])
def test_a_long_text_is_cut_by_every_strategy_but_one(client: TestClient, strategy: object) -> None:
    body = {"inputs": "good " * 600, "parameters": {"truncation": strategy}}
    assert post(client, body).json() == native(client, text="good " * 600)
    assert post(client, {**body, "parameters": {"truncation": "do_not_truncate"}}).status_code == 422


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", None])
def test_the_content_type_is_not_asked_for(client: TestClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert post(client, {"inputs": "fine"}, **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "content-type": "text/plain"},
        {"origin": "https://elsewhere.example", "content-type": "application/x-www-form-urlencoded"},
        {"origin": "null", "content-type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_form_post_of_another_site_is_a_415(client: TestClient, headers: dict[str, str]) -> None:
    response = post(client, {"inputs": "fine"}, **headers)
    assert (response.status_code, response.headers["x-error-code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "content-type": "text/plain"},
        {"origin": "http://testserver"},
        {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example", "content-type": "application/json"},
    ],
)
def test_a_page_of_this_site_passes_and_so_does_what_a_browser_asks_leave_for(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert post(client, {"inputs": "fine"}, **headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({"text": "fine"}, 422, "invalid_input", "did you mean 'inputs'?"),
        ({"parameters": {}}, 422, "invalid_input", "inputs is missing"),
        ({"inputs": "fine", "paramters": {"top_k": 1}}, 422, "invalid_input", "did you mean 'parameters'?"),
        ({"inputs": "fine", "parameters": {"topk": 1}}, 422, "invalid_input", "did you mean 'top_k'?"),
        ({"inputs": "fine", "parameters": {"top_k": 0}}, 422, "invalid_input", "top_k"),
        ({"inputs": "fine", "parameters": {"top_k": True}}, 422, "invalid_input", "top_k"),
        ({"inputs": "fine", "parameters": {"top_k": 1.5}}, 422, "invalid_input", "top_k"),
        ({"inputs": "fine", "top_k": 1}, 422, "invalid_input", "did you mean 'top_k' in 'parameters'?"),
        ({"inputs": "fine", "parameters": {"truncation": "false"}}, 422, "invalid_input", "truncation must be true"),
        ({"inputs": "fine", "parameters": {"truncation": 2}}, 422, "invalid_input", "truncation must be true"),
        ({"inputs": "fine", "parameters": {"truncation": [True]}}, 422, "invalid_input", "truncation must be true"),
        ({"inputs": "fine", "parameters": {"function_to_apply": "tanh"}}, 422, "invalid_input", "softmax, sigmoid"),
        ({"inputs": "fine", "parameters": [1]}, 422, "invalid_input", "parameters"),
        ({"inputs": "x", "parameters": {"candidate_labels": ["a"]}}, 422, "invalid_input", "NEGATIVE, POSITIVE"),
        ({"inputs": {"text": "a", "text_pair": "b"}}, 422, "invalid_input", "pairs"),
        ({"inputs": [{"text": "a"}, {}]}, 422, "invalid_input", "inputs[1].text is missing"),
        ({"Text": "a"}, 422, "invalid_input", "did you mean 'inputs'?"),
        (b'{"inputs": "a", "parameters": {"padding": NaN}}', 422, "invalid_json", "JSON"),
        ({"inputs": ["fine", 5]}, 422, "invalid_input", "inputs[1]"),
        ({"inputs": [["a", "b"]]}, 422, "invalid_input", "inputs[0]: this model reads one text, not pairs"),
        ({"inputs": ["fine", []]}, 422, "invalid_input", "inputs[1]"),
        ({"inputs": [["fine"], [["fine"]]]}, 422, "invalid_input", "inputs[1]"),
        ({"inputs": "fine", "parameters": {"return_all_scores": "no"}}, 422, "invalid_input", "true or false"),
        ({"inputs": "fine", "parameters": {"return_all_score": True}}, 422, "invalid_input", "'return_all_scores'?"),
        ({"inputs": None}, 422, "invalid_input", "inputs"),
        ({"inputs": []}, 422, "no_texts", "inputs"),
        ({"inputs": ""}, 422, "empty_text", "empty"),
        ({"inputs": ["x"] * 65}, 422, "too_many_texts", "inputs: more than 64"),
        ({"inputs": "good " * 600, "parameters": {"truncation": False}}, 422, "too_many_tokens", "512"),
        ({"inputs\n": "x"}, 422, "invalid_input", "unknown field 'inputs\\n': did you mean 'inputs'?"),
        ({"inputs\x7f": "x"}, 422, "invalid_input", "unknown field 'inputs\\x7f': did you mean 'inputs'?"),
        ({"inputs\r\nx-a: b": "x"}, 422, "invalid_input", "inputs is missing"),
        ({"inputs\x00": "x"}, 422, "invalid_input", "unknown field 'inputs\\x00': did you mean 'inputs'?"),
        ({"inpüts": "x"}, 422, "invalid_input", "unknown field 'inpüts': did you mean 'inputs'?"),
        ({"inputs": "x", "parameters": {"truncation\n": True}}, 422, "invalid_input", "unknown field 'truncation\\n'"),
        ({"inputs": "x", "parameters": {"top_k\r\n": 1}}, 422, "invalid_input", "unknown field 'top_k\\r\\n'"),
        (b"[1]", 422, "invalid_input", "object"),
        (b"", 422, "invalid_json", "JSON"),
        (b'{"inputs": "\\ud800"}', 422, "invalid_json", "JSON"),
        (b"[" * 100_000, 422, "invalid_json", "JSON"),
        (b'{"inputs": "' + b"x" * 2_000_000 + b'"}', 413, "body_too_large", "2000000"),
    ],
)
def test_an_error_is_a_string_that_says_what_to_change(
    client: TestClient, body: bytes | dict[str, Any], status: int, code: str, said: str
) -> None:
    response = post(client, body)
    assert (response.status_code, response.headers["x-error-code"]) == (status, code)
    assert said in response.json()["error"]
    assert response.headers["x-error-message"].isascii()
    assert response.headers["x-error-message"].isprintable()
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["inputs\n", "inputs\x7f", "input\xa0s", "inputs\x1b"])
def test_a_name_that_no_header_may_hold_is_said_once_and_readably(client: TestClient, name: str) -> None:
    response = post(client, {name: "x"})
    assert response.json()["error"] == f"unknown field {name!r}: did you mean 'inputs'?"
    assert response.headers["x-error-message"] == response.json()["error"]


def test_what_the_pipelines_ignore_is_ignored(client: TestClient) -> None:
    ignored = {"inputs": "fine", "options": {"wait_for_model": True}, "parameters": {"padding": True, "max_length": 9}}
    assert post(client, ignored).json() == native(client, text="fine")


def test_a_name_is_repeated_only_as_far_as_it_is_recognised(client: TestClient) -> None:
    response = client.post("/predict", json={"text": "fine", "x" * 100_000: 1})
    assert response.status_code == 422
    assert len(response.content) < 400
