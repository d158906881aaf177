"""`/v2`, as the clients of Triton, KServe, MLServer and Seldon speak it."""

import gzip
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from faces import Face
from heads import with_head
from lightsleeper.model.head import MANY_LABELS
from lightsleeper.model.model import Model
from lightsleeper.serving.settings import Settings

TEXTS = ["A wonderful film.", "Schrecklich öde, dreadful.", "A fine table."]
INFER = "/v2/models/lightsleeper/infer"
LENGTH = "inference-header-content-length"


def tensor(texts: list[str], **more: object) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts, **more}


def post(client: TestClient, body: object, **headers: str) -> Response:
    """As a client without a content type does."""
    return client.post(INFER, content=json.dumps(body).encode(), headers=headers)


def packed(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def binary(client: TestClient, texts: list[str], tail: bytes | None = None, **more: object) -> Response:
    data = packed(texts) if tail is None else tail
    described = {
        "name": "in",
        "shape": [len(texts)],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [described], **more}).encode()
    headers = {"content-type": "application/octet-stream", LENGTH: str(len(head))}
    return client.post(INFER, content=head + data, headers=headers)


def outputs(response: Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return {output["name"]: output for output in response.json()["outputs"]}


def native(client: TestClient, **fields: object) -> list[float]:
    """Our own scores, in label order, row by row."""
    predictions = client.post("/predict", json=fields).json()["predictions"]
    return [each["score"] for row in predictions for each in sorted(row, key=lambda each: str(each["label"]))]


def test_labels_come_by_name_and_scores_in_label_order(client: TestClient) -> None:
    for shape, data in (([3], TEXTS), ([3, 1], TEXTS), ([3, 1], [[text] for text in TEXTS])):
        answer = outputs(post(client, {"inputs": [tensor(TEXTS, shape=shape, data=data)]}))
        assert answer["label"] == {
            "name": "label", "datatype": "BYTES", "shape": [3], "data": ["POSITIVE", "NEGATIVE", "POSITIVE"]
        }  # fmt: skip
        assert (answer["scores"]["datatype"], answer["scores"]["shape"]) == ("FP32", [3, 2])
        assert answer["scores"]["data"] == native(client, text=TEXTS)


def test_binary_tensors_hold_the_same_as_json(client: TestClient) -> None:
    response = binary(client, TEXTS, parameters={"binary_data_output": True})
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers[LENGTH])
    label, scores = json.loads(response.content[:length])["outputs"]
    labels, numbers = label["parameters"]["binary_data_size"], scores["parameters"]["binary_data_size"]
    tail = response.content[length:]
    assert tail[:labels] == packed(["POSITIVE", "NEGATIVE", "POSITIVE"])
    assert len(tail) == labels + numbers
    expected = native(client, text=TEXTS)
    assert tail[labels:] == struct.pack("<6f", *expected)


def test_json_and_binary_outputs_may_be_mixed(client: TestClient) -> None:
    wanted = [{"name": "scores", "parameters": {"binary_data": False}}, {"name": "truncated"}]
    response = binary(client, TEXTS, outputs=wanted, parameters={"binary_data_output": True})
    length = int(response.headers[LENGTH])
    scores, truncated = json.loads(response.content[:length])["outputs"]
    assert scores["data"] == native(client, text=TEXTS)
    assert (truncated["datatype"], response.content[length:]) == ("BOOL", b"\0\0\0")


def test_a_count_beyond_the_limit_is_named_and_not_the_shape(client: TestClient) -> None:
    response = binary(client, ["x"] * 100)
    assert (response.status_code, response.json()["error"]) == (400, "inputs[0]: more than 64 texts in one request")


@pytest.mark.parametrize("size", [5.0, True, "5", -5, 10**40])
def test_a_size_that_is_no_whole_number_of_bytes_is_refused(client: TestClient, size: object) -> None:
    described = {"name": "x", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [described]}).encode()
    response = client.post(INFER, content=head + packed(["x"]), headers={LENGTH: str(len(head))})
    assert response.status_code == 400
    assert "binary_data_size is not the 5 bytes" in response.json()["error"]


def test_a_body_that_is_all_one_text_is_answered_in_binary(client: TestClient) -> None:
    response = client.post(INFER, content=TEXTS[0].encode(), headers={LENGTH: "0"})
    label, scores = json.loads(response.content[: int(response.headers[LENGTH])])["outputs"]
    assert (label["shape"], scores["shape"]) == ([1], [1, 2])


def test_a_whole_binary_body_may_be_compressed(client: TestClient) -> None:
    data = packed(TEXTS)
    described = {"name": "x", "shape": [3], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [described]}).encode()
    headers = {"content-encoding": "gzip", LENGTH: str(len(head))}
    response = client.post(INFER, content=gzip.compress(head + data), headers=headers)
    assert outputs(response)["scores"]["data"] == native(client, text=TEXTS)


def test_logits_and_truncation_come_when_asked_for(client: TestClient) -> None:
    wanted = [{"name": "logits"}, {"name": "truncated"}]
    answer = outputs(post(client, {"inputs": [tensor(["short", "long " * 600])], "outputs": wanted}))
    assert list(answer) == ["logits", "truncated"]
    assert answer["truncated"]["data"] == [False, True]
    raw = outputs(post(client, {"inputs": [tensor(TEXTS)], "parameters": {"raw_scores": True}}))["scores"]["data"]
    assert raw == native(client, text=TEXTS, raw_scores=True)


def test_classes_are_the_best_labels_as_triton_writes_them(client: TestClient) -> None:
    positive = native(client, text=TEXTS)[1]
    for count, shape in ((1, [3, 1]), (1.0, [3, 1]), (2, [3, 2]), (9, [3, 2])):
        wanted = [{"name": "scores", "parameters": {"classification": count}}]
        scores = outputs(post(client, {"inputs": [tensor(TEXTS)], "outputs": wanted}))["scores"]
        assert (scores["datatype"], scores["shape"]) == ("BYTES", shape)
        assert scores["data"][0] == f"{positive:.6f}:1:POSITIVE"


def test_an_id_is_returned_and_made_where_there_is_none(client: TestClient) -> None:
    assert post(client, {"id": "mine", "inputs": [tensor(["x"])]}).json()["id"] == "mine"
    assert post(client, {"inputs": [tensor(["x"])]}).json()["id"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": []}, "one tensor"),
        ({"inputs": [tensor(["x"]), tensor(["y"])]}, "one tensor"),
        ({"inputs": {"text": "x"}}, "one tensor"),
        ({"inputs": [tensor(["x"], datatype="FP32")]}, "input 'text': datatype"),
        ({"inputs": [tensor(["x"], shape=[2])]}, "input 'text': shape must be [1]"),
        ({"inputs": [tensor(["x"], shape=[1, 2])]}, "shape"),
        ({"inputs": [tensor(["x"], shape="[1]")]}, "shape"),
        ({"inputs": [tensor(["x"], data=[5])]}, "data[0]"),
        ({"inputs": [tensor(["x"], data=None)]}, "data"),
        ({"inputs": [tensor(["x"], parameters={"content_type": "base64"})]}, "base64"),
        ({"inputs": [tensor(["x"], parameters={"binary_data_size": 5})]}, "binary_data_size"),
        ({"inputs": [tensor([])]}, "empty list"),
        ({"inputs": [tensor([" "])]}, "text 0 is empty"),
        ({"inputs": [tensor([" "])]}, "inputs[0]"),
        ({"inputs": [tensor(["x"] * 65)]}, "inputs[0]: more than 64"),
        ({"inputs": [tensor(["x"], shape=[True])]}, "shape must be [1]"),
        ({"inputs": [tensor(["x"], shape=[1.0])]}, "shape must be [1]"),
        ({"outputs": [{"name": {"text": "x"}}]}, "outputs[0].name must be a string"),
        ({"outputs": [{}]}, "outputs[0].name must be a string"),
        ({"outputs": {}}, "outputs must be a list"),
        (
            {"inputs": [{"name": {}, "shape": [1], "datatype": "BYTES", "data": ["x"]}]},
            "inputs[0].name must be a string",
        ),
        ({"outputs": False}, "outputs must be a list"),
        ({"id": 0}, "id must be a string"),
        ({"parameters": {"timeout": False}}, "timeout must be a whole number"),
        ({"outputs": [{"name": "scores", "parameters": {"classification": ""}}]}, "classification must be"),
        ({"outputs": [{"name": "nothing"}]}, "unexpected inference output 'nothing' for model 'lightsleeper'"),
        ({"outputs": [{"name": "scores"}, {"name": "scores"}]}, "asked for twice"),
        ({"outputs": [{"name": "label", "parameters": {"classification": 1}}]}, "classes"),
        ({"outputs": "scores"}, "outputs"),
        ({"parameters": {"truncate": False}, "inputs": [tensor(["good " * 600])]}, "512"),
        ({"parameters": {"timeout": -1}}, "timeout"),
        ({"parameters": {"timeout": 1.5}}, "timeout must be a whole number"),
        ({"raw_scores": True}, "did you mean 'raw_scores' in 'parameters'?"),
        ({"id": "x" * 257}, "id"),
        ({"input": 1}, "did you mean 'inputs'?"),
    ],
)
def test_what_cannot_be_answered_is_a_400_with_a_string(client: TestClient, change: dict[str, Any], said: str) -> None:
    response = post(client, {"inputs": [tensor(["x"])], **change})
    assert response.status_code == 400
    assert said in response.json()["error"]


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("9" * 5000, b"{}"),
        ("99", b"{}"),
        ("-1", b"{}"),
        ("two", b"{}"),
        ("²", b"{}"),
        ("2", b"{}tail"),
        ("0", b"\xff\xfe not UTF-8"),
        ("0", b""),
    ],
)
def test_a_length_that_is_not_the_head_s_is_a_400(client: TestClient, length: str, body: bytes) -> None:
    headers = {LENGTH.encode(): length.encode()}
    response = client.post(INFER, content=body, headers=headers)
    assert (response.status_code, list(response.json())) == (400, ["error"])


@pytest.mark.parametrize(
    "tail",
    [
        b"\x05\0\0\0good",
        b"\xff\xff\xff\xffgood",
        b"\x01\0",
        b"\x02\0\0\0\xff\xff",
        packed(["one", "two"]),
        b"\0\0\0\0" * 400_000,
    ],
)
def test_binary_data_that_is_not_what_it_says_is_a_400(client: TestClient, tail: bytes) -> None:
    assert binary(client, ["x"], tail).status_code == 400


def test_a_timeout_in_microseconds_is_kept(face: Face) -> None:
    with TestClient(face(Settings(cache_entries=0))) as client:
        response = post(client, {"inputs": [tensor(["x" * 5000] * 64)], "parameters": {"timeout": 1}})
    assert (response.status_code, response.headers["retry-after"]) == (504, "1")


def test_metadata_names_what_goes_in_and_comes_out(client: TestClient) -> None:
    facts = client.get("/model").json()
    model = client.get("/v2/models/lightsleeper").json()
    assert [each["name"] for each in model["inputs"]] == ["text"]
    assert [each["name"] for each in model["outputs"]] == ["label", "scores", "logits", "truncated"]
    assert model["properties"] == {"labels": "NEGATIVE,POSITIVE", "digest": facts["digest"]}
    assert model["versions"] == [facts["digest"][:12]]
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data", "classification", "parameters"]
    assert client.get("/v2/models").json() == {"models": ["lightsleeper-sentiment"]}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/lightsleeper/ready").json() == {"name": "lightsleeper", "ready": True}


def test_a_version_is_part_of_the_digest_and_another_is_a_404(client: TestClient) -> None:
    version = client.get("/model").json()["digest"][:12]
    body = {"inputs": [tensor(["x"])]}
    assert client.post(f"/v2/models/lightsleeper/versions/{version}/infer", json=body).status_code == 200
    assert client.get(f"/v2/models/lightsleeper/versions/{version}/ready").status_code == 200
    assert client.post("/v2/models/lightsleeper/versions/1/infer", json=body).status_code == 404


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/other/ready", "/v2/models/other/versions/1"])
def test_an_unknown_model_is_a_404_in_triton_s_words(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json() == {"error": "Request for unknown model: 'other' is not found"}
    assert client.post("/v2/models/other/infer", json={}).status_code == 404


@pytest.mark.parametrize("path", ["/v2/models/lightsleeper/config", "/v2/repository/index", "/v2/nothing"])
def test_what_is_not_offered_is_a_404_with_a_string(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert isinstance(response.json()["error"], str)
    assert client.get(INFER).status_code == 405


def test_a_model_of_the_hub_is_called_what_a_path_can_hold(
    face: Face, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `owner/name` the name: who asks which models there are asks for that one next."""
    other = with_head(model, MANY_LABELS)  # whose engine closes nothing
    manifest = replace(other.bundle.manifest, model_id="cardiffnlp/twitter-roberta")
    hub = replace(other, bundle=replace(other.bundle, manifest=manifest))
    monkeypatch.setattr("lightsleeper.serving.lifespan.open_model", lambda _: hub)
    with TestClient(face(Settings())) as client:
        for version in ("v1", "v2"):
            (name,) = client.get(f"/{version}/models").json()["models"]
            assert name == "twitter-roberta"
            assert client.get(f"/{version}/models/{name}").json()["name"] == name
        assert client.get("/info").json()["model_id"] == "cardiffnlp/twitter-roberta"


def test_the_deployer_s_name_of_the_model_is_known(face: Face) -> None:
    with TestClient(face(Settings(model_name="reviews"))) as client:
        assert client.get("/v2/models").json() == {"models": ["reviews"]}
        for name in ("reviews", "lightsleeper", "lightsleeper-sentiment"):
            answer = client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor(["x"])]})
            assert answer.json()["model_name"] == name
