"""Open → warm up → serve → drain → close: every part is built here, and its closing noted as soon as it is open."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from lightsleeper import __version__
from lightsleeper.api import dialects
from lightsleeper.api.facts import Facts, Process, ServiceLimits
from lightsleeper.api.guard import NoRateLimit
from lightsleeper.api.predict_request import Limits
from lightsleeper.cache.cache import Cache, KeyMaker, LruCache, NoCache, Secret, TwoLevelCache
from lightsleeper.model.bundle import Bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.model.head import Head
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.admission import Admission, expected_cost
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.pipeline.encoding import Encoder
from lightsleeper.pipeline.explain import MAX_TOKENS, MAX_WORDS, most_chars
from lightsleeper.pipeline.fair_queue import FairQueue
from lightsleeper.process import INSTANCE_ID, Wake, age_s
from lightsleeper.serving.opening import open_model
from lightsleeper.serving.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lightsleeper.api.rate_limit import RateLimiter
    from lightsleeper.cache.redis_link import RedisLink
    from lightsleeper.telemetry.export import Telemetry
    from lightsleeper.telemetry.metrics import Metrics
    from lightsleeper.telemetry.tracing import Spans

log = logging.getLogger("lightsleeper")


class State(TypedDict):
    """What the routes find in `request.state`."""

    classifier: Classifier
    batcher: Batcher[TokenizedText, Logits]
    admission: Admission
    head: Head
    limits: Limits
    facts: Facts
    wake: Wake
    rate_limit: "RateLimiter | NoRateLimit"
    metrics: "Metrics | None"
    dialect_options: dialects.Options


@asynccontextmanager
async def serve_parts(
    settings: Settings, telemetry: "Telemetry | None", loading: "Future[Model] | None", phases: dict[str, float]
) -> AsyncIterator[State]:
    """Open → warm up → serve → drain → close. The server listens only after the yield is reached.

    What was opened is closed in the opposite order: also when a later part does not open, or another does not close.
    """
    async with AsyncExitStack() as opened:
        if telemetry:
            opened.push_async_callback(telemetry.close)
        model = await (asyncio.wrap_future(loading) if loading else asyncio.to_thread(open_model, settings))
        opened.callback(model.engine.close)
        phases["model"] = age_s()
        metrics, spans = _observers(settings, model, telemetry)
        observers = [observer for observer in (metrics, spans) if observer]
        link = _redis_link(settings, metrics)
        if link:
            opened.push_async_callback(link.close)
        secret = Secret(settings.cache_secret) if settings.cache_secret else None
        cache = _cache(settings, model, link, metrics, secret)
        opened.push_async_callback(cache.close)
        batcher = _batcher(settings, model, observers, spans.origin if spans else None)
        batcher.start()
        opened.push_async_callback(batcher.close, settings.drain_timeout_s)
        if telemetry and metrics:
            metrics.watch_queue(batcher.admission.fullest)
            await telemetry.announce(metrics.histograms)
        wake = _ready(phases, metrics)
        encoder = Encoder(
            model.tokenizer,
            KeyMaker(model.bundle.digest, secret),
            max_entries=settings.cache_entries,
            threads=_workers(settings),
        )
        yield {
            "classifier": Classifier(encoder=encoder, cache=cache, batcher=batcher, observers=observers),
            "batcher": batcher,
            "admission": batcher.admission,
            "head": model.head,
            "limits": _limits(settings),
            "facts": _facts(model, settings, wake),
            "wake": wake,
            "rate_limit": _rate_limit(settings, link),
            "metrics": metrics,
            "dialect_options": _dialect_options(settings, model.bundle),
        }


def _ready(phases: dict[str, float], metrics: "Metrics | None") -> Wake:
    """The moment at which everything is open, with how long it took to come there."""
    wake = Wake()
    phases["ready"] = wake.took_s
    log.info("ready", extra={"fields": {f"{phase}_s": round(s, 3) for phase, s in phases.items()}})
    if metrics:
        metrics.started(phases)
    return wake


def _observers(
    settings: Settings, model: Model, telemetry: "Telemetry | None"
) -> "tuple[Metrics | None, Spans | None]":
    if telemetry is None:
        return None, None
    from lightsleeper.telemetry.metrics import Identity, Metrics  # noqa: PLC0415  # OpenTelemetry's API: 40 ms of CPU
    from lightsleeper.telemetry.tracing import Spans  # noqa: PLC0415  # see above

    identity = Identity(
        model_id=model.bundle.manifest.model_id,
        digest=model.bundle.digest,
        version=__version__,
        head=model.head,
        workers=_workers(settings),
    )
    return Metrics(telemetry.meter, identity), Spans(telemetry.tracers) if telemetry.tracers else None


def _workers(settings: Settings) -> int:
    return settings.workers or worker_count(cpus())


def _batcher(
    settings: Settings, model: Model, observers: "Sequence[Metrics | Spans]", origin: Callable[[], object] | None
) -> Batcher[TokenizedText, Logits]:
    queue: FairQueue[Any] = FairQueue()
    largest = settings.max_texts * model.bundle.manifest.max_tokens
    chars = max(settings.max_body_bytes, most_chars(min(settings.max_text_chars, settings.max_body_bytes)))
    return Batcher(
        model.run,
        cost=lambda text: len(text.ids),
        kind=lambda text: text.kind,
        workers=_workers(settings),
        queue=queue,
        admission=Admission(
            queue,
            workers=_workers(settings),
            max_wait_s=settings.max_queue_s,
            max_batch_cost=settings.max_batch_tokens,
            max_bulk_cost=max(settings.max_queued_tokens, largest),
            max_bulk_s=settings.request_timeout_s,
            max_request_cost=largest,
            max_alone_cost=max(expected_cost(chars, largest), MAX_TOKENS + model.bundle.manifest.max_tokens),
        ),
        observers=observers,
        origin=origin,
    )


def _redis_link(settings: Settings, metrics: "Metrics | None") -> "RedisLink | None":
    """Started: it connects while the service already answers."""
    if settings.redis_url is None:
        return None
    from lightsleeper.cache.redis_address import parse_redis_url  # noqa: PLC0415  # only where there is a Redis
    from lightsleeper.cache.redis_link import RedisLink  # noqa: PLC0415  # see above

    address = parse_redis_url(settings.redis_url)
    link = RedisLink(address, timeout_s=settings.redis_timeout_ms / 1e3, observer=metrics)
    link.start()
    return link


def _cache(
    settings: Settings, model: Model, link: "RedisLink | None", metrics: "Metrics | None", secret: Secret | None
) -> Cache:
    memory = LruCache(settings.cache_entries, settings.cache_bytes, metrics) if settings.cache_entries else NoCache()
    if link is None:
        return memory
    from lightsleeper.cache.redis_cache import RedisCache  # noqa: PLC0415  # see above
    from lightsleeper.cache.stored_value import ValueFormat  # noqa: PLC0415  # see above

    shared = RedisCache(link, ValueFormat(len(model.labels), secret), ttl_s=settings.redis_ttl_s, observer=metrics)
    shared.start()
    return TwoLevelCache(memory, shared) if isinstance(memory, LruCache) else shared


def _rate_limit(settings: Settings, link: "RedisLink | None") -> "RateLimiter | NoRateLimit":
    if not settings.rate_limit_texts:
        return NoRateLimit()
    from lightsleeper.api.rate_limit import RateLimiter  # noqa: PLC0415  # its library takes 60 ms of CPU to import

    return RateLimiter(max_texts=settings.rate_limit_texts, window_s=settings.rate_limit_window_s, link=link)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_texts=settings.max_texts,
        max_text_chars=settings.max_text_chars,
        max_body_bytes=settings.max_body_bytes,
        timeout_s=settings.request_timeout_s,
    )


def _dialect_options(settings: Settings, bundle: Bundle) -> dialects.Options:
    # Of `owner/name`, as the hub has it, the name: a slash would end it in a path.
    own = bundle.manifest.model_id.rpartition("/")[2]
    names = (settings.model_name, own, "lightsleeper")
    return dialects.Options(
        model_names=tuple(name for name in names if name),
        event_type=settings.event_type,
        webhook_origins=settings.webhook_origins,
    )


def _facts(model: Model, settings: Settings, wake: Wake) -> Facts:
    bundle, manifest, score_range = model.bundle, model.bundle.manifest, model.head.score_range
    return Facts(
        model_id=manifest.model_id,
        revision=manifest.revision,
        digest=bundle.digest,
        architecture=manifest.architecture,
        task=manifest.task,
        labels=list(manifest.labels),
        score_range=list(score_range) if score_range else None,
        max_tokens=manifest.max_tokens,
        quantization=manifest.quantization,
        accuracy=manifest.accuracy,
        languages=list(manifest.languages),
        behaviours=manifest.behaviours,
        version=__version__,
        limits=ServiceLimits(**asdict(_limits(settings)), max_explain_words=MAX_WORDS),
        process=Process(
            instance=INSTANCE_ID,
            started_at=datetime.fromtimestamp(time.time() - wake.age_s, UTC).isoformat().replace("+00:00", "Z"),
            wake_ms=wake.took_s * 1e3,
        ),
    )
