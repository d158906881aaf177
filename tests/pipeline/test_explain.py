import pytest
from fastapi.testclient import TestClient

from lightsleeper.errors import InvalidInput
from lightsleeper.model.head import MANY_LABELS, ONE_LABEL, REGRESSION, Head
from lightsleeper.pipeline.explain import (
    MAX_READING,
    MAX_TOKENS,
    MAX_WORDS,
    expected_bytes,
    explain,
    leave_one_out,
    require_affordable,
)


def test_how_much_all_variants_are_is_known_before_the_text_is_read() -> None:
    for text in ["", " ", "word", "word " * 200, " ".join(["影" * 20] * 30), " ".join(["影" * 249] * 200)]:
        read = text.encode()[:2_048].decode(errors="ignore")
        variants = sum(len(each.encode()) for each in leave_one_out(read))
        assert 0.7 * variants <= expected_bytes(text) <= 2 * variants + 2_048, text[:20]


def test_every_word_is_left_out_once_and_nothing_else_changes() -> None:
    assert leave_one_out("So  good 🙂!") == ["  good 🙂!", "So   🙂!", "So  good "]


def test_more_words_than_the_limit_are_refused_with_the_limit() -> None:
    assert len(leave_one_out("word " * MAX_WORDS)) == MAX_WORDS
    with pytest.raises(InvalidInput) as refused:
        leave_one_out("word " * (MAX_WORDS + 1))
    assert (refused.value.code, refused.value.limit, refused.value.field) == ("too_many_words", MAX_WORDS, "text")


def test_more_tokens_in_all_variants_than_the_limit_are_refused_with_the_limit(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": "a-q " * 168, "explain": True})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["limit"]) == (422, "explain_too_long", MAX_TOKENS)
    require_affordable(MAX_WORDS, MAX_TOKENS // MAX_WORDS)
    with pytest.raises(InvalidInput):
        require_affordable(MAX_WORDS, MAX_TOKENS // MAX_WORDS + 1)


@pytest.mark.parametrize(
    "word",
    ["q" * 98 + "\u13a0", "\ud55c" * 32 + "\u13a0", "a" + "\u0301" * 240, "a" + "\u200b" * 240],
    ids=["unknown", "unknown syllables", "accents", "signs without a form"],
)
def test_what_is_much_to_read_and_few_tokens_is_refused_unread(client: TestClient, word: str) -> None:
    text = " ".join([word] * MAX_WORDS)
    answer = client.post("/predict", json={"text": text, "explain": True})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["limit"]) == (422, "explain_too_long", MAX_READING)
    assert leave_one_out(word) == [""]


@pytest.mark.parametrize("word", ["word", "Donaudampfschiff", "\ud55c\uad6d\uc5b4\ub294", "\u5f71\u8bc4"])
def test_as_many_words_of_any_language_as_may_be_are_read(word: str) -> None:
    assert len(leave_one_out(" ".join([word] * MAX_WORDS))) == MAX_WORDS


def test_only_what_the_model_reads_is_explained(client: TestClient) -> None:
    letters = "\u5f71\u8bc4\u597d" * 83
    text = " ".join([letters] * 200)
    answer = client.post("/predict", json={"text": text, "explain": True, "truncated_at": True}).json()
    (cut,) = answer["truncated_at"]
    assert [(word["start"], word["end"]) for word in answer["explanations"]] == [(0, 249), (250, 499), (500, cut)]
    short = client.post("/predict", json={"text": text[:cut], "explain": True}).json()
    assert short["explanations"] == answer["explanations"]


def test_the_effect_is_what_the_word_adds_to_the_best_labels_probability() -> None:
    good, bad = explain("good bad", (0.0, 2.0), [(2.0, 0.0), (0.0, 4.0)], Head(ONE_LABEL, ("no", "yes")))
    assert (good.word, good.start, good.end) == ("good", 0, 4)
    assert good.effect == pytest.approx(0.8808 - 0.1192, abs=1e-4)
    assert bad.effect == pytest.approx(0.8808 - 0.9820, abs=1e-4)


def test_of_independent_labels_and_of_numbers_the_effect_is_on_that_score() -> None:
    (word,) = explain("good", (0.0, 2.0), [(5.0, 0.0)], Head(MANY_LABELS, ("no", "yes")))
    assert word.effect == pytest.approx(0.8808 - 0.5, abs=1e-4)
    (word,) = explain("good", (4.5,), [(3.0,)], Head(REGRESSION, ("stars",)))
    assert word.effect == pytest.approx(1.5)


def test_the_api_explains_as_if_each_variant_had_been_sent_by_itself(client: TestClient) -> None:
    text = "A wonderful film with a boring end."
    whole, *without = client.post("/predict", json={"text": [text, *leave_one_out(text)]}).json()["predictions"]
    answer = client.post("/predict", json={"text": text, "explain": True}).json()
    assert answer["predictions"] == [whole]
    best = whole[0]
    for word, scores in zip(answer["explanations"], without, strict=True):
        (score,) = (entry["score"] for entry in scores if entry["label"] == best["label"])
        assert word["effect"] == pytest.approx(best["score"] - score, abs=1e-12)
        assert text[word["start"] : word["end"]] == word["word"]


def test_an_explanation_asked_for_again_is_a_cache_hit(client: TestClient) -> None:
    request = {"text": "Explained twice over.", "explain": True}
    client.post("/predict", json=request)
    assert client.post("/predict", json=request).headers["x-cache"] == "hit"


def test_several_texts_are_not_explained_in_one_request(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": ["a", "b"], "explain": True})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "explain_one_text"
    assert answer.json()["error"]["field"] == "explain"


def test_explain_and_its_limit_are_documented(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert str(MAX_WORDS) in schemas["PredictRequest"]["properties"]["explain"]["description"]
    assert "explanations" in schemas["PredictResponse"]["properties"]
