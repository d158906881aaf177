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

from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.identify import identify
from lightsleeper.telemetry.request_metrics import DIALECT

_loaded: dict[str, ModuleType] = {}


def load(dialect: str) -> ModuleType:
    """The module of `dialect`, imported at its first request."""
    if dialect not in _loaded:
        _loaded[dialect] = import_module(f"{__name__}.{dialect}")
    return _loaded[dialect]


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


ROUTES = [
    _route("/", "predict", "POST"),
    _route("/info", "info", "GET"),
]
