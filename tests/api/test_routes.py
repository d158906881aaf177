"""The HTTP contract against the real application and the real model."""

import json
import math
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from faces import Face
from lightsleeper.serving.settings import Settings

HEADERS = {"content-type": "application/json"}


def post(client: TestClient, body: bytes | dict[str, Any], **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/predict", content=content, headers={**HEADERS, **headers})


def test_one_text_gets_every_label_best_first(client: TestClient) -> None:
    response = post(client, {"text": "A wonderful film."})
    assert response.status_code == 200
    ((best, other),) = response.json()["predictions"]
    assert (best["label"], other["label"]) == ("POSITIVE", "NEGATIVE")
    assert best["score"] > other["score"]
    assert best["score"] + other["score"] == pytest.approx(1)


def test_a_list_is_answered_in_order(client: TestClient) -> None:
    response = post(client, {"text": ["Simply wonderful.", "A dreadful, boring mess.", "Simply wonderful."]})
    assert [ranked[0]["label"] for ranked in response.json()["predictions"]] == ["POSITIVE", "NEGATIVE", "POSITIVE"]


def test_a_string_and_a_list_of_one_get_the_same_answer(client: TestClient) -> None:
    assert post(client, {"text": "Fine."}).json() == post(client, {"text": ["Fine."]}).json()


def test_top_k_limits_the_labels(client: TestClient) -> None:
    for one in (1, 1.0):  # as clients write it that know no whole numbers
        assert len(post(client, {"text": "Fine.", "top_k": one}).json()["predictions"][0]) == 1


def test_raw_scores_are_logits(client: TestClient) -> None:
    answers = (post(client, {"text": "Fine.", **extra}).json() for extra in ({}, {"raw_scores": True}))
    scores, raw = ({ranked["label"]: ranked["score"] for ranked in answer["predictions"][0]} for answer in answers)
    odds = math.log(scores["POSITIVE"] / scores["NEGATIVE"])
    assert raw["POSITIVE"] - raw["NEGATIVE"] == pytest.approx(odds, rel=1e-6)


def test_truncated_texts_are_named_only_when_there_are_any(client: TestClient) -> None:
    assert "truncated" not in post(client, {"text": "short"}).json()
    assert post(client, {"text": ["short", "long " * 600, "short"]}).json()["truncated"] == [1]


def test_a_repeat_is_a_hit_and_a_mixture_is_partial(client: TestClient) -> None:
    fresh = "never seen before one"
    assert post(client, {"text": fresh}).headers["x-cache"] == "miss"
    assert post(client, {"text": fresh.upper()}).headers["x-cache"] == "hit"
    assert post(client, {"text": [fresh, "never seen before two"]}).headers["x-cache"] == "partial"


def test_server_timing_names_every_stage(client: TestClient) -> None:
    header = post(client, {"text": "where does the time go"}).headers["server-timing"]
    stages = dict(entry.strip().split(";dur=") for entry in header.split(","))
    assert {"tokenize", "cache", "queue", "inference"} <= stages.keys()
    assert float(stages["inference"]) > 0


@pytest.mark.parametrize(
    ("body", "code", "field", "limit"),
    [
        ({"text": 5}, "invalid_input", "text", None),
        ({"text": None}, "invalid_input", "text", None),
        ({"text": {"a": 1}}, "invalid_input", "text", None),
        ({"text": ["fine", 5]}, "invalid_input", "text[1]", None),
        ({"text": ["fine", None]}, "invalid_input", "text[1]", None),
        ({"text": [["nested"]]}, "invalid_input", "text[0]", None),
        ({}, "invalid_input", "text", None),
        ({"texts": "fine"}, "invalid_input", None, None),
        ({"text": "fine", "unknown": 1}, "invalid_input", "unknown", None),
        ({"text": "fine", "top_k": 0}, "invalid_input", "top_k", 1),
        ({"text": "fine", "top_k": "1"}, "invalid_input", "top_k", None),
        ({"text": "fine", "raw_scores": "yes"}, "invalid_input", "raw_scores", None),
        ({"text": []}, "no_texts", "text", None),
        ({"text": ""}, "empty_text", "text[0]", None),
        ({"text": ["fine", " \n\t"]}, "empty_text", "text[1]", None),
        ({"text": ["x"] * 65}, "too_many_texts", "text", 64),
        ({"text": ["fine", "x" * 50_001]}, "text_too_long", "text[1]", 50_000),
        ({"text": ["fine", "good " * 511], "truncate": False}, "too_many_tokens", "text[1]", 512),
        (b"", "invalid_json", None, None),
        (b"{", "invalid_json", None, None),
        (b"[]", "invalid_input", None, None),
        (b'"text"', "invalid_input", None, None),
        (b'{"text": "\xff"}', "invalid_json", None, None),
        (b'{"text": "\\ud800"}', "invalid_json", None, None),
        (b'{"text": "\\udc00 tail"}', "invalid_json", None, None),
        (b'{"text": NaN}', "invalid_input", "text", None),
        (b'{"text": "' + b"[" * 100 + b"}", "invalid_json", None, None),
        (b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}", None, None, None),
    ],
)
def test_what_cannot_be_answered_is_a_422_naming_field_and_limit(
    client: TestClient, body: bytes | dict[str, Any], code: str | None, field: str | None, limit: int | None
) -> None:
    response = post(client, body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["message"]
    if code:
        assert error["code"] == code
    if field:
        assert error["field"] == field
    assert error.get("limit") == limit


def test_a_refusal_never_repeats_the_text(client: TestClient) -> None:
    for body in ({"text": {"canary": "canary"}}, {"text": ["canary", 1]}, {"text": "canary " * 600, "truncate": False}):
        assert "canary" not in post(client, body).text.replace("text", "")


def test_a_ten_megabyte_body_is_a_413_with_the_limit(client: TestClient) -> None:
    response = post(client, {"text": "x" * 10_000_000})
    assert (response.status_code, response.json()["error"]["limit"]) == (413, 2_000_000)


def test_a_body_of_undeclared_length_is_cut_off_at_the_limit(client: TestClient) -> None:
    chunks = (b"x" * 100_000 for _ in range(100))
    response = client.post("/predict", content=chunks, headers=HEADERS)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_a_415(client: TestClient, content_type: str) -> None:
    response = post(client, {"text": "fine"}, **{"content-type": content_type})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_a_content_type_with_a_charset_is_json(client: TestClient) -> None:
    assert post(client, {"text": "fine"}, **{"content-type": "Application/JSON; charset=utf-8"}).status_code == 200


def test_another_verb_is_a_405_and_another_path_a_404_in_the_same_shape(client: TestClient) -> None:
    wrong_verb, wrong_path = client.get("/predict"), client.get("/nothing")
    assert (wrong_verb.status_code, wrong_verb.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong_verb.headers["allow"] == "POST"
    assert (wrong_path.status_code, wrong_path.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "text",
    [
        "🎬🍿 10/10 👍🏽 👩‍👩‍👧‍👦",
        "سيء جدا، لا تشاهده",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
        "\u0000 a NUL, and a \u202eright-to-left override",
        "good " * 510,
        "word" * 2_000,
        "中文影评也可以",
    ],
    ids=["emoji", "right-to-left", "combining", "nul", "512-identical-tokens", "one-long-word", "chinese"],
)
def test_unusual_text_is_answered(client: TestClient, text: str) -> None:
    response = post(client, {"text": text})
    assert response.status_code == 200
    assert sum(ranked["score"] for ranked in response.json()["predictions"][0]) == pytest.approx(1)


def test_probes_answer(client: TestClient) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/health").json() == {"status": "healthy"}


def test_the_openapi_document_describes_the_request_with_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    request = document["components"]["schemas"]["PredictRequest"]
    assert set(request["properties"]) >= {"text", "top_k", "raw_scores", "truncate"}
    assert request["examples"]
    assert document["components"]["schemas"]["PredictResponse"]["examples"]
    assert {"200", "413", "415", "422", "503", "504"} <= document["paths"]["/predict"]["post"]["responses"].keys()


def test_a_request_that_takes_too_long_is_a_504_with_retry_after(face: Face) -> None:
    with TestClient(face(Settings(request_timeout_s=1e-6, cache_entries=0))) as client:
        response = post(client, {"text": "too slow"})
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert response.headers["retry-after"] == "1"


def test_limits_follow_the_settings(face: Face) -> None:
    with TestClient(face(Settings(max_texts=1, max_text_chars=3))) as client:
        assert post(client, {"text": ["a", "b"]}).json()["error"]["limit"] == 1
        assert post(client, {"text": "abcd"}).json()["error"]["limit"] == 3


#: JSON's numbers have no bounds; a float's are 1.8e308, an index's 2^63, and int() reads 4,300 digits.
NUMBERS = [
    *(f"{sign}{number}" for sign in ("", "-") for number in ("0", "1", "0.0", "1e308", 2**63, 10**400)),
    "9" * 5_000,
]
OTHERS = ["NaN", "Infinity", "1e999", "true", "false", '"1"', "[1]", '{"a":1}']
INFER = "/v2/models/lightsleeper/infer"
TENSOR = '"inputs":[{"name":"t","datatype":"BYTES","shape":[1],"data":["fine"]}]'
#: Where a number may stand, as #; and by which names.
OPTIONS = [
    ("/predict", '{"text":"fine","NAME":#}', ("top_k", "threshold", "explain", "raw_scores", "truncate")),
    ("/predict", '{"inputs":"fine","NAME":#}', ("threshold", "truncate", "truncation_direction")),
    ("/", '{"inputs":"fine","parameters":{"NAME":#}}', ("top_k", "threshold", "truncation", "max_length")),
    (
        "/v1/models/lightsleeper:predict",
        '{"instances":["fine"],"parameters":{"NAME":#}}',
        ("top_k", "threshold", "truncate"),
    ),
    (INFER, f'{{{TENSOR},"parameters":{{"NAME":#}}}}', ("timeout", "threshold", "truncate", "binary_data_output")),
    (INFER, f"{{{TENSOR}}}".replace("}]", ',"parameters":{"NAME":#}}]'), ("binary_data_size",)),
    (INFER, f"{{{TENSOR}}}".replace('"shape":[1]', '"NAME":[#]'), ("shape",)),
    (INFER, f'{{{TENSOR},"NAME":#}}', ("id",)),
    (INFER, f'{{{TENSOR},"outputs":[{{"name":"scores","parameters":{{"NAME":#}}}}]}}', ("classification",)),
    ("/events", '{"specversion":"1.0","id":"1","source":"a","type":"t","NAME":#,"data":"fine"}', ("sequence",)),
    ("/events", '{"specversion":"1.0","id":"1","source":"a","type":"t","data":{"text":"fine","NAME":#}}', ("top_k",)),
]


@pytest.mark.parametrize(
    ("path", "body"), [(path, body.replace("NAME", name)) for path, body, names in OPTIONS for name in names]
)
def test_a_number_of_any_size_is_taken_or_refused_in_every_dialect(client: TestClient, path: str, body: str) -> None:
    kind = "cloudevents+json" if path == "/events" else "json"
    for value in (*NUMBERS, *OTHERS):
        content = body.replace("#", value).encode()
        answer = client.post(path, content=content, headers={"content-type": f"application/{kind}"})
        in_no_time = path.startswith("/v2") and '"timeout":' in body and answer.status_code == 504
        assert answer.status_code < 500 or in_no_time, (value[:50], answer.text)


WORDS = " ".join(f"word{number}" for number in range(60))
PADDED = b'{"text":"fine"%b}'


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        (Settings(max_texts=1, max_queued_tokens=1_000), {"text": WORDS, "explain": True}),
        (Settings(max_texts=1, max_queued_tokens=1_000), PADDED % (b" " * 1_900_000)),
        (Settings(max_body_bytes=20_000_000), PADDED % (b" " * 15_000_000)),
        (Settings(), {"text": " ".join(40 * ["x" * 249]), "explain": True}),
    ],
    ids=["an explanation", "a body", "a larger body", "long words"],
)
def test_what_is_within_the_limits_of_a_request_is_answered_by_an_idle_service(
    face: Face, settings: Settings, body: bytes | dict[str, Any]
) -> None:
    with TestClient(face(settings)) as client:
        assert post(client, body).status_code == 200


def test_as_many_texts_as_a_request_may_have_are_read_in_every_dialect(face: Face) -> None:
    texts = 11_000 * ["ok"]
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
    with TestClient(face(Settings(max_texts=15_000, max_queued_tokens=1_000_000))) as client:
        for path, body in {
            "/predict": {"text": texts},
            "/": {"inputs": [{"text": text} for text in texts]},
            "/v1/models/lightsleeper:predict": {"instances": [{"text": text} for text in texts]},
            INFER: {"inputs": [tensor]},
            "/predict?tei": {"inputs": [[text] for text in texts]},
        }.items():
            answer = client.post(path, json=body)
            assert answer.status_code == 200, (path, answer.text[:200])
        event = {"specversion": "1.0", "id": "1", "source": "a", "type": "t", "data": {"text": texts}}
        headers = {"content-type": "application/cloudevents+json", "prefer": "reply"}
        assert client.post("/events", content=json.dumps(event), headers=headers).status_code == 200
