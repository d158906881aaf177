"""Checkpoints of every family: its real tokenizer class with a vocabulary learned here, briefly trained.

The weights are few, but what they answer is real: a word of a text decides each label.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from family_texts import SIGNALS, texts_of
from family_tokenizers import (
    ALBERT_PIECES,
    DEBERTA_PIECES,
    write_bert,
    write_modern,
    write_mpnet,
    write_pieces,
    write_roberta,
)

LABELS = ("bad", "so-so", "good")
_DRAWS = 4

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


KINDS = {
    "distilbert": Kind("distilbert", {**_DISTIL, "max_position_embeddings": 128}, write_bert(lowercase=True)),
    "bert": Kind("bert", _PLAIN, write_bert(lowercase=True)),
    "bert-cased": Kind("bert", _PLAIN, write_bert(lowercase=False)),
    "electra": Kind("electra", {**_PLAIN, "embedding_size": 16}, write_bert(lowercase=True)),
    "roberta": Kind("roberta", {**_OFFSET, "type_vocab_size": 1}, write_roberta),
    "mpnet": Kind("mpnet", _OFFSET, write_mpnet),
    "xlm-roberta": Kind(
        "xlm-roberta",
        {**_OFFSET, "type_vocab_size": 1},
        write_pieces("sentencepiece.bpe.model", "XLMRobertaTokenizer"),
    ),
    "camembert": Kind(
        "camembert",
        {**_OFFSET, "type_vocab_size": 1},
        write_pieces("sentencepiece.bpe.model", "CamembertTokenizer"),
    ),
    "albert": Kind(
        "albert", {**_PLAIN, "embedding_size": 16}, write_pieces("spiece.model", "AlbertTokenizer", **ALBERT_PIECES)
    ),
    "deberta-v3": Kind("deberta-v2", _RELATIVE, write_pieces("spm.model", "DebertaV2Tokenizer", **DEBERTA_PIECES)),
    "modernbert": Kind("modernbert", _ROTARY, write_modern),
}
