"""Pages of other origins: Starlette's middleware, whose refusals have the one shape of ours. Imported if it is set."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

#: What a page of another origin may send, and may read of an answer.
CORS: Mapping[str, Any] = {
    "allow_methods": ["GET", "POST"],
    # `User-Agent` is @huggingface/inference's, which Firefox and Safari ask leave for; `traceparent` OpenTelemetry's.
    "allow_headers": [
        "authorization",
        "content-encoding",
        "content-type",
        "inference-header-content-length",
        "prefer",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-api-key",
        "x-request-id",
    ],
    "expose_headers": [
        "inference-header-content-length",
        "ratelimit-limit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "server-timing",
        "x-cache",
        "x-error-code",
        "x-error-message",
        "x-instance-id",
        "x-request-id",
    ],
}


class CrossOrigin(CORSMiddleware):
    """Says in JSON, too, what a preflight asked for that is not allowed."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """See `CORSMiddleware`."""
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        error = {"code": "cross_origin_refused", "message": bytes(response.body).decode()}
        return JSONResponse({"error": error}, response.status_code, headers)
