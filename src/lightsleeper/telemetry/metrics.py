"""What the service counts and times, in the instruments of `instruments`. OpenTelemetry's API only; `export` exports.

Counters are plain numbers that the SDK reads when it exports, histograms plain lists that `export` adds to what it
read: the SDK's own `add` and `record` cost 5 and 8 µs, an increment 0.2 µs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from lightsleeper.model.head import NO_LABEL, ONE_LABEL, REGRESSION, Head
from lightsleeper.model.prediction import Classification, Logits
from lightsleeper.telemetry.instruments import (
    ACTIVE_REQUESTS,
    BATCH_TEXTS,
    BATCH_TOKENS,
    BUNDLE,
    CACHE_FAULTS,
    CACHE_LOOKUPS,
    HTTP_LABELS,
    PREDICTIONS,
    QUEUE_DEPTH,
    QUEUE_LIMIT,
    QUEUE_WAIT,
    REDIS_AVAILABLE,
    REJECTIONS,
    REQUEST_DURATION,
    SCORE,
    SIGMOIDS,
    STARTUP,
    TOKEN_DURATION,
    TRUNCATIONS,
    WORKER_BUSY,
    WORKERS,
    Histogram,
    Instrument,
)

#: What /predict can answer, by itself and at the door, where there is no route yet and our own dialect has no name.
#: Exported as zeros at once, so that a pod's first 503 is an increase, not a beginning.
_LIKELY_OUTCOMES: tuple[tuple[int, str | None, str | None, str | None], ...] = (
    *((status, "/predict", None, "native") for status in (200, 413, 422, 429)),
    *((500, "/predict", error, "native") for error in ("engine_failed", "internal")),
    *((503, "/predict", error, "native") for error in ("overloaded", "shutting_down")),
    (504, "/predict", "deadline_exceeded", "native"),
    (503, None, "overloaded", None),
)
#: Behind TLS every request is https: the proxy that ended it says so.
_SCHEMES = ("http", "https")
_LIKELY_REASONS = (
    *("invalid_input", "unauthorized", "overloaded"),
    *("deadline_exceeded", "shutting_down", "engine_failed", "internal"),
)
_SERVER_ERROR = 500
#: The values of `HTTP_LABELS`.
_RequestKey = tuple[str, str, int, str | None, str | None, str | None]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})

#: Steps of the range of a regression, in which its scores are counted.
_SCORE_STEPS = 10


def named_method(method: str) -> str:
    """It, or `_OTHER`: any other verb is the invention of whoever sent it, and would be a series of its own."""
    return method if method in _METHODS else "_OTHER"


def _score_of(head: Head) -> Instrument:
    """The instrument of scores, with bounds that fit what this head answers."""
    if head.task == ONE_LABEL:
        return SCORE
    if head.task != REGRESSION:
        return replace(SCORE, buckets=SIGMOIDS)
    least, largest = head.score_range or (0.0, 1.0)
    step = (largest - least) / _SCORE_STEPS or 1.0
    return replace(SCORE, buckets=tuple(least + step * number for number in range(-1, _SCORE_STEPS + 2)))


@dataclass(frozen=True)
class Identity:
    """What the process serves, known once its model is open."""

    model_id: str
    digest: str
    version: str
    head: Head
    workers: int


class _Counts:
    """One counter's series by label values. Written by the event loop, read by the exporting thread."""

    def __init__(self, meter: Meter, instrument: Instrument) -> None:
        self._labels = instrument.labels
        self._totals: dict[tuple[str, ...], float] = {}
        meter.create_observable_counter(instrument.name, [self._observe], instrument.unit, instrument.description)

    def add(self, amount: float, *values: str) -> None:
        self._totals[values] = self._totals.get(values, 0) + amount

    def _observe(self, _: CallbackOptions) -> Iterator[Observation]:
        for values, total in list(self._totals.items()):  # at once: the event loop may add a series meanwhile
            yield Observation(total, dict(zip(self._labels, values, strict=True)))


class Metrics:
    """Told by the parts what happens; each part's `Observer` protocol is a few of these methods."""

    def __init__(self, meter: Meter, identity: Identity) -> None:
        """Create every instrument; counters stand at 0 from here on."""
        self._meter = meter
        self._head = identity.head
        self._active = 0
        self._redis_available: bool | None = None
        self._phases: Mapping[str, float] = {}
        self._create_counters()
        self._create_histograms()
        self._create_gauges(identity)

    def _create_counters(self) -> None:
        self._rejections = _Counts(self._meter, REJECTIONS)
        self._lookups = _Counts(self._meter, CACHE_LOOKUPS)
        self._faults = _Counts(self._meter, CACHE_FAULTS)
        self._busy = _Counts(self._meter, WORKER_BUSY)
        self._truncations = _Counts(self._meter, TRUNCATIONS)
        self._predictions = _Counts(self._meter, PREDICTIONS)
        self._busy.add(0)
        self._truncations.add(0)
        for reason in _LIKELY_REASONS:
            self._rejections.add(0, reason)
        self._lookups.add(0, "memory", "hit")
        self._lookups.add(0, "memory", "miss")
        for label in (*self._head.labels, *([NO_LABEL] if self._head.many_labels else [])):
            self._predictions.add(0, label)

    def _create_histograms(self) -> None:
        self._requests: dict[_RequestKey, Histogram] = {}
        for scheme, outcome in product(_SCHEMES, _LIKELY_OUTCOMES):
            self._request_duration(("POST", scheme, *outcome))
        self._queue_wait = Histogram(QUEUE_WAIT, {})
        self._batch_texts = Histogram(BATCH_TEXTS, {})
        self._batch_tokens = Histogram(BATCH_TOKENS, {})
        self._token_duration = Histogram(TOKEN_DURATION, {})
        scores = _score_of(self._head)
        self._scores = [Histogram(scores, {"label": label}) for label in self._head.labels]

    def _create_gauges(self, identity: Identity) -> None:
        who = {"model_id": identity.model_id, "digest": identity.digest, "version": identity.version}
        self._gauge(WORKERS, lambda: [Observation(identity.workers)])
        self._gauge(BUNDLE, lambda: [Observation(1, who)])
        self._gauge(STARTUP, lambda: [Observation(s, {"phase": phase}) for phase, s in self._phases.items()])
        self._gauge(REDIS_AVAILABLE, self._observe_redis)
        active = ACTIVE_REQUESTS
        self._meter.create_observable_up_down_counter(
            active.name, [lambda _: [Observation(self._active)]], active.unit, active.description
        )

    def _gauge(self, instrument: Instrument, observe: Callable[[], Iterable[Observation]]) -> None:
        self._meter.create_observable_gauge(
            instrument.name, [lambda _: observe()], instrument.unit, instrument.description
        )

    def _observe_redis(self) -> list[Observation]:
        return [] if self._redis_available is None else [Observation(int(self._redis_available))]

    def histograms(self) -> list[Histogram]:
        """Every series so far, those of an instrument in a row."""
        batches = (self._queue_wait, self._batch_texts, self._batch_tokens, self._token_duration)
        requests = list(self._requests.values())  # at once: the event loop may add one meanwhile
        return [*requests, *self._scores, *batches]

    # The whole process: `app`

    def watch_queue(self, fullest: Callable[[], tuple[int, int]]) -> None:
        """`fullest`, what waits and what may, is called at each export, in the exporting thread."""
        self._gauge(QUEUE_DEPTH, lambda: [Observation(fullest()[0])])
        self._gauge(QUEUE_LIMIT, lambda: [Observation(fullest()[1])])

    def started(self, phases: Mapping[str, float]) -> None:
        """The service is ready; seconds from exec to the end of each phase, `ready` the last."""
        self._phases = dict(phases)

    # HTTP: `request_metrics.RequestMetrics`

    def request_began(self) -> None:
        """A request's head was read."""
        self._active += 1

    def request_ended(
        self,
        method: str,
        scheme: str,
        status: int,
        route: str | None,
        *,
        error: str | None,
        dialect: str | None,
        duration_s: float,
    ) -> None:
        """Its last byte was handed over. `route` is the template, `error` our error code where there was one."""
        self._active -= 1
        error_type = (error or str(status)) if status >= _SERVER_ERROR else None
        key = (named_method(method), scheme, status, route, error_type, dialect)
        (self._requests.get(key) or self._request_duration(key)).record(duration_s)
        if error:
            self._rejections.add(1, error)

    def _request_duration(self, key: _RequestKey) -> Histogram:
        named = zip(HTTP_LABELS, key, strict=True)
        labels = {name: value for name, value in named if value is not None}
        self._requests[key] = histogram = Histogram(REQUEST_DURATION, labels)
        return histogram

    # Classification: `classifier.Observer`

    def classified(self, answer: Classification, fresh: Sequence[Logits], started_s: float) -> None:  # noqa: ARG002  # `tracing`'s
        """A request's texts were answered; `fresh` are the logits that no cache had."""
        if answer.truncated:
            self._truncations.add(len(answer.truncated))
        head = self._head
        for logits in answer.logits:
            chosen = head.chosen(logits)
            for index in chosen:
                self._predictions.add(1, head.labels[index])
            if not chosen:
                self._predictions.add(1, NO_LABEL)
        for logits in fresh:
            scores = head.scores(logits)
            for index in range(len(scores)) if head.many_labels else [head.best(logits)]:
                self._scores[index].record(scores[index])

    # Batching: `batcher.Observer`

    def batch(
        self,
        *,
        items: int,
        cost: int,
        queue_s: Sequence[float],
        run_s: float,
        origins: Sequence[object],  # noqa: ARG002  # `tracing`'s
    ) -> None:
        """A batch of `cost` tokens ran for `run_s` seconds; `queue_s` is each text's wait."""
        self._batch_texts.record(items)
        self._batch_tokens.record(cost)
        self._token_duration.record(run_s / cost)
        self._busy.add(run_s)
        for wait_s in queue_s:
            self._queue_wait.record(wait_s)

    # Caching: `cache.Observer`, `redis_link.Observer`

    def lookups(self, level: str, result: str, texts: int) -> None:
        """`texts` were looked up in the `level` (memory, redis) with this result (hit, miss, …)."""
        self._lookups.add(texts, level, result)

    def malformed_value(self) -> None:
        """Redis held something that is no value of ours."""
        self._faults.add(1, "malformed_value")

    def writes_dropped(self, entries: int) -> None:
        """So many answers were not written to Redis."""
        self._faults.add(entries, "write_dropped")

    def redis_fault(self, kind: str) -> None:
        """Redis let us wait too long, refused a command, or ended a connection; or this process stood still."""
        self._faults.add(1, f"redis_{kind}")

    def redis_available(self, *, available: bool) -> None:
        """The breaker in front of Redis closed or opened."""
        self._redis_available = available
