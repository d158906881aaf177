"""The HTTP surface: routes, probes, and the one error → status table. Decides nothing about text."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from lightsleeper.api.schemas import (
    ErrorResponse,
    Limits,
    ModelResponse,
    PredictRequest,
    PredictResponse,
    parse_predict_request,
)
from lightsleeper.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    EngineFailed,
    InvalidInput,
    LightsleeperError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    RateLimited,
    ShuttingDown,
    Unauthorized,
    UnsupportedMediaType,
)
from lightsleeper.model.prediction import Classification, Timings, rank
from lightsleeper.pipeline.explain import explain, leave_one_out
from lightsleeper.process import INSTANCE_ID, Wake
from lightsleeper.telemetry.request_metrics import ERROR_CODE

if TYPE_CHECKING:
    from lightsleeper.pipeline.classifier import Classifier

STATUS: Mapping[type[LightsleeperError], int] = {
    Unauthorized: 401,
    RateLimited: 429,
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

#: Answers say how long the wake took while somebody may still be waiting for it: proxies rarely wait longer.
_WAKE_NEWS_S = 60

#: Longer than Redis takes, shorter than any inference worth withdrawing.
_WATCH_AFTER_S = 0.003

router = APIRouter()


@router.post(
    "/predict",
    summary="Classify texts",
    response_model=PredictResponse,
    responses={status: {"model": ErrorResponse} for status in (401, 413, 415, 422, 429, 503, 504)},
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
    started_s = time.perf_counter()
    state = request.state
    limits: Limits = state.limits
    try:
        async with asyncio.timeout(limits.timeout_s):
            # The body has no name, so that it goes before the answer: 20 of 2 MB in flight took 32 MB more.
            asked = parse_predict_request(await _read_body(request, limits.max_body_bytes), limits)
            async with _WithdrawOnDisconnect(request.receive):
                answer, content = await _answer(request, asked)
    except TimeoutError:
        raise DeadlineExceeded(
            f"no answer within {limits.timeout_s:g} s", limit=limits.timeout_s, retry_after_s=1
        ) from None
    except _Disconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(to_json(content), media_type=JSON, headers=_headers(answer, state.wake, started_s))


class _DirectRoute(Route):
    """Straight from Starlette's router to the endpoint; otherwise as FastAPI's route, whose name is in the metrics."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See `Route.matches`."""
        match, child_scope = super().matches(scope)
        child_scope["route"] = self
        return match, child_scope


#: In front of the documented routes: what FastAPI does between router and endpoint (dependencies, exit stacks, a
#: second response) costs as much as a whole answer from memory, and `predict` uses none of it.
hot_routes = [_DirectRoute("/predict", predict, methods=["POST"])]


@router.get("/model", summary="What answers here", response_model=ModelResponse)
async def model(request: Request) -> Response:
    """The model, its measured accuracy, the limits of a request, and when this process woke."""
    facts: ModelResponse = request.state.facts
    return Response(facts.model_dump_json(), media_type=JSON)


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
    return _Refusal(error.code, json.dumps({"error": detail}), STATUS.get(type(error), 500), headers)


class _Refusal(Response):
    """Leaves its error's code where `request_metrics` looks for it, whoever sends it: route, handler or guard."""

    def __init__(self, code: str, body: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, status, headers, JSON)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ERROR_CODE] = self._code
        await super().__call__(scope, receive, send)


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes."""
    headers = request.headers
    content_type = headers.get("content-type", "")
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType(f"send the request as {JSON}", field="content-type")
    too_large = f"the body has more than {limit} bytes"
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(too_large, limit=limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLarge(too_large, limit=limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _answer(request: Request, asked: PredictRequest) -> tuple[Classification, dict[str, Any]]:
    """The classification, and the body of the response."""
    state = request.state
    classifier: Classifier = state.classifier
    labels: tuple[str, ...] = state.labels
    texts = asked.texts
    without = leave_one_out(texts[0]) if asked.explain else []
    await state.rate_limit.spend(request.scope, len(texts) + len(without))
    answer = await classifier.classify([*texts, *without], truncate=asked.truncate, variants=len(without))
    predictions = [
        [
            {"label": ranked.label, "score": ranked.score}
            for ranked in rank(logits, labels, top_k=asked.top_k, raw_scores=asked.raw_scores)
        ]
        for logits in answer.logits[: len(texts)]
    ]
    content: dict[str, Any] = {"predictions": predictions}
    truncated = [index for index in answer.truncated if index < len(texts)]
    if truncated:
        content["truncated"] = truncated
    if truncated and asked.truncated_at:
        content["truncated_at"] = await classifier.cut_at([texts[index] for index in truncated])
    if asked.explain:
        whole, *parts = answer.logits
        content["explanations"] = [asdict(word) for word in explain(texts[0], whole, parts)]
    return answer, content


def _headers(answer: Classification, wake: Wake, started_s: float) -> dict[str, str]:
    texts = len(answer.logits)
    cache = "hit" if answer.hits == texts else "partial" if answer.hits else "miss"
    timing = _server_timing(answer.timings, wake, time.perf_counter() - started_s)
    return {"x-cache": cache, "x-instance-id": INSTANCE_ID, "server-timing": timing}


def _server_timing(timings: Timings, wake: Wake, total_s: float) -> str:
    """https://www.w3.org/TR/server-timing/: milliseconds by stage.

    `wake` and `age` appear while the process is young: whoever began to wait before `age` waited for the wake.
    """
    stages = [
        ("tokenize", timings.tokenize_s),
        ("cache", timings.cache_s),
        ("queue", timings.queue_s),
        ("inference", timings.inference_s),
        ("total", total_s),
    ]
    age_s = wake.age_s
    if age_s < _WAKE_NEWS_S:
        stages += [("wake", wake.took_s), ("age", age_s)]
    return ", ".join([f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages])


def _require_ready(request: Request) -> None:
    if not request.state.batcher.alive:
        raise ShuttingDown("the inference workers do not run", retry_after_s=1)


class _Disconnected(Exception):  # an event more than an error
    """The client closed its connection while its texts were being classified."""


class _WithdrawOnDisconnect:
    """Cancels the body of the `async with` when the client leaves, so that its queued texts are dropped.

    ASGI servers do not cancel a handler whose client is gone; they only say so to whoever calls `receive`. The
    watch begins after `_WATCH_AFTER_S`: an answer from a cache, of which nothing is queued, never pays for it.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._left = False

    async def __aenter__(self) -> None:
        self._handler = asyncio.current_task()
        self._start = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin)

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
