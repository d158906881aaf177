from pathlib import Path

import onnxruntime
import pytest

pytest.importorskip("torch")

import torch

import lightsleeper
from checkpoints import write_checkpoint
from lightsleeper.training.checkpoint import ARCHITECTURES, Checkpoint
from lightsleeper.training.export import export, save

pytestmark = pytest.mark.torch

ROOT = Path(lightsleeper.__file__).parents[2]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Path]:
    """A checkpoint of each architecture, and the graph exported from it."""
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint = Checkpoint(write_checkpoint(request.param, folder), request.param, "1")
    graph = folder / "model.onnx"
    save(export(checkpoint.model()), graph)
    return checkpoint, graph


@pytest.mark.parametrize(("texts", "width"), [(1, 3), (5, 16), (2, 512)])
def test_the_graph_computes_what_torch_computes(exported: tuple[Checkpoint, Path], texts: int, width: int) -> None:
    checkpoint, graph = exported
    model = checkpoint.model()
    torch.manual_seed(1)
    ids = torch.randint(5, model.config.vocab_size, (texts, width))
    mask = torch.ones_like(ids)
    ids[-1, width - 1 :] = model.config.pad_token_id
    mask[-1, width - 1 :] = 0
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).logits.numpy()
    session = onnxruntime.InferenceSession(graph)
    (found,) = session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    assert abs(expected).max() > 0.1
    assert found == pytest.approx(expected, abs=1e-5)


def test_weights_lie_beside_the_graph(exported: tuple[Checkpoint, Path]) -> None:
    _, graph = exported
    weights = graph.with_name("model.onnx.data")
    assert graph.stat().st_size < 100_000 < weights.stat().st_size
    assert weights.stat().st_mode & 0o044 == 0o044


def test_the_graph_names_no_place_on_the_machine(exported: tuple[Checkpoint, Path]) -> None:
    _, graph = exported
    content = graph.read_bytes()
    assert b".py" not in content
    assert str(ROOT).encode() not in content
