import random
import re
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightsleeper.errors import BundleError
from lightsleeper.model.engine import Arrays, pack, pad, run_padded
from lightsleeper.model.model import Model, open_engine
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.model.tokenizer import WIDTH_STEP, TokenizedText

WORDS = re.findall(
    r"\S+",
    """the film a plot dull bright never always boring charming script acting who why not quite very scenes music
    terrible wonderful waste of time and I it was is 10 / , . ! ? naïve café don't""",
)

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=90).map(" ".join)


def of_lengths(lengths: Sequence[int], seed: int = 0) -> list[TokenizedText]:
    """Random token ids between a first and a last one."""
    draw = random.Random(seed)
    return [
        TokenizedText(
            array("I", [101, *(draw.randrange(1000, 30_000) for _ in range(length - 2)), 102]),
            length,
            min(512, -(-length // WIDTH_STEP) * WIDTH_STEP),
        )
        for length in lengths
    ]


@settings(max_examples=60)
@given(
    text=texts,
    company=st.lists(st.one_of(st.integers(3, 40), st.integers(3, 512)), min_size=1, max_size=8),
    seed=st.integers(0, 2**32),
    place=st.integers(0, 8),
)
def test_an_answer_is_the_same_to_the_bit_whatever_its_company(
    model: Model, text: str, company: list[int], seed: int, place: int
) -> None:
    (tokenized,) = model.tokenizer.encode([text])
    batch = of_lengths(company, seed)
    place = min(place, len(batch))
    batch.insert(place, tokenized)
    assert model.engine.run(batch)[place].tolist() == model.engine.run([tokenized])[0].tolist()


def test_every_text_of_a_batch_is_answered_as_if_it_were_alone(model: Model) -> None:
    batch = of_lengths([3, 512, 8, 9, 511, 64, 65, 3, 30])
    alone = [model.engine.run([text])[0].tolist() for text in batch]
    assert model.engine.run(batch).tolist() == alone
    assert len({tuple(logits) for logits in alone}) == len(batch)


def test_packed_tokens_say_where_they_stand() -> None:
    arrays = pack([array("I", [101, 7, 8, 102]), array("I", range(10))])
    assert arrays["input_ids"].tolist() == [101, 7, 8, 102, *range(10)]
    assert arrays["rows"].tolist() == [0] * 4 + [1] * 10
    assert arrays["positions"].tolist() == [*range(4), *range(10)]
    assert arrays["grid"].tolist() == [[*range(4)] + [-1] * 12, [*range(4, 14)] + [-1] * 6]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}


def test_padding_is_masked_and_uses_the_models_token(model: Model) -> None:
    (text,) = model.tokenizer.encode(["good"])
    arrays = pad([text], pad_token_id=7)
    assert arrays["input_ids"].tolist() == [[*text.ids, 7, 7, 7, 7, 7]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]


def test_padded_texts_of_two_widths_are_a_bug(model: Model) -> None:
    with pytest.raises(ValueError, match="one width"):
        pad(model.tokenizer.encode(["short", "long " * 30]), 0)


def test_where_texts_are_padded_each_width_runs_apart_and_answers_keep_their_order() -> None:
    widths: list[int] = []

    def run(arrays: Arrays) -> NDArray[np.float32]:
        widths.append(arrays["input_ids"].shape[1])
        lengths: NDArray[np.float32] = arrays["attention_mask"].sum(axis=1, keepdims=True).astype(np.float32)
        return lengths

    lengths = [30, 3, 5, 17, 30, 8, 100, 4]
    assert run_padded(of_lengths(lengths), 0, run)[:, 0].tolist() == lengths
    assert sorted(widths) == [8, 24, 32, 104]


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


def test_fast_kernels_everywhere_for_a_graph_whose_sums_fit_them(model: Model, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx2\n")
    engine = OnnxEngine(model.bundle.model, 0, tmp_path / "cpuinfo", fits_16_bits=True)
    assert not takes_exact_kernels(engine)


def test_the_torch_engine_without_torch_says_how_to_get_it(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "lightsleeper.model.torch_engine", raising=False)
    with pytest.raises(BundleError, match="needs torch, not installed: make torch"):
        open_engine(model.bundle, "torch")


def takes_exact_kernels(engine: OnnxEngine) -> bool:
    options = engine._session.get_session_options()  # noqa: SLF001  # nothing public says what it was opened with
    try:
        return bool(options.get_session_config_entry("session.x64quantprecision") == "1")
    except RuntimeError:  # never set
        return False
