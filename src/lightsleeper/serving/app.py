"""The composition root: settings → the ASGI application. `lifespan` builds its parts and takes them down again.

It has two faces. `create_app` is the whole: FastAPI, which serves and documents everything. `serving.porch` is what a
wake needs of it, without FastAPI. Both stand behind the same `door`, and both have the same routes.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from lightsleeper import __version__
from lightsleeper.api.early_refusal import EarlyRefusals
from lightsleeper.api.guard import AnswerHeaders, Guard
from lightsleeper.api.last_resort import LastResort
from lightsleeper.api.load_shedding import LoadShedding
from lightsleeper.api.refusals import refuse
from lightsleeper.errors import ConfigurationError, shortened
from lightsleeper.process import INSTANCE_ID, age_s
from lightsleeper.serving.lifespan import serve_parts
from lightsleeper.serving.proxies import Proxies
from lightsleeper.serving.settings import Settings, read_settings
from lightsleeper.telemetry.request_metrics import RequestMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from starlette.types import Scope

    from lightsleeper.api.early_refusal import Refusal
    from lightsleeper.telemetry.export import Telemetry


def from_environment() -> "FastAPI":
    """The application as configured, for `uvicorn --factory lightsleeper.serving.app:from_environment --reload`."""
    return create_app(read_settings())


def create_app(settings: Settings) -> "FastAPI":
    """The whole application, which loads its model as it starts."""
    phases = {"imports": age_s()}
    telemetry = open_telemetry(settings)

    return whole_app(settings, telemetry, lambda _: serve_parts(settings, telemetry, None, phases))


def whole_app(
    settings: Settings, telemetry: "Telemetry | None", lifespan: "Callable[[FastAPI], Any] | None" = None
) -> "FastAPI":
    """The whole application around parts that `lifespan` builds, unless the porch has built them."""
    from fastapi import FastAPI  # noqa: PLC0415  # half of hello world's wake, which the first answer does not need

    from lightsleeper.api.documented import DirectFirst, add_routes  # noqa: PLC0415  # see above

    app = FastAPI(
        title="lightsleeper",
        version=__version__,
        description="Sentiment of texts, from a service that sleeps at zero.",
        lifespan=lifespan,
        openapi_url=None,  # `api.documented` has it, made in a thread
        docs_url=None,  # `api.page` has it, with nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # `api.documented` does it, without the caller's `Host`
        # FastAPI's own: it would find the tracer, and count what `request_metrics` counts.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    # As a parameter FastAPI deprecates it for the server's, which breaks behind a proxy that keeps the prefix.
    app.root_path = settings.root_path
    app.add_middleware(DirectFirst)
    for middleware, options in door(settings, telemetry):
        app.add_middleware(middleware, **options)
    add_routes(app)
    return app


def door(settings: Settings, telemetry: "Telemetry | None") -> "Iterator[tuple[Any, dict[str, Any]]]":
    """What stands before every route, innermost first: ASGI middleware and its options."""
    yield LoadShedding, {"refuse": refuse}
    yield Guard, {"key_digests": _keys(settings), "refuse": refuse}
    yield LastResort, {}
    if settings.cors_origins:  # outside the guard: a page must be able to read a refusal
        yield _cross_origin(settings), {}
    yield AnswerHeaders, {}
    if telemetry:
        yield RequestMetrics, {}
    # Here and not in the server, because who may trace is the peer itself. Walked from the right past every proxy
    # trusted: the number of hops is no better rule on Knative, whose activator joins and leaves the path.
    yield Proxies, _proxies(settings)
    if telemetry and telemetry.tracers:
        from lightsleeper.telemetry.tracing import Traced  # noqa: PLC0415  # OpenTelemetry's API is 40 ms of CPU

        trusted = settings.trusted_proxies
        yield Traced, {"tracers": telemetry.tracers, "ratio": settings.trace_ratio, "trusted": trusted}


def early_refusals(settings: Settings) -> "Callable[[Scope], Refusal | None]":
    """What of the `door` says no at once when the queue is full. Where requests are traced, it is the door alone."""
    if settings.trace_ratio:
        return lambda _: None
    guard = Guard(_nobody, _keys(settings), refuse) if settings.api_key_digests else None
    proxies: Any = Proxies(_nobody, **_proxies(settings))
    return EarlyRefusals(guard, proxies, _cross_origin(settings), settings.root_path)


def _cross_origin(settings: Settings) -> "Callable[[Any], Any]":
    """What is around an application whose pages may lie elsewhere."""
    if not settings.cors_origins:
        return lambda app: app
    from lightsleeper.api.cross_origin import CORS, CrossOrigin  # noqa: PLC0415  # only where it is used

    return partial(CrossOrigin, allow_origins=settings.cors_origins, **CORS)


async def _nobody(*_: object) -> None:
    """Behind a part of the door whose findings alone are wanted."""


def _keys(settings: Settings) -> list[bytes]:
    return [bytes.fromhex(digest) for digest in settings.api_key_digests]


def _proxies(settings: Settings) -> "dict[str, Any]":
    return {"trusted_hosts": list(settings.trusted_proxies)}


def open_telemetry(settings: Settings) -> "Telemetry | None":
    """What metrics and traces are sent with; None where nobody asked for any. ConfigurationError if that cannot be."""
    if settings.otlp_endpoint is None and settings.metrics_port is None:
        return None
    from lightsleeper.telemetry.export import Telemetry  # noqa: PLC0415  # the SDK is 20 ms of CPU

    try:
        return Telemetry(
            otlp_endpoint=settings.otlp_endpoint,
            export_interval_s=settings.export_interval_s,
            metrics_address=None if settings.metrics_port is None else (settings.host, settings.metrics_port),
            traces=settings.trace_ratio > 0,
            instance_id=INSTANCE_ID,
        )
    except ValueError as error:  # the SDK's, of a limit or a filter in its own variables
        raise ConfigurationError(f"a variable that begins with OTEL_: {shortened(str(error))}") from None
