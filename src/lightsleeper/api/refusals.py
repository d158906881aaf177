"""The one table from errors to statuses, what a dialect says otherwise, and the bodies that say them.

Dialects are known by name here, and none is imported: most of what is refused never reaches one.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from lightsleeper.api.asgi import Response
from lightsleeper.api.identify import identify
from lightsleeper.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    EngineFailed,
    HeadTooLarge,
    InvalidInput,
    LightsleeperError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    RateLimited,
    ShuttingDown,
    TooSlow,
    Unauthorized,
    UnknownMethod,
    UnsupportedMediaType,
    UrlTooLong,
)
from lightsleeper.telemetry.request_metrics import DIALECT, ERROR_CODE

JSON = "application/json"

#: Ours. A dialect says what it says otherwise in `_STATUS_OF`.
STATUS: Mapping[type[LightsleeperError], int] = {
    MalformedRequest: 400,
    TooSlow: 408,
    UrlTooLong: 414,
    HeadTooLarge: 431,
    Unauthorized: 401,
    RateLimited: 429,
    InvalidInput: 422,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    MethodNotAllowed: 405,
    UnknownMethod: 501,
    NotFound: 404,
    Overloaded: 503,
    ShuttingDown: 503,
    DeadlineExceeded: 504,
    EngineFailed: 500,
}

#: Where a dialect's clients expect another status. 429 for an overload where its clients repeat a 503 at once and
#: without end (@huggingface/inference) or its server says so (text-embeddings-inference, router/src/http/server.rs).
#: A broker drops what got a 4xx and repeats the rest, but it repeats a 404, too: no event is ever answered with one.
_STATUS_OF: Mapping[str, Mapping[type[LightsleeperError], int]] = {
    "hugging_face": {Overloaded: 429},
    "tei": {Overloaded: 429, EngineFailed: 424},
    "open_inference": {InvalidInput: 400},
    "kserve_v1": {InvalidInput: 400},
    "cloud_events": {InvalidInput: 400, NotFound: 400},
}

#: text-embeddings-inference's `error_type`, capitalised as its code writes it (its examples do not).
_TEI_TYPE: Mapping[type[LightsleeperError], str] = {
    InvalidInput: "Validation",
    RateLimited: "Overloaded",
    Overloaded: "Overloaded",
    ShuttingDown: "Unhealthy",
    EngineFailed: "Backend",
}

#: All that any path takes; who knows the path says which of them.
METHODS = "GET, HEAD, OPTIONS, POST"

#: What no header may hold; a message may repeat a name as a client sent it.
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")

#: Worth another try: these say when, whoever raised them.
RETRY = {429, 503, 504}


def refuse(scope: Scope, error: LightsleeperError) -> Response:
    """What the client of this request is told of `error`, in the dialect that it speaks."""
    dialect: str = scope.setdefault(DIALECT, identify(scope)) or ""
    status = _STATUS_OF.get(dialect, {}).get(type(error)) or STATUS.get(type(error), 500)
    body: dict[str, Any]
    message = _with_field(error) if dialect in _STATUS_OF else error.message
    if dialect in _STATUS_OF:
        body = {"error": message}
        if dialect == "tei":
            status, body["error_type"] = _tei(error, status)
    else:
        body = {"error": _detail(error)}
    headers = {}
    if error.retry_after_s is not None or status in RETRY:
        headers["retry-after"] = f"{max(1, round(error.retry_after_s or 1))}"
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = METHODS
    if dialect in _STATUS_OF:
        headers["x-error-code"] = error.code
    if dialect == "hugging_face":  # its Python client prints this one
        headers["x-error-message"] = _UNPRINTABLE.sub("?", message)
    return _Refusal(error.code, json.dumps(body), status, headers)


def _with_field(error: LightsleeperError) -> str:
    """The message, which in these dialects is all that is said of an error: so it names the field as well."""
    if not isinstance(error, InvalidInput) or error.field is None:
        return error.message
    field = repr(error.field)[1:-1]  # as messages show names
    return error.message if field.partition("[")[0] in error.message else f"{field}: {error.message}"


def _detail(error: LightsleeperError) -> dict[str, Any]:
    detail: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.field is not None:
        detail["field"] = error.field
    if error.limit is not None:
        detail["limit"] = error.limit
    return detail


def _tei(error: LightsleeperError, status: int) -> tuple[int, str]:
    if error.code == "no_texts":
        return 400, "Empty"
    return status, _TEI_TYPE.get(type(error), "Validation")


class _Refusal(Response):
    """Leaves its error's code where `request_metrics` looks for it, whoever sends it: route, handler or guard."""

    def __init__(self, code: str, body: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, status, headers=headers, media_type=JSON)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ERROR_CODE] = self._code
        await super().__call__(scope, receive, send)
