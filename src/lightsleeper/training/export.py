"""A Hugging Face sequence classifier → an ONNX graph in float32: packed tokens in, logits out.

Of an architecture that `packed` does not know the graph takes padded texts, ids and mask, and its attention stays as
the model's own `eager` code writes it: fused attention operators were 11-13 % slower once the linear layers around
them were int8.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data
from transformers import PreTrainedModel

from lightsleeper.model.engine import pack
from lightsleeper.training.families import family_of
from lightsleeper.training.packed import PACKABLE, Packed

_OPSET = 20  # the first with Gelu as one operator

#: Smaller tensors lie in the graph.
_LEAST_BYTES_OUTSIDE = 256


class _Logits(torch.nn.Module):
    """The model as a function of its two inputs; token types, where it has them, stay 0."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self._added = family_of(model.config).mask == "added"

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask
        if self._added:
            mask = torch.finfo(torch.float32).min * (1 - attention_mask[:, None, None, :].float())
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=mask).logits
        return logits


def export(model: PreTrainedModel) -> onnx.ModelProto:
    """The ONNX form of `model`, from packed tokens (see `Packed`) where its architecture allows, to `logits`.

    Of others it takes `input_ids`, `attention_mask`, int64 [texts, width]. `logits` are float32 [texts, labels].
    torch.export traces it once, for any number and length of texts; the trace holds no path of this machine.
    """
    if model.config.model_type in PACKABLE:
        example = pack([[5] * 11, [5] * 16, [5] * 3])
        return _traced(Packed(model), {name: torch.from_numpy(array) for name, array in example.items()})
    # Two tensors: the exporter takes one tensor passed twice for one input.
    ids, mask = torch.full((3, 16), 5), torch.ones((3, 16), dtype=torch.int64)
    return _traced(_Logits(model), {"input_ids": ids, "attention_mask": mask})


def _traced(module: torch.nn.Module, example: Mapping[str, torch.Tensor]) -> onnx.ModelProto:
    """`module`, a function of the tensors in `example`, of which every axis may be of any length."""
    axes = {name: dict.fromkeys(range(each.ndim), torch.export.Dim.DYNAMIC) for name, each in example.items()}
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module.eval(),
            kwargs=dict(example),
            dynamo=True,
            dynamic_shapes=axes,
            input_names=list(example),
            output_names=["logits"],
            opset_version=_OPSET,
            verbose=False,
        )
    exported: onnx.ModelProto = program.model_proto
    _strip(exported)
    _fold(exported)
    return exported


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph to `path` and its weights to `path` + `.data`, where the engine maps them from.

    Tensors of the same content lie there once, under all of their names.
    """
    weights = path.with_name(path.name + ".data")
    weights.unlink(missing_ok=True)  # onnx appends
    written = onnx.ModelProto()
    written.CopyFrom(model)  # onnx empties the tensors of what it saves
    copies = _take_copies(written.graph)
    # `save_as_external_data` would do this, but looks for a file of that name where the process happens to run.
    for tensor in written.graph.initializer:
        if len(tensor.raw_data) >= _LEAST_BYTES_OUTSIDE:
            set_external_data(tensor, weights.name)
    onnx.save(written, path)
    if copies:
        saved = onnx.load(path, load_external_data=False)
        originals = {tensor.name: tensor for tensor in saved.graph.initializer}
        for name, original in copies.items():
            saved.graph.initializer.append(originals[original])
            saved.graph.initializer[-1].name = name
        path.write_bytes(saved.SerializeToString())
    weights.chmod(0o644)  # onnx writes it for the owner alone; a container may run as another user


def _take_copies(graph: onnx.GraphProto) -> dict[str, str]:
    """Take tensors out that another one equals: their names, and that one's."""
    firsts: dict[tuple[Any, ...], str] = {}
    copies: dict[str, str] = {}
    for tensor in graph.initializer:
        if len(tensor.raw_data) >= _LEAST_BYTES_OUTSIDE:
            content = (tensor.data_type, *tensor.dims, hashlib.sha256(tensor.raw_data).digest())
            first = firsts.setdefault(content, tensor.name)
            if first != tensor.name:
                copies[tensor.name] = first
    kept = [tensor for tensor in graph.initializer if tensor.name not in copies]
    if copies:
        del graph.initializer[:]
        graph.initializer.extend(kept)
    return copies


def _fold(model: onnx.ModelProto) -> None:
    """Compute once, here, what depends on no text: DeBERTa projects all of its relative positions in each layer.

    Left to ONNX Runtime it would be computed at every wake.
    """
    graph = model.graph
    known = {tensor.name for tensor in graph.initializer}
    constant = []
    for node in graph.node:
        if node.input and all(name in known for name in node.input if name):
            constant.append(node)
            known.update(node.output)
    made = {name for node in constant for name in node.output}
    rest = [node for node in graph.node if node.output[0] not in made]
    needed = sorted(made & {name for node in rest for name in node.input})
    if not needed:
        return
    inputs = {name for node in constant for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in inputs]
    outputs = [onnx.ValueInfoProto(name=name) for name in needed]
    part = helper.make_model(helper.make_graph(constant, "constants", [], outputs, weights))
    part.ir_version = model.ir_version
    del part.opset_import[:]
    part.opset_import.extend(model.opset_import)
    session = onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(needed, {})
    del graph.node[:]
    graph.node.extend(rest)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in zip(needed, values, strict=True))
    read = {name for node in rest for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _strip(model: onnx.ModelProto) -> None:
    """Drop what only a debugger reads: source lines of every node (two thirds of the graph) and inferred shapes."""
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    model.graph.ClearField("value_info")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the exporter's remarks on its own internals: none is about the model."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
