"""Tiny Hugging Face checkpoints, made here: the real classes with small random weights and a real tokenizer."""

from pathlib import Path

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
    torch.manual_seed(0)
    tokenizer = byte_pairs() if architecture == "roberta" else word_pieces()
    model = _classifier(architecture, tokenizer.get_vocab_size(), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embedding" not in name:
                parameter.mul_(5)  # as decided as a trained model: fresh weights tell all texts nearly the same
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def write_encoder(folder: Path) -> Path:
    """A BERT encoder with random weights, as training starts from."""
    torch.manual_seed(0)
    tokenizer = word_pieces()
    BertModel(_bert(tokenizer.get_vocab_size(), {})).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def word_pieces() -> Tokenizer:
    """BERT's kind of tokenizer, with a cut and a padding baked in as some published files have them."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=_WORDS, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(own_texts(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    return tokenizer


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
