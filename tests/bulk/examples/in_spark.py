"""Spark: a function of a column; or whole rows, with `mapInPandas`."""

from pyspark.sql import SparkSession

from lightsleeper.spark import label_rows, label_schema, sentiment

spark = SparkSession.builder.master("local[2]").getOrCreate()
reviews = spark.createDataFrame([("Loved every minute.",), ("Dull and long.",), (None,), ("  ",)], "text string")

labelled = reviews.select("text", sentiment("text").alias("sentiment")).select("text", "sentiment.*")
the_same = reviews.mapInPandas(label_rows("text"), label_schema(reviews))

print(*labelled.toJSON().collect(), sep="\n")
print(labelled.exceptAll(the_same).count(), "rows differ")
spark.stop()
