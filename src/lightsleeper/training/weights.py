"""The weights of a checkpoint → its model, or one line that says what is wrong with them. Nothing of them is run."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lightsleeper.errors import BundleError
from lightsleeper.training.configuration import CONFIG
from lightsleeper.training.files import AS_IT_LIES, listed, reported, weight_files

#: As safetensors and torch call them; what is kept in fewer bits needs scales that only its maker knows.
_FLOATS = frozenset(
    {"F64", "F32", "F16", "BF16", *map(str, (torch.float64, torch.float32, torch.float16, torch.bfloat16))}
)
#: Counted, not learned: old checkpoints carry them.
_COUNTERS = ("position_ids", "token_type_ids", "num_batches_tracked")
_LAYER = re.compile(r"\blayers?\.\d+\.")
#: A weight takes a byte at least. Of what is shared some files hold one copy.
_MOST_WEIGHTS_A_BYTE = 2


def load_model(folder: Path, config: Any) -> PreTrainedModel:  # noqa: ANN401  # a class per architecture
    """The model in float32 whatever it was saved in, with the attention code that exports best.

    BundleError if the weights lack some, are more or others than `config` says, no floats, or not finite.
    """
    files = weight_files(folder)
    file = files[0].name
    require_floats(files)
    require_size(config, files)
    with reported(f"{file} cannot be loaded"):
        model, found = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told in `found`, so that it can be told in one line
            weights_only=True,
            **AS_IT_LIES,
        )
    _require_complete(found, config, file)
    require_finite(model, file)
    return model.eval()


def require_floats(files: Iterable[Path]) -> None:
    """BundleError for weights that are no floats of 16 bits or more: a cast would make others of them."""
    for file in files:
        with reported(f"{file.name} cannot be loaded"):
            kinds = _kinds(file) if file.suffix == ".safetensors" else _pickled_kinds(file)
        for name, kind in kinds.items():
            if kind not in _FLOATS and not name.endswith(_COUNTERS):
                raise BundleError(f"{file.name}: {name} is of {kind}; expected float32, float16, bfloat16 or float64")


def _kinds(file: Path) -> Mapping[str, str]:
    with safe_open(file, framework="pt") as content:
        return {name: content.get_slice(name).get_dtype() for name in content.keys()}  # noqa: SIM118  # no mapping


def _pickled_kinds(file: Path) -> Mapping[str, str]:
    try:
        content = torch.load(file, map_location="meta", weights_only=True)
    except Exception as error:  # torch's own advises to trust the file, in several lines and colours
        raise BundleError(
            f"{file.name} cannot be loaded: expected tensors by name, as torch saves them, and nothing to be run"
        ) from error
    if not isinstance(content, dict):
        raise BundleError(f"{file.name} cannot be loaded: it holds {type(content).__name__}, expected tensors by name")
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            kind = type(value).__name__
            raise BundleError(f"{file.name} cannot be loaded: {name} is {kind}, expected tensors by name")
    return {str(name): str(value.dtype) for name, value in content.items()}


def require_size(config: Any, files: Iterable[Path]) -> None:  # noqa: ANN401  # a class per architecture
    """BundleError if `config` describes more weights than its files can hold: they would be allocated first."""
    with reported(f"{CONFIG} describes no model that can be built"), torch.device("meta"):
        described = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    weights = sum(parameter.numel() for parameter in described.parameters())
    there = sum(file.stat().st_size for file in files)
    if weights > _MOST_WEIGHTS_A_BYTE * there:
        raise BundleError(f"{CONFIG} describes {weights:,} weights; the files with them have {there:,} bytes")


def _require_complete(found: dict[str, Any], config: Any, file: str) -> None:  # noqa: ANN401  # transformers'
    made_for = ", ".join(
        [config.architectures] if isinstance(config.architectures, str) else config.architectures or []
    )
    for name, held, wanted in sorted(found["mismatched_keys"]):
        if _is_head(name) and list(held[1:]) == list(wanted[1:]) and wanted[0] == config.num_labels:
            raise BundleError(f"{CONFIG} names {wanted[0]} labels, but {name} in {file} has {held[0]} outputs")
        raise BundleError(f"{file}: {name} has the shape {list(held)}, expected {list(wanted)} as {CONFIG} says")
    missing = sorted(found["missing_keys"])
    if missing:
        what = (
            "no classification head" if all(_is_head(name) for name in missing) else f"{len(missing)} weights missing"
        )
        raise BundleError(
            f"{what}: {file} lacks {listed(missing, 3)} (made for {made_for or 'nothing that it names'}); "
            "expected a …ForSequenceClassification"
        )
    more = sorted(name for name in found["unexpected_keys"] if _LAYER.search(name))
    if more:
        raise BundleError(f"{file} holds {listed(more, 1)}, but {CONFIG} says {config.num_hidden_layers} layers")
    other = re.search(r"\w+For(?!SequenceClassification)\w+", made_for)
    if other and "ForSequenceClassification" not in made_for:
        raise BundleError(f"{CONFIG}: architectures is {other.group()}; expected a …ForSequenceClassification")


def _is_head(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in {"classifier", "pre_classifier", "head", "pooler"} or ".pooler." in name


def require_finite(model: PreTrainedModel, file: str) -> None:
    """BundleError if a weight is NaN or infinite.

    A weight that no text of ours meets (the embedding of a rare word) shows itself to nobody but its user.
    """
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BundleError(f"{file}: {name} holds values that are no finite numbers")


def doubt_of_zeros(model: PreTrainedModel) -> str | None:
    """What may be wrong with matrices that are all 0: they pass nothing on. A model that was pruned may have some.

    RoBERTa's types of tokens are: it was converted from one that has none.
    """
    matrices = {name: each for name, each in model.named_parameters() if each.ndim > 1}
    zeros = [name for name, each in matrices.items() if not each.any() and "token_type_embeddings" not in name]
    if not zeros:
        return None
    return f"the weights hold matrices of zeros, {listed(zeros, 3)}: pruned on purpose, or damaged?"
