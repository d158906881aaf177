"""`/v1/models`: KServe's first protocol, TensorFlow Serving's REST API, and what Vertex AI sends to a container.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol,
https://www.tensorflow.org/tfx/serving/api_rest. A prediction is our own: each text's labels with their scores.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import load_json
from lightsleeper.api.dialects.model_names import require_model, served_name, version
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.fields import count, flag, mapping, options, refuse_slips, required, share
from lightsleeper.api.predict_request import check_texts
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import InvalidInput

#: KServe's words.
_UNKNOWN_MODEL = "Model with name {} does not exist."

_PARAMETERS = ("top_k", "raw_scores", "truncate", "threshold")

#: Where an instance that is an object has its text.
_TEXT_FIELDS = ("text", "content", "inputs")


class _Asked(NamedTuple):
    texts: list[str]
    #: `instances` in, `predictions` out; TensorFlow Serving's columns, `inputs`, come back as `outputs`.
    answer: str
    top_k: int | None = None
    raw_scores: bool = False
    truncate: bool = True
    threshold: float | None = None


async def models(request: Request) -> Response:
    """The one model's name."""
    return _json({"models": [served_name(request)]})


async def model(request: Request) -> Response:
    """Whether it is ready, in KServe's words and in TensorFlow Serving's."""
    require_model(request, _UNKNOWN_MODEL)
    alive: bool = request.state.batcher.alive
    state = {
        "version": version(request),
        "state": "AVAILABLE" if alive else "UNLOADING",
        "status": {"error_code": "OK", "error_message": ""},
    }
    return _json({"name": served_name(request), "ready": alive, "model_version_status": [state]}, 200 if alive else 503)


async def predict(request: Request) -> Response:
    """Each instance's labels and scores, best first."""
    require_model(request, _UNKNOWN_MODEL)
    return await exchange(request, _parse, _answer)


async def classify(request: Request) -> Response:
    """TensorFlow Serving's classify: pairs of label and score."""
    require_model(request, _UNKNOWN_MODEL)
    return await exchange(request, _parse_examples, _answer)


def _parse(body: bytes, request: Request) -> _Asked:
    fields = mapping(load_json(body, request.state.limits.max_texts), "the body")
    refuse_slips(fields, ("instances", "inputs", "parameters", "signature_name"), _PARAMETERS)
    parameters = options(fields, "parameters")
    refuse_slips(parameters, _PARAMETERS)
    if "inputs" in fields and "instances" not in fields:
        field, answer = "inputs", "outputs"
        instances = _column(fields["inputs"])
    else:
        field, answer = "instances", "predictions"
        instances = required(fields, "instances")
    return _Asked(
        _texts(instances, field, request),
        answer,
        top_k=count(parameters, "top_k"),
        raw_scores=flag(parameters, "raw_scores", default=False),
        truncate=flag(parameters, "truncate", default=True),
        threshold=share(parameters, "threshold"),
    )


def _parse_examples(body: bytes, request: Request) -> _Asked:
    fields = mapping(load_json(body, request.state.limits.max_texts), "the body")
    refuse_slips(fields, ("examples", "context", "signature_name"))
    return _Asked(_texts(required(fields, "examples"), "examples", request), "result")


def _column(inputs: object) -> object:
    """`["a", "b"]`, or the one column of `{"text": ["a", "b"]}`; a text alone is a column of one."""
    if isinstance(inputs, dict):
        inputs = _text_of(inputs, "inputs")
    return [inputs] if isinstance(inputs, str) else inputs


def _texts(instances: object, field: str, request: Request) -> list[str]:
    if not isinstance(instances, list):
        raise InvalidInput(f"{field} must be a list of texts", field=field)
    texts = [_text(instance, f"{field}[{index}]") for index, instance in enumerate(instances)]
    check_texts(texts, request.state.limits, field)
    return texts


def _text(instance: object, name: str) -> str:
    value = _text_of(instance, name) if isinstance(instance, dict) else instance
    if isinstance(value, list) and len(value) == 1:  # a row of one column
        value = value[0]
    if not isinstance(value, str):
        raise InvalidInput(f'{name} must be a text or {{"text": …}}', field=name)
    return value


def _text_of(instance: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  # JSON is anything
    if "b64" in instance:
        raise InvalidInput(f"{name}: b64 is not read, send the text", field=f"{name}.b64")
    if instance.get("text_pair") is not None:
        raise InvalidInput(f"{name}: this model reads one text, not pairs", code="pair", field=f"{name}.text_pair")
    return next((instance[field] for field in _TEXT_FIELDS if field in instance), None)


async def _answer(this: Exchange, asked: _Asked) -> Response:
    answer = await this.classify(asked.texts, truncate=asked.truncate)
    head = this.head
    how = {"top_k": asked.top_k, "raw_scores": asked.raw_scores, "threshold": asked.threshold}
    if asked.answer == "result":
        content: list[Any] = [[list(label) for label in head.rank(logits)] for logits in answer.logits]
    else:
        content = [head.answer(logits, **how) for logits in answer.logits]
    return Response(to_json({asked.answer: content}), media_type=JSON, headers=this.headers(answer))


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type=JSON)
