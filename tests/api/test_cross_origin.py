"""Pages of other origins: those that the deployer names may call, and no other."""

import hashlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from faces import Face
from lightsleeper.serving.settings import Settings


@pytest.fixture(scope="module")
def opened(face: Face) -> Iterator[TestClient]:
    """The whole application, for one other origin and by key."""
    digest = hashlib.sha256(b"a key").hexdigest()
    settings = Settings(api_key_digests=(digest,), cors_origins=("https://example.org",))
    with TestClient(face(settings)) as client:
        yield client


def test_a_page_of_an_allowed_origin_may_call_and_read_refusals(opened: TestClient) -> None:
    origin = {"origin": "https://example.org"}
    asking = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    assert opened.options("/predict", headers=asking).headers["access-control-allow-origin"] == origin["origin"]
    refused = opened.post("/predict", json={"text": "x"}, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["origin"]


def test_a_page_of_another_origin_may_not(opened: TestClient, client: TestClient) -> None:
    for each in (opened, client):
        answer = each.get("/livez", headers={"origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in answer.headers
