"""Daft: a class of which every worker has one, opened once."""

import daft
from daft import DataType, Series

import lightsleeper


@daft.cls
class Sentiment:
    """A model per worker."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self.model = lightsleeper.load()

    @daft.method.batch(return_dtype=DataType.string())
    def label(self, texts: Series) -> list[str | None]:
        """The label of every text of a batch."""
        return [prediction and prediction.label for prediction in self.model.predict(texts.to_pylist())]


reviews = daft.from_pydict({"text": ["Loved every minute.", "Dull and long.", None, "  "]})

labelled = reviews.with_column("label", Sentiment().label(daft.col("text")))

print(labelled.to_pandas().to_json(orient="records", lines=True))
