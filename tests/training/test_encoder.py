"""What training may start from, and what is wrong with the rest, in one line that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

from checkpoints import write_checkpoint, write_encoder
from lightsleeper.errors import BundleError
from lightsleeper.training.encoder import load_encoder
from lightsleeper.training.made_from import Run
from lightsleeper.training.mix import parse_source
from lightsleeper.training.run import starting_point, train

pytestmark = pytest.mark.torch

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("pristine") / "encoder")


@pytest.fixture
def encoder(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(pristine, tmp_path / "encoder"))


def configure(**change: object) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))

    return write


def change(do: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        do(weights)
        save_file(weights, folder / WEIGHTS, {"format": "pt"})

    return write


def poison(weights: dict[str, torch.Tensor]) -> None:
    weights["embeddings.word_embeddings.weight"][4, 3] = float("nan")


def as_numbers(weights: dict[str, torch.Tensor]) -> None:
    weights.update({name: tensor.to(torch.int8) for name, tensor in weights.items()})


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "is no folder; --encoder takes one, or a bundle"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), r"model\.safetensors is missing"),
    "weights, cut": (lambda folder: (folder / WEIGHTS).write_bytes(b"{" * 100_000), r"safetensors cannot be loaded"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), r"config\.json is missing"),
    "a configuration, cut": (lambda folder: (folder / "config.json").write_text("{"), r"config\.json is not JSON"),
    "another architecture": (
        configure(model_type="gpt2"),
        r"model_type is 'gpt2'; training starts from distilbert, bert",
    ),
    "no size": (configure(hidden_size=None), r"config\.json: hidden_size is None; expected a number"),
    "a size that is none": (configure(num_attention_heads=0), "describes no model that can be built"),
    "a huge size": (configure(vocab_size=10**12), r"config\.json describes [\d,]+ weights; the files"),
    "layers without end": (configure(num_hidden_layers=10**6), "1,000,000 layers; expected 1 to 128"),
    "fewer layers": (configure(num_hidden_layers=1), r"not the encoder that config\.json describes: it holds"),
    "more layers": (configure(num_hidden_layers=3), r"not the encoder that config\.json describes: it lacks"),
    "another shape": (configure(max_position_embeddings=100), r"does not fit config\.json: .*size mismatch"),
    "another activation": (configure(hidden_act="relu"), "hidden_act is 'relu'; training starts from 'gelu'"),
    "a weight that is no number": (change(poison), r"word_embeddings\.weight holds values that are no finite numbers"),
    "whole numbers for weights": (change(as_numbers), "is of I8; expected float32"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer: expected one of"),
    "a tokenizer, cut": (
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        r"tokenizer\.json cannot be loaded",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_an_encoder_is_said_in_one_line(encoder: Path, tmp_path: Path, fault: str) -> None:
    break_it, reason = FAULTS[fault]
    break_it(encoder)
    (tmp_path / "rows.csv").write_text("text,label\n" + "fine,good\nawful,bad\n" * 20)
    with pytest.raises(BundleError, match=reason) as refusal:
        train(Run([parse_source(str(tmp_path / "rows.csv"))], encoder=encoder, held_out=0), tmp_path / "bundle")
    assert "\n" not in refusal.value.message
    assert str(encoder) in refusal.value.message


def test_an_encoder_inside_of_another_model_is_found(encoder: Path, pristine: Path) -> None:
    change(lambda weights: [weights.update({f"bert.{name}": weights.pop(name)}) for name in list(weights)])(encoder)
    (found, _), (expected, _) = (starting_point(each, ["a", "b"], seed=0, emoji=False) for each in (encoder, pristine))
    assert all(torch.equal(one, other) for one, other in zip(found.parameters(), expected.parameters(), strict=True))


def test_how_a_classifier_s_outputs_were_handed_over_does_not_matter(tmp_path: Path) -> None:
    folder = write_checkpoint("distilbert", tmp_path / "classifier")

    def logits() -> torch.Tensor:
        model = load_encoder(folder, ["LABEL_0", "LABEL_1"]).eval()  # its own: the head is kept
        with torch.no_grad():
            found: torch.Tensor = model(torch.arange(5, 14)[None]).logits
        return found

    expected = logits()
    configure(return_dict=False, chunk_size_feed_forward=4)(folder)
    assert torch.equal(logits(), expected)


def test_files_beside_the_tokenizer_are_obeyed(encoder: Path) -> None:
    _, lowered = starting_point(encoder, ["a", "b"], seed=0, emoji=False)
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (encoder / "tokenizer_config.json").write_text(json.dumps(settings))
    _, kept = starting_point(encoder, ["a", "b"], seed=0, emoji=False)
    assert lowered.encode("THE FILM").ids == lowered.encode("the film").ids
    assert kept.encode("THE FILM").ids != kept.encode("the film").ids
