"""Forms of a checkpoint that are read as they are meant."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from transformers import AutoTokenizer

from broken_checkpoints import (
    as_pickled,
    cast,
    configure,
    in_half_precision,
    in_parts,
    settings_of_tokenizer,
    silence,
    write_tweet_tokenizer,
)
from checkpoints import write_checkpoint
from families import write_trained
from family_texts import odd_texts
from lightsleeper.model.torch_engine import TorchEngine
from lightsleeper.training.checkpoint import Checkpoint, find_checkpoint
from lightsleeper.training.prepare import prepare

pytestmark = pytest.mark.torch


def logits(folder: Path) -> list[float]:
    with find_checkpoint(str(folder)).opened() as model:
        (found,) = model.run(model.tokenizer.encode(["A quiet film about people."]))
    return list(found)


@pytest.mark.parametrize("form", [as_pickled, in_parts], ids=["pickled weights alone", "weights in parts"])
def test_another_form_of_the_same_weights_is_read(source: Path, pristine: Path, form: Callable[[Path], None]) -> None:
    form(source)
    assert logits(source) == pytest.approx(logits(pristine), abs=1e-6)
    assert find_checkpoint(str(source)).revision.startswith("sha256:")


def test_half_precision_is_read_in_float32_by_everybody(source: Path, pristine: Path, tmp_path: Path) -> None:
    in_half_precision(source)
    assert logits(source) == pytest.approx(logits(pristine), abs=1e-2)
    bundle = prepare(str(source), tmp_path / "bundle", keep_checkpoint=True)
    assert bundle.manifest.quantization["agreement"]["same_label"] >= 0.95
    engine = TorchEngine.load(source, 0)
    assert {parameter.dtype for parameter in engine.model.parameters()} == {torch.float32}


def test_a_layer_of_zeros_is_doubted_in_one_line(source: Path, tmp_path: Path) -> None:
    silence(source)
    said: list[str] = []
    prepare(str(source), tmp_path / "bundle", say=said.append)
    assert [line for line in said if "zeros" in line] == [
        "the weights hold matrices of zeros, bert.encoder.layer.1.output.dense.weight: pruned on purpose, or damaged?"
    ]


def test_the_kept_checkpoint_has_its_tokenizer_and_can_be_prepared_again(source: Path, tmp_path: Path) -> None:
    first = prepare(str(source), tmp_path / "first", keep_checkpoint=True)
    second = prepare(str(first.checkpoint), tmp_path / "second")
    assert second.tokenizer.read_bytes() == first.tokenizer.read_bytes()
    assert second.manifest.files["model.onnx.data"] == first.manifest.files["model.onnx.data"]


def test_a_configuration_beside_the_tokenizer_that_lowers_letters_is_obeyed(tmp_path: Path) -> None:
    source = write_trained("bert", tmp_path / "source")
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    (source / "tokenizer.json").write_text(json.dumps(tokenizer))
    found = Checkpoint(source, "source", "1").tokenizer()
    assert found.encode("THE FILM was LOVELY").ids == found.encode("the film was lovely").ids
    expected = AutoTokenizer.from_pretrained(source)
    assert all(found.encode(text).ids == expected(text).input_ids for text in odd_texts(100))


def test_a_slow_tokenizer_of_tweets_is_converted(tmp_path: Path) -> None:
    write_tweet_tokenizer(tmp_path, normalization=False)
    write_checkpoint("roberta", tmp_path / "roberta")
    (tmp_path / "roberta" / "tokenizer.json").unlink()
    for name in ("vocab.txt", "bpe.codes", "tokenizer_config.json"):
        shutil.copy(tmp_path / name, tmp_path / "roberta" / name)
    checkpoint = Checkpoint(tmp_path / "roberta", "tweets", "1")
    fast, slow = checkpoint.tokenizer(), checkpoint.hub_tokenizer
    for text in ["lower newest", "low lows 😀 widest", "", "new\nest low"]:
        assert fast.encode(text).ids == slow(text).input_ids


def test_names_of_labels_may_be_anything_that_fits_a_line(source: Path) -> None:
    configure(source, id2label={"0": " très négatif ", "1": '"good", they say'}, label2id={})
    assert find_checkpoint(str(source)).manifest().labels == ("très négatif", '"good", they say')


def test_names_that_only_the_table_by_name_has_are_read(source: Path) -> None:
    file = source / "config.json"
    said = {name: value for name, value in json.loads(file.read_text()).items() if name != "id2label"}
    file.write_text(json.dumps({**said, "label2id": {"good": 1, "bad": 0}}))
    assert find_checkpoint(str(source)).manifest().labels == ("bad", "good")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_every_width_are_read(source: Path, pristine: Path, dtype: torch.dtype) -> None:
    cast(dtype)(source)
    assert logits(source) == pytest.approx(logits(pristine), abs=2e-2)


@pytest.mark.parametrize(
    "said",
    [
        {"return_dict": False},
        {"torchscript": True},
        {"chunk_size_feed_forward": 4},
        {"output_hidden_states": True, "output_attentions": True},
    ],
    ids=str,
)
def test_how_the_library_would_hand_its_outputs_over_changes_no_answer(
    source: Path, pristine: Path, said: dict[str, object]
) -> None:
    configure(source, **said)
    assert logits(source) == logits(pristine)


@pytest.mark.parametrize("length", [0, -1, None, int(1e30), 100_000])
def test_a_length_that_says_nothing_leaves_the_model_s_own(source: Path, length: object) -> None:
    settings_of_tokenizer(model_max_length=length)(source)
    assert find_checkpoint(str(source)).manifest().max_tokens == 512
