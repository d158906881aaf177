"""The routes of our own dialect, and the probes. Decides nothing about text."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic_core import to_json

from lightsleeper.api import dialects
from lightsleeper.api.body import is_json, load_json, without_bom
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.refusals import JSON
from lightsleeper.api.schemas import (
    ErrorResponse,
    ModelResponse,
    PredictRequest,
    PredictResponse,
    parse_predict_request,
)
from lightsleeper.errors import ShuttingDown, UnsupportedMediaType
from lightsleeper.model.prediction import rank
from lightsleeper.pipeline.explain import explain
from lightsleeper.telemetry.request_metrics import DIALECT

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
    request.scope[DIALECT] = "native"
    return await exchange(request, _parse, _answer)


@router.get("/model", summary="What answers here", response_model=ModelResponse)
async def model(request: Request) -> Response:
    """The model, its measured accuracy, the limits of a request, and when this process woke."""
    facts: ModelResponse = request.state.facts
    return Response(facts.model_dump_json(), media_type=JSON)


@router.get("/livez", summary="Is the process alive?", response_class=PlainTextResponse)
async def livez(_: Request) -> Response:
    """Constant: a live event loop is all it proves."""
    return Response("ok", media_type="text/plain")


@router.get(
    "/readyz",
    summary="Can it answer now?",
    response_class=PlainTextResponse,
    responses={503: {"content": {JSON: {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}}},
)
async def readyz(request: Request) -> Response:
    """Whether the inference workers run. Never asks Redis: an optional cache must not take the service down."""
    _require_ready(request)
    return Response("ok", media_type="text/plain")


@router.get("/health", summary="readyz, as JSON", responses={503: {"model": ErrorResponse}})
async def health(request: Request) -> Response:
    """`{"status": "healthy"}` while ready."""
    _require_ready(request)
    return Response(b'{"status":"healthy"}', media_type=JSON)


#: In front of the documented routes, which do the same at greater length.
hot_routes = [
    DirectRoute("/predict", predict, methods=["POST"]),
    DirectRoute("/model", model),
    DirectRoute("/livez", livez),
    DirectRoute("/readyz", readyz),
    DirectRoute("/health", health),
]


def _parse(body: bytes, request: Request) -> Any:  # noqa: ANN401  # a `PredictRequest`, or text-embeddings-inference's
    if b'"inputs"' in body:  # as a string of its own: inside of one its quotes would be escaped
        fields = load_json(body)
        if isinstance(fields, dict) and "inputs" in fields and "text" not in fields:
            request.scope[DIALECT] = "tei"
            return dialects.load("tei").parse(fields, request)
    if not is_json(request.headers):
        raise UnsupportedMediaType(f"send the request as {JSON}", field="content-type")
    return parse_predict_request(without_bom(body), request.state.limits)


async def _answer(this: Exchange, asked: Any) -> Response:  # noqa: ANN401  # see `_parse`
    if this.request.scope[DIALECT] == "tei":
        response: Response = await dialects.load("tei").answer(this, asked)
        return response
    return await _answer_ours(this, asked)


async def _answer_ours(this: Exchange, asked: PredictRequest) -> Response:
    texts = asked.texts
    read, without = await this.classifier.leave_one_out(texts[0]) if asked.explain else ("", [])
    answer = await this.classify([*texts, *without], truncate=asked.truncate, variants=len(without))
    predictions = [
        [
            {"label": ranked.label, "score": ranked.score}
            for ranked in rank(logits, this.labels, top_k=asked.top_k, raw_scores=asked.raw_scores)
        ]
        for logits in answer.logits[: len(texts)]
    ]
    content: dict[str, Any] = {"predictions": predictions}
    truncated = [index for index in answer.truncated if index < len(texts)]
    if truncated:
        content["truncated"] = truncated
    if truncated and asked.truncated_at:
        content["truncated_at"] = await this.classifier.cut_at([texts[index] for index in truncated])
    unfamiliar = [index for index in answer.unfamiliar if index < len(texts)]
    if unfamiliar:
        content["unfamiliar"] = unfamiliar
    if asked.explain:
        whole, *parts = answer.logits
        content["explanations"] = [asdict(word) for word in explain(read, whole, parts)]
    return Response(to_json(content), media_type=JSON, headers=this.headers(answer))


def _require_ready(request: Request) -> None:
    if not request.state.batcher.alive:
        raise ShuttingDown("the inference workers do not run", retry_after_s=1)
