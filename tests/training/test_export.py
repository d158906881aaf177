import random
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import onnx
import torch

import lightsleeper
from checkpoints import write_checkpoint
from lightsleeper.errors import BundleError
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.model.tokenizer import WIDTH_STEP, TokenizedText
from lightsleeper.training.checkpoint import Checkpoint
from lightsleeper.training.export import export, save

pytestmark = pytest.mark.torch

ARCHITECTURES = ("distilbert", "bert", "roberta")

ROOT = Path(lightsleeper.__file__).parents[2]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Path]:
    """A checkpoint of each architecture, and the graph exported from it."""
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint = Checkpoint(write_checkpoint(request.param, folder), request.param, "1")
    graph = folder / "model.onnx"
    save(export(checkpoint.model()), graph)
    return checkpoint, graph


@pytest.mark.parametrize("lengths", [[3], [16], [9, 3, 16, 17, 4], [512, 5, 511]])
def test_the_graph_computes_what_torch_computes(exported: tuple[Checkpoint, Path], lengths: list[int]) -> None:
    checkpoint, graph = exported
    model = checkpoint.model()
    texts = of_lengths(lengths, model.config.vocab_size)
    with torch.no_grad():
        expected = [model(input_ids=torch.tensor([list(text.ids)])).logits[0].tolist() for text in texts]
    found = OnnxEngine(graph, model.config.pad_token_id).run(texts).tolist()
    assert max(abs(logit) for logits in expected for logit in logits) > 0.01  # a thousand times what may be wrong
    assert found == [pytest.approx(logits, abs=1e-5) for logits in expected]


def test_what_is_not_of_the_packed_kind_is_padded_and_answers_the_same(
    exported: tuple[Checkpoint, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, graph = exported
    model = checkpoint.model()
    monkeypatch.setattr("lightsleeper.training.export.PACKABLE", ())
    save(export(model), tmp_path / "model.onnx")
    texts = of_lengths([9, 3, 16, 17, 4, 60], model.config.vocab_size)
    packed, padded = (OnnxEngine(each, model.config.pad_token_id) for each in (graph, tmp_path / "model.onnx"))
    np.testing.assert_allclose(padded.run(texts), packed.run(texts), rtol=0, atol=1e-5)


def test_a_graph_that_asks_for_something_else_is_refused_in_one_line(
    exported: tuple[Checkpoint, Path], tmp_path: Path
) -> None:
    model = onnx.load(exported[1])
    model.graph.input.append(onnx.helper.make_tensor_value_info("token_type_ids", onnx.TensorProto.INT64, ["n"]))
    save(model, tmp_path / "model.onnx")
    with pytest.raises(BundleError, match=r"asks for .*token_type_ids.*: not a graph that .* feeds") as refusal:
        OnnxEngine(tmp_path / "model.onnx", 0)
    assert "\n" not in refusal.value.message


def of_lengths(lengths: Sequence[int], words: int) -> list[TokenizedText]:
    """Texts of random tokens."""
    draw = random.Random(1)
    return [
        TokenizedText(
            array("I", [draw.randrange(5, words) for _ in range(length)]),
            length,
            min(512, -(-length // WIDTH_STEP) * WIDTH_STEP),
        )
        for length in lengths
    ]


def test_weights_lie_beside_the_graph(exported: tuple[Checkpoint, Path]) -> None:
    _, graph = exported
    weights = graph.with_name("model.onnx.data")
    assert graph.stat().st_size < 100_000 < weights.stat().st_size
    assert weights.stat().st_mode & 0o044 == 0o044


def test_a_bundle_in_the_folder_where_one_works_is_in_nobodys_way(
    exported: tuple[Checkpoint, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported[1].parent)
    save(onnx.load(exported[1]), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx.data").read_bytes() == (exported[1].parent / "model.onnx.data").read_bytes()


def test_the_graph_names_no_place_on_the_machine(exported: tuple[Checkpoint, Path]) -> None:
    _, graph = exported
    content = graph.read_bytes()
    assert b".py" not in content
    assert str(ROOT).encode() not in content
