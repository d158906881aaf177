"""`/v2`: the Open Inference Protocol, as Triton's, KServe's, MLServer's and Seldon's clients speak it.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md with Triton's
binary tensor and classification extensions. Texts come in one BYTES tensor; labels go out by name.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.dialects.model_names import require_model, served_name, version
from lightsleeper.api.dialects.tensors import LENGTH_HEADER, Asked, Tensor, outputs_of, parse_infer, write_infer
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import DeadlineExceeded
from lightsleeper.model.head import THRESHOLD, Head
from lightsleeper.model.prediction import Classification, Logits, best_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightsleeper.api.facts import Facts

#: Triton's words.
_UNKNOWN_MODEL = "Request for unknown model: '{}' is not found"

_EXTENSIONS = ["binary_tensor_data", "classification", "parameters"]


async def server(request: Request) -> Response:
    """What speaks the protocol here."""
    facts: Facts = request.state.facts
    return _json({"name": "lightsleeper", "version": facts.version, "extensions": _EXTENSIONS})


async def live(_: Request) -> Response:
    """As JSON: KServe's client reads the body."""
    return _json({"live": True})


async def ready(request: Request) -> Response:
    """503 while the inference workers do not run."""
    return _ready(request, {})


async def models(request: Request) -> Response:
    """The one model's name."""
    return _json({"models": [served_name(request)]})


async def model(request: Request) -> Response:
    """What the model reads and answers."""
    require_model(request, _UNKNOWN_MODEL)
    facts: Facts = request.state.facts
    shapes: dict[str, tuple[str, list[int]]] = {
        "label": ("BYTES", [-1]),
        "selected": ("BOOL", [-1, len(facts.labels)]),
        "scores": ("FP32", [-1, len(facts.labels)]),
        "logits": ("FP32", [-1, len(facts.labels)]),
        "truncated": ("BOOL", [-1]),
    }
    outputs = [(name, *shapes[name]) for name in outputs_of(request.state.head)]
    return _json(
        {
            "name": served_name(request),
            "versions": [version(request)],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in outputs],
            "properties": {"labels": ",".join(facts.labels), "digest": facts.digest},
        }
    )


async def model_ready(request: Request) -> Response:
    """As `ready`, for who asks by name."""
    require_model(request, _UNKNOWN_MODEL)
    return _ready(request, {"name": served_name(request)})


async def infer(request: Request) -> Response:
    """Labels by name and scores in label order, each text a row."""
    require_model(request, _UNKNOWN_MODEL)
    return await exchange(request, parse_infer, _answer)


async def _answer(this: Exchange, asked: Asked) -> Response:
    try:
        async with asyncio.timeout(asked.timeout_s):
            found = await this.classify(asked.texts, truncate=asked.truncate)
    except TimeoutError:
        if asked.timeout_s is None:  # the service's own
            raise
        raise DeadlineExceeded(f"no answer within {asked.timeout_s:g} s", field="timeout", retry_after_s=1) from None
    head = {
        "model_name": served_name(this.request),
        "model_version": version(this.request),
        "id": asked.id,
    }
    tensors = [_tensor(name, asked, found, this.head) for name in asked.outputs]
    content, header_length = write_infer(head, tensors)
    headers = this.headers(found)
    if header_length is None:
        return Response(content, media_type=JSON, headers=headers)
    headers[LENGTH_HEADER] = str(header_length)
    return Response(content, media_type="application/octet-stream", headers=headers)


def _tensor(name: str, asked: Asked, found: Classification, head: Head) -> Tensor:
    output = asked.outputs[name]
    rows, labels = found.logits, head.labels
    if name == "selected":
        least = THRESHOLD if asked.threshold is None else asked.threshold
        selected = [score >= least for logits in rows for score in head.scores(logits)]
        return Tensor(name, "BOOL", [len(rows), len(labels)], selected, binary=output.binary)
    if name == "label":
        best = [labels[head.best(logits)] for logits in rows]
        return Tensor(name, "BYTES", [len(rows)], best, binary=output.binary)
    if name == "truncated":
        cut = set(found.truncated)
        return Tensor(name, "BOOL", [len(rows)], [index in cut for index in range(len(rows))], binary=output.binary)
    scores: Callable[[Logits], list[float]] = list if name == "logits" or asked.raw_scores else head.scores
    if output.classes:
        top = [_classes(scores(logits), labels, output.classes) for logits in rows]
        flat = [entry for row in top for entry in row]
        return Tensor(name, "BYTES", [len(rows), min(output.classes, len(labels))], flat, binary=output.binary)
    values = [score for logits in rows for score in scores(logits)]
    return Tensor(name, "FP32", [len(rows), len(labels)], values, binary=output.binary)


def _classes(scores: list[float], labels: tuple[str, ...], count: int) -> list[str]:
    """`0.900000:1:POSITIVE`, best first; six decimals as C++'s `std::to_string`."""
    ranked = best_first(scores, [f"{index}:{label}" for index, label in enumerate(labels)], count)
    return [f"{score:f}:{entry}" for entry, score in ranked]


def _ready(request: Request, named: dict[str, Any]) -> Response:
    alive: bool = request.state.batcher.alive
    return _json({**named, "ready": alive}, 200 if alive else 503)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type=JSON)
