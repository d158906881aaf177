"""From files to a bundle: what a run learns from, what it starts from, and what it refuses."""

import hashlib
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from tokenizers import Tokenizer

from checkpoints import write_checkpoint
from labelled_texts import write_labelled
from lightsleeper.bulk.records import Reading
from lightsleeper.bulk.records.table import Choices
from lightsleeper.cli.main import main
from lightsleeper.errors import BundleError, ConfigurationError, InvalidInput
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.model import load_model
from lightsleeper.training.distil import labelled_by
from lightsleeper.training.encoder import load_encoder, packaged_encoder
from lightsleeper.training.made_from import Run
from lightsleeper.training.mix import Augmentation, Source
from lightsleeper.training.recipe import Recipe
from lightsleeper.training.run import starting_point, train
from named_pipe import pipe_with

pytestmark = pytest.mark.torch

RECIPE = Recipe(epochs=8, peak_learning_rate=3e-3, tokens_per_batch=128)


def test_a_trained_bundle_knows_the_labels_of_texts_it_never_saw(encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    dev = write_labelled(tmp_path / "dev.jsonl", ("the waiter", "nobody", "a bag"))
    bundle = train(
        Run([Source(write_labelled(tmp_path / "train.jsonl"))], encoder=encoder, recipe=RECIPE),
        out,
        dev=[dev],
        keep_checkpoint=True,
    )
    manifest = bundle.manifest
    measured, held_out = manifest.accuracy.values()
    assert manifest.labels == ("angry", "pleased")
    assert measured["accuracy"] >= 0.9  # of 36; chance is 0.5
    assert held_out["rows"] == manifest.made_by["verdict"]["rows"]
    assert list(manifest.made_by["data"]) == [f"{tmp_path.name}/train.jsonl"]
    assert manifest.made_by["recipe"]["peak_learning_rate"] == 3e-3
    model = load_model(out)
    for text, label in (("the waiter broke nobody", 0), ("nobody enjoy a bag", 1)):
        (logits,) = model.run(model.tokenizer.encode([text]))
        assert logits.index(max(logits)) == label
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "dev.jsonl", "train.jsonl"]


def test_three_labels_have_nothing_to_lean_to(encoder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "".join(f"a {name} text,{name}\n" for name in "abc" for _ in range(30)))
    with pytest.raises(ConfigurationError, match="there are 3"):
        train(Run([Source(rows)], encoder=encoder, recipe=Recipe(lean=0.2)), tmp_path / "out")


def test_an_unfinished_run_is_not_continued_with_other_data(encoder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "run.json").write_text(json.dumps({"data": {"elsewhere.csv": "0"}}))
    (work / "checkpoint.pt").touch()
    with pytest.raises(BundleError, match="unfinished run on other data"):
        train(Run([Source(write_labelled(tmp_path / "train.jsonl"))], encoder=encoder), tmp_path / "bundle", work=work)


def test_one_label_alone_cannot_be_trained_on(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\none,yes\ntwo,yes\n")
    with pytest.raises(InvalidInput, match=r"train\.csv: only the label \['yes'\] occurs"):
        train(Run([Source(tmp_path / "train.csv")], encoder=encoder), tmp_path / "bundle")


def test_a_wrong_label_is_named_before_anything_is_trained(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\none,yes\ntwo,no\nthree,maybe\n")
    with pytest.raises(InvalidInput, match="'maybe'"):
        train(Run([Source(tmp_path / "train.csv")], labels=["no", "yes"], encoder=encoder), tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


def test_a_bert_encoder_becomes_a_distilbert_one_exactly(encoder: Path) -> None:
    from transformers import BertModel  # noqa: PLC0415  # transformers looks its classes up slowly

    bert = BertModel.from_pretrained(encoder, attn_implementation="eager").eval()
    distilbert = load_encoder(encoder, ["angry", "pleased"]).eval()
    ids = torch.arange(5, 105).reshape(4, 25)
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    with torch.no_grad():
        expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state[mask == 1]
        found = distilbert.distilbert(input_ids=ids, attention_mask=mask).last_hidden_state[mask == 1]
    assert torch.allclose(found, expected, atol=1e-5)


def test_training_may_start_from_an_earlier_checkpoint_with_its_head(tmp_path: Path) -> None:
    folder = write_checkpoint("distilbert", tmp_path / "earlier", id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1})
    same, other = load_encoder(folder, ["a", "b"]), load_encoder(folder, ["c", "d"])
    again = load_encoder(folder, ["a", "b"])
    assert torch.equal(same.classifier.weight, again.classifier.weight)
    assert not torch.equal(same.classifier.weight, other.classifier.weight)
    assert torch.equal(
        same.distilbert.embeddings.word_embeddings.weight, other.distilbert.embeddings.word_embeddings.weight
    )


def test_training_may_go_on_from_a_bundle_without_float_weights() -> None:
    embedded = load_model(EMBEDDED)
    found = load_encoder(EMBEDDED, ["NEGATIVE", "POSITIVE"]).eval()
    for text in embedded.tokenizer.encode(["What a film!", "I would not see it again, and nor should you."]):
        with torch.no_grad():
            logits = found(input_ids=torch.tensor([list(text.ids)])).logits[0]
        # int8 activations are all that differs.
        assert torch.allclose(logits, torch.tensor(embedded.run([text])[0]), atol=0.15)
    fresh = load_encoder(EMBEDDED, ["a", "b", "c"])
    assert fresh.classifier.weight.shape == (3, 384)
    same = "distilbert.transformer.layer.5.ffn.lin2.weight"
    assert torch.equal(fresh.state_dict()[same], found.state_dict()[same])


def test_emoji_have_tokens_in_unused_places_and_keep_what_they_have_learned() -> None:
    model, tokenizer = starting_point(EMBEDDED, ["NEGATIVE", "POSITIVE"], seed=0, emoji=True)
    words = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == words.get_vocab_size()
    assert tokenizer.encode("\U0001f621\U0001f621\U0001f621").tokens[1:-1] == ["\U0001f621"] * 3
    assert tokenizer.encode("\U0001f44d\U0001f3fd").tokens == tokenizer.encode("\U0001f44d").tokens
    plain = "What a film, un-believable: 10/10!"
    assert tokenizer.encode(plain).ids == words.encode(plain).ids
    table = model.distilbert.embeddings.word_embeddings.weight
    learned = load_encoder(EMBEDDED, ["NEGATIVE", "POSITIVE"]).distilbert.embeddings.word_embeddings.weight
    angry = tokenizer.token_to_id("\U0001f621")
    assert torch.equal(table[angry], learned[angry])


def test_written_rows_and_soft_labels_are_part_of_what_made_the_bundle(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "graded.tsv").write_text("text\tlabel\n" + "it is a film\t1\nno\t0\nyes\t2\n" * 40)
    bundle = train(
        Run(
            [Source(tmp_path / "graded.tsv", 0.5, "graded")],
            augmentations=[Augmentation("negation", 0.5), Augmentation("typos", 0.1)],
            labels=["no", "yes"],
            encoder=encoder,
            recipe=Recipe(steps=2),
        ),
        tmp_path / "bundle",
        max_loss_points=100,
    )
    made_by = bundle.manifest.made_by
    assert made_by["augment"] == {"negation": 0.5, "typos": 0.1}
    (graded,) = made_by["data"].values()
    assert (graded["kind"], graded["weight"]) == ("graded", 0.5)


def test_a_teacher_labels_what_nobody_has_and_goes_on_where_it_was(tmp_path: Path) -> None:
    file, cache = tmp_path / "texts.txt", tmp_path / "said.jsonl"
    file.write_text("A wonderful film.\n\nA terrible film.\n")
    labels = ["NEGATIVE", "POSITIVE"]
    good, bad = labelled_by(EMBEDDED, file, labels, cache)
    assert good.target[1] > 0.9
    assert bad.target[1] < 0.1
    first = cache.read_text().splitlines()[0]
    cache.write_text("[0.25, 0.75]\n")
    assert [row.target for row in labelled_by(EMBEDDED, file, labels, cache)] == [(0.25, 0.75), bad.target]
    assert json.loads(first)[1] == good.target[1]


def test_what_is_said_of_files_counts_for_what_a_teacher_reads(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("a longer title than the text;said\nA terrible film it was;wonderful\n")
    reading = Reading(Choices(delimiter=";", text_column="said"))
    (good,) = labelled_by(EMBEDDED, file, ["NEGATIVE", "POSITIVE"], tmp_path / "said.jsonl", reading)
    assert (good.text, good.target[1] > 0.9) == ("wonderful", True)


@pytest.mark.parametrize("option", ["--graded", "--neutral", "--unlabelled"])
def test_what_is_said_of_files_counts_for_every_one_that_the_command_names(tmp_path: Path, option: str) -> None:
    (tmp_path / "labelled.csv").write_text("said,label\nGreat,POSITIVE\nPoor,NEGATIVE\n")
    (tmp_path / "other.csv").write_text("id,title,label\n1,The sky is blue,1\n")
    command = ["train", str(tmp_path / "labelled.csv"), "--text-column", "said", "--out", str(tmp_path / "bundle")]
    with pytest.raises(SystemExit) as ended:
        main([*command, option, str(tmp_path / "other.csv"), "--teacher", str(EMBEDDED)])
    assert "other.csv" in str(ended.value.code)
    assert "no column 'said' among id, title, label" in str(ended.value.code)


def test_pipes_by_name_are_read_as_often_as_a_run_needs(tmp_path: Path) -> None:
    rows = b"text,label\n" + b"Great film,POSITIVE\nPoor film,NEGATIVE\n" * 9
    with pipe_with(rows, tmp_path / "rows.csv") as labelled, pipe_with(b"The sky\n", tmp_path / "texts") as texts:
        with pytest.raises(SystemExit) as ended:
            main(["train", str(labelled), "--unlabelled", str(texts), "--out", str(tmp_path / "bundle")])
        assert ended.value.code == "lightsleeper: unlabelled files need a --teacher to label them"
    made_from = json.loads((tmp_path / "bundle.training" / "run.json").read_text())["data"]
    assert set(made_from) == {f"{tmp_path.name}/rows.csv", f"{tmp_path.name}/texts"}
    assert made_from[f"{tmp_path.name}/rows.csv"]["sha256"] == hashlib.sha256(rows).hexdigest()


def test_a_teacher_of_other_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("A wonderful film.\n")
    with pytest.raises(BundleError, match="knows the labels"):
        labelled_by(EMBEDDED, tmp_path / "texts.txt", ["no", "yes"], tmp_path / "said.jsonl")
    assert not (tmp_path / "said.jsonl").exists(), "a run that has begun belongs to its teacher"


def test_texts_without_labels_need_a_teacher(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("A wonderful film.\n")
    sources = [Source(write_labelled(tmp_path / "train.jsonl")), Source(tmp_path / "texts.txt", kind="unlabelled")]
    with pytest.raises(ConfigurationError, match="teacher"):
        train(Run(sources, encoder=encoder), tmp_path / "bundle")


def test_emoji_that_an_encoder_does_not_know_start_from_what_they_mean() -> None:
    model, tokenizer = starting_point(packaged_encoder(), ["NEGATIVE", "POSITIVE"], seed=0, emoji=True)
    tokenizer.no_padding()
    table = model.distilbert.embeddings.word_embeddings.weight
    meaning = tokenizer.encode("angry furious", add_special_tokens=False).ids
    assert torch.allclose(table[tokenizer.token_to_id("\U0001f621")], table[meaning].mean(dim=0), atol=1e-6)


def test_the_command_says_how_it_reads_each_file_before_it_learns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, facts = tmp_path / "rows.csv", tmp_path / "facts.txt"
    rows.write_text("text;rating;Sentiment\nGreat fit;5;positive\nFine by me;4;positive\n")
    facts.write_text("The sky is blue\n")
    with pytest.raises(SystemExit) as end:
        main(["train", str(rows), "--neutral", str(facts), "--out", str(tmp_path / "bundle")])
    assert "rows.csv: only the label ['positive'] occurs" in str(end.value)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("rows.csv: csv · semicolons between cells · utf-8 · 3 columns · texts in 'text'")
    assert said[1:] == ["rows.csv: labels in 'Sentiment', not in 'rating'", "facts.txt: txt · utf-8"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--epochs", "0"], "--epochs must be 1 or more, not 0"),
        (["--steps", "-5"], "--steps must be 1 or more"),
        (["--learning-rate", "nan"], "--learning-rate must be 1e-12 to 1, not nan"),
        (["--decay", "2"], "--decay must be 0 to 1"),
        (["--batch-tokens", "0"], "--batch-tokens must be 1 or more"),
        (["--word-dropout", "-0.1"], "--word-dropout must be 0 to 1"),
        (["--lean", "inf"], "--lean must be -100 to 100"),
        (["--held-out", "1"], "--held-out must be 0 or more and less than 1"),
        (["--held-out", "nan"], "--held-out must be 0 or more and less than 1"),
        (["--labels", "pos,pos"], "--labels must be names of two labels or more"),
        (["--labels", "pos"], "--labels must be names of two labels or more"),
        (["--labels", ""], "--labels must be names of two labels or more"),
    ],
    ids=" ".join,
)
def test_what_no_run_can_have_is_said_before_one_begins(options: list[str], said: str, tmp_path: Path) -> None:
    write_labelled(tmp_path / "rows.jsonl")
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "bundle"), *options])
    assert str(ended.value.code).startswith(f"lightsleeper: {said}")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_run_removes_no_folder_that_is_somebody_else_s(encoder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    run = Run([Source(write_labelled(tmp_path / "rows.jsonl"))], encoder=encoder, recipe=RECIPE)
    with pytest.raises(BundleError, match="mine is not empty, and a run removes its folder in the end"):
        train(run, tmp_path / "bundle", work=mine)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    for work in (tmp_path / "bundle", tmp_path / "bundle" / "work"):
        with pytest.raises(BundleError, match="lies where the bundle goes"):
            train(run, tmp_path / "bundle", work=work)


def test_a_run_that_ended_before_it_learned_anything_holds_up_no_other(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("A wonderful film.\n")
    labelled = Source(write_labelled(tmp_path / "rows.jsonl"))
    with pytest.raises(ConfigurationError, match="teacher"):
        train(Run([labelled, Source(tmp_path / "texts.txt", kind="unlabelled")], encoder=encoder), tmp_path / "bundle")
    assert (tmp_path / "bundle.training").exists()
    train(Run([labelled], encoder=encoder, recipe=RECIPE), tmp_path / "bundle")


def test_one_label_alone_is_nothing_to_judge_by(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"so good {n},pos\n" for n in range(20)))
    run = Run([Source(tmp_path / "rows.csv")], labels=["neg", "pos"], encoder=encoder, recipe=Recipe(steps=2))
    with pytest.raises(InvalidInput, match="of the labels only 'pos' occurs"):
        train(run, tmp_path / "bundle")
