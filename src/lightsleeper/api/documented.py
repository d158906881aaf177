"""The same routes in FastAPI: what they are called in the OpenAPI document, and what is said of all other paths.

Imported after the first answer: FastAPI takes half of hello world's wake. The direct routes stand in front, so no
request is answered twice in two ways; what is written here is read by the document, and by Starlette for its 405s.
"""

import asyncio
import json
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Send

from lightsleeper.api import routes
from lightsleeper.api.asgi import Response as DirectResponse
from lightsleeper.api.direct_route import DirectRoute, answer_to
from lightsleeper.api.refusals import JSON, refuse
from lightsleeper.api.schemas import ErrorResponse, ModelResponse, PredictRequest, PredictResponse
from lightsleeper.errors import LightsleeperError, MethodNotAllowed, NotFound, RequestError, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

#: What a path may hold as it is: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
_PATH_SIGNS = "/:@!$&'()*+,;="

_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": ErrorResponse}}


class _Direct(Route):
    """A direct route in Starlette's router."""

    def __init__(self, direct: DirectRoute) -> None:
        super().__init__(direct.path, direct, methods=direct.methods, name=direct.name)
        self._direct = direct

    def matches(self, scope: "Scope") -> "tuple[Match, Scope]":
        """See `Route.matches`."""
        if self._direct.ends_before(scope["path"]):
            return Match.NONE, {}
        match, child_scope = super().matches(scope)
        child_scope["route"] = self
        return match, child_scope


class DirectFirst:
    """Innermost middleware: to a direct route without FastAPI's way there, which takes a sixth of an answer.

    That is its router, its exit stacks and its handlers of exceptions, of which a direct route leaves none of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`, which answers whatever no direct route takes."""
        self._app = app

    def __call__(self, scope: "Scope", receive: Receive, send: Send) -> Awaitable[None]:
        """See ASGI."""
        route = routes.find(scope) if scope["type"] == "http" else None
        return (route or self._app)(scope, receive, send)


def add_routes(app: FastAPI) -> None:
    """Put the direct routes in front of `app`'s, document our own, and answer every other path in our words."""
    app.router.routes[:0] = [_Direct(route) for route in routes.ROUTES]
    app.add_route("/openapi.json", _Document(app).answer, include_in_schema=False)
    app.include_router(_own_routes())
    app.add_exception_handler(LightsleeperError, _lightsleeper_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)
    _document_requests(app)


def _own_routes() -> APIRouter:
    """Our own dialect and the probes."""
    router = APIRouter()

    def document(path: str, direct: "Callable[..., object]", method: str = "GET", **what: Any) -> None:  # noqa: ANN401  # FastAPI's
        router.add_api_route(
            path, _unreached, methods=[method], name=direct.__name__, description=direct.__doc__, **what
        )

    document(
        "/predict",
        routes.predict,
        "POST",
        summary="Classify texts",
        response_model=PredictResponse,
        responses={status: {"model": ErrorResponse} for status in (401, 413, 415, 422, 429, 503, 504)},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/PredictRequest"}}},
            }
        },
    )
    document("/model", routes.model, summary="What answers here", response_model=ModelResponse)
    document("/livez", routes.livez, summary="Is the process alive?", response_class=PlainTextResponse)
    document(
        "/readyz",
        routes.readyz,
        summary="Can it answer now?",
        response_class=PlainTextResponse,
        responses={503: {"content": {JSON: {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}}},
    )
    document("/health", routes.health, summary="readyz, as JSON", responses=_NOT_READY)
    return router


async def _unreached(request: Request) -> Response:
    """Behind the direct route of the same path, which takes every request of the same method."""
    raise NotImplementedError(request.url.path)  # not unfinished: a call of it would be a bug of the routing


class _Document:
    """The OpenAPI document, made when somebody first asks for it: 0.2 s of work, during which others are answered."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._made: asyncio.Task[bytes] | None = None

    async def answer(self, _: Request) -> Any:  # noqa: ANN401  # see `_lightsleeper_error`
        """Its bytes."""
        # One for all: whoever comes meanwhile waits for the same thread.
        if self._made is None or (self._made.done() and self._made.exception()):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return DirectResponse(await asyncio.shield(self._made), media_type=JSON)

    def _make(self) -> bytes:
        document = self._app.openapi()
        if self._app.root_path:
            document = {**document, "servers": [{"url": self._app.root_path}]}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _document_requests(app: FastAPI) -> None:
    """Add the hand-validated request model to the OpenAPI document."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:  # as it was described
            return app.openapi_schema
        document = generate()
        document["components"]["schemas"].setdefault(
            "PredictRequest", PredictRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        )
        from lightsleeper.api.dialects.openapi import describe  # noqa: PLC0415  # only the document needs it

        describe(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


async def _lightsleeper_error(request: Request, error: Exception) -> Any:  # noqa: ANN401  # an ASGI application: all that Starlette makes of a response
    assert isinstance(error, LightsleeperError)  # noqa: S101  # Starlette's signature is wider than its contract
    return answer_to(request.scope, error)


async def _http_error(request: Request, error: Exception) -> Any:  # noqa: ANN401  # see `_lightsleeper_error`
    """Starlette's own refusals, in the same shape as ours; where a slash is all that is wrong, the way on."""
    assert isinstance(error, HTTPException)  # noqa: S101  # see above
    if error.status_code == HTTPStatus.NOT_FOUND and (elsewhere := _other_slash(request)):
        return RedirectResponse(elsewhere, HTTPStatus.TEMPORARY_REDIRECT)
    kinds: dict[int, type[RequestError]] = {404: NotFound, 405: MethodNotAllowed}
    kind = kinds.get(error.status_code, RequestError)
    response = refuse(request.scope, kind(f"{request.method} {shortened(request.scope['path'])}: {error.detail}"))
    if kind is RequestError:
        response.status_code = error.status_code
    response.headers.update({name.lower(): value for name, value in (error.headers or {}).items()})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["allow"] = _methods_at(request)
    return response


async def _unexpected_error(request: Request, _error: Exception) -> Any:  # noqa: ANN401  # see `_lightsleeper_error`
    """A bug outside of `LastResort`, in what wraps it: the caller learns that much, and Starlette logs the rest."""
    return refuse(request.scope, LightsleeperError("internal error", code="internal"))


def _methods_at(request: Request) -> str:
    """What may be done at the path of this request, as `Allow` lists it: several routes may share a path."""
    there = [route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE]
    path = getattr(there[0], "path", None) if there else None  # the first is the closest
    same = [route for route in there if getattr(route, "path", None) == path]
    return ", ".join(sorted({method for route in same for method in getattr(route, "methods", None) or ()}))


def _other_slash(request: Request) -> str | None:
    """Where the same path with or without its last slash leads, if a route has it: a path below the root, no host.

    Starlette does that, too, but takes the host from the `Host` header, which callers choose, and forgets the path
    that a proxy has cut off.
    """
    path: str = request.scope["path"]
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # To a browser, a second slash at the start begins another host's name.
    if not other or other.startswith("//"):
        return None
    scope = {**request.scope, "path": other}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.router.routes):
        return None
    root: str = request.scope.get("root_path", "")
    below_root = quote(other if other.startswith(f"{root}/") else root + other, safe=_PATH_SIGNS)
    query = request.scope["query_string"].decode("latin-1")
    return f"{below_root}?{query}" if query else below_root
