import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from checkpoints import byte_pairs, word_pieces, write_checkpoint
from families import write_untrained
from lightsleeper.bulk.records import Reading
from lightsleeper.bulk.records.table import Choices
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.bundle import Bundle, write_manifest
from lightsleeper.model.model import Model, load_model
from lightsleeper.training.checkpoint import Checkpoint
from lightsleeper.training.prepare import own_texts, prepare

pytestmark = pytest.mark.torch

ARCHITECTURES = ("distilbert", "bert", "roberta")

TEXTS = ["A quiet film.", "Nothing works and nobody answers the phone! " * 12, "ok", "¿Qué? 😀 " * 80]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Bundle]:
    """A checkpoint of each architecture, and the bundle made from it."""
    folder = tmp_path_factory.mktemp(request.param)
    source = write_checkpoint(
        request.param, folder / "source", id2label={0: "bad", 1: "so-so", 2: "good"}, label2id={"bad": 0}
    )
    bundle = prepare(str(source), folder / "bundle", keep_checkpoint=True)
    return Checkpoint(source, request.param, "1"), bundle


def test_the_bundle_answers_as_its_checkpoint_does(prepared: tuple[Checkpoint, Bundle]) -> None:
    checkpoint, bundle = prepared
    model = load_model(bundle.folder)
    with checkpoint.opened() as reference:
        for text in TEXTS:
            (ours,) = model.run(model.tokenizer.encode([text]))
            (theirs,) = reference.run(reference.tokenizer.encode([text]))
            assert np.ptp(theirs) > 0.1
            assert ours == pytest.approx(theirs, abs=0.03)


def test_the_manifest_says_what_the_checkpoint_is(prepared: tuple[Checkpoint, Bundle]) -> None:
    checkpoint, bundle = prepared
    manifest = bundle.manifest
    assert manifest.architecture == checkpoint.model_id
    assert manifest.labels == ("bad", "so-so", "good")
    assert manifest.max_tokens == 512
    assert manifest.pad_token_id == checkpoint.tokenizer().token_to_id(
        "<pad>" if "roberta" in bundle.manifest.architecture else "[PAD]"
    )
    assert manifest.revision.startswith("sha256:")
    assert manifest.quantization["agreement"]["same_label"] >= 0.95
    assert manifest.made_by["torch"] == torch.__version__


def test_the_longest_text_is_read_to_the_last_position(prepared: tuple[Checkpoint, Bundle]) -> None:
    model = load_model(prepared[1].folder)
    (text,) = model.tokenizer.encode(["good " * 600])
    assert len(text.ids) == 512
    assert np.isfinite(model.run([text])).all()


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_manifest_that_asks_for_more_than_the_model_was_made_for_is_refused(
    prepared: tuple[Checkpoint, Bundle], tmp_path: Path, engine: str
) -> None:
    shutil.copytree(prepared[1].folder, tmp_path / "edited")
    write_manifest(replace(prepared[1].manifest, max_tokens=513), tmp_path / "edited")
    with pytest.raises(BundleError, match=r"bundle\.json: max_tokens is 513; the model was made for '512'"):
        load_model(tmp_path / "edited", engine)


def test_a_cut_and_a_padding_baked_into_the_tokenizer_are_gone(prepared: tuple[Checkpoint, Bundle]) -> None:
    tokenizer = json.loads(prepared[1].tokenizer.read_text())
    assert tokenizer["truncation"] is None
    assert tokenizer["padding"] is None


def test_the_kept_checkpoint_runs_in_the_torch_engine(prepared: tuple[Checkpoint, Bundle]) -> None:
    _, bundle = prepared
    onnx, torch_model = load_model(bundle.folder), load_model(bundle.folder, "torch", "cpu")
    (text,) = onnx.tokenizer.encode(["A quiet film about people who repair bridges."])
    assert onnx.run([text])[0] == pytest.approx(torch_model.run([text])[0], abs=0.1)


def test_every_word_costs_a_byte_a_channel(prepared: tuple[Checkpoint, Bundle]) -> None:
    _, bundle = prepared
    weights = (bundle.folder / "model.onnx.data").stat().st_size
    checkpoint = (bundle.folder / "checkpoint" / "model.safetensors").stat().st_size
    positions = 4 * 32 * (514 if bundle.manifest.architecture == "roberta" else 512)
    assert weights - positions < (checkpoint - positions) / 2.5


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tiny DistilBERT checkpoint."""
    return write_checkpoint("distilbert", tmp_path / "source")


def test_accuracy_is_measured_on_labelled_files_and_a_bundle_is_replaced(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    first = prepare(str(source), out)
    (tmp_path / "mine.csv").write_text("text,label\nA quiet film.,LABEL_0\nNever again!,1\nok,0\n")
    second = prepare(str(source), out, data=[tmp_path / "mine.csv"], max_loss_points=100)
    assert first.manifest.accuracy == {}
    (measured,) = second.manifest.accuracy.values()
    assert measured["rows"] == 3
    assert 0 <= measured["accuracy"] <= 1
    assert load_model(out).bundle.digest == second.digest != first.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine.csv", "source"]


def test_a_bundle_that_loses_more_than_allowed_is_not_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightsleeper.training.prepare._ACCIDENT", 1.1)  # no loss is put down to chance
    (tmp_path / "mine.csv").write_text("text,label\nA quiet film.,0\nNever again!,1\n")
    with pytest.raises(
        BundleError, match=r"int8 lost 0\.00 points of accuracy on mine\.csv .* more than -1"
    ) as refusal:
        prepare(str(source), tmp_path / "bundle", data=[tmp_path / "mine.csv"], max_loss_points=-1)
    assert "\n" not in str(refusal.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "source"]


def test_vocabulary_files_of_older_checkpoints_are_enough(source: Path) -> None:
    expected = Checkpoint(source, "new", "1").tokenizer()
    words = expected.get_vocab()
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("\n".join(sorted(words, key=words.__getitem__)))
    (source / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "DistilBertTokenizer"}')
    found = Checkpoint(source, "old", "1").tokenizer()
    for text in ("The lecturer reads from her slides.", "ÜBER alles, 2 a.m.!"):
        assert found.encode(text).ids == expected.encode(text).ids


def test_texts_of_ones_own_calibrate_too(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(own_texts()[:40]))
    bundle = prepare(str(source), tmp_path / "bundle", calibration=tmp_path / "mine.txt")
    assert bundle.manifest.made_by["calibration"]["texts"] == 40


def test_what_is_said_of_files_counts_for_those_to_calibrate_on(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id;title;said\n1;A longer title than the text;fine\n", encoding="utf-8")
    reading = Reading(Choices(delimiter=";", text_column="body"))
    with pytest.raises(InvalidInput, match="no column 'body' among id, title, said"):
        prepare(str(source), tmp_path / "bundle", calibration=tmp_path / "mine.csv", reading=reading)


def test_too_few_texts_to_calibrate_on_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("one\ntwo\n\n")
    with pytest.raises(InvalidInput, match=r"mine\.txt: 2 texts are too few"):
        prepare(str(source), tmp_path / "bundle", calibration=tmp_path / "mine.txt")


def test_a_folder_that_is_not_a_bundle_is_never_replaced(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "holiday"
    out.mkdir()
    (out / "photo.jpeg").touch()
    with pytest.raises(BundleError, match="is not a bundle"):
        prepare(str(source), out)
    assert [path.name for path in out.iterdir()] == ["photo.jpeg"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"problem_type": "regression"}, r"config\.json: 2 outputs, but the task is regression; expected one output"),
        ({"problem_type": "ranking"}, "ranking"),
    ],
)
def test_other_models_are_refused_in_one_line(
    source: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    config = source / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(BundleError, match=reason) as refusal:
        prepare(str(source), tmp_path / "bundle")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("mpnet", {"relative_attention_num_buckets": 8}, "the model cannot be run: index out of range"),
        ("deberta-v3", {"attention_head_size": 16}, "the model cannot be run: mat1 and mat2 shapes"),
    ],
)
def test_a_model_that_its_own_library_cannot_run_is_refused_in_one_line(
    tmp_path: Path, kind: str, change: dict[str, object], reason: str
) -> None:
    source = write_untrained(kind, tmp_path / "source", **change)
    with pytest.raises(BundleError, match=f"^source: {reason}") as refusal:
        prepare(str(source), tmp_path / "bundle")
    assert "\n" not in refusal.value.message
    assert not (tmp_path / "bundle").exists()


def test_a_model_that_the_exporter_does_not_know_is_refused_in_one_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no way\nto do this")

    monkeypatch.setattr("torch.onnx.export", refuse)  # every family that is taken can be exported
    with pytest.raises(BundleError, match=r"^source: the model cannot be exported: no way$"):
        prepare(str(source), tmp_path / "bundle")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        prepare(str(tmp_path), tmp_path / "bundle")


def test_a_local_folder_has_no_revision(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="it has no revision main"):
        prepare(str(source), tmp_path / "bundle", revision="main")


def test_own_texts_reach_from_a_word_to_the_longest_input(model: Model) -> None:
    widths = [text.total_tokens for text in model.tokenizer.encode(own_texts())]
    assert min(widths) < 5
    assert max(widths) > 512
    assert len(own_texts()) > 150
    assert byte_pairs().get_vocab_size() == word_pieces().get_vocab_size()
