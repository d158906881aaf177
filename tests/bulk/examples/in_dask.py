"""Dask: partitions in worker processes; each opens the model once."""

import dask.dataframe as dd
import pandas as pd

import lightsleeper

model = lightsleeper.load(threads=1)  # a worker per core


def label(reviews: pd.DataFrame) -> pd.DataFrame:
    """The partition with a label for every row."""
    return reviews.assign(label=[prediction and prediction.label for prediction in model.predict(reviews["text"])])


if __name__ == "__main__":  # what starts worker processes is imported by them
    texts = pd.DataFrame({"text": ["Loved every minute.", "Dull and long.", None, "  "]})
    reviews = dd.from_pandas(texts, npartitions=2)

    labelled = reviews.map_partitions(label, meta={"text": "object", "label": "object"})

    print(labelled.compute(scheduler="processes", num_workers=2).to_json(orient="records", lines=True))
