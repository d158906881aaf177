import pytest

from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.familiar import in_other_language
from lightsleeper.model.tokenizer import Tokenizer

ENGLISH = [
    "This café is naïve, a cliché of clichés.",
    "I love Los Angeles and La La Land.",
    "Das Boot is great.",
    "We read Les Misérables and El Mariachi on the train.",
    "The über-cool façade of it all",
    "meh",
    "best phone ever",
    "Robert de Niro and Benicio del Toro are in it",
    "What does \u201cil buono\u201d mean?",
    "Greek letters such as α, β and γ are in the formula.",
]
OTHERS = [
    "Ce film est excellent, je le recommande.",
    "Une très mauvaise qualité, je suis déçu.",
    "El producto es muy bueno y llegó rápido.",
    "Muito bom, recomendo para todos.",
    "Questo film è molto bello.",
    "Der Film war nicht gut und sehr langweilig.",
    "Het eten was niet goed.",
    "Filmen var inte bra.",
    "Bardzo dobry film, ale nie dla mnie.",
    "Bu film çok kötü.",
    "Этот фильм ужасный.",
    "这部电影很好看。",
    "この映画は最悪です。",
    "이 영화는 정말 재미있어요.",
    "هذا الفيلم رائع جدا",
    "यह फिल्म बहुत अच्छी है",
    "Αυτή η ταινία είναι υπέροχη",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(EMBEDDED / "tokenizer.json", 512, ["en"])


@pytest.mark.parametrize("text", ENGLISH)
def test_english_that_names_or_quotes_something_foreign_is_english(text: str) -> None:
    assert not in_other_language(text, ["en"])


@pytest.mark.parametrize("text", OTHERS)
def test_another_language_is_recognised(text: str) -> None:
    assert in_other_language(text, ["en"])


@pytest.mark.parametrize("languages", [[], ["fr"], ["de-AT", "zh"]])
def test_of_a_model_that_was_not_made_for_english_nothing_is_said(languages: list[str]) -> None:
    assert not any(in_other_language(text, languages) for text in [*ENGLISH, *OTHERS])


def test_a_model_for_english_is_one_whatever_the_region() -> None:
    assert in_other_language(OTHERS[0], ["en-GB"])


@pytest.mark.parametrize("text", ["a" * 49_999, "12345", "3.14 159 265", "\U00013000\U00013001 \U00013002", OTHERS[0]])
def test_a_text_of_unknown_tokens_or_digits_is_unfamiliar(tokenizer: Tokenizer, text: str) -> None:
    (found,) = tokenizer.encode([text])
    assert found.unfamiliar
    assert not found.empty


@pytest.mark.parametrize("text", ["10/10", "4 out of 5", ":-)", "I paid 300 for it", "ok", ENGLISH[0]])
def test_ratings_smileys_and_words_are_familiar(tokenizer: Tokenizer, text: str) -> None:
    (found,) = tokenizer.encode([text])
    assert not found.unfamiliar


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "\u200d\ufeff", "\x00\x07", "\u0301"])
def test_a_text_without_a_sign_that_the_model_reads_is_empty(tokenizer: Tokenizer, text: str) -> None:
    (found,) = tokenizer.encode([text])
    assert found.empty
