"""What the service says of texts that it cannot read, or hardly."""

import pytest
from fastapi.testclient import TestClient

INVISIBLE = ["\u200b", "\u200d\ufeff", "\u0000\u0007", "\u0301", " \u00ad "]


@pytest.mark.parametrize("text", INVISIBLE)
def test_a_text_without_a_sign_to_read_is_refused_like_a_blank_one(client: TestClient, text: str) -> None:
    answer = client.post("/predict", json={"text": ["fine", text]})
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert (error["code"], error["field"]) == ("empty_text", "text[1]")


def test_an_explanation_may_leave_out_the_only_word(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": "Wonderful!", "explain": True})
    assert answer.status_code == 200
    assert [word["word"] for word in answer.json()["explanations"]] == ["Wonderful!"]


def test_texts_of_which_the_model_knows_little_are_named(client: TestClient) -> None:
    texts = ["A fine film.", "a" * 400, "Ce film est très mauvais.", "12345", "10/10"]
    answer = client.post("/predict", json={"text": texts}).json()
    assert answer["unfamiliar"] == [1, 2, 3]
    assert len(answer["predictions"]) == 5


def test_where_all_is_known_nothing_is_named(client: TestClient) -> None:
    assert "unfamiliar" not in client.post("/predict", json={"text": ["A fine film.", "meh"]}).json()


def test_the_model_says_its_languages_and_what_it_gets_wrong(client: TestClient) -> None:
    facts = client.get("/model").json()
    assert facts["languages"] == ["en"]
    assert set(facts["behaviours"]["negation of a negative"]) >= {"value", "goal", "worst"}
