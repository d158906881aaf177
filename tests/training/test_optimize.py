import pytest

pytest.importorskip("onnx")

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lightsleeper.model.bundle import EMBEDDED, OPTIMIZED, open_bundle
from lightsleeper.model.engine import Arrays, pack
from lightsleeper.training.optimize import optimize

pytestmark = pytest.mark.torch


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_what_the_library_would_fuse_at_every_start_is_fused() -> None:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("a", "b", "scores")]
    nodes = [
        helper.make_node("Transpose", ["b"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["a", "turned"], ["scores"]),
    ]
    tensors[2].type.tensor_type.shape.dim[1].dim_value = 2
    graph = helper.make_graph(nodes, "scores", tensors[:2], tensors[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    assert operators(optimize(model)) == ["FusedMatMul"]
    assert operators(model) == ["Transpose", "MatMul"]


def test_nothing_is_left_to_fuse_in_the_embedded_graph() -> None:
    bundle = open_bundle(EMBEDDED)
    model = onnx.load(bundle.model)
    assert bundle.manifest.quantization["graph"] == OPTIMIZED
    assert operators(optimize(model)) == operators(model)


def test_the_embedded_graph_says_the_same_to_the_bit_with_the_optimizer_and_without() -> None:
    inputs = pack([[101, *range(2000, 2000 + length), 102] for length in (3, 40, 17)])
    level = onnxruntime.GraphOptimizationLevel
    with_it, without = (_logits(inputs, each) for each in (level.ORT_ENABLE_ALL, level.ORT_DISABLE_ALL))
    assert np.array_equal(with_it, without)


def _logits(inputs: Arrays, level: onnxruntime.GraphOptimizationLevel) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    logits: NDArray[np.float32] = onnxruntime.InferenceSession(open_bundle(EMBEDDED).model, options).run(
        ["logits"], inputs
    )[0]
    return logits
