"""A teacher: any encoder of the families, trained as the small one is, and what its layers tell of every token."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from checkpoints import byte_pairs, word_pieces, write_checkpoint
from families import write_untrained
from labelled_texts import write_labelled
from lightsleeper.errors import BundleError, ConfigurationError
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.training.batches import Example
from lightsleeper.training.encoder import load_encoder
from lightsleeper.training.hints import Hints, same_tokens
from lightsleeper.training.made_from import Run
from lightsleeper.training.mix import Source
from lightsleeper.training.recipe import Recipe
from lightsleeper.training.run import train
from lightsleeper.training.train import fine_tune

pytestmark = pytest.mark.torch

LABELS = ["angry", "pleased"]
IDS, MASK = torch.tensor([[2, 7, 9, 3], [2, 11, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])


def states(model: PreTrainedModel, ids: torch.Tensor = IDS) -> tuple[torch.Tensor, ...]:
    found: tuple[torch.Tensor, ...] = model(input_ids=ids, attention_mask=MASK, output_hidden_states=True).hidden_states
    return found


@pytest.fixture
def pair(tmp_path: Path) -> Sequence[PreTrainedModel]:
    """The same small classifier twice, in inference mode."""
    folder = write_checkpoint("distilbert", tmp_path / "small", id2label=dict(enumerate(LABELS)))
    return [load_encoder(folder, LABELS).eval() for _ in range(2)]


def test_states_like_the_teacher_s_cost_nothing_and_padding_counts_for_nothing(pair: Sequence[PreTrainedModel]) -> None:
    student, teacher = pair
    hints = Hints(student, teacher, torch.arange(student.config.vocab_size))
    with torch.no_grad():
        for layer in hints.maps:
            layer.weight.copy_(torch.eye(32))
            layer.bias.zero_()
        same = hints(IDS, MASK, states(student))
        elsewhere = IDS.clone()
        elsewhere[1, 3] = 9  # padding
        assert same.item() == pytest.approx(0, abs=1e-5)
        assert hints(elsewhere, MASK, states(student)).item() == pytest.approx(0, abs=1e-5)
        # Two layers, the opposite of each.
        assert hints(IDS, MASK, tuple(-state for state in states(student))).item() == pytest.approx(4, abs=1e-4)


def test_a_student_learns_to_point_where_the_teacher_does_and_the_teacher_stays(
    pair: Sequence[PreTrainedModel], tmp_path: Path
) -> None:
    student, teacher = pair
    torch.manual_seed(1)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    hints = Hints(student, teacher, torch.arange(student.config.vocab_size))
    with torch.no_grad():
        at_first = hints(IDS, MASK, states(student)).item()
    examples = [Example(ids, (0.5, 0.5)) for ids in (IDS[0].tolist(), [2, 11, 3])] * 8
    recipe = Recipe(steps=40, peak_learning_rate=3e-3, tokens_per_batch=256, averaged_steps=2, hint_weight=1)
    tuned = fine_tune(student, lambda _: examples, recipe, tmp_path, mask_token_id=4, hints=hints)
    with torch.no_grad():
        assert hints(IDS, MASK, states(tuned)).item() < 0.5 * at_first
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())


def test_tokens_are_matched_by_what_they_are_called_and_ends_by_what_they_do(tmp_path: Path) -> None:
    small = word_pieces()
    teacher = Tokenizer.from_file(str(write_untrained("mpnet", tmp_path / "large") / "tokenizer.json"))
    own, other = small.get_vocab(), teacher.get_vocab()
    lacking = [token for token in own if token not in other and not token.startswith("[")]
    teacher.add_tokens(lacking)  # as if both had been trained on the same texts
    other = teacher.get_vocab()
    table = same_tokens(small, teacher, (0, other["<pad>"])).tolist()
    assert table[own["the"]] == other["the"]
    ends = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>", "[MASK]": "<mask>"}
    assert {token: table[own[token]] for token in ends} == {token: other[aim] for token, aim in ends.items()}


def test_a_teacher_that_splits_texts_otherwise_gives_no_hints() -> None:
    with pytest.raises(BundleError, match=r"hints need a teacher of the encoder's vocabulary: it knows [\d,]+ of"):
        same_tokens(word_pieces(), byte_pairs(), (0, 1))


def test_a_teacher_that_hides_no_tokens_gives_hints_all_the_same() -> None:
    small, teacher = word_pieces(), json.loads(word_pieces().to_str())
    teacher["model"]["vocab"]["[HIDDEN]"] = teacher["model"]["vocab"].pop("[MASK]")
    table = same_tokens(small, Tokenizer.from_str(json.dumps(teacher)), (0, 0))
    assert table[small.token_to_id("[MASK]")] == small.token_to_id("[UNK]")


def test_a_bundle_that_kept_no_checkpoint_gives_no_hints(encoder: Path, tmp_path: Path) -> None:
    (rows := tmp_path / "rows.csv").write_text("text,label\n" + "good,POSITIVE\nbad,NEGATIVE\n" * 30)
    run = Run([Source(rows)], encoder=encoder, teacher=EMBEDDED, recipe=Recipe(steps=1, hint_weight=1))
    with pytest.raises(BundleError, match="no checkpoint/ to give hints: make it with --keep-checkpoint"):
        train(run, tmp_path / "bundle")


def test_hints_need_somebody_to_give_them(encoder: Path, tmp_path: Path) -> None:
    rows = write_labelled(tmp_path / "train.jsonl")
    with pytest.raises(ConfigurationError, match="--hints needs a --teacher"):
        train(Run([Source(rows)], encoder=encoder, recipe=Recipe(steps=1, hint_weight=1)), tmp_path / "bundle")


def test_a_larger_encoder_is_trained_and_teaches_a_smaller_one(encoder: Path, tmp_path: Path) -> None:
    rows, large = write_labelled(tmp_path / "train.jsonl"), write_untrained("mpnet", tmp_path / "large")
    (tmp_path / "texts.txt").write_text("they love the soup\nthey hate the soup\n")
    quick = Recipe(epochs=4, peak_learning_rate=3e-3, tokens_per_batch=128)
    other = train(Run([Source(rows)], encoder=large, recipe=quick), tmp_path / "other")
    assert other.manifest.architecture == "mpnet"
    assert other.manifest.accuracy["other.training/held-out.jsonl"]["accuracy"] > 0.9

    teacher = train(Run([Source(rows)], encoder=encoder, recipe=quick), tmp_path / "teacher", keep_checkpoint=True)
    sources = [Source(rows), Source(tmp_path / "texts.txt", kind="unlabelled")]
    recipe = replace(quick, epochs=8, hint_weight=0.05)
    run = Run(sources, encoder=encoder, teacher=teacher.folder, recipe=recipe)
    made_by = train(run, tmp_path / "taught").manifest.made_by
    assert made_by["recipe"]["hint_weight"] == 0.05
    assert made_by["teacher"]["digest"] == teacher.digest


def test_sharpness_moves_every_score_away_from_the_middle_and_none_across_it(encoder: Path, tmp_path: Path) -> None:
    def logits(sharpness: float) -> torch.Tensor:
        torch.manual_seed(0)
        model = load_encoder(encoder, LABELS)
        recipe = Recipe(steps=2, tokens_per_batch=128, sharpness=sharpness)
        examples = [Example([2, 7, 9, 3], (0.1, 0.9)), Example([2, 11, 3], (0.8, 0.2))] * 4
        tuned = fine_tune(model, lambda _: examples, recipe, tmp_path / str(sharpness), mask_token_id=4)
        with torch.no_grad():
            found: torch.Tensor = tuned(input_ids=IDS, attention_mask=MASK).logits
        return found

    (tmp_path / "1.0").mkdir()
    (tmp_path / "2.5").mkdir()
    assert torch.allclose(logits(2.5), 2.5 * logits(1.0), atol=1e-5)
