"""LitServe, `litserve_app.py CHECKPOINT`: batches of what came within 10 ms, a worker a core."""

import os
import sys

import litserve
from transformers import pipeline


class Sentiment(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.classify = pipeline("text-classification", model=sys.argv[1], device=device, top_k=None)

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, texts: list[str]) -> list[list[dict[str, str | float]]]:
        return self.classify(texts, batch_size=len(texts), truncation=True)

    def encode_response(self, output: list[dict[str, str | float]]) -> dict[str, list[dict[str, str | float]]]:
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Sentiment(max_batch_size=32, batch_timeout=0.01),
        accelerator="cpu",
        workers_per_device=int(os.environ["CORES"]),
        timeout=600,
    )
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False, log_level="error")
