"""The model on a CPU that this machine is not: Haswell, which has AVX2 and no VNNI, emulated by qemu."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightsleeper.model.onnx_engine import CPU_INFO

#: Where the kernels overflow, these move by 0.05 to 0.17.
TEXTS = [
    "On a rainy evening every single scene works far better than it should and I have seen a few (26)",
    "The plot is thin but the cast is a joy.",
    "meh",
    "not bad at all, quite the opposite",
    "Two hours I will never get back.",
]
CODE = """
import json, sys
from pathlib import Path
from lightsleeper.model.bundle import EMBEDDED, FITS_16_BITS, open_bundle
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.model.tokenizer import Tokenizer
bundle = open_bundle(EMBEDDED)
fits = bundle.manifest.quantization.get("sums") == FITS_16_BITS
engine = OnnxEngine(bundle.model, bundle.manifest.pad_token_id, Path(sys.argv[1]), fits_16_bits=fits)
texts = Tokenizer(bundle.tokenizer, bundle.manifest.max_tokens).encode(json.loads(sys.argv[2]))
print(json.dumps([engine.run([text])[0].tolist() for text in texts]))
"""


@pytest.mark.delivery
@pytest.mark.timeout(600)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the overflow is a matter of x86-64 alone")
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs Debian's package qemu-user")
def test_a_cpu_without_vnni_gives_the_same_answers(tmp_path: Path) -> None:
    haswell = tmp_path / "cpuinfo"
    haswell.write_text("flags\t\t: fpu sse4_2 avx fma avx2\n")  # qemu translates instructions, not this file
    here = logits([], CPU_INFO)
    there = logits(["qemu-x86_64", "-cpu", "Haswell"], haswell)
    for ours, theirs in zip(here, there, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-3)


def logits(emulator: Sequence[str], cpu_info: Path) -> list[list[float]]:
    command = [*emulator, sys.executable, "-c", CODE, str(cpu_info), json.dumps(TEXTS)]
    answer: list[list[float]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return answer
