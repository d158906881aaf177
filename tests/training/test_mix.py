from pathlib import Path
from random import Random

import pytest

from lightsleeper.bulk.records import Reading
from lightsleeper.bulk.records.table import Choices
from lightsleeper.errors import ConfigurationError, InvalidInput
from lightsleeper.training.augment import CHANGES, WRITERS, templates
from lightsleeper.training.mix import (
    Augmentation,
    Row,
    Source,
    epoch_rows,
    parse_augmentation,
    parse_source,
    read_rows,
)

LABELS = ("NEGATIVE", "POSITIVE")


def file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_a_score_column_is_the_probability_of_the_last_label(tmp_path: Path) -> None:
    source = Source(file(tmp_path, "a.csv", "text,score\ngood,0.75\nbad,0\n"))
    assert read_rows(source, LABELS) == [Row("good", (0.25, 0.75)), Row("bad", (1.0, 0.0))]


@pytest.mark.parametrize("score", ["1.5", "-0.1", "nan", "high", ""])
def test_a_score_that_is_no_probability_names_its_line(tmp_path: Path, score: str) -> None:
    source = Source(file(tmp_path, "a.csv", f"text,score\ngood,0.75\nbad,{score}\n"))
    with pytest.raises(InvalidInput, match=r"a\.csv, row 2 \(line 3\): the score is not a number from 0 to 1"):
        read_rows(source, LABELS)


PLAY = "text,score,sentiment\nGreat app,5,positive\nPoor app,1,negative\nSo so,nan,positive\n"


@pytest.mark.parametrize(
    "reading",
    [Reading(label_column="Sentiment"), Reading(label_map={"5": "POSITIVE", "1": "NEGATIVE"}, skip_other=True)],
)
def test_a_score_column_is_none_where_labels_are_named_or_mapped(tmp_path: Path, reading: Reading) -> None:
    rows = read_rows(Source(file(tmp_path, "play.csv", PLAY), reading=reading), LABELS)
    assert [row.target for row in rows[:2]] == [(0.0, 1.0), (1.0, 0.0)]


def test_the_score_column_may_be_named_itself(tmp_path: Path) -> None:
    content = file(tmp_path, "a.csv", "text,score,label\nSo so,0.75,1\nUnknown,none,0\n")
    reading = Reading(label_column="score", skip_other=True)
    assert read_rows(Source(content, reading=reading), LABELS) == [Row("So so", (0.25, 0.75))]


def test_how_sure_somebody_is_of_a_label_is_no_probability_of_the_last(tmp_path: Path) -> None:
    sure = "text,label,score\nGreat place,POSITIVE,0.99\nAwful rooms,NEGATIVE,0.98\n"
    rows = read_rows(Source(file(tmp_path, "pipeline.csv", sure)), LABELS)
    assert [row.target for row in rows] == [(0.0, 1.0), (1.0, 0.0)]


@pytest.mark.parametrize(
    "content",
    ["text,score\nBad,1\nAwful,1\n", "text,airline_sentiment,score\nBad,negative,0.9\nGood,positive,0.8\n"],
)
def test_where_a_score_may_be_something_else_it_is_asked(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInput, match=r"a\.csv: is the column score, .*, a probability\? .*--label-column score"):
        read_rows(Source(file(tmp_path, "a.csv", content)), LABELS)


def test_a_score_that_counts_stars_is_refused_with_what_to_say(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"row 1 .*from 0 to 1\. .*--label-column.*--map"):
        read_rows(Source(file(tmp_path, "a.csv", "text,score\nGreat,5\nBad,1\n")), LABELS)


def test_what_is_no_grade_can_be_left_out(tmp_path: Path) -> None:
    content = file(tmp_path, "a.csv", "text,label\nWorst of all,0\nSo so,unknown\nBest of all,4\n")
    rows = read_rows(Source(content, kind="graded", reading=Reading(skip_other=True)), LABELS)
    assert [row.target for row in rows] == [(1.0, 0.0), (0.0, 1.0)]


def test_grades_are_spread_evenly_between_the_two_labels(tmp_path: Path) -> None:
    source = Source(file(tmp_path, "a.tsv", "text\tlabel\nworst\t0\nso so\t2\nbest\t4\n"), kind="graded")
    assert [row.target for row in read_rows(source, LABELS)] == [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]


@pytest.mark.parametrize("content", ["text,label\nGreat,maybe\nBad,0\n", "id,text\n1,Great place\n2,Awful rooms\n"])
def test_labels_that_are_refused_are_refused_with_their_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInput, match=r"^b\.csv: "):
        read_rows(Source(file(tmp_path, "b.csv", content)), LABELS)


def test_a_grade_that_is_no_number_names_its_line(tmp_path: Path) -> None:
    source = Source(file(tmp_path, "a.tsv", "text\tlabel\nworst\t0\nso so\tmiddling\n"), kind="graded")
    with pytest.raises(InvalidInput, match=r"a\.tsv, row 2 \(line 3\)"):
        read_rows(source, LABELS)


def test_texts_without_a_label_aim_at_the_middle(tmp_path: Path) -> None:
    source = Source(file(tmp_path, "a.txt", "the sky is blue\n\nit rains\n"), kind="neutral")
    assert read_rows(source, LABELS) == [Row("the sky is blue", (0.5, 0.5)), Row("it rains", (0.5, 0.5))]


def test_texts_without_a_label_are_read_as_said(tmp_path: Path) -> None:
    content = file(tmp_path, "a.csv", "id;title;fact\n1;Rain falls from the grey sky;blue\n")
    reading = Reading(Choices(delimiter=";", text_column="fact"))
    assert [row.text for row in read_rows(Source(content, kind="neutral", reading=reading), LABELS)] == ["blue"]


def test_a_weight_is_how_often_a_row_is_read_per_epoch() -> None:
    rows = [Row(str(number), (1.0, 0.0)) for number in range(100)]
    drawn = epoch_rows([(Source(Path("a")), rows), (Source(Path("b"), 2.3), rows)], [], seed=0, epoch=0)
    assert len(drawn) == 330
    assert {drawn.count(row) for row in rows} == {3, 4}


def test_an_epoch_is_the_same_every_time_and_another_than_the_next() -> None:
    rows = [Row(f"row {number}", (1.0, 0.0)) for number in range(100)]
    sources, augmentations = [(Source(Path("a"), 0.5), rows)], [Augmentation("time", 0.2), Augmentation("typos", 0.5)]
    first = epoch_rows(sources, augmentations, seed=0, epoch=0)
    assert first == epoch_rows(sources, augmentations, seed=0, epoch=0)
    assert first != epoch_rows(sources, augmentations, seed=0, epoch=1)
    assert len(first) == 60


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_has_words_and_a_probability(name: str) -> None:
    draw = Random(0)
    for text, score in (WRITERS[name](draw) for _ in range(300)):
        assert text.strip()
        assert "{" not in text or name == "noise"
        assert 0 < score < 1


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_happens_and_keeps_most_of_the_text(name: str) -> None:
    text = "I was not happy when John flew from Paris to London with 300 people, and the film was over."
    changed = [CHANGES[name](text, Random(seed)) for seed in range(20)]
    assert any(other != text for other in changed)
    assert all("happ" in other or name == "typos" for other in changed)
    assert all(len(other) > 40 for other in changed)


def test_names_are_exchanged_for_names_of_their_kind_and_for_some_that_no_list_holds() -> None:
    known = set(templates().words["first"])
    (names,) = zip(*(CHANGES["swaps"]("Peter is here", Random(seed)).split()[:1] for seed in range(200)), strict=True)
    assert 0.5 < sum(name in known for name in names) / len(names) < 0.9
    assert all(name[0].isupper() for name in names)


def test_what_is_said_of_a_film_is_said_of_something_else() -> None:
    changed = {CHANGES["things"]("Two films, one MOVIE: a filmed play.", Random(seed)) for seed in range(20)}
    assert len(changed) > 10
    assert all("Two" in text and "film," not in text and "MOVIE" not in text and "filmed" in text for text in changed)


def test_a_text_without_anything_to_change_is_left_alone() -> None:
    assert CHANGES["things"]("A filmed play", Random(0)) == "A filmed play"
    for name in ("typos", "swaps"):
        assert CHANGES[name]("", Random(0)) == ""


def test_file_and_weight_are_told_apart_at_the_last_at_sign() -> None:
    assert parse_source("a.csv") == Source(Path("a.csv"))
    assert parse_source("a.csv@0.3", "graded") == Source(Path("a.csv"), 0.3, "graded")
    assert parse_source("me@home.csv") == Source(Path("me@home.csv"))
    assert parse_augmentation("negation@0.2") == Augmentation("negation", 0.2)


@pytest.mark.parametrize("weight", ["0", "-1", "inf", "nan"])
def test_a_weight_that_is_not_above_0_is_refused(weight: str) -> None:
    with pytest.raises(ConfigurationError, match="must be above 0"):
        parse_source(f"a.csv@{weight}")


def test_an_unknown_augmentation_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no augmentation 'negations': there are .*negation"):
        parse_augmentation("negations@0.1")
