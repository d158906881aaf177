"""An int8 bundle → the float checkpoint it came from, as near as its levels allow.

Training can so go on from what ships, where no float weights were kept. `quantize` wrote W·diag(smoothing) as
levels × scales, and the factor 1 / (smoothing × scale) beside it.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import Bundle

_INT8 = ".int8"
Floats = NDArray[np.float32]


def dequantize(bundle: Bundle) -> DistilBertForSequenceClassification:
    """The DistilBERT classifier whose weights `bundle` holds in int8; BundleError for any other architecture."""
    manifest = bundle.manifest
    if manifest.architecture != "distilbert":
        raise BundleError(f"{bundle.folder}: training starts from a distilbert bundle, not {manifest.architecture}")
    graph = onnx.load(bundle.model).graph
    tensors: dict[str, Floats] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state = _state(graph, tensors)
    words, width = state["distilbert.embeddings.word_embeddings.weight"].shape
    config = DistilBertConfig(
        vocab_size=words,
        dim=width,
        n_layers=sum(name.endswith("q_lin.weight") for name in state),
        n_heads=_heads(graph, tensors, width),
        hidden_dim=state["distilbert.transformer.layer.0.ffn.lin1.weight"].shape[0],
        max_position_embeddings=manifest.max_tokens,
        attn_implementation="eager",
        attention_dropout=0.0,
        id2label=dict(enumerate(manifest.labels)),
        label2id={label: index for index, label in enumerate(manifest.labels)},
    )
    model = DistilBertForSequenceClassification(config)
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return model


def _state(graph: onnx.GraphProto, tensors: dict[str, Floats]) -> dict[str, Floats]:
    """Weights by their name in the checkpoint. A linear layer's bias says whose its levels are."""
    state = {name: tensor for name, tensor in tensors.items() if name.endswith((".weight", ".bias"))}
    for name, tensor in tensors.items():
        scales = tensors.get(name.removesuffix(_INT8) + ".scales")
        if name.endswith(_INT8) and scales is not None:
            state[name.removesuffix(_INT8)] = tensor * scales
    for node in graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            levels, scale, scales = (tensors[node.input[index]] for index in (1, 2, 3))
            factor = tensors[node.input[0].removesuffix(".uint8") + ".factor"]
            weight = (factor * scale)[:, None] * levels * scales
            state[node.input[6].removesuffix("bias") + "weight"] = weight.T.astype(np.float32)
    if "position_embeddings" in tensors:
        state["distilbert.embeddings.position_embeddings.weight"] = tensors["position_embeddings"]
    return dict(each for name, tensor in state.items() for each in _as_in_the_checkpoint(name, tensor))


def _as_in_the_checkpoint(name: str, tensor: Floats) -> Iterator[tuple[str, Floats]]:
    """The same by the checkpoint's name; of a packed graph's `qkv.<layer>.<weight or bias>` the three parts."""
    if not name.startswith("qkv."):
        yield name.removeprefix("model."), tensor
        return
    _, layer, kind = name.split(".")
    for part, values in zip(("q_lin", "k_lin", "v_lin"), np.split(tensor, 3), strict=True):
        yield f"distilbert.transformer.layer.{layer}.attention.{part}.{kind}", values


def _heads(graph: onnx.GraphProto, tensors: dict[str, Floats], width: int) -> int:
    """How many heads share `width`: a packed graph numbers them, another cuts [batch, tokens, heads, head width]."""
    if "heads" in tensors:
        return len(tensors["heads"])
    shapes = (node for node in graph.node if node.op_type == "Concat")
    shape = next(node for node in shapes if len(node.input) == 4)  # noqa: PLR2004  # as many as axes
    return width // int(tensors[shape.input[-1]][0])
