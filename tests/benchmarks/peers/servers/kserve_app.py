"""KServe's Python server with a model of one's own, `kserve_app.py --http_port PORT`."""

import os

from kserve import Model, ModelServer
from transformers import pipeline


class Sentiment(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.classify = pipeline("text-classification", model=os.environ["CHECKPOINT"], top_k=None)
        self.ready = True

    def predict(self, payload: dict[str, list[str]], headers: object = None) -> dict[str, object]:  # noqa: ARG002  # theirs
        return {"predictions": self.classify(payload["instances"], truncation=True)}


if __name__ == "__main__":
    ModelServer().start([Sentiment("sentiment")])
