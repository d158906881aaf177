"""Every family, from a checkpoint with its real tokenizer class, briefly trained, to its bundle."""

import numpy as np
import pytest

pytest.importorskip("torch")

from families import KINDS, write_trained
from family_texts import odd_texts, texts_of
from lightsleeper.bulk.stream import classify_all
from lightsleeper.model.bundle import Bundle
from lightsleeper.model.model import load_model
from lightsleeper.model.prediction import softmax
from lightsleeper.training.checkpoint import Checkpoint
from lightsleeper.training.families import FAMILIES
from lightsleeper.training.prepare import prepare

pytestmark = pytest.mark.torch

TEXTS = [text for text, _ in texts_of(60, seed=7)]


@pytest.fixture(scope="module", params=KINDS)
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Bundle]:
    """A trained checkpoint of each kind, and the bundle made from it."""
    folder = tmp_path_factory.mktemp(request.param)
    source = write_trained(request.param, folder / "source")
    return Checkpoint(source, "source", "1"), prepare(str(source), folder / "bundle")


def test_every_family_of_the_table_is_tried() -> None:
    assert {kind.architecture for kind in KINDS.values()} == FAMILIES.keys()


def test_int8_agrees_with_torch(prepared: tuple[Checkpoint, Bundle]) -> None:
    checkpoint, bundle = prepared
    model = load_model(bundle.folder)
    ours = np.array([softmax(answer.logits) for answer in classify_all(model, TEXTS, workers=1)])
    with checkpoint.opened() as reference:
        theirs = np.array([softmax(answer.logits) for answer in classify_all(reference, TEXTS, workers=1)])
    assert np.ptp(theirs, axis=0).min() > 0.9  # it has learned something
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() >= 0.95
    assert np.abs(ours - theirs).mean() < 0.03


def test_an_answer_does_not_depend_on_its_batch_mates(prepared: tuple[Checkpoint, Bundle]) -> None:
    model = load_model(prepared[1].folder)
    texts = [*TEXTS, *(" ".join([text] * 6) for text in TEXTS[:10])]
    together = np.array([answer.logits for answer in classify_all(model, texts, workers=1)])
    alone = np.array([model.run([text])[0] for text in model.tokenizer.encode(texts)])
    assert np.abs(together - alone).max() < 1e-4


def test_ids_are_those_of_the_hub_s_own_tokenizer(prepared: tuple[Checkpoint, Bundle]) -> None:
    checkpoint, bundle = prepared
    tokenizer = load_model(bundle.folder).tokenizer
    texts = odd_texts(500)
    expected = checkpoint.hub_tokenizer(texts, truncation=True, max_length=bundle.manifest.max_tokens).input_ids
    assert [list(text.ids) for text in tokenizer.encode(texts)] == expected


def test_the_longest_text_is_read_to_the_last_position(prepared: tuple[Checkpoint, Bundle]) -> None:
    model = load_model(prepared[1].folder)
    (text,) = model.tokenizer.encode(["it rained and rained " * 200])
    assert len(text.ids) == 128 == prepared[1].manifest.max_tokens
    assert np.isfinite(model.run([text])).all()


def test_weights_take_about_a_byte_each_however_often_they_are_read(prepared: tuple[Checkpoint, Bundle]) -> None:
    checkpoint, bundle = prepared
    parameters = sum(weight.numel() for weight in checkpoint.model().parameters())
    assert (bundle.folder / "model.onnx.data").stat().st_size < 2.5 * parameters
