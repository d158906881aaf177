"""The HTTP surface: routes, probes, and the one error → status table. Decides nothing about text."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import Receive

from lightsleeper.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    EngineFailed,
    InvalidInput,
    LightsleeperError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    ShuttingDown,
    UnsupportedMediaType,
)
from lightsleeper.prediction import Classification, Timings, rank
from lightsleeper.schemas import ErrorResponse, Limits, PredictRequest, PredictResponse, parse_predict_request

STATUS: Mapping[type[LightsleeperError], int] = {
    InvalidInput: 422,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    MethodNotAllowed: 405,
    NotFound: 404,
    Overloaded: 503,
    ShuttingDown: 503,
    DeadlineExceeded: 504,
    EngineFailed: 500,
}

#: nginx's status for a client that left before its answer; nobody reads it but the metrics.
CLIENT_CLOSED_REQUEST = 499

JSON = "application/json"

router = APIRouter()


@router.post(
    "/predict",
    summary="Classify texts",
    response_model=PredictResponse,
    responses={status: {"model": ErrorResponse} for status in (413, 415, 422, 503, 504)},
    # The body is validated by hand, straight from bytes: FastAPI's own path costs 0.1 ms more per request.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/PredictRequest"}}},
        }
    },
)
async def predict(request: Request) -> Response:
    """Labels and scores of one text, or of each text of a list, in order."""
    state = request.state
    limits: Limits = state.limits
    try:
        async with asyncio.timeout(limits.timeout_s):
            body = await _read_body(request, limits.max_body_bytes)
            asked = parse_predict_request(body, limits)
            async with _WithdrawOnDisconnect(request.receive):
                answer = await state.classifier.classify(asked.texts, truncate=asked.truncate)
    except TimeoutError:
        raise DeadlineExceeded(
            f"no answer within {limits.timeout_s:g} s", limit=limits.timeout_s, retry_after_s=1
        ) from None
    except _Disconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(_render(asked, answer, state.labels), media_type=JSON, headers=_headers(answer))


@router.get("/livez", summary="Is the process alive?")
async def livez() -> Response:
    """Constant: a live event loop is all it proves."""
    return Response("ok", media_type="text/plain")


@router.get("/readyz", summary="Can it answer now?", responses={503: {"model": ErrorResponse}})
async def readyz(request: Request) -> Response:
    """Whether the inference workers run. Never asks Redis: an optional cache must not take the service down."""
    _require_ready(request)
    return Response("ok", media_type="text/plain")


@router.get("/health", summary="readyz, as JSON", responses={503: {"model": ErrorResponse}})
async def health(request: Request) -> dict[str, str]:
    """`{"status": "healthy"}` while ready."""
    _require_ready(request)
    return {"status": "healthy"}


def error_response(error: LightsleeperError) -> Response:
    """The JSON body and status of `error`."""
    detail: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.field is not None:
        detail["field"] = error.field
    if error.limit is not None:
        detail["limit"] = error.limit
    headers = {} if error.retry_after_s is None else {"retry-after": f"{max(1, round(error.retry_after_s))}"}
    return Response(
        json.dumps({"error": detail}), status_code=STATUS.get(type(error), 500), media_type=JSON, headers=headers
    )


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON:
        raise UnsupportedMediaType(f"send the request as {JSON}", field="content-type")
    too_large = BodyTooLarge(f"the body has more than {limit} bytes", limit=limit)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _render(asked: PredictRequest, answer: Classification, labels: tuple[str, ...]) -> bytes:
    predictions = [
        [
            {"label": ranked.label, "score": ranked.score}
            for ranked in rank(logits, labels, top_k=asked.top_k, raw_scores=asked.raw_scores)
        ]
        for logits in answer.logits
    ]
    content: dict[str, Any] = {"predictions": predictions}
    if answer.truncated:
        content["truncated"] = answer.truncated
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _headers(answer: Classification) -> dict[str, str]:
    texts = len(answer.logits)
    cache = "hit" if answer.hits == texts else "partial" if answer.hits else "miss"
    return {"x-cache": cache, "server-timing": _server_timing(answer.timings)}


def _server_timing(timings: Timings) -> str:
    """https://www.w3.org/TR/server-timing/: milliseconds by stage."""
    stages = {
        "tokenize": timings.tokenize_s,
        "cache": timings.cache_s,
        "queue": timings.queue_s,
        "inference": timings.inference_s,
    }
    return ", ".join(f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages.items())


def _require_ready(request: Request) -> None:
    if not request.state.batcher.alive:
        raise ShuttingDown("the inference workers do not run", retry_after_s=1)


class _Disconnected(Exception):  # an event more than an error
    """The client closed its connection while its texts were being classified."""


class _WithdrawOnDisconnect:
    """Cancels the body of the `async with` when the client leaves, so that its queued texts are dropped.

    ASGI servers do not cancel a handler whose client is gone; they only say so to whoever calls `receive`. The
    watch begins one loop iteration later: an answer from the in-process cache never pays for it.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._left = False

    async def __aenter__(self) -> None:
        self._handler = asyncio.current_task()
        self._start = asyncio.get_running_loop().call_soon(self._begin)

    async def __aexit__(self, *failure: object) -> None:
        self._start.cancel()
        if self._watch:
            self._watch.cancel()
        if self._left and isinstance(failure[1], asyncio.CancelledError) and self._handler:
            self._handler.uncancel()
            raise _Disconnected

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._until_disconnect())

    async def _until_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._handler:
            self._handler.cancel()
