"""lightsleeper: a text classifier that sleeps at zero and wakes in well under a second.

One request, in reading order: `api.routes` → `api.exchange` → `pipeline.classifier` → `pipeline.encoding` →
`model.tokenizer` → `cache.cache` → `pipeline.single_flight` → `pipeline.batcher` → `model.onnx_engine` →
`model.prediction`; `serving` puts them together, `serving.settings` is every knob, `errors` everything that can go
wrong. Each room's `__init__` says what it is for and where to begin.
"""

__version__ = "0.1.0"
