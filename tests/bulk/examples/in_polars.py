"""Polars: an expression, also in a lazy query that streams."""

import polars as pl

import lightsleeper

model = lightsleeper.load()
reviews = pl.LazyFrame({"text": ["Loved every minute.", "Dull and long.", None, "  "]})


def labels(texts: pl.Series) -> pl.Series:
    """The label of every text of a column."""
    return pl.Series([prediction and prediction.label for prediction in model.predict(texts)], dtype=pl.String)


labelled = reviews.with_columns(label=pl.col("text").map_batches(labels, return_dtype=pl.String, is_elementwise=True))

print(labelled.collect(engine="streaming").write_ndjson())
