"""What the outputs of a checkpoint mean, from what it says itself to its bundle."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from families import write_trained
from family_texts import texts_of
from lightsleeper.bulk.library import load
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.head import MANY_LABELS, ONE_LABEL, REGRESSION, SCORE
from lightsleeper.training.checkpoint import find_checkpoint
from lightsleeper.training.prepare import prepare
from lightsleeper.training.task import doubt, task_of
from lightsleeper.training.verify import scores_of

pytestmark = pytest.mark.torch


def config(outputs: int, problem_type: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(num_labels=outputs, problem_type=problem_type)


@pytest.mark.parametrize(
    ("outputs", "said", "asked", "task"),
    [
        (3, None, None, ONE_LABEL),
        (3, "single_label_classification", None, ONE_LABEL),
        (3, "multi_label_classification", None, MANY_LABELS),
        (3, None, "multi-label", MANY_LABELS),
        (3, None, "multi_label_classification", MANY_LABELS),
        (1, None, None, SCORE),
        (1, "multi_label_classification", None, SCORE),
        (1, "regression", None, REGRESSION),
        (1, None, "regression", REGRESSION),
        (1, "regression", "regression", REGRESSION),
    ],
)
def test_the_task_is_what_the_checkpoint_says_else_what_is_asked(
    outputs: int, said: str | None, asked: str | None, task: str
) -> None:
    assert task_of(config(outputs, said), asked) == task


@pytest.mark.parametrize(
    ("outputs", "said", "asked", "reason"),
    [
        (3, "regression", None, "3 outputs, but the task is regression; expected one output"),
        (
            1,
            "single_label_classification",
            None,
            "1 outputs, but the task is text-classification; expected two or",
        ),
        (3, "multi_label_classification", "single-label", "problem_type is 'multi_label_classification', which is not"),
        (3, "ranking", None, "problem_type is 'ranking'; expected one of"),
        (3, None, "ranking", "--task is 'ranking'; expected one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(outputs: int, said: str | None, asked: str | None, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as refusal:
        task_of(config(outputs, said), asked)
    assert "\n" not in refusal.value.message


def test_a_head_that_says_no_to_most_texts_was_probably_meant_to() -> None:
    independent = np.array([[-3.0, -4.0, -2.0], [5.0, 3.0, -1.0], [-2.0, -2.0, -5.0]])
    remark = doubt(config(3), None, independent)
    assert remark is not None
    assert "--task multi-label" in remark
    assert doubt(config(3), "multi-label", independent) is None
    assert doubt(config(3, "single_label_classification"), None, independent) is None
    assert doubt(config(3), None, np.array([[1.0, -1.0, 0.0], [-2.0, 2.5, -0.5]])) is None


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose labels are independent, trained, that does not say so."""
    folder = tmp_path_factory.mktemp("many") / "source"
    return write_trained("distilbert", folder, task="multi_label_classification")


def test_independent_labels_keep_their_meaning_in_int8_and_are_measured(many: Path, tmp_path: Path) -> None:
    rows = list(texts_of(60, seed=5, signals=0))
    names = ("bad", "so-so", "good")
    lines = [",".join([text, "|".join(names[label] for label in labels)]) for text, labels in rows]
    (tmp_path / "mine.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    said: list[str] = []
    bundle = prepare(str(many), tmp_path / "bundle", data=[tmp_path / "mine.csv"], say=said.append)
    (measured,) = bundle.manifest.accuracy.values()
    assert bundle.manifest.task == MANY_LABELS
    assert measured["accuracy"] > 0.9
    assert [line.split()[0] for line in said][:3] == ["read", "open", "export"]
    model = load(bundle.folder)
    found = model.predict([text for text, _ in rows])
    expected = [{names[label] for label in labels} for _, labels in rows]
    assert np.mean([set(each.labels) == labels for each, labels in zip(found, expected, strict=True) if each]) > 0.9
    assert sum(len(each.labels) for each in load(bundle.folder, top_k=1).predict(["awful thanks"]) if each) <= 1
    assert next(each.labels for each in load(bundle.folder, threshold=0).predict(["fine"]) if each)


def test_a_regression_keeps_its_numbers_and_knows_their_range(tmp_path: Path) -> None:
    source = write_trained("distilbert", tmp_path / "source", task="regression")
    rows = list(texts_of(40, seed=6))
    (tmp_path / "mine.csv").write_text("text,label\n" + "".join(f"{text},{1 + 2 * on[0]}\n" for text, on in rows))
    bundle = prepare(str(source), tmp_path / "bundle", data=[tmp_path / "mine.csv"])
    least, largest = bundle.manifest.score_range
    assert bundle.manifest.task == REGRESSION
    assert least < largest
    found = load(bundle.folder).predict([text for text, _ in rows])
    errors = [abs(each.score - (1 + 2 * labels[0])) for each, (_, labels) in zip(found, rows, strict=True) if each]
    assert np.mean(errors) < 0.5
    assert all(each.label is None and each.cell is None for each in found if each)
    (measured,) = bundle.manifest.accuracy.values()
    assert measured["mae"] == pytest.approx(np.mean(errors), abs=1e-4)
    assert min(measured[name] for name in ("pearson", "pearson_fp32", "spearman")) > 0.9
    (tmp_path / "mine.csv").write_text("text,label\nfine,good\n")
    with pytest.raises(InvalidInput, match=r"mine\.csv, row 1 .*'good' stands in label; expected a number"):
        prepare(str(source), tmp_path / "other", data=[tmp_path / "mine.csv"])
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("roberta", "multi_label_classification"),
        ("modernbert", "multi_label_classification"),
        ("deberta-v3", "regression"),
    ],
)
def test_heads_mean_the_same_on_other_families(tmp_path: Path, kind: str, task: str) -> None:
    source = write_trained(kind, tmp_path / "source", task=task)
    bundle = prepare(str(source), tmp_path / "bundle")
    assert bundle.manifest.task == task_of(find_checkpoint(str(source)).config())
    rows = list(texts_of(40, seed=8, signals=0 if task != "regression" else 1))
    texts, model = [text for text, _ in rows], load(bundle.folder)
    with find_checkpoint(str(source)).opened() as reference:
        exact = scores_of(reference, texts, workers=1)
    spread = np.ptp(exact) if task == "regression" else 1.0
    assert np.abs(model.scores(texts) - exact).mean() / spread < 0.03
    if task == "regression":
        assert np.corrcoef(exact[:, 0], [labels[0] for _, labels in rows])[0, 1] > 0.9
        return
    names = ("bad", "so-so", "good")
    found = [set(each.labels) for each in model.predict(texts) if each]
    expected = [{names[at] for at in np.flatnonzero(row >= 0.5)} for row in exact]
    assert np.mean([one == other for one, other in zip(found, expected, strict=True)]) > 0.9
    assert len(set(map(frozenset, expected))) > 2, "more than one label, and none, have to occur"
