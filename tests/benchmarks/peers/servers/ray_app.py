"""Ray Serve, `ray_app.py CHECKPOINT`: batches of what came within 10 ms, a replica a core."""

import os
import sys

import ray
from ray import serve
from starlette.requests import Request
from transformers import pipeline

CORES = int(os.environ["CORES"])


@serve.deployment(num_replicas=CORES, max_ongoing_requests=256)
class Sentiment:
    def __init__(self, checkpoint: str) -> None:
        self.pipeline = pipeline("text-classification", model=checkpoint, top_k=None)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.01)
    async def classify(self, texts: list[str]) -> list[list[dict[str, str | float]]]:
        return self.pipeline(texts, batch_size=len(texts), truncation=True)

    async def __call__(self, request: Request) -> list[dict[str, str | float]]:
        return await self.classify((await request.json())["text"])


ray.init(num_cpus=CORES, include_dashboard=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
serve.run(Sentiment.bind(sys.argv[1]), blocking=True)
