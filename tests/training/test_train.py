"""Fine-tuning itself: it goes on where it was, or says why it cannot, and keeps what it was told to."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from tokenizers import Tokenizer

from labelled_texts import write_labelled
from lightsleeper.errors import BundleError
from lightsleeper.training.batches import Example, tokenize
from lightsleeper.training.encoder import load_encoder
from lightsleeper.training.recipe import Recipe
from lightsleeper.training.train import fine_tune

pytestmark = pytest.mark.torch

HEAD, WORDS = "pre_classifier.weight", "distilbert.embeddings.word_embeddings.weight"


class Interrupted(Exception):
    """What ends a run halfway in these tests."""


def interrupt_after(steps: int) -> Callable[..., None]:
    """A hook that lets that many batches through the model."""
    left = iter(range(steps))

    def hook(*_: object) -> None:
        if next(left, None) is None:
            raise Interrupted

    return hook


@pytest.fixture(scope="module")
def examples(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """The labelled texts, tokenised."""
    lines = write_labelled(tmp_path_factory.mktemp("rows") / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    targets = {"angry": (1.0, 0.0), "pleased": (0.0, 1.0)}
    return tokenize(tokenizer, [(row["text"], targets[row["label"]]) for row in rows])


def test_an_interrupted_run_continues_to_the_same_weights(
    encoder: Path, examples: list[Example], tmp_path: Path
) -> None:
    recipe = Recipe(epochs=1, tokens_per_batch=128, word_dropout=0.1)

    def fresh() -> torch.nn.Module:
        torch.manual_seed(0)
        return load_encoder(encoder, ["angry", "pleased"])

    def run(model: torch.nn.Module, out: Path) -> dict[str, torch.Tensor]:
        out.mkdir(exist_ok=True)
        weights: dict[str, torch.Tensor] = fine_tune(
            model, lambda _: examples, recipe, out, mask_token_id=4, checkpoint_every_steps=2
        ).state_dict()
        return weights

    whole = run(fresh(), tmp_path / "whole")
    interrupted = fresh()
    interrupted.register_forward_pre_hook(interrupt_after(5))
    with pytest.raises(Interrupted):
        run(interrupted, tmp_path / "halved")
    torch.manual_seed(99)
    resumed = run(fresh(), tmp_path / "halved")
    assert all(torch.equal(whole[name], tensor) for name, tensor in resumed.items())
    begun = fresh().state_dict()
    assert not torch.equal(whole["classifier.weight"], begun["classifier.weight"])


def test_a_checkpoint_of_another_recipe_is_refused(encoder: Path, examples: list[Example], tmp_path: Path) -> None:
    model = load_encoder(encoder, ["angry", "pleased"])
    fine_tune(model, lambda _: examples[:20], Recipe(epochs=1), tmp_path, mask_token_id=4)
    with pytest.raises(BundleError, match="another recipe"):
        fine_tune(model, lambda _: examples[:20], Recipe(epochs=2), tmp_path, mask_token_id=4)


def test_a_run_may_be_cut_short_before_its_rate_falls(encoder: Path, examples: list[Example], tmp_path: Path) -> None:
    def run(steps: int, out: Path, *, until: int | None = None) -> dict[str, torch.Tensor]:
        out.mkdir(exist_ok=True)
        torch.manual_seed(0)
        model = load_encoder(encoder, ["angry", "pleased"])
        if until is not None:
            model.register_forward_pre_hook(interrupt_after(until))
        recipe = Recipe(steps=steps, tokens_per_batch=128, decay_fraction=0.25, warmup_steps=2, averaged_steps=2)
        found: dict[str, torch.Tensor] = fine_tune(
            model, lambda _: examples, recipe, out, mask_token_id=4, checkpoint_every_steps=1
        ).state_dict()
        return found

    whole = run(20, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(40, tmp_path / "cut", until=10)
    cut = run(20, tmp_path / "cut")
    assert all(torch.equal(whole[name], tensor) for name, tensor in cut.items())
    with pytest.raises(Interrupted):
        run(40, tmp_path / "late", until=18)
    with pytest.raises(BundleError, match="another recipe"):
        run(20, tmp_path / "late")


def test_a_share_of_the_starting_point_and_what_words_mean_may_be_kept(
    encoder: Path, examples: list[Example], tmp_path: Path
) -> None:
    def tuned(**chosen: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401  # fields of Recipe
        torch.manual_seed(0)
        model = load_encoder(encoder, ["angry", "pleased"])
        out = Path(mkdtemp(dir=tmp_path))
        recipe = Recipe(steps=3, tokens_per_batch=128, **chosen)
        found: dict[str, torch.Tensor] = fine_tune(model, lambda _: examples, recipe, out, mask_token_id=4).state_dict()
        return found

    torch.manual_seed(0)
    start, whole = load_encoder(encoder, ["angry", "pleased"]).state_dict(), tuned()
    assert not torch.equal(whole[HEAD], start[HEAD])
    assert torch.allclose(tuned(kept_share=0.25)[HEAD], 0.75 * whole[HEAD] + 0.25 * start[HEAD], atol=1e-7)
    leaning = tuned(lean=-0.5)
    assert torch.equal(leaning[HEAD], whole[HEAD])
    assert torch.allclose(leaning["classifier.bias"] - whole["classifier.bias"], torch.tensor([0.25, -0.25]), atol=1e-6)
    frozen = tuned(freeze_embeddings=True)
    assert not torch.equal(frozen[HEAD], start[HEAD])
    assert [torch.equal(weights[WORDS], start[WORDS]) for weights in (whole, frozen)] == [False, True]
