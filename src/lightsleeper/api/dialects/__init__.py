"""Other people's wire formats over the same classifier, cache, limits, guard and metrics.

One module a dialect: it parses, answers and decides nothing else; what an error says in it stands in `api.refusals`.
May import the rest of `api`. No dialect is imported before its first request: a wake pays for none.
Begin with `ROUTES`, then `hugging_face`.
"""

import asyncio
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.identify import identify
from lightsleeper.errors import InvalidInput
from lightsleeper.telemetry.request_metrics import DIALECT


class Options(NamedTuple):
    """What only dialects ask of the settings."""

    #: What the model is called in paths; the first is the one that it calls itself.
    model_names: tuple[str, ...]
    #: Of the events that answer events.
    event_type: str
    #: Who may deliver events after asking for consent; `*` is everybody.
    webhook_origins: tuple[str, ...]


#: What these answer is no event, which a broker takes for a failure and delivers again; a 400 it does not.
_NOT_FOR_EVENTS = {"infer", "classify"}

_loaded: dict[str, ModuleType] = {}


def load(dialect: str) -> ModuleType:
    """The module of `dialect`, imported at its first request."""
    if dialect not in _loaded:
        _loaded[dialect] = import_module(f"{__name__}.{dialect}")
    return _loaded[dialect]


async def answer(request: Request, endpoint: str) -> Response:
    """What the function of that name answers in the module of the request's dialect, which it has."""
    dialect = identify(request.scope)
    assert dialect is not None  # noqa: S101  # every path below has one
    request.scope[DIALECT] = dialect
    if endpoint in _NOT_FOR_EVENTS and (request.headers.get("ce-specversion") or _is_document(request)):
        raise InvalidInput("an event is answered under /, /events and /v1/models/{name}:predict", field="path")
    # In a thread: what a dialect needs (the CloudEvents SDK: 0.1 s) must not hold up everybody else.
    module = _loaded.get(dialect) or await asyncio.to_thread(load, dialect)
    response: Response = await getattr(module, endpoint)(request)
    return response


def _is_document(request: Request) -> bool:
    media_type: str = request.headers.get("content-type", "")
    return media_type.lower().startswith("application/cloudevents")


def _route(path: str, endpoint: str, *methods: str) -> DirectRoute:
    return DirectRoute(path, partial(answer, endpoint=endpoint), methods=list(methods), name=endpoint)


def _versioned(model: str, suffix: str, endpoint: str, method: str) -> list[DirectRoute]:
    """The route of a model, and that of the same at one version."""
    return [_route(f"{path}{suffix}", endpoint, method) for path in (model, f"{model}/versions/{{version}}")]


ROUTES = [
    _route("/", "predict", "POST"),
    _route("/events", "predict", "POST"),
    _route("/", "probe", "OPTIONS"),
    _route("/events", "probe", "OPTIONS"),
    _route("/info", "info", "GET"),
    _route("/v2", "server", "GET"),
    _route("/v2/health/live", "live", "GET"),
    _route("/v2/health/ready", "ready", "GET"),
    _route("/v2/models", "models", "GET"),
    *_versioned("/v2/models/{name}", "", "model", "GET"),
    *_versioned("/v2/models/{name}", "/ready", "model_ready", "GET"),
    *_versioned("/v2/models/{name}", "/infer", "infer", "POST"),
    _route("/v1/models", "models", "GET"),
    *_versioned("/v1/models/{name}", ":predict", "predict", "POST"),
    *_versioned("/v1/models/{name}", ":classify", "classify", "POST"),
    *_versioned("/v1/models/{name}", "", "model", "GET"),
]
