"""Every instrument on one page: name, unit, labels, buckets and why.

Names follow https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ where it has one, else `lightsleeper.`.
Every label has few values, all known to this code: routes are templates, reasons are error codes, labels the model's.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: ISO 3's R5 series, each bound 1.6 times the one before: a percentile is as exact at 2 ms (a cache hit) as at 2 s
#: (a queue behind a wake), and 0.25 s and 1 s, which the objectives name, are bounds.
_SECONDS = (
    *(0.0004, 0.00063, 0.001, 0.0016, 0.0025, 0.004, 0.0063, 0.01, 0.016, 0.025, 0.04, 0.063, 0.1),
    *(0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0, 40.0),
)
#: 10 µs is the embedded model on a fast core in a full batch, 10 ms a large model on a throttled one.
_SECONDS_PER_TOKEN = tuple(bound * 1e-6 for bound in (10, 16, 25, 40, 63, 100, 160, 250, 400, 630, 1000, 2500, 10_000))
#: Batches are bounded by tokens (1024 by default), so these are powers of two around that.
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
_TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
#: Finest where a classifier lives: nearly all probabilities are above 0.9, and drift shows as mass leaving there.
_PROBABILITY = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)

#: Where each score stands for itself, most texts are far below what applies: as fine at both ends.
SIGMOIDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Instrument:
    """What is measured; `buckets` for histograms only."""

    kind: Literal["counter", "gauge", "histogram", "updown"]
    name: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Histogram:
    """One series of a histogram, at zero. Written by the event loop, read by the exporting thread.

    `counts` has one entry per bucket, the last of which is endless; a bucket holds its upper bound.
    """

    __slots__ = ("counts", "instrument", "labels", "sum")

    def __init__(self, instrument: Instrument, labels: Mapping[str, str | int]) -> None:
        """Nothing was measured yet."""
        self.instrument = instrument
        self.labels = labels
        self.counts = [0] * (len(instrument.buckets) + 1)
        self.sum = 0.0

    def record(self, value: float) -> None:
        """One measurement."""
        self.counts[bisect_left(self.instrument.buckets, value)] += 1
        self.sum += value


HTTP_LABELS = (
    *("http.request.method", "url.scheme", "http.response.status_code", "http.route", "error.type"),
    "lightsleeper.dialect",
)

REQUEST_DURATION = Instrument(
    "histogram", "http.server.request.duration", "s", "Duration of HTTP requests.", HTTP_LABELS, _SECONDS
)
ACTIVE_REQUESTS = Instrument("updown", "http.server.active_requests", "{request}", "HTTP requests being answered.")
REJECTIONS = Instrument(
    "counter", "lightsleeper.rejections", "{request}", "Requests answered with an error, by its code.", ("reason",)
)
CACHE_LOOKUPS = Instrument(
    "counter", "lightsleeper.cache.lookups", "{text}", "Texts looked up, by cache and outcome.", ("level", "result")
)
CACHE_FAULTS = Instrument(
    "counter",
    "lightsleeper.cache.faults",
    "{fault}",
    "Values lost on Redis, and what it refused or let wait.",
    ("reason",),
)
REDIS_AVAILABLE = Instrument(
    "gauge", "lightsleeper.redis.available", "{redis}", "1 while Redis is asked, 0 while the breaker is open."
)
QUEUE_WAIT = Instrument(
    "histogram", "lightsleeper.queue.wait", "s", "Time a text waited for its batch to begin.", (), _SECONDS
)
QUEUE_DEPTH = Instrument("gauge", "lightsleeper.queue.depth", "{token}", "Tokens waiting in the fuller lane.")
QUEUE_LIMIT = Instrument("gauge", "lightsleeper.queue.limit", "{token}", "Tokens that may wait there; more is 503.")
BATCH_TEXTS = Instrument("histogram", "lightsleeper.batch.texts", "{text}", "Texts of a batch.", (), _TEXTS)
BATCH_TOKENS = Instrument("histogram", "lightsleeper.batch.tokens", "{token}", "Tokens of a batch.", (), _TOKENS)
#: Comparable whatever the texts' lengths.
TOKEN_DURATION = Instrument(
    "histogram", "lightsleeper.inference.token.duration", "s", "A batch's time per token.", (), _SECONDS_PER_TOKEN
)
WORKER_BUSY = Instrument(
    "counter", "lightsleeper.inference.busy", "s", "Time all workers spent in the model; divide by the workers."
)
WORKERS = Instrument("gauge", "lightsleeper.inference.workers", "{thread}", "Inference threads.")
TRUNCATIONS = Instrument("counter", "lightsleeper.truncations", "{text}", "Texts cut to what the model can read.")
PREDICTIONS = Instrument(
    "counter",
    "lightsleeper.predictions",
    "{text}",
    "Answered texts by best label, or by each that applies.",
    ("label",),
)
#: Only of texts that were computed: a cached one that is asked for often would bend the curve.
SCORE = Instrument(
    "histogram",
    "lightsleeper.prediction.score",
    "1",
    "Score of the best label, or of every label where any may apply.",
    ("label",),
    _PROBABILITY,
)
#: A gauge, not a histogram, which had its one observation before anybody could see it at zero.
STARTUP = Instrument(
    "gauge", "lightsleeper.startup.duration", "s", "From exec to the end of a phase; `ready` is the wake.", ("phase",)
)
BUNDLE = Instrument(
    "gauge", "lightsleeper.bundle.info", "{bundle}", "1, with the model's identity.", ("model_id", "digest", "version")
)

INSTRUMENTS = tuple(value for value in globals().values() if isinstance(value, Instrument))
