"""`lightsleeper.spark.sentiment`, a function of Spark's columns: see `lightsleeper.bulk.spark`."""

from lightsleeper.bulk.spark import label_rows, label_schema, sentiment, sentiment_of

__all__ = ["label_rows", "label_schema", "sentiment", "sentiment_of"]
