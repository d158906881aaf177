"""Models that answer with any number of labels, or with a number: in every dialect."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jsonschema
import numpy as np
import pytest
from fastapi.testclient import TestClient

from heads import with_head
from lightsleeper.model.head import MANY_LABELS, REGRESSION, SCORE
from lightsleeper.model.model import Model
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings

TEXT = "A wonderful film with a boring end."
EVENT = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "text"}


def serve(model: Model, task: str, score_range: tuple[float, ...] = ()) -> Iterator[TestClient]:
    app = create_app(Settings(max_queue_s=600, request_timeout_s=600))
    with ExitStack() as running:
        # No longer than it takes to start: fixtures of a module end in any order, and would restore each other's.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lightsleeper.serving.lifespan.open_model", lambda _: with_head(model, task, score_range))
            client = running.enter_context(TestClient(app, raise_server_exceptions=False))
        yield client


@pytest.fixture(scope="module")
def many(model: Model) -> Iterator[TestClient]:
    """A service whose labels are independent."""
    yield from serve(model, MANY_LABELS)


@pytest.fixture(scope="module", params=[SCORE, REGRESSION])
def one(request: pytest.FixtureRequest, model: Model) -> Iterator[TestClient]:
    """A service that answers with a number."""
    yield from serve(model, request.param, (-3.0, 4.0) if request.param == REGRESSION else ())


@pytest.fixture(scope="module")
def logits(model: Model) -> list[float]:
    """What the model says to `TEXT`."""
    return list(model.run(model.tokenizer.encode([TEXT]))[0])


def sigmoids(logits: list[float]) -> dict[str, float]:
    scores = 1 / (1 + np.exp(-np.array(logits)))
    return dict(zip(("toxic", "insult"), scores.tolist(), strict=True))


def post(client: TestClient, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401  # JSON is anything
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def event(**data: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON is anything
    return {"data": {"text": TEXT, **data}}


def of_event(client: TestClient, **asked: Any) -> Any:  # noqa: ANN401  # JSON is anything
    headers = {"content-type": "application/cloudevents+json", "prefer": "reply"}
    answer = client.post("/events", json={**EVENT, **event(**asked)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ranked_by(client: TestClient, dialect: str, **asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # see above
    """The labels of `TEXT` in that dialect."""
    found: dict[str, Any] = {
        "native": lambda: post(client, "/predict", {"text": TEXT, **asked})["predictions"][0],
        "hugging_face": lambda: post(client, "/", {"inputs": TEXT, "parameters": asked})[0],
        "tei": lambda: post(client, "/predict", {"inputs": TEXT, **asked}),
        "kserve_v1": lambda: post(
            client, "/v1/models/lightsleeper:predict", {"instances": [TEXT], "parameters": asked}
        )["predictions"][0],
        "cloud_events": lambda: of_event(client, **asked)["predictions"][0],
    }
    ranked: list[dict[str, Any]] = found[dialect]()
    return ranked


DIALECTS = ("native", "hugging_face", "tei", "kserve_v1", "cloud_events")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_independent_labels_have_scores_of_their_own(many: TestClient, logits: list[float], dialect: str) -> None:
    expected = sigmoids(logits)
    ranked = ranked_by(many, dialect)
    assert {each["label"]: each["score"] for each in ranked} == pytest.approx(expected, abs=1e-6)
    assert [each["score"] for each in ranked] == sorted((each["score"] for each in ranked), reverse=True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_threshold_leaves_labels_out_and_perhaps_all(many: TestClient, logits: list[float], dialect: str) -> None:
    scores = sigmoids(logits)
    between = sum(scores.values()) / 2
    (kept,) = ranked_by(many, dialect, threshold=between)
    assert kept["label"] == max(scores, key=scores.__getitem__)
    assert ranked_by(many, dialect, threshold=1) == []


@pytest.mark.parametrize("threshold", [-0.1, 1.1, "0.5", True])
@pytest.mark.parametrize("path", ["/predict", "/v1/models/lightsleeper:predict", "/", "/v2/models/lightsleeper/infer"])
def test_a_threshold_that_is_none_is_refused(many: TestClient, path: str, threshold: object) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/predict": {"text": TEXT, "threshold": threshold},
        "/": {"inputs": TEXT, "parameters": {"threshold": threshold}},
        "/v1/models/lightsleeper:predict": {"instances": [TEXT], "parameters": {"threshold": threshold}},
        "/v2/models/lightsleeper/infer": {
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}],
            "parameters": {"threshold": threshold},
        },
    }
    answer = many.post(path, json=bodies[path])
    assert answer.status_code in (400, 422)
    assert "threshold" in answer.text


def infer(client: TestClient, **body: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON is anything
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}]
    answer = post(client, "/v2/models/lightsleeper/infer", {"inputs": inputs, **body})
    return {output["name"]: output["data"] for output in answer["outputs"]}


def test_the_open_protocol_says_which_labels_are_selected(many: TestClient, logits: list[float]) -> None:
    scores = list(sigmoids(logits).values())
    found = infer(many)
    assert found.keys() == {"label", "selected", "scores"}
    assert found["selected"] == [score >= 0.5 for score in scores]
    assert found["scores"] == pytest.approx(scores, abs=1e-6)
    assert infer(many, parameters={"threshold": 0})["selected"] == [True, True]


def test_what_each_word_does_is_told_of_the_best_label(many: TestClient, logits: list[float]) -> None:
    answer = post(many, "/predict", {"text": TEXT, "explain": True})
    assert answer["predictions"][0][0]["score"] == pytest.approx(max(sigmoids(logits).values()), abs=1e-6)
    words = [word["word"] for word in answer["explanations"]]
    assert words == TEXT.split()
    without = post(many, "/predict", {"text": TEXT.removeprefix("A ")})["predictions"][0]
    best = answer["predictions"][0][0]
    (score,) = (each["score"] for each in without if each["label"] == best["label"])
    assert answer["explanations"][0]["effect"] == pytest.approx(best["score"] - score, abs=1e-6)


def test_the_model_says_what_it_is(many: TestClient, one: TestClient) -> None:
    assert many.get("/model").json()["task"] == MANY_LABELS
    facts = one.get("/model").json()
    assert facts["score_range"] == {SCORE: [0.0, 1.0], REGRESSION: [-3.0, 4.0]}[facts["task"]]


@pytest.mark.parametrize("dialect", ["native", "kserve_v1", "cloud_events"])
def test_one_output_is_a_score_and_no_label_is_made_up(one: TestClient, logits: list[float], dialect: str) -> None:
    expected = logits[1] if one.get("/model").json()["task"] == REGRESSION else sigmoids(logits)["insult"]
    (only,) = ranked_by(one, dialect)
    assert only == {"score": pytest.approx(expected, abs=1e-6)}


def test_its_range_stands_beside_it(one: TestClient) -> None:
    expected = one.get("/model").json()["score_range"]
    assert post(one, "/predict", {"text": TEXT})["score_range"] == expected
    assert of_event(one)["score_range"] == expected


@pytest.mark.parametrize("dialect", ["hugging_face", "tei"])
def test_where_clients_need_a_label_it_is_the_checkpoint_s_own(one: TestClient, dialect: str) -> None:
    (only,) = ranked_by(one, dialect)
    assert only["label"] == "LABEL_0"


def test_the_open_protocol_has_no_label_of_a_number(one: TestClient) -> None:
    assert infer(one).keys() == {"scores"}
    outputs = one.get("/v2/models/lightsleeper").json()["outputs"]
    assert [output["name"] for output in outputs] == ["scores", "logits", "truncated"]
    asked = {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}],
        "outputs": [{"name": "label"}],
    }
    assert one.post("/v2/models/lightsleeper/infer", json=asked).status_code == 400


def test_what_a_word_does_to_a_number_is_told_too(one: TestClient) -> None:
    answer = post(one, "/predict", {"text": TEXT, "explain": True})
    without = post(one, "/predict", {"text": TEXT.removeprefix("A ")})
    effect = answer["predictions"][0][0]["score"] - without["predictions"][0][0]["score"]
    assert answer["explanations"][0]["effect"] == pytest.approx(effect, abs=1e-6)


CONVERSATIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("/predict", "/predict", {"text": TEXT, "explain": True}),
    ("/predict", "/predict", {"inputs": [TEXT, TEXT]}),
    ("/", "/", {"inputs": TEXT}),
    ("/v1/models/{name}:predict", "/v1/models/lightsleeper:predict", {"instances": [TEXT]}),
    ("/v1/models/{name}:classify", "/v1/models/lightsleeper:classify", {"examples": [{"text": TEXT}]}),
    ("/events", "/events", {**EVENT, **event()}),
    ("/v2/models/{name}/infer", "/v2/models/lightsleeper/infer", {}),
]


@pytest.mark.parametrize(("path", "address", "body"), CONVERSATIONS)
def test_what_is_asked_and_answered_is_as_the_document_says(
    many: TestClient, one: TestClient, path: str, address: str, body: dict[str, Any]
) -> None:
    for client in (many, one):
        converse(client, path, address, body)


def converse(client: TestClient, path: str, address: str, body: dict[str, Any]) -> None:
    if address.endswith("/infer"):
        offered = client.get("/v2/models/lightsleeper").json()["outputs"]
        inputs = [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}]
        body = {"inputs": inputs, "outputs": [{"name": each["name"]} for each in offered]}
    document = client.get("/openapi.json").json()
    described = document["paths"][path]["post"]

    def conforms(instance: object, content: dict[str, Any]) -> None:
        (schema,) = (each["schema"] for each in content.values() if "schema" in each)
        jsonschema.Draft202012Validator({"components": document["components"], **schema}).validate(instance)

    conforms(body, described["requestBody"]["content"])
    media_type = "application/cloudevents+json" if path == "/events" else "application/json"
    answer = client.post(address, json=body, headers={"content-type": media_type, "prefer": "reply"})
    assert answer.status_code == 200, answer.text
    conforms(answer.json(), described["responses"]["200"]["content"])
