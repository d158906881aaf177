import random
import re
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightsleeper.errors import BundleError
from lightsleeper.model.engine import pad
from lightsleeper.model.model import Model, open_engine
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.model.tokenizer import WIDTH_STEP, TokenizedText

WORDS = re.findall(
    r"\S+",
    """the film a plot dull bright never always boring charming script acting who why not quite very scenes music
    terrible wonderful waste of time and I it was is 10 / , . ! ? naïve café don't""",
)

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=90).map(" ".join)


def company(text: TokenizedText, seed: int) -> list[TokenizedText]:
    """Texts of the same width as `text`: random token ids of every length that is padded to it."""
    draw = random.Random(seed)
    lengths = [draw.randint(max(3, text.width - WIDTH_STEP + 1), text.width) for _ in range(draw.randint(1, 15))]
    middles = [array("I", (draw.randrange(1000, 30_000) for _ in range(length - 2))) for length in lengths]
    return [TokenizedText(text.ids[:1] + middle + text.ids[-1:], len(middle) + 2, text.width) for middle in middles]


@settings(max_examples=60, deadline=None)
@given(text=texts, seed=st.integers(0, 2**32), place=st.integers(0, 15))
def test_an_answer_does_not_depend_on_its_batch_mates(model: Model, text: str, seed: int, place: int) -> None:
    (tokenized,) = model.tokenizer.encode([text])
    alone = model.engine.run([tokenized])[0]
    batch = company(tokenized, seed)
    place = min(place, len(batch))
    batch.insert(place, tokenized)
    np.testing.assert_allclose(model.engine.run(batch)[place], alone, rtol=0, atol=1e-4)


def test_padding_is_masked_and_uses_the_models_token(model: Model) -> None:
    (text,) = model.tokenizer.encode(["good"])
    ids, mask = pad([text], pad_token_id=7)
    assert ids.tolist() == [[*text.ids, 7, 7, 7, 7, 7]]
    assert mask.tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]


def test_a_batch_of_mixed_widths_is_a_bug(model: Model) -> None:
    with pytest.raises(ValueError, match="one width"):
        pad(model.tokenizer.encode(["short", "long " * 30]), 0)


def test_a_file_that_is_no_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(BundleError, match="cannot be opened") as refusal:
        OnnxEngine(tmp_path / "model.onnx", 0)
    assert "\n" not in refusal.value.message


def test_it_tells_praise_from_blame(model: Model) -> None:
    negative, positive = (
        model.run(model.tokenizer.encode([text]))[0] for text in ("A dreadful, boring mess.", "Simply wonderful!")
    )
    assert negative[0] > negative[1]
    assert positive[1] > positive[0]


@pytest.mark.parametrize(
    ("cpu_info", "exact"),
    [
        ("flags\t\t: fpu avx2 avx512f", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("flags\t\t: fpu avx2 avx_vnni", False),
        ("Features\t: fp asimd", False),
    ],
    ids=["AVX-512 alone", "AVX-512 VNNI", "AVX VNNI", "ARM"],
)
def test_exact_kernels_where_the_fast_ones_overflow_and_nowhere_else(
    model: Model, tmp_path: Path, cpu_info: str, *, exact: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{cpu_info}\n")
    assert takes_exact_kernels(OnnxEngine(model.bundle.model, 0, tmp_path / "cpuinfo")) is exact


def test_the_torch_engine_without_torch_says_how_to_get_it(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "lightsleeper.model.torch_engine", raising=False)
    with pytest.raises(BundleError, match="needs torch, which is not installed: make torch"):
        open_engine(model.bundle, "torch")


def takes_exact_kernels(engine: OnnxEngine) -> bool:
    options = engine._session.get_session_options()  # noqa: SLF001  # nothing public says what it was opened with
    try:
        return bool(options.get_session_config_entry("session.x64quantprecision") == "1")
    except RuntimeError:  # never set
        return False
