"""What is wrong with a checkpoint, in one line that names the file, before anything is run or written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from transformers import BertForMaskedLM, BertModel, BertTokenizer

from broken_checkpoints import (
    WEIGHTS,
    adapter,
    cast,
    configure,
    cut,
    dangling,
    headless,
    names,
    of_a_class_that_needs_a_package,
    of_tweets,
    one_part_missing,
    outside,
    pickled,
    poison,
    read_whole,
    remove,
    replace,
    setting,
    settings_of_tokenizer,
    with_a_decoder_s_token,
    with_an_id_far_away,
    with_index,
    with_tokenizer,
    with_weights,
)
from families import write_trained
from lightsleeper.errors import BundleError
from lightsleeper.training.checkpoint import find_checkpoint

pytestmark = pytest.mark.torch

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
