"""Spark: as many rows as a cluster holds. The model is opened once per Python worker, of which Spark runs one a core.

    from lightsleeper.spark import sentiment
    reviews.select("id", sentiment("text").alias("sentiment")).select("id", "sentiment.*")

    from lightsleeper.spark import label_rows, label_schema
    reviews.mapInPandas(label_rows("text"), label_schema(reviews))

What travels to the workers is a name and a few arguments; they need this package installed, and a bundle of your own at
the same path.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import BooleanType, DoubleType, StringType, StructField, StructType
from pyspark.sql.udf import UserDefinedFunction

from lightsleeper.bulk.library import Prediction, load

_FIELDS = (
    StructField("label", StringType()),
    StructField("score", DoubleType()),
    StructField("truncated", BooleanType()),
    StructField("unfamiliar", BooleanType()),
)
_NAMES = tuple(field.name for field in _FIELDS)


def sentiment_of(bundle: str | os.PathLike[str] | None = None) -> UserDefinedFunction:
    """The function of a column of texts that answers with a struct of `label`, `score`, `truncated`, `unfamiliar`.

    All four are null where the text is null or blank. `bundle` is that of `lightsleeper.load`.
    """
    model = load(bundle, threads=1)  # Spark runs a worker per core

    def sentiment(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        for texts in batches:
            yield _frame(model.predict(texts), _NAMES)

    return pandas_udf(sentiment, StructType(list(_FIELDS)))


#: `sentiment_of` the bundle that ships.
sentiment = sentiment_of()


def label_rows(
    text_column: str = "text", *, bundle: str | os.PathLike[str] | None = None
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """For `mapInPandas`: whole rows, in order, with the columns that `label_schema` adds."""
    model = load(bundle, threads=1)

    def label(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for rows in batches:
            answers = _frame(model.predict(rows[text_column]), _added(rows.columns))
            yield pd.concat([rows.reset_index(drop=True), answers], axis="columns")

    return label


def label_schema(rows: DataFrame) -> StructType:
    """The schema of `rows` with what `sentiment_of` answers; named `predicted_…` where a column has that name.

    And `predicted_label_2` where it has that one, too. Spark takes `Label` and `label` for one name.
    """
    added = zip(_added(rows.columns), _FIELDS, strict=True)
    return StructType([*rows.schema, *(StructField(name, field.dataType) for name, field in added)])


def _added(columns: Collection[str]) -> list[str]:
    taken = {column.casefold() for column in columns}
    return [next(each for each in _candidates(name) if each not in taken) for name in _NAMES]


def _candidates(name: str) -> Iterator[str]:
    yield name
    yield f"predicted_{name}"
    yield from (f"predicted_{name}_{number}" for number in count(2))


def _frame(predictions: Sequence[Prediction | None], names: Sequence[str]) -> pd.DataFrame:
    rows = [(None,) * 4 if p is None else (p.cell, p.score, p.truncated, p.unfamiliar) for p in predictions]
    return pd.DataFrame(rows, columns=list(names), dtype=object)
