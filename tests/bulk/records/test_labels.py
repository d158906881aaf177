"""What people call their labels."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lightsleeper.bulk.records import Reading, label_names, labelled, read_file
from lightsleeper.bulk.records.label_meanings import parse_map
from lightsleeper.bulk.records.label_sets import labelled_sets
from lightsleeper.bulk.records.table import Choices
from lightsleeper.errors import InvalidInput

LABELS = ("NEGATIVE", "POSITIVE")
STARS = "text,stars\nAwful,1\nPoor,2.0\nFine,3\nGood,4\nGreat,5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labelled.csv"


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        *(("NEGATIVE", "POSITIVE"), ("negative", "Positive"), ("0", "1"), ("0.0", "1.0"), ("-1", "1"), ("-1", "+1")),
        *(("False", "True"), ("neg", "pos"), (" negative ", "POSITIVE"), ("no", "yes")),
        *(("negativ", "Positiv"), ("negativo", "positivo"), ("Négatif", "positif"), ("👎🏽", "👍")),
        *(("LABEL_0", "LABEL_1"), ("\N{MINUS SIGN}1", "1")),
    ],
)
def test_what_everybody_writes_is_understood(file: Path, negative: str, positive: str) -> None:
    file.write_text(f"text,label\nAwful,{negative}\nGreat,{positive}\n")
    assert list(labelled(read_file(file), LABELS)) == [("Awful", 0), ("Great", 1)]


def test_one_star_is_not_the_label_one(file: Path) -> None:
    file.write_text(STARS)
    with pytest.raises(InvalidInput, match=r"'1' \(1\).*--map '4,5=POSITIVE;1,2=NEGATIVE'.*--skip-other"):
        list(labelled(read_file(file), LABELS))


def test_a_map_says_what_stars_mean_and_the_rest_is_left_out_when_asked_for(file: Path) -> None:
    file.write_text(STARS)
    stars = parse_map("4,5=positive; 1, 2 = NEGATIVE")
    with pytest.raises(InvalidInput, match=r"column stars: '3' \(1\) are none of NEGATIVE, POSITIVE"):
        list(labelled(read_file(file), LABELS, label_map=stars))
    counts: Counter[tuple[str, str | None]] = Counter()
    rows = list(labelled(read_file(file), LABELS, label_map=stars, skip_other=True, counts=counts))
    assert rows == [("Awful", 0), ("Poor", 0), ("Good", 1), ("Great", 1)]
    assert counts["3", None] == 1
    assert counts["2.0", "NEGATIVE"] == 1


@pytest.mark.parametrize(
    ("values", "example"),
    [
        ("P N", "A=POSITIVE;B=NEGATIVE"),
        ("0 4", "4=POSITIVE;0=NEGATIVE"),
        ("0 2 4", "4=POSITIVE;0=NEGATIVE"),
        ("1 2", "2=POSITIVE;1=NEGATIVE"),
        ("-1 0 1", "1=POSITIVE;-1=NEGATIVE"),
        ("1 3 5", "4,5=POSITIVE;1,2=NEGATIVE"),
        ("★★★★★ ★☆☆☆☆", "4,5=POSITIVE;1,2=NEGATIVE"),
        ("5/5 1/5", "4,5=POSITIVE;1,2=NEGATIVE"),
        ("LABEL_2 LABEL_1", "A=POSITIVE;B=NEGATIVE"),
    ],
)
def test_the_map_that_is_offered_names_both_sides_and_turns_none_around(file: Path, values: str, example: str) -> None:
    file.write_text("text,label\n" + "".join(f"Some words,{value}\n" for value in values.split()))
    for labels in (LABELS, LABELS[::-1]):
        with pytest.raises(InvalidInput, match=re.escape(f"--map '{example}'")):
            list(labelled(read_file(file), labels))


@pytest.mark.parametrize(
    ("worst", "best"), [("1 out of 5", "5 out of 5"), ("★", "★★★★★"), ("⭐️☆☆☆☆", "⭐️⭐️⭐️⭐️"), ("1 star", "4/5")]
)
def test_stars_are_mapped_by_their_number_however_they_are_written(file: Path, worst: str, best: str) -> None:
    file.write_text(f"text,label\nAwful,{worst}\nGreat,{best}\n")
    stars = parse_map("4,5=POSITIVE;1,2=NEGATIVE")
    assert list(labelled(read_file(file), LABELS, label_map=stars)) == [("Awful", 0), ("Great", 1)]


@pytest.mark.parametrize("column", ["rating", "stars", "Star Rating", "score"])
def test_a_file_of_the_worst_stars_is_not_one_of_praise(file: Path, column: str) -> None:
    file.write_text(f"text,{column}\nAwful,1\nTerrible,1\n")
    with pytest.raises(InvalidInput, match=r"'1' \(2\) are none of NEGATIVE, POSITIVE"):
        list(labelled(read_file(file), LABELS))


def test_a_third_label_is_refused_or_left_out(file: Path) -> None:
    file.write_text("text,sentiment\nAwful,negative\nFine,neutral\nGreat,positive\n")
    with pytest.raises(InvalidInput, match=r"'neutral' \(1\)"):
        list(labelled(read_file(file), LABELS))
    assert list(labelled(read_file(file), LABELS, skip_other=True)) == [("Awful", 0), ("Great", 1)]


def test_two_among_the_numbers_makes_none_of_them_an_index(file: Path) -> None:
    file.write_text("text,label\nAwful,0\nFine,1\nGreat,2\n")
    with pytest.raises(InvalidInput, match="are none of"):
        list(labelled(read_file(file), LABELS))


def test_rows_without_a_label_or_a_text_are_left_out_and_counted(file: Path) -> None:
    file.write_text('text,label\nAwful,0\nFine,\n,1\nNULL,1\n"Great",1\n"bad, row",1,x\n')
    counts: Counter[tuple[str, str | None]] = Counter()
    records = read_file(file)
    assert list(labelled(records, LABELS, counts=counts)) == [("Awful", 0), ("Great", 1)]
    assert counts["", None] == 1
    assert records.left_out == {"blank": 1, "placeholder": 1, "unreadable": 1}


def test_a_name_goes_before_an_index(file: Path) -> None:
    file.write_text("text,label\nAwful,1\nGreat,2\n")
    assert list(labelled(read_file(file), ("1", "2"))) == [("Awful", 0), ("Great", 1)]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("text,airline_sentiment,airline_sentiment_confidence", "Awful news,negative,0.7\nGreat news,positive,0.9"),
        ("Review Text,Helpful,Polarity of it", "Awful news,1,-1\nGreat news,0,1"),
        ("id,category,text,label", "1,shoes,Awful news,0\n2,hats,Great news,1"),
    ],
)
def test_the_label_column_is_found_by_its_name(file: Path, header: str, rows: str) -> None:
    file.write_text(f"{header}\n{rows}\n")
    assert list(labelled(read_file(file), LABELS)) == [("Awful news", 0), ("Great news", 1)]


def test_without_a_telling_name_it_is_found_by_what_it_holds(file: Path) -> None:
    file.write_text("Great fit and cheap,1\nToo small for me,0\nNot for me,0\n")
    assert [label for _, label in labelled(read_file(file), LABELS)] == [1, 0, 0]


def test_no_label_column_is_refused_with_the_columns(file: Path) -> None:
    file.write_text("id,text\n1,Great\n")
    with pytest.raises(InvalidInput, match=r"which column holds the labels\? id, text: name it with --label-column"):
        list(labelled(read_file(file), LABELS))


def test_a_named_label_column_is_found_in_any_case(file: Path) -> None:
    file.write_text("text,Verdict,label\nAwful,0,x\nGreat,1,y\n")
    assert [label for _, label in labelled(read_file(file), LABELS, label_column="verdict")] == [0, 1]
    with pytest.raises(InvalidInput, match="no column 'mood' among text, Verdict, label"):
        list(labelled(read_file(file), LABELS, label_column="mood"))


@pytest.mark.parametrize("argument", ["POSITIVE", "1=", "=POSITIVE", "1=POSITIVE;2"])
def test_a_map_that_says_nothing_is_refused(argument: str) -> None:
    with pytest.raises(InvalidInput, match="is not like 4,5=POSITIVE"):
        parse_map(argument)


def test_a_map_to_a_label_that_the_model_lacks_is_refused(file: Path) -> None:
    file.write_text(STARS)
    with pytest.raises(InvalidInput, match="'MIXED' is none of NEGATIVE, POSITIVE"):
        list(labelled(read_file(file), LABELS, label_map=parse_map("3=MIXED"), skip_other=True))


def test_names_are_sorted_and_different_spellings_are_one(file: Path) -> None:
    file.write_text("text,label\na word,spam\nb word,Ham\nc word,Spam\nd word,Spam\ne word,\n")
    assert label_names(read_file(file)) == ["Ham", "Spam"]


def test_numbers_are_sorted_by_value(file: Path) -> None:
    file.write_text("text,label\n" + "".join(f"some words,{number}\n" for number in (10, 9, 2)))
    assert label_names(read_file(file)) == ["2", "9", "10"]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("très bien", "très bien"),
        ("tre\u0300s bien", "très bien"),
        ("  très bien  ", "très bien"),
        ('"""so called"""', '"so called"'),
        ("none", "None"),
        ("1", "1.0"),
        ("1.0", "1.0"),
        ("5 Stars", "5 stars"),
    ],
)
def test_names_are_matched_however_they_are_written(file: Path, written: str, label: str) -> None:
    file.write_text(f"text,label\nGreat,{written}\n")
    assert list(labelled(read_file(file), ("other", label))) == [("Great", 1)]


def test_any_number_of_labels_may_stand_in_a_cell_or_each_in_a_column(file: Path) -> None:
    labels = ("toxic", "insult", "threat")
    expected = [("One", {0}), ("Two", {0, 2}), ("Three", set())]
    for cells in ("One,toxic\nTwo,Toxic|threat\nThree,\n", 'One,"[""toxic""]"\nTwo,threat;toxic\nThree,[]\n'):
        file.write_text(f"text,label\n{cells}")
        assert [(text, set(found)) for text, found in labelled_sets(read_file(file), labels)] == expected
    file.write_text("comment_text,toxic,insult,threat\nOne,1,0,0\nTwo,1,0,1\nThree,0,0,0\n")
    assert [(text, set(found)) for text, found in labelled_sets(read_file(file), labels)] == expected


@pytest.mark.parametrize("cells", ["text,label\nOne,toxic|kind\n", "text,toxic,insult,threat\nOne,perhaps,0,0\n"])
def test_a_label_that_the_model_has_not_is_named_with_its_place(file: Path, cells: str) -> None:
    file.write_text(cells)
    with pytest.raises(InvalidInput, match=r"labelled\.csv, row 1.*'(kind|perhaps)'"):
        list(labelled_sets(read_file(file), ("toxic", "insult", "threat")))


def test_a_label_that_is_mapped_to_two_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'3' is both POSITIVE and NEGATIVE"):
        parse_map("3,4=POSITIVE;1,3.0=NEGATIVE")
    assert parse_map("3=POSITIVE;3=positive") == {"3": "POSITIVE"}


SETS = ("toxic", "insult", "threat")


def test_the_named_column_of_label_sets_is_found_in_any_case(file: Path) -> None:
    file.write_text("text,Said\nOne,toxic\n")
    assert list(labelled_sets(read_file(file), SETS, Reading(label_column="said"))) == [("One", frozenset({0}))]


def test_a_named_column_of_label_sets_that_is_not_there_is_refused(file: Path) -> None:
    file.write_text("text,labels\nOne,toxic\n")
    with pytest.raises(InvalidInput, match="no column 'lables' among text, labels"):
        list(labelled_sets(read_file(file), SETS, Reading(label_column="lables")))


@pytest.mark.parametrize(
    "cells",
    ["text,label\nOne,Rude|threat\nTwo,kind\n", "text,toxic,rude,threat\nOne,0,1,1\nTwo,perhaps,0,0\n"],
)
def test_labels_of_sets_can_be_mapped_and_others_left_out(file: Path, cells: str) -> None:
    file.write_text(cells)
    reading = Reading(label_map=parse_map("rude=insult"), skip_other=True)
    assert list(labelled_sets(read_file(file), SETS, reading)) == [("One", frozenset({1, 2}))]
    with pytest.raises(InvalidInput, match="row 2"):
        list(labelled_sets(read_file(file), SETS, Reading(label_map=parse_map("rude=insult"))))
    with pytest.raises(InvalidInput, match="'kindness' is none of toxic"):
        list(labelled_sets(read_file(file), SETS, Reading(label_map=parse_map("rude=kindness"))))


def test_it_is_counted_what_names_in_sets_were_taken_for(file: Path) -> None:
    file.write_text("text,label\nOne,Rude|threat\nTwo,kind\nThree,threat\n")
    counts: Counter[tuple[str, str | None]] = Counter()
    list(labelled_sets(read_file(file), SETS, Reading(label_map={"rude": "insult"}, skip_other=True), counts))
    assert counts == {("Rude", "insult"): 1, ("threat", "threat"): 2, ("kind", None): 1}


def test_files_without_labels_are_read_as_said(file: Path) -> None:
    file.write_text("id;a sentence;the words that count here\n1;one more;caf\xe9\n", encoding="latin-1")
    choices = Choices(delimiter=";", encoding="iso-8859-1", text_column="a sentence")
    assert Reading(choices).texts(file) == ["one more"]
    assert Reading(replace(choices, text_column=None, header=False)).texts(file)[-1] == "caf\xe9"


def test_where_every_line_is_a_text_no_column_is_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("The sky is blue\nIt rains today\n")
    assert Reading(Choices(text_column="body")).texts(tmp_path / "lines.txt") == ["The sky is blue", "It rains today"]
