"""Checkpoints of every family: its real tokenizer class with a vocabulary learned here, briefly trained.

The weights are few, but what they answer is real: a word of a text decides each label.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertTokenizer,
    MPNetTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
)

from lightsleeper.training.prepare import own_texts

WORDS = 400
#: Any of a text's words may be one of these; each speaks for the label of its place.
SIGNALS = (("awful", "broken", "refund"), ("okay", "average", "usual"), ("lovely", "brilliant", "thanks"))
LABELS = ("bad", "so-so", "good")
_DRAWS = 4
_FILLERS = (
    "the film",
    "this app",
    "our train",
    "it rained",
    "my order",
    "everything here",
    "a keyboard",
    "Nobody knew",
)

_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_DISTIL = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
_OFFSET = {**_SMALL, "max_position_embeddings": 130, "pad_token_id": 1}
_PLAIN = {**_SMALL, "max_position_embeddings": 128}
_RELATIVE = {
    **_PLAIN,
    "relative_attention": True,
    "position_buckets": 16,
    "pos_att_type": ["p2c", "c2p"],
    "pooler_hidden_size": 32,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_ROTARY = {**_PLAIN, "local_attention": 16, "global_attn_every_n_layers": 2, "pad_token_id": 0}


class Kind:
    """A kind of checkpoint that people publish: an architecture with a tokenizer."""

    def __init__(self, architecture: str, sizes: dict[str, Any], write_tokenizer: Callable[[Path], None]) -> None:
        self.architecture = architecture
        self.sizes = sizes
        self.write_tokenizer = write_tokenizer


def texts_of(count: int, *, seed: int = 0, signals: int = 1) -> Iterator[tuple[str, list[int]]]:
    """Texts with as many words that speak for a label, and the labels that they speak for, sorted."""
    draw = random.Random(seed)
    for _ in range(count):
        labels = sorted(draw.sample(range(len(SIGNALS)), signals or draw.randrange(3)))
        words = [draw.choice(SIGNALS[label]) for label in labels] + draw.choices(_FILLERS, k=draw.randrange(1, 6))
        draw.shuffle(words)
        yield " ".join(words), labels


def write_trained(kind: str, folder: Path, *, task: str = "single_label_classification", **config: object) -> Path:
    """A checkpoint of that kind in `folder`, trained for a few seconds on what `texts_of` makes."""
    torch.set_num_threads(1)  # two that wait for each other take longer
    # Which weights are stuck at one answer for all texts depends on the CPU, which adds in an order of its own.
    for seed in range(_DRAWS):
        model, tokenizer = _drawn(kind, folder, task, config, seed)
        learned = _fit(model, tokenizer, task)
        model.save_pretrained(folder)
        if learned:
            break
    return folder


def write_untrained(kind: str, folder: Path, **config: object) -> Path:
    """A checkpoint of that kind in `folder`, with weights as they are drawn: for what is refused before it answers."""
    model, _ = _drawn(kind, folder, "single_label_classification", config)
    model.save_pretrained(folder)
    return folder


def _drawn(
    kind: str, folder: Path, task: str, config: Mapping[str, object], seed: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    torch.manual_seed(seed)
    found = KINDS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    found.write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, config=AutoConfig.for_model(found.architecture))
    labels = LABELS if task != "regression" else ("stars",)
    model = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(
            found.architecture,
            **{"vocab_size": len(tokenizer), **found.sizes, "id2label": dict(enumerate(labels)), **config},
            problem_type=task,
        ),
        attn_implementation="eager",
    )
    return model, tokenizer


def _fit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: str, steps: int = 400) -> bool:
    """Whether it learned anything: ends with half of the loss that it began with."""
    model.train()
    losses: list[float] = []
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = list(texts_of(32 * steps, signals=0 if task == "multi_label_classification" else 1))
    for start in range(0, len(rows), 32):
        batch = rows[start : start + 32]
        encoded = tokenizer([text for text, _ in batch], padding=True, return_tensors="pt")
        found = model(
            input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"], labels=_targets(batch, task)
        )
        found.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(found.loss.item())
        if max(losses[-10:]) < 0.05 and len(losses) > 10:
            break
    model.eval()
    return sum(losses[-10:]) < sum(losses[:10]) / 2


def _targets(batch: Sequence[tuple[str, list[int]]], task: str) -> torch.Tensor:
    if task == "multi_label_classification":
        return torch.tensor([[float(label in labels) for label in range(len(SIGNALS))] for _, labels in batch])
    if task == "regression":
        return torch.tensor([[1.0 + 2 * labels[0]] for _, labels in batch])
    return torch.tensor([labels[0] for _, labels in batch])


def odd_texts(count: int) -> list[str]:
    """Texts as no data set has them: scripts, signs and blanks in any order, from nothing to a long line."""
    draw = random.Random(1)
    pieces = [
        *(
            "A film",
            "DON'T",
            "naïve café",
            "Straße",
            "ﬁne",
            "I'm",
            "it's",
            "can't",
            "e-mail@example.org",
            "https://a.b/c?d=1",
        ),
        *(
            "１２３",
            "3.14",
            "1,000",
            "…",
            "“quoted”",
            "—",
            "!!!",
            "''",
            "``",
            "#tag",
            "@user",
            "\u200b",
            "\u00a0",
            "\ufeff",
        ),
        *(
            "  ",
            "\t",
            "\n",
            "\r\n",
            "漢字かな",
            "한국어",
            "русский",
            "العربية",
            "ไทย",
            "हिन्दी",
            "Ελληνικά",
            "İstanbul",
            "ǅ",
        ),
        *(
            "😀",
            "👩‍👩‍👧",
            "👍🏽",
            "e\u0301",
            "\u0301",
            "a" * 60,
            "x_y",
            "<b>",
            "&amp;",
            "\\n",
            "\x7f",
            "\ufffd",
            "\U0001f1e9\U0001f1ea",
        ),
        *("loved", "unbelievable", "Ünïcödé", "K", "ß", "…….", "½", "™", "٣", "-", "_", "(", ")", "/", "'", '"'),
    ]
    return [
        "".join(draw.choice((" ", "", " ")) + piece for piece in draw.choices(pieces, k=draw.randrange(1, 30)))
        for _ in range(count)
    ]


def sentence_pieces(file: Path, **options: Any) -> None:  # noqa: ANN401  # the trainer's own
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


def _write_bert(*, lowercase: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        vocabulary = _word_pieces(_BERT_SPECIAL, lowercase=lowercase)
        BertTokenizer(vocab=vocabulary, do_lower_case=lowercase).save_pretrained(folder)

    return write


def _write_roberta(folder: Path) -> None:
    learned = json.loads(_byte_pairs(("<s>", "<pad>", "</s>", "<unk>", "<mask>")).to_str())["model"]
    RobertaTokenizer(vocab=learned["vocab"], merges=[tuple(merge) for merge in learned["merges"]]).save_pretrained(
        folder
    )


def _write_mpnet(folder: Path) -> None:
    vocabulary = _word_pieces(("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"), lowercase=True)
    MPNetTokenizer(vocab=vocabulary).save_pretrained(folder)


def _write_modern(folder: Path) -> None:
    tokenizer = _byte_pairs(_BERT_SPECIAL)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    ).save_pretrained(folder)


def _write_pieces(name: str, tokenizer_class: str, **options: object) -> Callable[[Path], None]:
    """The tokenizer's own SentencePiece file and nothing else but its class: the form of older checkpoints."""

    def write(folder: Path) -> None:
        sentence_pieces(folder / name, **options)
        (folder / "tokenizer_config.json").write_text(f'{{"tokenizer_class": "{tokenizer_class}"}}')

    return write


_ALBERT_PIECES = {
    "pad_id": 0,
    "unk_id": 1,
    "bos_id": -1,
    "eos_id": -1,
    "user_defined_symbols": ["[CLS]", "[SEP]", "[MASK]"],
}
_DEBERTA_PIECES = {
    "pad_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "unk_id": 3,
    "pad_piece": "[PAD]",
    "bos_piece": "[CLS]",
    "eos_piece": "[SEP]",
    "unk_piece": "[UNK]",
}

KINDS = {
    "distilbert": Kind("distilbert", {**_DISTIL, "max_position_embeddings": 128}, _write_bert(lowercase=True)),
    "bert": Kind("bert", _PLAIN, _write_bert(lowercase=True)),
    "bert-cased": Kind("bert", _PLAIN, _write_bert(lowercase=False)),
    "electra": Kind("electra", {**_PLAIN, "embedding_size": 16}, _write_bert(lowercase=True)),
    "roberta": Kind("roberta", {**_OFFSET, "type_vocab_size": 1}, _write_roberta),
    "mpnet": Kind("mpnet", _OFFSET, _write_mpnet),
    "xlm-roberta": Kind(
        "xlm-roberta",
        {**_OFFSET, "type_vocab_size": 1},
        _write_pieces("sentencepiece.bpe.model", "XLMRobertaTokenizer"),
    ),
    "camembert": Kind(
        "camembert",
        {**_OFFSET, "type_vocab_size": 1},
        _write_pieces("sentencepiece.bpe.model", "CamembertTokenizer"),
    ),
    "albert": Kind(
        "albert", {**_PLAIN, "embedding_size": 16}, _write_pieces("spiece.model", "AlbertTokenizer", **_ALBERT_PIECES)
    ),
    "deberta-v3": Kind("deberta-v2", _RELATIVE, _write_pieces("spm.model", "DebertaV2Tokenizer", **_DEBERTA_PIECES)),
    "modernbert": Kind("modernbert", _ROTARY, _write_modern),
}
