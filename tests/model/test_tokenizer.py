import json
from pathlib import Path

import pytest
import tokenizers

from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import WIDTH_STEP, Tokenizer


def test_case_accents_and_spacing_do_not_change_what_the_model_sees(model: Model) -> None:
    plain, dressed = model.tokenizer.encode(["a lovely cafe", "  A LOVELY\n Café "])
    assert plain.ids == dressed.ids


def test_a_text_is_padded_to_the_next_step_of_its_own_length(model: Model) -> None:
    texts = model.tokenizer.encode(["good " * length for length in range(1, 60)])
    assert [text.width for text in texts] == [-(-len(text.ids) // WIDTH_STEP) * WIDTH_STEP for text in texts]


def test_a_long_text_keeps_its_start_and_both_special_tokens(model: Model) -> None:
    (text,) = model.tokenizer.encode(["good " * 600])
    (short,) = model.tokenizer.encode(["good"])
    assert (len(text.ids), text.total_tokens, text.truncated) == (512, 602, True)
    assert (text.ids[0], text.ids[-1]) == (short.ids[0], short.ids[-1])


def test_texts_that_are_tokenised_in_parts_stay_in_order(model: Model) -> None:
    texts = [f"{word} {'good ' * 6_000}" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")]
    alone = [model.tokenizer.encode([text])[0] for text in texts]
    assert model.tokenizer.encode([*texts, "short"]) == [*alone, *model.tokenizer.encode(["short"])]


def test_a_text_of_exactly_the_limit_is_not_truncated(model: Model) -> None:
    (text,) = model.tokenizer.encode(["good " * 510])
    assert (len(text.ids), text.truncated, text.width) == (512, False, 512)


def test_refusing_truncation_names_the_text_and_its_tokens(model: Model) -> None:
    texts = model.tokenizer.encode(["fine", "good " * 511])
    with pytest.raises(InvalidInput) as refusal:
        model.tokenizer.require_whole(texts)
    assert (refusal.value.field, refusal.value.limit) == ("text[1]", 512)
    assert "513 tokens" in refusal.value.message


def test_n_texts_in_n_texts_out(model: Model) -> None:
    assert len(model.tokenizer.encode(["same"] * 100)) == 100


def test_truncation_and_padding_baked_into_the_file_are_ignored(tmp_path: Path) -> None:
    content = json.loads((EMBEDDED / "tokenizer.json").read_text())
    content["truncation"] = {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    content["padding"] = {
        "strategy": {"Fixed": 128},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    (text,) = Tokenizer(tmp_path / "tokenizer.json", 512).encode(["good " * 20])
    assert len(text.ids) == 22


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer\.json cannot be loaded"):
        Tokenizer(tmp_path / "tokenizer.json", 512)


def test_a_tokenizer_without_special_tokens_is_refused(tmp_path: Path) -> None:
    content = json.loads((EMBEDDED / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps({**content, "post_processor": None}))
    with pytest.raises(BundleError, match="one token before and one after"):
        Tokenizer(tmp_path / "tokenizer.json", 512)


#: Each tries two ways at every letter, so a long word takes it longer than the library allows.
CATASTROPHIC = "(a|aa)+$"


def with_pattern(folder: Path, pattern: str) -> Path:
    content = json.loads((EMBEDDED / "tokenizer.json").read_text())
    content["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content))
    return path


def test_a_pattern_that_gives_up_is_refused_and_rust_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BundleError, match=r"tokenizer\.json cannot be loaded: .*retry-limit"):
        Tokenizer(with_pattern(tmp_path, CATASTROPHIC), 512)
    assert capfd.readouterr().err == ""


def test_a_text_that_a_pattern_gives_up_on_is_refused(tmp_path: Path) -> None:
    tokenizer = Tokenizer(with_pattern(tmp_path, "(e|ee)+$|\\w+"), 512)
    with pytest.raises(InvalidInput, match="gives up on a text") as refusal:
        tokenizer.encode(["e" * 100 + "!"])
    assert refusal.value.field == "text"
    assert len(tokenizer.encode(["fine"])) == 1


def test_patterns_that_work_are_used(tmp_path: Path) -> None:
    assert len(Tokenizer(with_pattern(tmp_path, r"\s+|\w+"), 512).encode(["a good one"])[0].ids) > 4


@pytest.mark.parametrize("special", ["[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]"])
def test_a_special_token_that_somebody_types_is_text(model: Model, special: str) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    (typed,) = model.tokenizer.encode([f"a {special} film"])
    assert tokenizer.token_to_id(special) not in typed.ids[1:-1]
    assert typed.ids == model.tokenizer.encode([f"a {special.lower()} film"])[0].ids
    assert model.tokenizer.cut_at(f"a {special} film") == len(f"a {special} film")


#: Long ones, of which the start is read first, and others.
LONG_TEXTS = pytest.mark.parametrize(
    "text",
    [
        "A quiet film that stays with you. " * 300,
        " " * 5_000 + "word " * 600,
        "word " * 510 + " " * 9_000,
        "word " * 511 + "x" * 9_000,
        "\u5f71\u8bc4" * 3_000,
        "x" * 9_000 + " word" * 600,
        "q" * 9_000,
        ("a" + "\u0301" * 30 + " ") * 600,
        "good \n\t " * 505 + "caf\u00e9 " * 9,
        "good " * 700 + " " * 9_000 + "word " * 600,
        ("q" * 98 + "\u13a0 ") * 400,
        "long " * 100 + ("q" * 98 + "\u13a0 ") * 300,
    ],
    ids=lambda text: repr(text[:9]),
)


@LONG_TEXTS
def test_of_a_long_text_the_same_is_read_as_if_all_of_it_were(model: Model, text: str) -> None:
    whole = tokenizers.Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    whole.no_truncation()
    ids = whole.encode(text).ids
    (read,) = model.tokenizer.encode([text])
    assert list(read.ids) == (ids if len(ids) <= 512 else [*ids[:511], ids[-1]])
    assert read.truncated == (len(ids) > 512)
    assert read.total_tokens == len(ids) or (not read.whole and 512 < read.total_tokens < len(ids))


@pytest.mark.parametrize("word", ["good", "antidisestablishmentarianism", "q" * 99], ids=["short", "long", "in pieces"])
def test_no_more_of_a_text_is_read_than_the_model_does(
    model: Model, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    read: list[str] = []
    encode = model.tokenizer._encode  # noqa: SLF001  # what it reads has no other face

    def noted(texts: list[str]) -> list[tokenizers.Encoding]:
        read.extend(texts)
        return encode(texts)

    monkeypatch.setattr(model.tokenizer, "_encode", noted)
    model.tokenizer.encode([f"{word} " * (50_000 // len(word))])
    assert sum(map(len, read)) <= 8 * 512


def test_refusing_truncation_of_a_text_that_was_not_read_to_its_end_says_so(model: Model) -> None:
    with pytest.raises(InvalidInput, match=r"text 0 has at least \d+ tokens; the model reads 512"):
        model.tokenizer.require_whole(model.tokenizer.encode(["good " * 9_000]))
    with pytest.raises(InvalidInput, match="text 0 has at least 602 tokens"):  # and no more: blanks are none
        model.tokenizer.require_whole(model.tokenizer.encode(["good " * 600 + " " * 9_000]))


@LONG_TEXTS
def test_where_a_text_is_cut_is_found_in_its_start_as_in_all_of_it(model: Model, text: str) -> None:
    whole = tokenizers.Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    whole.no_truncation()
    offsets = whole.encode(text).offsets
    expected = len(text) if len(offsets) <= 512 else offsets[510][1]
    assert model.tokenizer.cut_at(text) == expected


def test_a_padding_that_no_memory_holds_is_left_out_before_anything_is_encoded(tmp_path: Path) -> None:
    padding: dict[str, object] = {"strategy": {"Fixed": 1 << 62}, "direction": "Left", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    content = json.loads((EMBEDDED / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps({**content, "padding": padding}))
    (text,) = Tokenizer(tmp_path / "tokenizer.json", 512).encode(["good"])
    assert len(text.ids) == 3
