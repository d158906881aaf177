"""What the linear layers of a graph are given, over texts: what int8 scales are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from lightsleeper.model.engine import pack

Floats = NDArray[np.float32]

#: Rows of activations kept per tensor to compare the candidates on.
_SAMPLE_ROWS = 1024


@dataclass(frozen=True)
class Observation:
    """What one tensor of activations looked like over the calibration texts."""

    #: A sample of its rows, float32 [rows, channels].
    rows: Floats
    #: Extremes of each channel over every token seen, [channels].
    low: Floats
    high: Floats


def observe(model: onnx.ModelProto, texts: Iterable[Sequence[int]], *, seed: int = 0) -> dict[str, Observation]:
    """Run `texts` (token ids), one at a time, through the float32 graph and watch the input of every linear layer."""
    names = list(linear_layers(model.graph))
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(seed)
    watchers = {name: _Watcher(draw) for name in names}
    packed = any(each.name == "grid" for each in session.get_inputs())
    for text in texts:
        ids = np.array([text], dtype=np.int64)
        arrays = pack([text]) if packed else {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        for name, value in zip(names, session.run(names, arrays), strict=True):
            watchers[name].add(value.reshape(-1, value.shape[-1]))
    return {name: watcher.result() for name, watcher in watchers.items()}


class _Watcher:
    """Running extremes, and a uniform sample of rows by random priorities (Efraimidis and Spirakis 2006)."""

    def __init__(self, draw: np.random.Generator) -> None:
        self._draw = draw
        self._rows: list[Floats] = []
        self._priorities: list[NDArray[np.float64]] = []
        self._low: list[Floats] = []
        self._high: list[Floats] = []

    def add(self, rows: Floats) -> None:
        self._low.append(rows.min(axis=0))
        self._high.append(rows.max(axis=0))
        self._rows.append(rows)
        self._priorities.append(self._draw.random(len(rows)))
        if sum(map(len, self._priorities)) > 4 * _SAMPLE_ROWS:
            self._shrink()

    def result(self) -> Observation:
        self._shrink()
        return Observation(self._rows[0], np.min(self._low, axis=0), np.max(self._high, axis=0))

    def _shrink(self) -> None:
        priorities = np.concatenate(self._priorities)
        kept = np.argsort(priorities)[:_SAMPLE_ROWS]
        self._rows = [np.concatenate(self._rows)[kept]]
        self._priorities = [priorities[kept]]


def linear_layers(graph: onnx.GraphProto) -> dict[str, list[NodeProto]]:
    """The encoder's products with constant weights, by the tensor they read: queries, keys and values may share one.

    What follows the last norm is the head: hardly any work, and what it rounds is what the user sees.
    """
    constants = {tensor.name for tensor in graph.initializer}
    norms = [index for index, node in enumerate(graph.node) if node.op_type == "LayerNormalization"]
    layers: dict[str, list[NodeProto]] = {}
    for node in graph.node[: norms[-1] if norms else None]:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in constants:
            layers.setdefault(node.input[0], []).append(node)
    return layers
