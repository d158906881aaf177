"""The composition root: the only module that reads settings, builds the parts, and takes them down again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from lightsleeper import __version__
from lightsleeper.api import dialects, page, routes
from lightsleeper.api.guard import CORS, Guard, NoRateLimit
from lightsleeper.api.refusals import refuse
from lightsleeper.api.schemas import Limits, LimitsModel, ModelResponse, PredictRequest, ProcessModel
from lightsleeper.cache.cache import Cache, KeyMaker, LruCache, NoCache, TwoLevelCache
from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.cache.redis_cache import RedisCache
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.errors import EngineFailed, LightsleeperError, MethodNotAllowed, NotFound, RequestError
from lightsleeper.model.bundle import EMBEDDED, Bundle
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.model.model import Model, load_model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.pipeline.encoding import Encoder
from lightsleeper.pipeline.explain import MAX_WORDS
from lightsleeper.process import INSTANCE_ID, Wake, age_s
from lightsleeper.serving.settings import Settings, read_settings
from lightsleeper.telemetry.metrics import Identity, Metrics
from lightsleeper.telemetry.request_metrics import RequestMetrics
from lightsleeper.telemetry.tracing import Spans, instrument, origin

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lightsleeper.api.rate_limit import RateLimiter
    from lightsleeper.telemetry.export import Telemetry

log = logging.getLogger("lightsleeper")


class State(TypedDict):
    """What the routes find in `request.state`."""

    classifier: Classifier
    batcher: Batcher[TokenizedText, Logits]
    labels: tuple[str, ...]
    limits: Limits
    facts: ModelResponse
    wake: Wake
    rate_limit: "RateLimiter | NoRateLimit"
    metrics: Metrics | None


def from_environment() -> FastAPI:
    """The application as configured, for `uvicorn --factory lightsleeper.serving.app:from_environment --reload`."""
    return create_app(read_settings())


def create_app(settings: Settings, loading: "Future[Model] | None" = None) -> FastAPI:
    """The ASGI application. `loading` is the model on its way; without it the lifespan loads it."""
    phases = {"imports": age_s()}
    telemetry = _telemetry(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        """Open → warm up → serve → drain → close. The server listens only after the yield is reached."""
        model = await (asyncio.wrap_future(loading) if loading else asyncio.to_thread(open_model, settings))
        phases["model"] = age_s()
        metrics = Metrics(telemetry.meter, _identity(settings, model)) if telemetry else None
        spans = Spans(telemetry.tracers) if telemetry and telemetry.tracers else None
        observers = [observer for observer in (metrics, spans) if observer]
        batcher = _batcher(settings, model, observers, origin if spans else None)
        link = _redis_link(settings, metrics)
        cache = _cache(settings, link, metrics, labels=len(model.labels))
        batcher.start()
        if telemetry and metrics:
            metrics.watch_queue(lambda: batcher.queued_cost)
            await telemetry.announce(metrics.histograms)
        wake = Wake()
        phases["ready"] = wake.took_s
        log.info("ready", extra={"fields": {f"{phase}_s": round(s, 3) for phase, s in phases.items()}})
        if metrics:
            metrics.started(phases)
        yield {
            "classifier": Classifier(
                encoder=Encoder(model.tokenizer, KeyMaker(model.bundle.digest), max_entries=settings.cache_entries),
                cache=cache,
                batcher=batcher,
                observers=observers,
            ),
            "batcher": batcher,
            "labels": model.labels,
            "limits": _limits(settings),
            "facts": _facts(model.bundle, settings, wake),
            "wake": wake,
            "rate_limit": _rate_limit(settings, link),
            "metrics": metrics,
        }
        await batcher.close(settings.drain_timeout_s)
        await cache.close()
        if link:
            await link.close()
        model.engine.close()
        if telemetry:
            await telemetry.close()

    app = FastAPI(
        title="lightsleeper",
        version=__version__,
        description="Sentiment of texts, from a service that sleeps at zero.",
        lifespan=lifespan,
        # FastAPI's own: it would find the tracer, and count what `request_metrics` counts.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    # As a parameter FastAPI deprecates it for the server's, which breaks behind a proxy that keeps the prefix.
    app.root_path = settings.root_path
    app.add_middleware(
        Guard,
        key_digests=[bytes.fromhex(digest) for digest in settings.api_key_digests],
        refuse=refuse,
    )
    if settings.cors_origins:  # outside the guard: a page must be able to read a refusal
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    if telemetry:
        app.add_middleware(RequestMetrics)
        if telemetry.tracers:
            instrument(app, telemetry.tracers, settings.trace_ratio)
    app.router.routes[:0] = [*routes.hot_routes, *dialects.ROUTES]
    app.include_router(routes.router)
    app.include_router(page.router)
    app.add_exception_handler(LightsleeperError, _lightsleeper_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)
    _document_requests(app)
    return app


def open_model(settings: Settings) -> Model:
    """Load and warm up the configured bundle; BundleError if it cannot work."""
    return load_model(settings.bundle or EMBEDDED, settings.engine, settings.torch_device)


def _telemetry(settings: Settings) -> "Telemetry | None":
    if settings.otlp_endpoint is None and settings.metrics_port is None:
        return None
    from lightsleeper.telemetry.export import Telemetry  # noqa: PLC0415  # the SDK is 20 ms of CPU

    return Telemetry(
        otlp_endpoint=settings.otlp_endpoint,
        export_interval_s=settings.export_interval_s,
        metrics_address=None if settings.metrics_port is None else (settings.host, settings.metrics_port),
        traces=settings.trace_ratio > 0,
        instance_id=INSTANCE_ID,
    )


def _identity(settings: Settings, model: Model) -> Identity:
    manifest = model.bundle.manifest
    return Identity(
        model_id=manifest.model_id,
        digest=model.bundle.digest,
        version=__version__,
        labels=model.labels,
        workers=_workers(settings),
        queue_limit_tokens=settings.max_queued_tokens,
    )


def _workers(settings: Settings) -> int:
    return settings.workers or worker_count(cpus())


def _batcher(
    settings: Settings, model: Model, observers: Sequence[Metrics | Spans], origin: Callable[[], object] | None
) -> Batcher[TokenizedText, Logits]:
    return Batcher(
        model.run,
        cost=lambda text: text.width,
        kind=lambda text: text.width,
        workers=_workers(settings),
        max_batch_cost=settings.max_batch_tokens,
        max_queued_cost=settings.max_queued_tokens,
        observers=observers,
        origin=origin,
    )


def _redis_link(settings: Settings, metrics: Metrics | None) -> RedisLink | None:
    """Started: it connects while the service already answers."""
    if settings.redis_url is None:
        return None
    address = parse_redis_url(settings.redis_url.get_secret_value())
    link = RedisLink(address, timeout_s=settings.redis_timeout_ms / 1e3, observer=metrics)
    link.start()
    return link


def _cache(settings: Settings, link: RedisLink | None, metrics: Metrics | None, *, labels: int) -> Cache:
    memory = LruCache(settings.cache_entries, settings.cache_bytes, metrics) if settings.cache_entries else NoCache()
    if link is None:
        return memory
    shared = RedisCache(link, labels=labels, ttl_s=settings.redis_ttl_s, observer=metrics)
    shared.start()
    return TwoLevelCache(memory, shared) if isinstance(memory, LruCache) else shared


def _rate_limit(settings: Settings, link: RedisLink | None) -> "RateLimiter | NoRateLimit":
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


def _facts(bundle: Bundle, settings: Settings, wake: Wake) -> ModelResponse:
    manifest = bundle.manifest
    return ModelResponse(
        model_id=manifest.model_id,
        revision=manifest.revision,
        digest=bundle.digest,
        architecture=manifest.architecture,
        labels=list(manifest.labels),
        max_tokens=manifest.max_tokens,
        quantization=manifest.quantization,
        accuracy=manifest.accuracy,
        version=__version__,
        limits=LimitsModel(**asdict(_limits(settings)), max_explain_words=MAX_WORDS),
        process=ProcessModel(
            instance=INSTANCE_ID,
            started_at=datetime.fromtimestamp(time.time() - wake.age_s, UTC),
            wake_ms=wake.took_s * 1e3,
        ),
    )


async def _lightsleeper_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LightsleeperError)  # noqa: S101  # Starlette's signature is wider than its contract
    if isinstance(error, EngineFailed):
        log.error("inference failed", exc_info=error.__cause__)
    return refuse(request.scope, error)


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the same shape as ours."""
    assert isinstance(error, HTTPException)  # noqa: S101  # see above
    kinds: dict[int, type[RequestError]] = {404: NotFound, 405: MethodNotAllowed}
    kind = kinds.get(error.status_code, RequestError)
    response = refuse(request.scope, kind(f"{request.method} {request.url.path}: {error.detail}"))
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


async def _unexpected_error(request: Request, _error: Exception) -> Response:
    """A bug of ours: the caller learns that much, and Starlette logs the rest."""
    return refuse(request.scope, LightsleeperError("internal error", code="internal"))


def _document_requests(app: FastAPI) -> None:
    """Add the hand-validated request model to the OpenAPI document."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["components"]["schemas"].setdefault(
            "PredictRequest", PredictRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        )
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
