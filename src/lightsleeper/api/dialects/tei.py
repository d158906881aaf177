"""`POST /predict` with `inputs`, and `GET /info`, as text-embeddings-inference (1.9) answers for a classifier.

https://github.com/huggingface/text-embeddings-inference/blob/main/router/src/http/server.rs, with one difference: there
a flat list is one text or a pair, here it is a batch, which is what its users take it for (its issue 747).
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.exchange import Exchange
from lightsleeper.api.fields import choice, flag, refuse_slips, share
from lightsleeper.api.predict_request import check_texts
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import InvalidInput
from lightsleeper.model.prediction import Classification

if TYPE_CHECKING:
    from lightsleeper.api.facts import Facts

#: The original's default, for its clients that size a pool by it: the queue here is bounded by work, not by number.
_MAX_CONCURRENT_REQUESTS = 512

#: `threshold` is ours.
_FIELDS = ("inputs", "raw_scores", "truncate", "truncation_direction", "threshold")


class Asked(NamedTuple):
    """What a request in this dialect asks for."""

    texts: list[str]
    #: One text as a string: its labels are answered without a list around them.
    single: bool
    raw_scores: bool
    truncate: bool
    keep_end: bool
    threshold: float | None


def parse(fields: dict[str, Any], request: Request) -> Asked:
    """The request in the JSON object `fields`, which has `inputs`; InvalidInput naming what is wrong."""
    refuse_slips(fields, _FIELDS)
    if fields.get("parameters"):
        raise InvalidInput("unknown field 'parameters': in Hugging Face's form it goes to POST /", field="parameters")
    inputs = fields["inputs"]
    texts = [_text(item, index) for index, item in enumerate(inputs)] if isinstance(inputs, list) else [inputs]
    if not isinstance(texts[0] if texts else "", str):
        raise InvalidInput("inputs must be a text or a list of texts", field="inputs")
    check_texts(texts, request.state.limits, "inputs")
    return Asked(
        texts,
        single=isinstance(inputs, str),
        raw_scores=flag(fields, "raw_scores", default=False),
        truncate=flag(fields, "truncate", default=True),
        keep_end=choice(fields, "truncation_direction", ("Right", "right", "Left", "left")).lower() == "left",
        threshold=share(fields, "threshold"),
    )


async def answer(this: Exchange, asked: Asked) -> Response:
    """Labels and scores, best first."""
    try:
        # Of a text that is too long this model reads the start; to read it as if that had been asked is no answer.
        found = await this.classify(asked.texts, truncate=asked.truncate and not asked.keep_end)
    except InvalidInput as error:
        if not (asked.keep_end and asked.truncate):
            raise
        raise InvalidInput(
            f"{error.message} from its start on: truncation_direction Left is for texts that fit",
            code=error.code,
            field="truncation_direction",
            limit=error.limit,
        ) from None
    predictions = [
        [ranked._asdict() for ranked in this.head.rank(logits, raw_scores=asked.raw_scores, threshold=asked.threshold)]
        for logits in found.logits
    ]
    content = predictions[0] if asked.single else predictions
    headers = {**this.headers(found), **_headers(this, asked, found)}
    return Response(to_json(content), media_type=JSON, headers=headers)


async def info(request: Request) -> Response:
    """What answers here; `model_type` tells clients that it is a classifier."""
    facts: Facts = request.state.facts
    labels = facts.labels
    limits = facts.limits
    return Response(
        to_json(
            {
                "model_id": facts.model_id,
                "model_sha": facts.digest,
                "model_dtype": str(facts.quantization.get("weights", "float32")).split()[0],
                "served_model_name": facts.model_id,
                "model_type": {
                    "classifier": {
                        "id2label": {str(index): label for index, label in enumerate(labels)},
                        "label2id": {label: index for index, label in enumerate(labels)},
                    }
                },
                "max_concurrent_requests": _MAX_CONCURRENT_REQUESTS,
                "max_input_length": facts.max_tokens,
                "max_batch_tokens": limits.max_texts * facts.max_tokens,
                "max_batch_requests": None,
                "max_client_batch_size": limits.max_texts,
                "auto_truncate": True,
                "tokenization_workers": 1,
                "version": facts.version,
                "sha": None,
                "docker_label": None,
            }
        ),
        media_type=JSON,
    )


def _text(item: object, index: int) -> Any:  # noqa: ANN401  # what is no text is refused where the first is
    if isinstance(item, list):
        if len(item) > 1:
            raise InvalidInput("this model reads one text, not pairs", code="pair", field=f"inputs[{index}]")
        item = next(iter(item), "")
    if not isinstance(item, str):
        raise InvalidInput(f"inputs[{index}] must be a text", field=f"inputs[{index}]")
    return item


def _headers(this: Exchange, asked: Asked, found: Classification) -> dict[str, str]:
    """The original's headers, in whole milliseconds; its own load test and dashboards read them."""
    timings = found.timings
    stages_s = {
        "x-compute-time": this.total_s,
        "x-total-time": this.total_s,
        "x-tokenization-time": timings.tokenize_s,
        "x-queue-time": timings.queue_s,
        "x-inference-time": timings.inference_s,
    }
    return {
        "x-compute-type": "cpu",
        "x-compute-characters": str(sum(map(len, asked.texts))),
        "x-compute-tokens": str(found.tokens),
        **{name: str(round(seconds * 1e3)) for name, seconds in stages_s.items()},
    }
