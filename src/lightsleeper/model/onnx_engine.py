"""The engine that ships: ONNX Runtime on the CPU."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightsleeper.errors import BundleError
from lightsleeper.model.engine import Arrays, pack, run_padded
from lightsleeper.model.tokenizer import TokenizedText

CPU_INFO = Path("/proc/cpuinfo")

#: What graphs ask for: tokens of all texts, one after the other, or texts padded to one width.
PACKED = {"input_ids", "rows", "positions", "grid"}
PADDED = {"input_ids", "attention_mask"}


class OnnxEngine:
    """One shared ONNX Runtime session; each call runs on the thread that makes it.

    N single-threaded workers over one session did 170 texts/s where one worker with N threads did 133, and the
    weights are in memory once (mapped from the file).
    """

    def __init__(
        self,
        model: Path,
        pad_token_id: int,
        cpu_info: Path = CPU_INFO,
        *,
        fits_16_bits: bool = False,
        optimized: bool = False,
    ) -> None:
        """Open the graph; BundleError with ONNX Runtime's reason if it cannot.

        `cpu_info` tells what the CPU can do; `fits_16_bits` that no sum of two products in the graph needs more;
        `optimized` that the library's optimizer has been over it.
        """
        # Left alone, the library starts an uploader thread that reports usage to its vendor:
        # https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime  # noqa: PLC0415  # imported while the web stack loads in another thread

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        # Plans of memory are kept for each shape, and hardly any two batches have the same: 60 MB for nothing.
        options.enable_mem_pattern = False
        if optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if not fits_16_bits and _overflows(cpu_info):
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exception classes derive from Exception alone
            raise BundleError(f"{model} cannot be opened: {str(error).splitlines()[0]}") from error
        inputs = {each.name for each in self._session.get_inputs()}
        if inputs not in (PACKED, PADDED):
            raise BundleError(f"{model} asks for {sorted(inputs)}: not a graph that this version feeds")
        #: What the graph says that it was made for; older ones say nothing.
        self.made_for: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._packed = inputs == PACKED
        self._pad_token_id = pad_token_id

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        """See `Engine.run`."""
        if self._packed:
            return self._logits(pack([text.ids for text in texts]))
        return run_padded(texts, self._pad_token_id, self._logits)

    def _logits(self, arrays: Arrays) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._session.run(["logits"], arrays)[0]
        return logits

    def close(self) -> None:
        """See `Engine.close`."""
        del self._session


def _overflows(cpu_info: Path) -> bool:
    """Whether the fast uint8 × int8 kernels are wrong on this CPU: x86-64 without VNNI (before Ice Lake and Zen 4).

    They add two products in 16 bits, which overflows silently: logits moved by up to 0.28. The exact kernels take 1.3
    to 1.8 times as long, so who has VNNI is never given them, nor a graph whose weights leave room for the sum.
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    try:
        flags = re.search(r"^flags\s*:(.*)$", cpu_info.read_text(), re.MULTILINE)
    except OSError:
        return False
    return flags is not None and not {"avx512_vnni", "avx_vnni"} & {*flags[1].split()}
