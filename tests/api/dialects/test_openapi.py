"""The document names every route of every dialect, what each answers, and how a key is sent."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from faces import Face
from lightsleeper.api.dialects import ROUTES
from lightsleeper.serving.settings import Settings


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_the_document_is_the_same_however_often_it_is_read(client: TestClient) -> None:
    first, second = (client.get("/openapi.json").content for _ in range(2))
    assert first == second


def test_every_route_of_a_dialect_is_documented(document: dict[str, Any]) -> None:
    for route in ROUTES:
        documented = document["paths"][route.path]
        assert {method.lower() for method in (route.methods or set()) - {"HEAD"}} <= documented.keys(), route.path


def test_what_needs_a_key_says_so_and_how(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["key"]["name"]) == ("bearer", "X-API-Key")
    posts = {path: each["post"] for path, each in document["paths"].items() if "post" in each}
    assert "/predict" in posts
    for path, operation in posts.items():
        assert operation["security"] == [{}, {"bearer": []}, {"key": []}], path
        expected = {"400", "401", "408", "413", "414", "415", "429", "431", "503", "504"}
        assert expected <= operation["responses"].keys(), path
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"], path
        assert "Retry-After" in operation["responses"]["503"]["headers"], path


def test_every_reference_leads_somewhere_and_every_operation_has_its_own_name(document: dict[str, Any]) -> None:
    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [each for item in value.values() for each in references(item)]
        return [each for item in value for each in references(item)] if isinstance(value, list) else []

    for reference in references(document):
        assert reference.rpartition("/")[2] in document["components"]["schemas"]
    names = [operation["operationId"] for each in document["paths"].values() for operation in each.values()]
    assert len(names) == len(set(names))


#: Of every answer of any server, and of every one of ours; nobody's program reads them here.
UNDOCUMENTED = {
    "content-type",
    "content-length",
    "content-security-policy",
    "referrer-policy",
    "x-content-type-options",
}
TENSOR = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["A film."]}


@pytest.mark.parametrize(
    ("path", "template", "body"),
    [
        ("/predict", "/predict", {"text": "A film."}),
        ("/predict", "/predict", {"text": " "}),
        ("/predict", "/predict", {"inputs": "A film."}),
        ("/predict", "/predict", {"inputs": []}),
        ("/", "/", {"inputs": "A film."}),
        ("/", "/", {"inputs": 5}),
        ("/v1/models/lightsleeper:predict", "/v1/models/{name}:predict", {"instances": ["A film."]}),
        ("/v1/models/other:predict", "/v1/models/{name}:predict", {}),
        ("/v2/models/lightsleeper/infer", "/v2/models/{name}/infer", {"inputs": [TENSOR]}),
        (
            "/v2/models/lightsleeper/infer",
            "/v2/models/{name}/infer",
            {"inputs": [TENSOR], "parameters": {"binary_data_output": True}},
        ),
        ("/events", "/events", {}),
    ],
)
def test_every_status_and_header_that_comes_is_documented(
    face: Face, document: dict[str, Any], path: str, template: str, body: dict[str, object]
) -> None:
    with TestClient(face(Settings(rate_limit_texts=1_000, max_queue_s=600, request_timeout_s=600))) as client:
        response = client.post(path, json=body)
    documented = document["paths"][template]["post"]["responses"][str(response.status_code)]
    assert set(response.headers) - UNDOCUMENTED <= {name.lower() for name in documented["headers"]}
    assert response.headers["content-type"] in documented["content"]


@pytest.mark.parametrize("options", [False, 0, "", [], "top_k"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", {"inputs": "A film."}),
        ("/v1/models/lightsleeper:predict", {"instances": ["A film."]}),
        (
            "/v2/models/lightsleeper/infer",
            {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["A film."]}]},
        ),
    ],
)
def test_parameters_are_an_object_or_null_in_every_dialect(
    client: TestClient, path: str, body: dict[str, object], options: object
) -> None:
    assert client.post(path, json={**body, "parameters": None}).status_code == 200
    refused = client.post(path, json={**body, "parameters": options})
    assert refused.status_code in {400, 422}
    assert "parameters must be a JSON object" in refused.text
