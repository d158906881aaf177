"""`POST /` as Hugging Face's clients send it: `InferenceClient` of Python and of JavaScript, and Inference Endpoints'.

https://huggingface.co/docs/inference-providers/tasks/text-classification. The answer is a list of lists always: for one
text the containers answer a flat list, of which both clients keep the best label or nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import load_json
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.fields import choice, count, flag, mapping, options, refuse_slips, required, share
from lightsleeper.api.predict_request import check_texts
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import InvalidInput
from lightsleeper.model.prediction import LabelScore, Logits, best_first, sigmoid, softmax

_ACTIVATIONS: Mapping[str, Callable[[Logits], list[float]]] = {"softmax": softmax, "sigmoid": sigmoid, "none": list}
#: The model's own, as the original's pipeline takes by default.
_OWN = "default"

#: transformers' strategies, which of one text cut alike, and the two that people write for them.
_TRUNCATIONS: Mapping[bool | str, bool] = {
    **dict.fromkeys((True, "longest_first", "only_first", "only_second"), True),
    **dict.fromkeys((False, "do_not_truncate"), False),
}

#: Others are taken and left alone, as the pipelines behind the original do (`wait_for_model`, `padding`, …).
#: `threshold` is ours.
_PARAMETERS = ("top_k", "return_all_scores", "function_to_apply", "truncation", "threshold")


class _Asked(NamedTuple):
    texts: list[str]
    top_k: int | None
    activation: str
    truncate: bool
    threshold: float | None


async def predict(request: Request) -> Response:
    """Labels and scores of one text or of each of a list, best first: a list of lists."""
    return await exchange(request, _parse, _answer)


def _parse(body: bytes, request: Request) -> _Asked:
    fields = mapping(load_json(body, request.state.limits.max_texts), "the body")
    refuse_slips(fields, ("inputs", "parameters", "options"), _PARAMETERS)
    parameters = options(fields, "parameters")
    refuse_slips(parameters, _PARAMETERS)
    if "candidate_labels" in parameters:
        labels = ", ".join(request.state.head.labels)
        raise InvalidInput(
            f"this model has fixed labels ({labels}): leave candidate_labels out", field="candidate_labels"
        )
    texts = _texts(required(fields, "inputs"))
    check_texts(texts, request.state.limits, "inputs")
    return _Asked(
        texts,
        top_k=_top_k(parameters),
        activation=_activation(parameters),
        truncate=_truncates(parameters),
        threshold=share(parameters, "threshold"),
    )


def _top_k(parameters: Mapping[str, Any]) -> int | None:
    """How many labels; pipelines before transformers 5 took `return_all_scores` for it, where nothing said `top_k`."""
    every = flag(parameters, "return_all_scores", default=True)
    return count(parameters, "top_k") if every or "top_k" in parameters else 1


def _activation(parameters: Mapping[str, Any]) -> str:
    """In any case of its letters, as transformers takes it."""
    name, value = "function_to_apply", parameters.get("function_to_apply")
    return choice({name: value.lower() if isinstance(value, str) else value}, name, (_OWN, *_ACTIVATIONS))


def _truncates(parameters: Mapping[str, Any]) -> bool:
    value = parameters.get("truncation")
    if value is None:
        return True
    if not isinstance(value, bool | str) or value not in _TRUNCATIONS:
        names = ", ".join(name for name in _TRUNCATIONS if isinstance(name, str))
        raise InvalidInput(f"truncation must be true, false or one of {names}", field="truncation")
    return _TRUNCATIONS[value]


def _texts(inputs: object) -> list[str]:
    if not isinstance(inputs, list):
        return [_text(inputs, "inputs")]
    return [_text(item, f"inputs[{index}]") for index, item in enumerate(inputs)]


def _text(item: object, name: str) -> str:
    if isinstance(item, dict):
        if item.get("text_pair") is not None:
            raise InvalidInput("this model reads one text, not pairs: leave text_pair out", field=f"{name}.text_pair")
        item = required(item, "text", f"{name}.")
    elif isinstance(item, list):  # as text-embeddings-inference writes a batch
        if len(item) > 1:
            raise InvalidInput(f"{name}: this model reads one text, not pairs", field=name)
        item = next(iter(item), None)
    if not isinstance(item, str):
        raise InvalidInput(f'{name} must be a text or {{"text": …}}', field=name)
    return item


async def _answer(this: Exchange, asked: _Asked) -> Response:
    answer = await this.classify(asked.texts, truncate=asked.truncate)
    # One output has a name here, too: the original's clients take no answer without.
    content: list[list[dict[str, Any]]] = [
        [ranked._asdict() for ranked in _ranked(logits, this, asked)] for logits in answer.logits
    ]
    return Response(to_json(content), media_type=JSON, headers=this.headers(answer))


def _ranked(logits: Logits, this: Exchange, asked: _Asked) -> list[LabelScore]:
    if asked.activation == _OWN:
        return this.head.rank(logits, top_k=asked.top_k, threshold=asked.threshold)
    ranked = best_first(_ACTIVATIONS[asked.activation](logits), this.head.labels, asked.top_k)
    return [each for each in ranked if asked.threshold is None or each.score >= asked.threshold]
