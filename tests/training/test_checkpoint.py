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


def silence(folder: Path) -> None:
    """A layer of zeros."""
    weights = load_file(folder / WEIGHTS)
    silent = weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(
        {**weights, "bert.encoder.layer.1.output.dense.weight": silent.zero_()}, folder / WEIGHTS, {"format": "pt"}
    )


def dangling(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("nowhere")


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


def with_weights(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / WEIGHTS, {"format": "pt"})

    return save


def cast(dtype: torch.dtype) -> Callable[[Path], object]:
    return with_weights(lambda weights: weights.update({name: each.to(dtype) for name, each in weights.items()}))


def with_tokenizer(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        change(tokenizer)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))

    return save


def with_index(content: object) -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "model-00001-of-00001.safetensors")
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(content))

    return save


def pickled(make: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        torch.save(make(load_file(folder / WEIGHTS)), folder / "pytorch_model.bin")
        (folder / WEIGHTS).unlink()

    return save


def names(*labels: object) -> Callable[[Path], object]:
    return setting(id2label={str(index): label for index, label in enumerate(labels)}, label2id={})


def settings_of_tokenizer(**said: object) -> Callable[[Path], object]:
    return lambda folder: (folder / "tokenizer_config.json").write_text(json.dumps(said))


def with_a_decoder_s_token(tokenizer: dict[str, Any]) -> None:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer["added_tokens"].append({"id": 400, "content": "[X]", "special": True, **flags})


def with_an_id_far_away(tokenizer: dict[str, Any]) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary[next(word for word, index in vocabulary.items() if index == 200)] = 20_000


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
    "labels in a list": (
        setting(id2label=["a", "b"]),
        r'config\.json: id2label is \["a", "b"\]; expected an object: names by id',
    ),
    "ids of labels that are none": (setting(id2label={"x": "a", "y": "b"}), "id2label has the ids x, y; expected 0 to"),
    "a label that is null": (names(None, "b"), "id2label: null is no name of a label"),
    "a label that is a list": (names(["a"], "b"), r'id2label: \["a"\] is no name of a label'),
    "a label that nobody sees": (names("\u200b", "b"), "id2label: '.*' is no name of a label"),
    "labels that look alike": (names("\u00e9", "e\u0301"), "id2label gives two outputs one name"),
    "tables of labels that disagree": (
        setting(id2label={"0": "a", "1": "b"}, label2id={"b": 0, "a": 1}),
        "id2label calls 'a' 0, label2id 1",
    ),
    "a number of labels in words": (setting(num_labels="two"), r'num_labels is "two"; expected a number'),
    "a task that is a list": (setting(problem_type=["a"]), r'problem_type is \["a"\]; expected a name'),
    "a padding token before all": (setting(pad_token_id=-1), "pad_token_id is -1; expected the id .* 0 to 399"),
    "a padding token beyond all": (setting(pad_token_id=400), "pad_token_id is 400; expected the id .* 0 to 399"),
    "a size in words": (
        setting(hidden_size="32"),
        r"config\.json cannot be read: .*hidden_size.* expected int, got str",
    ),
    "a size of nothing": (setting(num_attention_heads=0), r"config\.json describes no model that can be built: "),
    "a huge size": (
        setting(hidden_size=10**9),
        r"config\.json describes [\d,]+ weights; the files .* have \d+,\d+ bytes",
    ),
    "as many positions as memory has": (
        setting(max_position_embeddings=10**11),
        "describes [0-9,]+ weights; the files",
    ),
    "layers without end": (setting(num_hidden_layers=10**6), "1,000,000 layers; expected 1 to 128"),
    "no layers": (setting(num_hidden_layers=0), "0 layers; expected 1 to 128"),
    "layers that are left out": (setting(num_hidden_layers=1), r"holds bert\.encoder\.layer\.1\..* says 1 layers"),
    "as many positions as labels": (setting(max_position_embeddings=2), "max_position_embeddings leaves 2 tokens"),
    "an unknown activation": (setting(hidden_act="nope"), r"config\.json describes no model .*'nope'"),
    "a number that is none": (
        lambda folder: replace("config.json", (folder / "config.json").read_bytes().replace(b"1e-12", b"NaN"))(folder),
        r"config\.json is not JSON: NaN is no number",
    ),
    "a decoder": (setting(is_decoder=True), "is_decoder is true; expected an encoder"),
    "relative positions": (
        setting(position_embedding_type="relative_key"),
        "position_embedding_type is 'relative_key'",
    ),
    "made for tokens": (
        setting(architectures=["BertForTokenClassification"]),
        "architectures is BertForTokenClassification; expected a …ForSequenceClassification",
    ),
    "whole numbers for weights": (cast(torch.int8), r"model\.safetensors: \S+ is of I8; expected float32"),
    "weights of 8 bits": (cast(torch.float8_e4m3fn), r"model\.safetensors: \S+ is of F8_E4M3; expected float32"),
    "weights beyond float32": (
        with_weights(
            lambda weights: weights.update({"classifier.bias": torch.tensor([1e300, 0], dtype=torch.float64)})
        ),
        r"model\.safetensors: classifier\.bias holds values that are no finite numbers",
    ),
    "a header alone": (
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:100]),
        r"model\.safetensors cannot be loaded: Error while deserializing header",
    ),
    "a header that claims an exabyte": (
        lambda folder: (folder / WEIGHTS).write_bytes((1 << 60).to_bytes(8, "little") + b"{}"),
        r"model\.safetensors cannot be loaded: .*header too large",
    ),
    "a page for weights": (replace(WEIGHTS, b"<!DOCTYPE html>"), r"model\.safetensors cannot be loaded: "),
    "a link to nowhere": (
        dangling,
        r"model\.safetensors is missing in",
    ),
    "an adapter beside a model": (
        lambda folder: (folder / "adapter_config.json").write_text("{}"),
        r"adapter_config\.json lies beside model\.safetensors: merge",
    ),
    "weights in GGUF": (lambda folder: (folder / WEIGHTS).rename(folder / "m.gguf"), r"has neither .*; found m\.gguf"),
    "an index of nothing": (with_index({"weight_map": {}}), r"index\.json has no weight_map"),
    "an index without its metadata": (
        with_index({"weight_map": {"a": "model-00001-of-00001.safetensors"}}),
        r"index\.json has no metadata",
    ),
    "a part above the folder": (
        with_index({"metadata": {}, "weight_map": {"a": ".."}}),
        "names '..', which is no file",
    ),
    "a part of two lines": (with_index({"metadata": {}, "weight_map": {"a": "b\nc"}}), "names .*, which is no file"),
    "text for a pickled file": (
        lambda folder: [remove(WEIGHTS)(folder), (folder / "pytorch_model.bin").write_text("hello")],
        r"pytorch_model\.bin cannot be loaded: expected tensors by name",
    ),
    "a pickled list": (pickled(list), r"pytorch_model\.bin cannot be loaded: it holds list, expected tensors by name"),
    "a training run's pickle": (
        pickled(lambda weights: {"state_dict": weights, "epoch": 3}),
        r"pytorch_model\.bin cannot be loaded: state_dict is dict, expected tensors by name",
    ),
    "a pickled module": (
        pickled(lambda _: torch.nn.Linear(2, 2)),
        r"pytorch_model\.bin cannot be loaded: expected tensors by name, .* nothing to be run",
    ),
    "settings of a tokenizer in a list": (
        replace("tokenizer_config.json", b"[]"),
        r"_config\.json holds list, expected",
    ),
    "settings of a tokenizer, cut": (replace("tokenizer_config.json", b"{"), r"tokenizer_config\.json is not JSON"),
    "special tokens, cut": (replace("special_tokens_map.json", b"{"), r"special_tokens_map\.json is not JSON"),
    "a flag in words": (
        settings_of_tokenizer(do_lower_case="false"),
        r'tokenizer_config\.json: do_lower_case is "false"; expected true or false',
    ),
    "a length in words": (
        settings_of_tokenizer(model_max_length="512"),
        r'tokenizer_config\.json: model_max_length is "512"; expected a number of tokens',
    ),
    "ends of long texts": (settings_of_tokenizer(truncation_side="left"), 'truncation_side is left: .* set .* "right"'),
    "ends of long texts, baked in": (
        with_tokenizer(lambda tokenizer: tokenizer["truncation"].update(direction="Left")),
        'truncation_side is left: .* set .* "right"',
    ),
    "no room for a word": (settings_of_tokenizer(model_max_length=2), "model_max_length leaves 2 tokens for a text"),
    "a token without a place": (with_tokenizer(with_a_decoder_s_token), r"tokenizer adds \[X\], .* 400 tokens has no"),
    "a special token without a place": (
        settings_of_tokenizer(cls_token="[NOPE]"),
        r"the tokenizer adds \[NOPE\], for which the model with its 400 tokens has no place",
    ),
    "an id far away": (
        with_tokenizer(with_an_id_far_away),
        r"tokenizer\.json: .* has the id 20,000; the model knows 0 to",
    ),
    "no special tokens around a text": (
        lambda folder: [
            with_tokenizer(lambda tokenizer: tokenizer.update(post_processor=None))(folder),
            settings_of_tokenizer(tokenizer_class="PreTrainedTokenizerFast", unk_token="[UNK]")(folder),
        ],
        "puts 0 special tokens around a text; expected 2",
    ),
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


def test_fewer_tokens_than_a_text_needs_are_refused(source: Path) -> None:
    with pytest.raises(BundleError, match="--max-tokens leaves 2 tokens for a text; expected 3 or more"):
        find_checkpoint(str(source), max_tokens=2).manifest()


def test_more_tokens_than_the_model_reads_are_refused(source: Path) -> None:
    with pytest.raises(BundleError, match=r"--max-tokens is 1,024, but .*max_position_embeddings leaves 512"):
        find_checkpoint(str(source), max_tokens=1024).manifest()
    assert find_checkpoint(str(source), max_tokens=512).manifest().max_tokens == 512


@pytest.mark.parametrize("place", ["checkpoint-500", "snapshots/0123abc"])
def test_a_folder_above_the_checkpoint_says_where_that_lies(source: Path, tmp_path: Path, place: str) -> None:
    shutil.copytree(source, tmp_path / "above" / place)
    with pytest.raises(BundleError, match=f"; found {place}/model.safetensors"):
        find_checkpoint(str(tmp_path / "above"))


def test_positions_are_not_counted_from_another_padding(tmp_path: Path) -> None:
    folder = write_trained("roberta", tmp_path / "roberta")
    configure(folder, pad_token_id=5)
    with pytest.raises(BundleError, match="pad_token_id is 5, but the tokenizer pads with 1"):
        read_whole(folder)


def test_a_bundle_is_not_taken_for_a_checkpoint(source: Path, tmp_path: Path) -> None:
    (tmp_path / "source" / "bundle.json").write_text("{}")
    with pytest.raises(BundleError, match="is a bundle already"):
        find_checkpoint(str(source))


def test_a_file_is_not_taken_for_a_folder(source: Path) -> None:
    with pytest.raises(BundleError, match="is a file, expected a folder"):
        find_checkpoint(str(source / WEIGHTS))
