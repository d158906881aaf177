"""Other forms of a small checkpoint, and ways to break one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from checkpoints import word_pieces
from lightsleeper.training.checkpoint import find_checkpoint

WEIGHTS = "model.safetensors"


def read_whole(folder: Path) -> None:
    """All of a checkpoint that `prepare` reads."""
    with find_checkpoint(str(folder)).opened() as model:
        model.run(model.tokenizer.encode(["A quiet film."]))


def configure(folder: Path, **change: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


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
