"""The functions of columns and rows, in a real Spark: a JVM, and two Python workers at once."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lightsleeper

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.bulk,
    pytest.mark.timeout(1800),  # a JVM, and 100,000 rows
    pytest.mark.filterwarnings("default"),  # Spark's own, of pandas and of sockets that the JVM closes
]

ROWS = 100_000


@pytest.fixture
def reviews(spark: "SparkSession") -> "DataFrame":
    """100,000 rows of 400 texts, in 8 partitions."""
    return spark.range(ROWS, numPartitions=8).selectExpr("id", "concat('film number ', id % 400) AS text")


@pytest.fixture(scope="module")
def expected() -> list[tuple[str | None, float]]:
    """What Python answers to the texts of `reviews`."""
    return [(p.label, p.score) for p in lightsleeper.load().predict(f"film number {n}" for n in range(400)) if p]


def killed_once(rows: Callable[[Iterator[Any]], Iterator[Any]], killed: Path) -> Callable[[Iterator[Any]], Any]:
    """`rows`, whose worker is killed after three batches of the third partition, the first time."""

    def label(batches: Iterator[Any]) -> Iterator[Any]:
        from pyspark import TaskContext  # noqa: PLC0415  # of an optional group

        task = TaskContext.get()
        for number, batch in enumerate(rows(batches)):
            if task.partitionId() == 2 and task.attemptNumber() == 0 and number == 3:
                killed.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    return label


def test_a_killed_worker_loses_no_row_and_doubles_none(
    reviews: "DataFrame", expected: list[tuple[str, float]], tmp_path: Path
) -> None:
    from lightsleeper.spark import label_rows, label_schema  # noqa: PLC0415  # of an optional group

    label = killed_once(label_rows("text"), tmp_path / "killed")
    rows = reviews.mapInPandas(label, label_schema(reviews)).toArrow()
    assert int((tmp_path / "killed").read_text()) != os.getpid()
    assert sorted(rows["id"].to_pylist()) == list(range(ROWS))
    answers = zip(rows["id"].to_pylist(), rows["label"].to_pylist(), rows["score"].to_pylist(), strict=True)
    assert all((label, score) == expected[number % 400] for number, label, score in answers)


def test_the_function_of_a_column_answers_as_python_does(
    reviews: "DataFrame", expected: list[tuple[str, float]]
) -> None:
    from lightsleeper.spark import sentiment  # noqa: PLC0415  # of an optional group

    rows = reviews.limit(5000).select("id", sentiment("text").alias("sentiment")).select("id", "sentiment.*").collect()
    assert sorted(row.id for row in rows) == list(range(5000))
    assert all((row.label, row.score) == expected[row.id % 400] for row in rows)


def test_dirty_rows_keep_their_place_and_other_columns_their_values(spark: "SparkSession") -> None:
    from lightsleeper.spark import label_rows, label_schema  # noqa: PLC0415  # of an optional group

    long = "On and on. " * 1000
    texts = [("a", None), ("b", "  "), ("mine", "Wonderful!"), (None, long)]
    reviews = spark.createDataFrame(texts, "label string, text string").coalesce(1)
    rows = reviews.mapInPandas(label_rows("text"), label_schema(reviews)).collect()
    assert [(row.label, row.text) for row in rows] == texts
    assert [(row.predicted_label is None, row.score is None, row.truncated) for row in rows] == [
        (True, True, None),
        (True, True, None),
        (False, False, False),
        (False, False, True),
    ]


@pytest.mark.parametrize(
    ("columns", "added"),
    [
        ("text, Label", ["predicted_label", "score", "truncated", "unfamiliar"]),
        ("text, label, PREDICTED_LABEL", ["predicted_label_2", "score", "truncated", "unfamiliar"]),
        ("text, label, predicted_label, predicted_label_2", ["predicted_label_3", "score", "truncated", "unfamiliar"]),
    ],
)
def test_no_two_columns_are_one_to_spark(spark: "SparkSession", columns: str, added: list[str]) -> None:
    from lightsleeper.spark import label_rows, label_schema  # noqa: PLC0415  # of an optional group

    names = columns.split(", ")
    schema = ", ".join(f"{name} string" for name in names)
    rows = spark.createDataFrame([("Great", *"mine"[: len(names) - 1])], schema)
    labelled = rows.mapInPandas(label_rows("text"), label_schema(rows))
    assert labelled.columns == [*names, *added]
    (row,) = labelled.select(*labelled.columns).collect()
    assert row[added[0]] == "POSITIVE"


def test_a_worker_opens_the_model_once_for_all_its_tasks(spark: "SparkSession", reviews: "DataFrame") -> None:
    from lightsleeper.spark import label_rows  # noqa: PLC0415  # of an optional group

    label = label_rows("text")

    def opened(batches: Iterator[Any]) -> Iterator[Any]:
        import pandas as pd  # noqa: PLC0415  # in the worker

        from lightsleeper.bulk import library  # noqa: PLC0415  # in the worker
        from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # in the worker

        for _ in label(batches):
            pass
        # A worker may have served other tests, with bundles of theirs.
        mine_only = (os.getpid(), EMBEDDED)
        mine = [opened for key, opened in library._opened.items() if key[:2] == mine_only]  # noqa: SLF001  # as it is
        yield pd.DataFrame({"worker": [os.getpid()], "model": [id(mine[0])], "models": [len(mine)]})

    few = reviews.limit(4000).repartition(8)
    rows = few.mapInPandas(opened, "worker long, model long, models int").collect()
    assert len(rows) == 8
    assert {row.models for row in rows} == {1}
    workers = {row.worker for row in rows}
    assert len({(row.worker, row.model) for row in rows}) == len(workers) <= spark.sparkContext.defaultParallelism
