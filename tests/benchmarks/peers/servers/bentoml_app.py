"""BentoML, `bentoml serve bentoml_app:Sentiment`: adaptive batching, a worker a core."""

import os

import bentoml
from transformers import pipeline


@bentoml.service(workers=int(os.environ["CORES"]), traffic={"timeout": 600})
class Sentiment:
    def __init__(self) -> None:
        self.pipeline = pipeline("text-classification", model=os.environ["CHECKPOINT"], top_k=None)

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=600_000)
    def classify(self, texts: list[str]) -> list[list[dict]]:
        return self.pipeline(texts, batch_size=len(texts), truncation=True)
