"""`POST /` and `/events`: CloudEvents, as Knative's brokers, channels, sequences and sources deliver them.

https://github.com/knative/specs/blob/main/specs/eventing/data-plane.md. The answer is an event or nothing: any other
body is a failure to some dispatchers, which deliver the event again. Binary and structured mode, each in its own.
"""

from typing import Any, NamedTuple

from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.dialects.event_data import read_attributes, texts_in
from lightsleeper.api.dialects.model_names import require_model, served_name
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.fields import count, flag, share
from lightsleeper.api.predict_request import check_texts
from lightsleeper.api.refusals import JSON

_UNKNOWN_MODEL = "Model with name {} does not exist."

#: Of the event that is answered, not of the answer; and Knative's own notes on a delivery that failed.
_NOT_COPIED = {"specversion", "id", "source", "type", "time", "datacontenttype", "dataschema"}
_KNATIVE_PREFIX = "knative"

_ACCEPTED = 202


class _Asked(NamedTuple):
    attributes: dict[str, Any]
    structured: bool
    #: None: an event of our own making, which an unfiltered trigger brought back.
    texts: list[str] | None
    top_k: int | None = None
    raw_scores: bool = False
    truncate: bool = True
    threshold: float | None = None


async def predict(request: Request) -> Response:
    """The event of the prediction where a reply is wanted, else 202 without a body."""
    require_model(request, _UNKNOWN_MODEL)
    return await exchange(request, _parse, _answer)


async def probe(request: Request) -> Response:
    """What may be sent here; and the consent that webhook senders such as Azure's Event Grid ask for before they do.

    https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
    """
    headers = {"allow": request.scope["route"].allow}
    origin = request.headers.get("webhook-request-origin")
    allowed: tuple[str, ...] = request.state.dialect_options.webhook_origins
    if origin and ("*" in allowed or origin in allowed):
        headers |= {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"}
    return Response(headers=headers)


def _parse(body: bytes, request: Request) -> _Asked:
    max_texts = request.state.limits.max_texts
    attributes, data, structured = read_attributes(body, request.headers, max_texts)
    if attributes["type"] == request.state.dialect_options.event_type:
        return _Asked(attributes, structured, None)
    texts, fields = texts_in(data, attributes.get("datacontenttype"), max_texts)
    check_texts(texts, request.state.limits, "data")
    return _Asked(
        attributes,
        structured,
        texts,
        top_k=count(fields, "top_k"),
        raw_scores=flag(fields, "raw_scores", default=False),
        truncate=flag(fields, "truncate", default=True),
        threshold=share(fields, "threshold"),
    )


async def _answer(this: Exchange, asked: _Asked) -> Response:
    if asked.texts is None:
        return Response(status_code=_ACCEPTED)
    answer = await this.classify(asked.texts, truncate=asked.truncate)
    headers = this.headers(answer)
    if not _wants_reply(this.request):
        return Response(status_code=_ACCEPTED, headers=headers)
    head = this.head
    predictions = [
        head.answer(logits, top_k=asked.top_k, raw_scores=asked.raw_scores, threshold=asked.threshold)
        for logits in answer.logits
    ]
    data: dict[str, Any] = {"predictions": predictions}
    if head.one_output:
        data["score_range"] = head.score_range
    if answer.truncated:
        data["truncated"] = list(answer.truncated)
    event = CloudEvent(_reply_attributes(asked.attributes, this.request), data)
    message = http.to_structured_event(event) if asked.structured else http.to_binary_event(event)
    return Response(message.body, headers={**headers, **message.headers})


def _reply_attributes(asked: dict[str, Any], request: Request) -> dict[str, Any]:
    """The same `source` and `id` whenever the same event is delivered again, so that it counts once further on."""
    copied = {
        name: value for name, value in asked.items() if name not in _NOT_COPIED and not name.startswith(_KNATIVE_PREFIX)
    }
    if "correlationid" in asked:  # what Knative's RequestReply waits for
        copied["replyid"] = asked["correlationid"]
    return {
        **copied,
        "type": request.state.dialect_options.event_type,
        "source": f"/lightsleeper/{served_name(request)}",
        "id": asked["id"],
        "datacontenttype": JSON,
    }


def _wants_reply(request: Request) -> bool:
    """`Prefer: reply`, which whoever passes replies on sends; `?reply=always` for who does so without saying it."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    wanted = any(preference.partition(";")[0].strip().lower() == "reply" for preference in preferences)
    return wanted or request.query_params.get("reply") == "always"
