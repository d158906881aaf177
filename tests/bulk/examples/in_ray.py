"""Ray Data: a pool of actors, each with a model that it opens once."""

import os
from typing import Any

# Ray 2.60 asks for a token by default; this cluster lives as long as this script, on this machine.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")

import ray
from ray.data import ActorPoolStrategy

import lightsleeper


class Sentiment:
    """A model per actor; Ray gives it a CPU, so it takes one thread."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self.model = lightsleeper.load(threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with a column of labels."""
        return {**batch, "label": [prediction and prediction.label for prediction in self.model.predict(batch["text"])]}


# One CPU more than actors: with as many actors as CPUs, reading and repartitioning find none, and wait for ever.
ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
reviews = ray.data.from_items([{"text": text} for text in ["Loved every minute.", "Dull and long.", None, "  "]])

labelled = reviews.map_batches(Sentiment, batch_size=1024, compute=ActorPoolStrategy(size=2))

print(labelled.to_pandas().to_json(orient="records", lines=True))
ray.shutdown()
