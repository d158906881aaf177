"""lightsleeper: a text classifier that sleeps at zero and answers half a second after its process starts.

In your own code, without a server: `load`, and for the engine that holds your rows `lightsleeper.duckdb` and
`lightsleeper.spark`.

One request, in reading order: `api.routes` → `api.exchange` → `pipeline.classifier` → `pipeline.encoding` →
`model.tokenizer` → `cache.cache` → `pipeline.single_flight` → `pipeline.batcher` → `model.onnx_engine` →
`model.prediction`; `serving` puts them together, `serving.settings` is every knob, `errors` everything that can go
wrong. Each room's `__init__` says what it is for and where to begin.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightsleeper.bulk.library import Prediction, TextClassifier, load

__all__ = ["Prediction", "TextClassifier", "__version__", "load"]
__version__ = "0.1.0"
_ENGINES = ("duckdb", "spark")


def __getattr__(name: str) -> object:
    """What `__all__` names, and the engines, imported when first asked for: the package itself must import at once."""
    if name in _ENGINES:
        from importlib import import_module  # noqa: PLC0415  # see above

        return import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lightsleeper.bulk import library  # noqa: PLC0415  # see above

    return getattr(library, name)
