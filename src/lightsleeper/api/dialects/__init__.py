"""Other people's wire formats over the same classifier, cache, limits, guard and metrics.

One module a dialect: it parses, answers and decides nothing else; what an error says in it stands in `api.refusals`.
May import the rest of `api`. No dialect is imported before its first request: a wake pays for none.
Begin with `ROUTES`, then `hugging_face`.
"""

import asyncio
from importlib import import_module
from types import ModuleType

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.telemetry.request_metrics import DIALECT

_loaded: dict[str, ModuleType] = {}


def identify(scope: Scope) -> str | None:
    """The dialect that this request speaks, as far as its head tells; None is ours."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if path == "/v2" or path.startswith("/v2/"):
        return "open_inference"
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return "kserve_v1"
    if path == "/info":
        return "tei"
    if path == "/events":
        return "cloud_events"
    if path == "/" and scope["method"] == "POST":
        return "cloud_events" if _is_event(scope) else "hugging_face"
    return None


def load(dialect: str) -> ModuleType:
    """The module of `dialect`, imported at its first request."""
    if dialect not in _loaded:
        _loaded[dialect] = import_module(f"{__name__}.{dialect}")
    return _loaded[dialect]


def _is_event(scope: Scope) -> bool:
    """Whether the head is that of a CloudEvent: in binary mode its attributes are headers, else the type says it."""
    return any(
        name.startswith(b"ce-") or (name == b"content-type" and value.lower().startswith(b"application/cloudevents"))
        for name, value in scope["headers"]
    )


def _route(path: str, endpoint: str, *methods: str) -> DirectRoute:
    """A route whose `endpoint` is the function of that name in the module of the request's dialect."""

    async def answer(request: Request) -> Response:
        dialect = identify(request.scope)
        assert dialect is not None  # noqa: S101  # every path below has one
        request.scope[DIALECT] = dialect
        # In a thread: what a dialect needs (the CloudEvents SDK: 0.1 s) must not hold up everybody else.
        module = _loaded.get(dialect) or await asyncio.to_thread(load, dialect)
        response: Response = await getattr(module, endpoint)(request)
        return response

    return DirectRoute(path, answer, methods=list(methods), name=endpoint)


ROUTES: list[DirectRoute] = []
