"""Tiny Hugging Face checkpoints, made here: the real classes with small random weights and a real tokenizer."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from lightsleeper.training.prepare import own_texts

_WORDS = 400


def write_checkpoint(architecture: str, folder: Path, **config: object) -> Path:
    """A classifier of that architecture with random weights, and its tokenizer, in `folder`."""
    tokenizer = byte_pairs() if architecture == "roberta" else word_pieces()
    model = _classifier(architecture, tokenizer.get_vocab_size(), config)
    _draw_weights(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embedding" not in name:
                parameter.mul_(5)  # as decided as a trained model: fresh weights tell all texts nearly the same
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def write_encoder(folder: Path) -> Path:
    """A BERT encoder with random weights, as training starts from."""
    tokenizer = word_pieces()
    model = BertModel(_bert(tokenizer.get_vocab_size(), {}))
    _draw_weights(model)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def word_pieces() -> Tokenizer:
    """BERT's kind of tokenizer, with a cut and a padding baked in as some published files have them."""
    normalizer, pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer = Tokenizer(models.WordPiece(_pieces(normalizer, pre_tokenizer), unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    return tokenizer


def _pieces(normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer) -> dict[str, int]:
    """Letters, and the commonest beginnings and ends of words; a trainer breaks ties in another order each time."""
    letters: set[str] = set()
    characters: Counter[str] = Counter()
    for text in own_texts():
        for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)):
            letters.update(word)
            for cut in range(2, len(word) + 1):
                characters[word[:cut]] += cut
            for cut in range(1, len(word) - 1):
                characters[f"##{word[cut:]}"] += len(word) - cut
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = sorted(characters, key=lambda piece: (-characters[piece], piece))
    found = dict.fromkeys([*special, *sorted(letters), *(f"##{letter}" for letter in sorted(letters)), *pieces])
    return {piece: number for number, piece in enumerate(islice(found, _WORDS))}


def byte_pairs() -> Tokenizer:
    """RoBERTa's kind of tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=_WORDS,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(own_texts(), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def _draw_weights(model: PreTrainedModel) -> None:
    """BERT's initial weights, the same on every processor; torch draws others with AVX2 than without."""
    draw = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.from_numpy(draw.normal(0, model.config.initializer_range, parameter.shape)))


def _classifier(architecture: str, words: int, config: dict[str, object]) -> PreTrainedModel:
    if architecture == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
        return DistilBertForSequenceClassification(DistilBertConfig(vocab_size=words, **sizes, **config))
    if architecture == "bert":
        return BertForSequenceClassification(_bert(words, config))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    positions = {"max_position_embeddings": 514, "type_vocab_size": 1}
    return RobertaForSequenceClassification(RobertaConfig(vocab_size=words, **sizes, **positions, **config))


def _bert(words: int, config: dict[str, object]) -> BertConfig:
    return BertConfig(
        vocab_size=words, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, **config
    )
