"""The tokenizer of each family: its real class, with a vocabulary learned here."""

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, MPNetTokenizer, PreTrainedTokenizerFast, RobertaTokenizer

from family_texts import texts_of
from lightsleeper.training.prepare import own_texts

WORDS = 400


def _sentence_pieces(file: Path, **options: Any) -> None:  # noqa: ANN401  # the trainer's own
    """A SentencePiece model at `file`, learned from our texts by its own trainer."""
    written = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_texts_to_learn_from()),
        model_writer=written,
        **{"vocab_size": WORDS, "model_type": "unigram", "minloglevel": 2, "hard_vocab_limit": False, **options},
    )
    file.write_bytes(written.getvalue())


def _texts_to_learn_from() -> list[str]:
    return [*own_texts()[:150], *(text for text, _ in texts_of(300))]


def _word_pieces(special: Sequence[str], *, lowercase: bool, unknown: str = "[UNK]") -> dict[str, int]:
    tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=list(special), show_progress=False)
    tokenizer.train_from_iterator(_texts_to_learn_from(), trainer)
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return vocabulary


def _byte_pairs(special: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_texts_to_learn_from(), trainer)
    return tokenizer


_BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_bert(*, lowercase: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        vocabulary = _word_pieces(_BERT_SPECIAL, lowercase=lowercase)
        BertTokenizer(vocab=vocabulary, do_lower_case=lowercase).save_pretrained(folder)

    return write


def write_roberta(folder: Path) -> None:
    learned = json.loads(_byte_pairs(("<s>", "<pad>", "</s>", "<unk>", "<mask>")).to_str())["model"]
    RobertaTokenizer(vocab=learned["vocab"], merges=[tuple(merge) for merge in learned["merges"]]).save_pretrained(
        folder
    )


def write_mpnet(folder: Path) -> None:
    vocabulary = _word_pieces(("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"), lowercase=True)
    MPNetTokenizer(vocab=vocabulary).save_pretrained(folder)


def write_modern(folder: Path) -> None:
    tokenizer = _byte_pairs(_BERT_SPECIAL)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    ).save_pretrained(folder)


def write_pieces(name: str, tokenizer_class: str, **options: object) -> Callable[[Path], None]:
    """The tokenizer's own SentencePiece file and nothing else but its class: the form of older checkpoints."""

    def write(folder: Path) -> None:
        _sentence_pieces(folder / name, **options)
        (folder / "tokenizer_config.json").write_text(f'{{"tokenizer_class": "{tokenizer_class}"}}')

    return write


ALBERT_PIECES = {
    "pad_id": 0,
    "unk_id": 1,
    "bos_id": -1,
    "eos_id": -1,
    "user_defined_symbols": ["[CLS]", "[SEP]", "[MASK]"],
}
DEBERTA_PIECES = {
    "pad_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "unk_id": 3,
    "pad_piece": "[PAD]",
    "bos_piece": "[CLS]",
    "eos_piece": "[SEP]",
    "unk_piece": "[UNK]",
}
