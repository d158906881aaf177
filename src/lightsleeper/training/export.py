"""A Hugging Face sequence classifier → an ONNX graph in float32: packed tokens in, logits out.

Of an architecture that `packed` does not know the graph takes padded texts, ids and mask, and its attention stays as
the model's own `eager` code writes it: fused attention operators were 11-13 % slower once the linear layers around
them were int8.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from onnx.external_data_helper import set_external_data
from transformers import PreTrainedModel

from lightsleeper.model.engine import pack
from lightsleeper.training.packed import PACKABLE, Packed

_OPSET = 20  # the first with Gelu as one operator
_LEAST_BYTES_OUTSIDE = 256


class _Logits(torch.nn.Module):
    """The model as a function of its two inputs; token types, where it has them, stay 0."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        # Added to the attention scores as it is: the model's own way to this mask took 15 operators more.
        hidden = torch.finfo(torch.float32).min * (1 - attention_mask[:, None, None, :].float())
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=hidden).logits
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
    return exported


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph to `path` and its weights to `path` + `.data`, where the engine maps them from."""
    weights = path.with_name(path.name + ".data")
    weights.unlink(missing_ok=True)  # onnx appends
    written = onnx.ModelProto()
    written.CopyFrom(model)  # onnx empties the tensors of what it saves
    # `save_as_external_data` would do this, but looks for a file of that name where the process happens to run.
    for tensor in written.graph.initializer:
        if len(tensor.raw_data) >= _LEAST_BYTES_OUTSIDE:
            set_external_data(tensor, weights.name)
    onnx.save(written, path)
    weights.chmod(0o644)  # onnx writes it for the owner alone; a container may run as another user


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
