"""The composition root: settings → the ASGI application. `lifespan` builds its parts and takes them down again."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from lightsleeper import __version__
from lightsleeper.api import dialects, page, routes
from lightsleeper.api.guard import CORS, AnswerHeaders, Guard
from lightsleeper.api.last_resort import LastResort
from lightsleeper.api.load_shedding import LoadShedding
from lightsleeper.api.refusals import handle_errors, refuse
from lightsleeper.api.schemas import PredictRequest
from lightsleeper.process import INSTANCE_ID, age_s
from lightsleeper.serving.lifespan import State, serve_parts
from lightsleeper.serving.settings import Settings, read_settings
from lightsleeper.telemetry.request_metrics import RequestMetrics
from lightsleeper.telemetry.tracing import Traced

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from lightsleeper.model.model import Model
    from lightsleeper.telemetry.export import Telemetry


def from_environment() -> FastAPI:
    """The application as configured, for `uvicorn --factory lightsleeper.serving.app:from_environment --reload`."""
    return create_app(read_settings())


def create_app(settings: Settings, loading: "Future[Model] | None" = None) -> FastAPI:
    """The ASGI application. `loading` is the model on its way; without it the lifespan loads it."""
    phases = {"imports": age_s()}
    telemetry = _telemetry(settings)

    def lifespan(_: FastAPI) -> AbstractAsyncContextManager[State]:
        return serve_parts(settings, telemetry, loading, phases)

    app = FastAPI(
        title="lightsleeper",
        version=__version__,
        description="Sentiment of texts, from a service that sleeps at zero.",
        lifespan=lifespan,
        docs_url=None,  # `api.page` has it, with nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # `api.slashes` does it, without the caller's `Host`
        # FastAPI's own: it would find the tracer, and count what `request_metrics` counts.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    # As a parameter FastAPI deprecates it for the server's, which breaks behind a proxy that keeps the prefix.
    app.root_path = settings.root_path
    app.add_middleware(LoadShedding, refuse=refuse)
    app.add_middleware(
        Guard,
        key_digests=[bytes.fromhex(digest) for digest in settings.api_key_digests],
        refuse=refuse,
    )
    app.add_middleware(LastResort)
    if settings.cors_origins:  # outside the guard: a page must be able to read a refusal
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    app.add_middleware(AnswerHeaders)
    if telemetry:
        app.add_middleware(RequestMetrics)
    # Here and not in the server, because who may trace is the peer itself. Walked from the right past every proxy
    # trusted: the number of hops is no better rule on Knative, whose activator joins and leaves the path.
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    if telemetry and telemetry.tracers:
        app.add_middleware(
            Traced, tracers=telemetry.tracers, ratio=settings.trace_ratio, trusted=settings.trusted_proxies
        )
    app.router.routes[:0] = [*routes.hot_routes, *page.hot_routes, *dialects.ROUTES]
    app.include_router(routes.router)
    app.include_router(page.router)
    handle_errors(app)
    _document_requests(app)
    return app


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


def _document_requests(app: FastAPI) -> None:
    """Add the hand-validated request model to the OpenAPI document."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["components"]["schemas"].setdefault(
            "PredictRequest", PredictRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        )
        from lightsleeper.api.dialects.openapi import describe  # noqa: PLC0415  # only the document needs it

        describe(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
