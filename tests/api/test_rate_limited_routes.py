"""What a limit is to the clients of the whole application."""

import hashlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from faces import Face
from lightsleeper.errors import Overloaded
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.serving.settings import Settings

#: One for each test of the whole application that spends, so that each has its whole limit.
KEYS = ("one", "another", "a third", "a fourth", "a fifth", "a sixth")


@pytest.fixture(scope="module")
def limited(face: Face) -> Iterator[TestClient]:
    """The whole application, with keys and a limit for each."""
    digests = tuple(hashlib.sha256(key.encode()).hexdigest() for key in KEYS)
    settings = Settings(api_key_digests=digests, rate_limit_texts=70, rate_limit_window_s=3600)
    with TestClient(face(settings)) as client:
        yield client


def test_the_service_says_what_is_left_and_refuses_with_429(limited: TestClient) -> None:
    headers = {"x-api-key": KEYS[0]}
    answers = [limited.post("/predict", json={"text": ["a", "b"] * 16}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["38", "6", "6"]
    assert answers[2].json()["error"] == {
        "code": "rate_limited",
        "message": "32 more texts would be over the limit of 70 in 3600 s",
        "limit": 70,
    }
    assert int(answers[2].headers["retry-after"]) > 0


def test_every_variant_of_an_explained_text_counts(limited: TestClient) -> None:
    asked = {"text": "three words only", "explain": True}
    answer = limited.post("/predict", json=asked, headers={"x-api-key": KEYS[1]})
    assert answer.headers["ratelimit-remaining"] == str(70 - 4)


def test_an_explanation_of_more_words_than_a_client_may_send_is_refused_and_not_for_now(limited: TestClient) -> None:
    asked = {"text": "word " * 100, "explain": True}
    answer = limited.post("/predict", json=asked, headers={"x-api-key": KEYS[5]})
    assert answer.status_code == 422
    assert answer.json()["error"]["limit"] == 70
    assert "retry-after" not in answer.headers


def test_a_client_over_its_limit_has_no_text_read_for_an_explanation(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"x-api-key": KEYS[3]}
    assert limited.post("/predict", json={"text": ["a"] * 60}, headers=headers).status_code == 200
    read: list[str] = []
    leave_one_out = Classifier.leave_one_out

    async def noted(self: Classifier, text: str) -> tuple[str, list[str]]:
        read.append(text)
        return await leave_one_out(self, text)

    monkeypatch.setattr(Classifier, "leave_one_out", noted)
    asked = {"text": "word " * 20, "explain": True}
    answers = [limited.post("/predict", json=asked, headers=headers) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {429}
    assert len(read) == 70 - 60


def test_an_explanation_that_an_overloaded_service_refuses_is_not_charged(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("full", retry_after_s=1)

    headers, asked = {"x-api-key": KEYS[4]}, {"text": "three words only", "explain": True}
    for method in ("classify", "leave_one_out"):
        with monkeypatch.context() as patch:
            patch.setattr(Classifier, method, refuse)
            answer = limited.post("/predict", json=asked, headers=headers)
            assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (503, "70")


def test_what_an_overloaded_service_refuses_is_not_charged(
    limited: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("full", retry_after_s=1)

    headers = {"x-api-key": KEYS[2]}
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "classify", refuse)
        for _ in range(10):
            assert limited.post("/predict", json={"text": ["a"] * 30}, headers=headers).status_code == 503
    answer = limited.post("/predict", json={"text": ["a"] * 30}, headers=headers)
    assert answer.headers["ratelimit-remaining"] == str(70 - 30)


def test_probes_are_neither_limited_nor_authenticated(limited: TestClient) -> None:
    for path in ("/livez", "/readyz", "/health") * 40:
        assert limited.get(path).status_code == 200
