"""SQL functions for DuckDB: ten million rows on one machine, over tables, Parquet, CSV, S3.

    connection = duckdb.connect()
    lightsleeper.duckdb.register(connection)
    connection.sql("SELECT sentiment(text), count(*) FROM 'reviews/*.parquet' GROUP BY ALL")

DuckDB hands over vectors of up to 2,048 texts from as many threads as it has; all of them share one pool of ours. Its
own progress bar tells how far it is: `SET enable_progress_bar = true`.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection, InvalidInputException
from duckdb.sqltypes import DOUBLE, VARCHAR

from lightsleeper.bulk.library import Prediction, load


def register(
    connection: DuckDBPyConnection,
    *,
    name: str = "sentiment",
    bundle: str | os.PathLike[str] | None = None,
    threads: int | None = None,
) -> None:
    """Give SQL `sentiment(text)`, the best label (or all that apply), and `sentiment_score(text)`, its probability.

    NULL where the text is NULL or blank. Both in one query cost one inference: the second finds the answers of the
    first. `name` tells functions of several bundles apart; `bundle` and `threads` are those of `lightsleeper.load`.
    Nothing is opened before the first query. What has these names already, as when a cell of a notebook runs again, is
    replaced.
    """
    model = load(bundle, threads=threads)

    def column(value: Callable[[Prediction], object], kind: pa.DataType) -> Callable[[Any], pa.Array]:
        def answer(texts: pa.ChunkedArray) -> pa.Array:
            return pa.array([prediction and value(prediction) for prediction in model.predict(texts)], kind)

        return answer

    label = column(lambda prediction: prediction.cell, pa.string())
    score = column(lambda prediction: prediction.score, pa.float64())
    # "special": a text that is not NULL may have no answer.
    for called, answer, kind in ((name, label, VARCHAR), (f"{name}_score", score, DOUBLE)):
        with suppress(InvalidInputException):  # there is none yet
            connection.remove_function(called)
        connection.create_function(called, answer, [VARCHAR], kind, type="arrow", null_handling="special")
