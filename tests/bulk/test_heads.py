"""Bundles of every head, in the engines: the right columns, and no label where the model has none."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lightsleeper
from lightsleeper.bulk.library import Prediction

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.bulk,
    pytest.mark.timeout(1800),  # a JVM
    pytest.mark.filterwarnings("default"),  # Spark's own, of pandas and of sockets that the JVM closes
]

TEXTS = ["A quiet film.", None, "Nothing works and nobody answers the phone!", "  ", "ok", "Thanks, brilliant."]
FEELINGS = tuple(f"feeling {number}" for number in range(28))


def write_bundle(folder: Path, labels: tuple[str, ...], task: str) -> Path:
    """A bundle of a small model: with random weights, but of numbers one that has learned to tell them apart."""
    from checkpoints import write_checkpoint  # noqa: PLC0415  # of an optional group
    from families import write_trained  # noqa: PLC0415  # likewise
    from lightsleeper.training.prepare import prepare  # noqa: PLC0415  # likewise

    names = dict(enumerate(labels))
    source = (
        write_trained("bert", folder / "source", task=task)
        if task == "regression"
        else write_checkpoint("bert", folder / "source", id2label=names, label2id={v: k for k, v in names.items()})
    )
    return prepare(str(source), folder / "bundle", task=task).folder


@pytest.fixture(scope="module", params=["28 labels", "a score", "a regression"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each."""
    labels, task = {
        "28 labels": (FEELINGS, "multi-label"),
        "a score": (("toxicity",), "scoring"),
        "a regression": (("stars",), "regression"),
    }[request.param]
    return write_bundle(tmp_path_factory.mktemp("head"), labels, task)


@pytest.fixture(scope="module")
def predictions(bundle: Path) -> list[Prediction | None]:
    """What Python answers."""
    return lightsleeper.load(bundle).predict(TEXTS)


@pytest.fixture(scope="module")
def expected(predictions: list[Prediction | None]) -> list[tuple[str | None, float | None]]:
    """A label and a score a row, in one cell each."""
    return [(each and each.cell, each and each.score) for each in predictions]


def test_a_label_is_what_applies_and_a_number_has_none(bundle: Path, predictions: list[Prediction | None]) -> None:
    labels = lightsleeper.load(bundle).labels
    for each in filter(None, predictions):
        applying = tuple(name for name, score in each.scores.items() if score >= 0.5)
        if len(labels) == 1:
            assert (each.label, each.cell, each.labels) == (None, None, ())
        else:
            assert (each.cell, each.labels) == ("|".join(applying), applying)
    assert [each is None for each in predictions] == [False, True, False, True, False, False]


def test_scores_are_a_column_an_output(bundle: Path, predictions: list[Prediction | None]) -> None:
    model = lightsleeper.load(bundle)
    rows = model.scores(TEXTS)
    assert rows.shape == (len(TEXTS), len(model.labels))
    for row, each in zip(rows.tolist(), predictions, strict=True):
        if each:
            assert row == pytest.approx([each.scores[name] for name in model.labels])


def test_duckdb_says_the_same(bundle: Path, expected: list[tuple[str | None, float | None]]) -> None:
    import duckdb  # noqa: PLC0415  # of an optional group

    import lightsleeper.duckdb  # noqa: PLC0415  # likewise

    with duckdb.connect() as connection:
        lightsleeper.duckdb.register(connection, bundle=bundle)
        connection.execute("CREATE TABLE reviews (id INTEGER, text VARCHAR)")
        connection.executemany("INSERT INTO reviews VALUES (?, ?)", list(enumerate(TEXTS)))
        found = connection.execute("SELECT sentiment(text), sentiment_score(text) FROM reviews ORDER BY id").fetchall()
    assert found == expected


def test_polars_says_the_same(bundle: Path, expected: list[tuple[str | None, float | None]]) -> None:
    import polars as pl  # noqa: PLC0415  # of an optional group

    model = lightsleeper.load(bundle)

    def labels(texts: pl.Series) -> pl.Series:
        return pl.Series([each and each.cell for each in model.predict(texts)], dtype=pl.String)

    reviews = pl.DataFrame({"text": TEXTS})
    labelled = reviews.with_columns(label=pl.col("text").map_batches(labels, return_dtype=pl.String))
    assert labelled["label"].to_list() == [label for label, _ in expected]


def test_spark_says_the_same_of_a_column(
    spark: "SparkSession", bundle: Path, expected: list[tuple[str | None, float | None]]
) -> None:
    from lightsleeper.spark import sentiment_of  # noqa: PLC0415  # of an optional group

    reviews = spark.createDataFrame([(text,) for text in TEXTS], "text string").coalesce(1)
    rows = reviews.select(sentiment_of(bundle)("text").alias("s")).select("s.*").collect()
    assert [(row.label, row.score) for row in rows] == expected
    assert [row.truncated is None for row in rows] == [text is None or not text.strip() for text in TEXTS]


def test_spark_says_the_same_of_rows(
    spark: "SparkSession", bundle: Path, expected: list[tuple[str | None, float | None]]
) -> None:
    from lightsleeper.spark import label_rows, label_schema  # noqa: PLC0415  # of an optional group

    reviews = spark.createDataFrame(list(enumerate(TEXTS)), "id int, text string").coalesce(1)
    rows = reviews.mapInPandas(label_rows("text", bundle=bundle), label_schema(reviews)).collect()
    assert [(row.id, row.text) for row in rows] == list(enumerate(TEXTS))
    assert [(row.label, row.score) for row in rows] == expected
