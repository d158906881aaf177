"""`config.json` of a checkpoint: what it has to say for a classifier to become a bundle, else what is wrong with it."""

import json
import unicodedata
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from lightsleeper.errors import BundleError
from lightsleeper.model.manifest_fields import is_line
from lightsleeper.training.families import family_of
from lightsleeper.training.files import AS_IT_LIES, listed, read_json, reported
from lightsleeper.training.task import task_of

CONFIG = "config.json"

#: More than twice those of the deepest encoder that is published (DeBERTa v2 XXL: 48).
_MOST_LAYERS = 128
#: Of what kind these have to be, where they are there; the library reads on with whatever it finds.
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "model_type": (str, "a name"),
    "problem_type": (str, "a name"),
    "id2label": (dict, "an object: names by id"),
    "label2id": (dict, "an object: ids by name"),
    "num_labels": (int, "a number"),
    "architectures": ((list, str), "a list of names"),
}


def read_config(folder: Path, task: str | None) -> Any:  # noqa: ANN401  # a class per architecture
    """The configuration; BundleError unless it is one of a classifier of `FAMILIES` that a manifest can describe.

    `task` is what its outputs mean if it does not say so itself; see `task_of`.
    """
    raw = read_json(folder / CONFIG)
    for name, (kind, expected) in _KINDS.items():
        if raw.get(name) is not None and (not isinstance(raw[name], kind) or isinstance(raw[name], bool)):
            raise BundleError(f"{CONFIG}: {name} is {_shown(raw[name])}; expected {expected}")
    labels = _labels(raw)
    with reported(f"{CONFIG} cannot be read"):
        config = AutoConfig.from_pretrained(
            folder, **({"id2label": dict(enumerate(labels))} if labels else {}), **AS_IT_LIES
        )
    settle(config)
    family_of(config)
    _require_encoder(config)
    _require_names([str(config.id2label[index]).strip() for index in range(config.num_labels)])
    task_of(config, task)
    return config


def settle(config: Any) -> None:  # noqa: ANN401  # see above
    """Decide how the library hands its outputs over, and in what pieces it computes: neither changes an answer."""
    config.return_dict, config.torchscript, config.chunk_size_feed_forward = True, False, 0


def _labels(raw: dict[str, Any]) -> list[str] | None:
    """The names of the outputs in order; None where it names none. BundleError if two of its tables disagree."""
    by_name = raw.get("label2id") or {}
    named = raw.get("id2label") or {str(index): name for name, index in by_name.items()}
    if not named:
        return None
    ids = sorted(map(str, named), key=lambda key: (len(key), key))
    if ids != [str(index) for index in range(len(ids))]:
        raise BundleError(f"{CONFIG}: id2label has the ids {listed(ids)}; expected 0 to {len(ids) - 1}")
    names = [named[key] for key in ids]
    for index, name in enumerate(names):
        if isinstance(name, dict | list | None):
            raise BundleError(f"{CONFIG}: id2label: {_shown(name)} is no name of a label; expected a line of text")
        if str(by_name.get(str(name), index)) != str(index):
            raise BundleError(f"{CONFIG}: id2label calls {name!r} {index}, label2id {_shown(by_name[str(name)])}")
    return [str(name) for name in names]


def _require_names(names: list[str]) -> None:
    for name in names:
        seen = any(not unicodedata.category(sign).startswith(("C", "Z")) for sign in name)
        if not is_line(name) or not seen:
            raise BundleError(f"{CONFIG}: id2label: {name[:100]!r} is no name of a label; expected a line of text")
    written = [unicodedata.normalize("NFC", name) for name in names]
    twice = sorted({name for name in written if written.count(name) > 1})
    if twice:
        raise BundleError(f"{CONFIG}: id2label gives two outputs one name: {listed(twice)}")


def require_layers(config: Any) -> None:  # noqa: ANN401  # transformers' own
    """BundleError unless an encoder may have as many: all are built before their weights are looked for."""
    if not 1 <= config.num_hidden_layers <= _MOST_LAYERS:
        raise BundleError(f"{CONFIG}: {config.num_hidden_layers:,} layers; expected 1 to {_MOST_LAYERS}")


def _require_encoder(config: Any) -> None:  # noqa: ANN401  # transformers' own
    """BundleError unless it describes an encoder of a possible size, with float weights and a padding token."""
    require_layers(config)
    if type(config.pad_token_id) is not int or not 0 <= config.pad_token_id < max(config.vocab_size, 1):
        expected = f"the id of the padding token, 0 to {config.vocab_size - 1:,}"
        raise BundleError(f"{CONFIG}: pad_token_id is {config.pad_token_id}; expected {expected}")
    if getattr(config, "quantization_config", None):
        raise BundleError(f"{CONFIG}: quantization_config: the weights are quantised already; expected float ones")
    if getattr(config, "is_decoder", False):
        raise BundleError(f"{CONFIG}: is_decoder is true; expected an encoder, whose words see those after them, too")
    positions = getattr(config, "position_embedding_type", None)
    if positions not in (None, "absolute"):
        raise BundleError(f"{CONFIG}: position_embedding_type is {positions!r}; expected 'absolute'")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:100]
