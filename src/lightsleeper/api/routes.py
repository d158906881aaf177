"""The routes of our own dialect, and the probes. Decides nothing about text."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from lightsleeper.api import dialects, page
from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import is_json, load_json, without_bom
from lightsleeper.api.direct_route import DirectRoute, know_each_other
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.identify import identify
from lightsleeper.api.predict_request import Asked, parse_predict_request
from lightsleeper.api.refusals import JSON, METHODS
from lightsleeper.errors import ShuttingDown, UnsupportedMediaType
from lightsleeper.pipeline.explain import explain
from lightsleeper.telemetry.request_metrics import DIALECT

if TYPE_CHECKING:
    from lightsleeper.api.facts import Facts

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def predict(request: Request) -> Response:
    """Labels and scores of one text, or of each text of a list, in order."""
    headers, scope = request.headers, request.scope
    typed = is_json(headers)
    if (headers.get("ce-specversion") or not typed) and identify(scope):
        return await dialects.answer(request, "predict")  # an event: whoever delivers it takes nothing else
    scope[DIALECT] = "native"
    return await exchange(request, _parse if typed else _parse_untyped, _answer)


async def model(request: Request) -> Response:
    """The model, its measured accuracy, the limits of a request, and when this process woke."""
    facts: Facts = request.state.facts
    return Response(facts.to_json(), media_type=JSON)


async def livez(_: Request) -> Response:
    """Constant: a live event loop is all it proves."""
    return Response("ok", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """Whether the inference workers run. Never asks Redis: an optional cache must not take the service down."""
    _require_ready(request)
    return Response("ok", media_type="text/plain")


async def health(request: Request) -> Response:
    """`{"status": "healthy"}` while ready."""
    _require_ready(request)
    return Response(b'{"status":"healthy"}', media_type=JSON)


async def server_options(_: Request) -> Response:
    """What the whole of it takes: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.7."""
    return Response(headers={"allow": METHODS})


def _parse(body: bytes, request: Request) -> Any:  # noqa: ANN401  # `Asked`, or text-embeddings-inference's
    if b'"inputs"' in body:  # as a string of its own: inside of one its quotes would be escaped
        fields = load_json(body, request.state.limits.max_texts)
        if isinstance(fields, dict) and "inputs" in fields and "text" not in fields:
            request.scope[DIALECT] = "tei"
            return dialects.load("tei").parse(fields, request)
    return parse_predict_request(without_bom(body), request.state.limits)


def _parse_untyped(body: bytes, request: Request) -> Any:  # noqa: ANN401  # see `_parse`
    """Of another content type, or none: only text-embeddings-inference's, whose clients do without."""
    asked = _parse(body, request) if b'"inputs"' in body else None
    if request.scope[DIALECT] == "native":
        raise UnsupportedMediaType(f"send the request as {JSON}", field="content-type")
    return asked


async def _answer(this: Exchange, asked: Any) -> Response:  # noqa: ANN401  # see `_parse`
    if this.request.scope[DIALECT] == "tei":
        response: Response = await dialects.load("tei").answer(this, asked)
        return response
    return await _answer_ours(this, asked)


async def _answer_ours(this: Exchange, asked: Asked) -> Response:
    texts, head = asked.texts, this.head
    read, without = await this.leave_one_out(texts[0]) if asked.explain else ("", [])
    answer = await this.classify([*texts, *without], truncate=asked.truncate, variants=len(without))
    predictions = [
        head.answer(logits, top_k=asked.top_k, raw_scores=asked.raw_scores, threshold=asked.threshold)
        for logits in answer.logits[: len(texts)]
    ]
    content: dict[str, Any] = {"predictions": predictions}
    if head.one_output:
        content["score_range"] = head.score_range
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
        content["explanations"] = [asdict(word) for word in explain(read, whole, parts, head)]
    return Response(_to_json(content), media_type=JSON, headers=this.headers(answer))


def find(scope: Scope) -> DirectRoute | None:
    """The route that this request is for."""
    for route in ROUTES:
        if route.takes(scope):
            return route
    return _SERVER if _SERVER.takes(scope) else None


def _require_ready(request: Request) -> None:
    if not request.state.batcher.alive:
        raise ShuttingDown("the inference workers do not run", retry_after_s=1)


#: No path, and so in no document.
_SERVER = DirectRoute("*", server_options, methods=["OPTIONS"])

#: Every path but that of the OpenAPI document, the closest first.
ROUTES = know_each_other(
    [
        DirectRoute("/predict", predict, methods=["POST"]),
        DirectRoute("/model", model),
        DirectRoute("/livez", livez),
        DirectRoute("/readyz", readyz),
        DirectRoute("/health", health),
        *page.ROUTES,
        *dialects.ROUTES,
    ]
)
