"""mosec, `mosec_app.py --port PORT`: batches of what came within 10 ms, a worker a core."""

import os

from mosec import Server, Worker
from transformers import pipeline


class Inference(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.classify = pipeline("text-classification", model=os.environ["CHECKPOINT"], top_k=None)

    def forward(self, data: list[dict[str, str]]) -> list[list[dict[str, str | float]]]:
        return self.classify([each["text"] for each in data], batch_size=len(data), truncation=True)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, num=int(os.environ["CORES"]), max_batch_size=32, max_wait_time=10)
    server.run()
