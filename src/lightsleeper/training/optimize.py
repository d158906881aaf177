"""A graph → the same as ONNX Runtime's optimizer leaves it, so that no wake has to search it for what can be fused.

A session over the embedded graph opens in 26 to 30 ms of CPU instead of 37 to 50; it computes as fast, and the same.
https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html#online--offline-mode
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime


def optimize(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` with the operators of ONNX Runtime's CPU provider, whatever CPU it will run on."""
    options = onnxruntime.SessionOptions()
    # The level above lays weights out for the CPU at hand.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with TemporaryDirectory() as folder:
        written = Path(folder, "optimized.onnx")
        options.optimized_model_filepath = str(written)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(written)
