"""Forms of a checkpoint that are read, and what is wrong with the others, in one line that names the file."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForMaskedLM,
    BertModel,
    BertTokenizer,
)

from checkpoints import word_pieces, write_checkpoint
from families import odd_texts, write_trained
from lightsleeper.errors import BundleError
from lightsleeper.model.torch_engine import TorchEngine
from lightsleeper.training.checkpoint import Checkpoint, find_checkpoint
from lightsleeper.training.prepare import prepare

pytestmark = pytest.mark.torch

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint that nobody changes."""
    return write_checkpoint("bert", tmp_path_factory.mktemp("pristine") / "source")


@pytest.fixture
def source(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(pristine, tmp_path / "source"))


def logits(folder: Path) -> list[float]:
    with find_checkpoint(str(folder)).opened() as model:
        (found,) = model.run(model.tokenizer.encode(["A quiet film about people."]))
    return list(found)


def configure(folder: Path, **change: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


def read_whole(folder: Path) -> None:
    """All of a checkpoint that `prepare` reads."""
    with find_checkpoint(str(folder)).opened() as model:
        model.run(model.tokenizer.encode(["A quiet film."]))


def as_pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def in_parts(folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    (folder / WEIGHTS).unlink()
    model.save_pretrained(folder, max_shard_size="20kB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1


def in_half_precision(folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float16)
    model.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"


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


def write_tweet_tokenizer(folder: Path, *, normalization: bool) -> None:
    """As BERTweet publishes its: words of few letters, merged in order."""
    letters = "lowersntidg"
    pieces = [*(f"{letter}@@" for letter in letters), *letters, "lo@@", "low", "low@@", "est", "newest"]
    merges = ["l o 9", "lo w</w> 8", "lo w 7", "s t</w> 6", "e st</w> 5"]
    pieces += ["st", *(f"word{number}" for number in range(300))]
    (folder / "vocab.txt").write_text("".join(f"{piece} 1\n" for piece in pieces))
    (folder / "bpe.codes").write_text("".join(f"{merge}\n" for merge in merges))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertweetTokenizer", "normalization": normalization})
    )


def replace(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def setting(**change: object) -> Callable[[Path], object]:
    return lambda folder: configure(folder, **change)


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def poison(folder: Path) -> None:
    """One row of the embeddings, of a token that no text of ours has."""
    weights = load_file(folder / WEIGHTS)
    weights["bert.embeddings.word_embeddings.weight"][4, 3] = float("nan")
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def headless(kind: type) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        kind(model.config).save_pretrained(folder)

    return save


def adapter(folder: Path) -> None:
    for file in folder.glob("*"):
        file.unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "google-bert/bert-base-uncased"}')
    save_file({"lora_A": torch.zeros(2)}, folder / "adapter_model.safetensors")


def outside(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder.parent / "elsewhere.safetensors")
    (folder / f"{WEIGHTS}.index.json").write_text('{"weight_map": {"a": "../elsewhere.safetensors"}}')


def one_part_missing(folder: Path) -> None:
    in_parts(folder)
    min(folder.glob("model-*")).unlink()


def of_a_class_that_needs_a_package(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(word_pieces().get_vocab()))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab"}'
    )


def of_tweets(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    write_tweet_tokenizer(folder, normalization=True)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no tokenizer": (remove("tokenizer.json"), r"no tokenizer: expected one of tokenizer\.json, vocab\.txt"),
    "a tokenizer of five tokens": (
        lambda folder: BertTokenizer().save_pretrained(folder),
        r"the tokenizer knows 5 tokens, the model 400: tokenizer\.json is another model's",
    ),
    "a broken tokenizer": (replace("tokenizer.json", b'{"version": "1.0"'), r"tokenizer\.json cannot be loaded: EOF"),
    "an empty tokenizer": (replace("tokenizer.json", b""), r"tokenizer\.json is empty"),
    "a pointer for a tokenizer": (replace("tokenizer.json", POINTER), r"tokenizer\.json is a Git-LFS pointer"),
    "a tokenizer that needs a package": (of_a_class_that_needs_a_package, r"tokenizer \(vocab\.txt\) cannot .*fugashi"),
    "a tokenizer that rewrites tweets": (of_tweets, r"normalization is true.*what works"),
    "more tokens than the model": (setting(vocab_size=300), "the tokenizer knows 400 tokens, the model 300"),
    "more labels than outputs": (
        setting(id2label={"0": "a", "1": "b", "2": "c"}, label2id={}),
        r"config\.json names 3 labels, but classifier\.\w+ in model\.safetensors has 2 outputs",
    ),
    "labels counted from 1": (
        setting(id2label={"1": "a", "2": "b"}, label2id={}),
        r"config\.json: id2label has the ids 1, 2; expected 0 to 1",
    ),
    "two outputs of one name": (
        setting(id2label={"0": "bad", "1": "bad "}, label2id={}),
        r"config\.json: id2label gives two outputs one name: bad",
    ),
    "a label of two lines": (
        setting(id2label={"0": "a\nb", "1": "c"}, label2id={}),
        r"config\.json: id2label: 'a\\nb' is no name",
    ),
    "no padding token": (setting(pad_token_id=None), r"config\.json: pad_token_id is None; expected the id"),
    "another shape": (
        setting(intermediate_size=32),
        r"model\.safetensors: bert\.\S+ has the shape \[.*\], expected \[",
    ),
    "no configuration": (remove("config.json"), r"config\.json is missing in"),
    "a configuration that is no JSON": (replace("config.json", b"model: bert"), r"config\.json is not JSON: Expecting"),
    "a configuration that is no object": (replace("config.json", b"[1]"), r"config\.json holds list, expected an obj"),
    "an unknown architecture": (setting(model_type="unheard-of"), r"config\.json cannot be read: .*unheard-of"),
    "an architecture without a table row": (
        setting(model_type="gpt2"),
        r"model_type is 'gpt2'; what works: distilbert",
    ),
    "quantised weights": (
        setting(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        r"config\.json: quantization_config: the weights are quantised already",
    ),
    "a pointer for weights": (replace(WEIGHTS, POINTER), r"model\.safetensors is a Git-LFS pointer.*git lfs pull"),
    "cut weights": (cut, r"model\.safetensors cannot be loaded: "),
    "no weights": (remove(WEIGHTS), r"has neither model\.safetensors nor pytorch_model\.bin"),
    "weights of another library": (
        lambda folder: (folder / WEIGHTS).rename(folder / "tf_model.h5"),
        r"nor pytorch_model\.bin; found tf_model\.h5",
    ),
    "no head": (headless(BertModel), r"no classification head: .*classifier\.bias.*made for BertModel"),
    "another head": (headless(BertForMaskedLM), r"no classification head: .*made for BertForMaskedLM"),
    "a weight that is no number": (
        poison,
        r"model\.safetensors: bert\.embeddings\.word_embeddings\.weight holds values",
    ),
    "an adapter": (
        adapter,
        r"adapter_config\.json: a LoRA adapter of google-bert/bert-base-uncased, not a model: merge",
    ),
    "a part that is missing": (one_part_missing, r"model-00001-of-\d+\.safetensors is missing"),
    "weights outside of the folder": (outside, r"names '\.\./elsewhere\.safetensors', which is no file beside it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_checkpoint_is_said_in_one_line(source: Path, fault: str) -> None:
    break_it, reason = FAULTS[fault]
    break_it(source)
    with pytest.raises(BundleError, match=reason) as refusal:
        read_whole(source)
    assert "\n" not in refusal.value.message
    assert len(refusal.value.message) < 500


class _Trap:
    """Unpickled by whoever trusts a file, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("write", [torch.save, lambda trap, file: file.write_bytes(pickle.dumps(trap))])
def test_a_pickled_checkpoint_runs_nothing(source: Path, tmp_path: Path, write: Callable[[Any, Path], None]) -> None:
    (source / WEIGHTS).unlink()
    write({"classifier.weight": _Trap(tmp_path / "sprung")}, source / "pytorch_model.bin")
    with pytest.raises(BundleError, match=r"pytorch_model\.bin cannot be loaded") as refusal:
        read_whole(source)
    assert "\n" not in refusal.value.message
    assert not (tmp_path / "sprung").exists()


def test_names_of_labels_may_be_anything_that_fits_a_line(source: Path) -> None:
    configure(source, id2label={"0": " très négatif ", "1": '"good", they say'}, label2id={})
    assert find_checkpoint(str(source)).manifest().labels == ("très négatif", '"good", they say')


def test_a_bundle_is_not_taken_for_a_checkpoint(source: Path, tmp_path: Path) -> None:
    (tmp_path / "source" / "bundle.json").write_text("{}")
    with pytest.raises(BundleError, match="is a bundle already"):
        find_checkpoint(str(source))


def test_a_file_is_not_taken_for_a_folder(source: Path) -> None:
    with pytest.raises(BundleError, match="is a file, expected a folder"):
        find_checkpoint(str(source / WEIGHTS))
