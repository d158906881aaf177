"""What a request and an answer look like, for who reads the document; and the words for a request that is not so.

No request that is right needs it: pydantic takes a fifth of a wake to import.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from lightsleeper.api.fields import near, unknown, whole
from lightsleeper.errors import InvalidInput
from lightsleeper.pipeline.explain import MAX_TOKENS, MAX_WORDS


class PredictRequest(BaseModel):
    """One text or a batch of texts."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"text": "A quiet film that stays with you."},
                {"text": ["Loved every minute.", "Two hours I will never get back."], "top_k": 1},
                {"text": "The plot is thin but the cast is a joy.", "explain": True},
            ]
        },
    )

    text: Annotated[
        str | Annotated[list[str], Field(fail_fast=True)],
        Field(description="One text, or a list of texts answered in order."),
    ]
    top_k: Annotated[
        int | None,
        Field(ge=1, description="How many labels per text, best first; all by default."),
        BeforeValidator(whole),
    ] = None
    threshold: Annotated[
        float | None, Field(ge=0, le=1, description="Only labels with at least this score; perhaps none of a text.")
    ] = None
    raw_scores: Annotated[bool, Field(description="Logits instead of probabilities.")] = False
    truncate: Annotated[
        bool, Field(description="Read the start of a text that is too long for the model; `false` refuses it.")
    ] = True
    truncated_at: Annotated[bool, Field(description="Say where each text that was too long was cut.")] = False
    explain: Annotated[
        bool,
        Field(
            description="Say what each word did to the best label's score, by leaving it out: "
            f"one text per request, of which the model reads at most {MAX_WORDS} words, "
            f"and at most {MAX_TOKENS} tokens in all its variants."
        ),
    ] = False


class LabelScoreModel(BaseModel):
    """One label of one text."""

    label: Annotated[str | None, Field(description="Absent for a model that answers with one score alone.")] = None
    score: Annotated[float, Field(description="Probability, or logit with `raw_scores`.")]


class ExplanationModel(BaseModel):
    """What one word of the text did."""

    word: str
    start: Annotated[int, Field(description="Position of its first character, in Unicode code points.")]
    end: Annotated[int, Field(description="Position after its last character.")]
    effect: Annotated[
        float,
        Field(description="Score of the text's best label with the word, minus without it; above 0 it helps."),
    ]


class PredictResponse(BaseModel):
    """One list of labels per text, in the order of the texts, each with its scores descending."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"predictions": [[{"label": "POSITIVE", "score": 0.98}, {"label": "NEGATIVE", "score": 0.02}]]}
            ]
        }
    )

    predictions: list[list[LabelScoreModel]]
    score_range: Annotated[
        list[float] | None,
        Field(description="Least and largest score; only of a model with one. Of a regression those seen so far."),
    ] = None
    truncated: Annotated[
        list[int] | None, Field(description="Indices of the texts that were cut; absent when there are none.")
    ] = None
    truncated_at: Annotated[
        list[int] | None,
        Field(description="For each index in `truncated`, how many characters were read; only if asked for."),
    ] = None
    unfamiliar: Annotated[
        list[int] | None,
        Field(
            description="Indices of the texts of which the model knows little: mostly unknown tokens, only digits, "
            "or a language it was not made for; absent when there are none."
        ),
    ] = None
    explanations: Annotated[
        list[ExplanationModel] | None, Field(description="One per word, in order; only with `explain`.")
    ] = None


class LimitsModel(BaseModel):
    """What one request may ask for."""

    max_texts: int
    max_text_chars: int
    max_body_bytes: int
    max_explain_words: int
    timeout_s: float


class ProcessModel(BaseModel):
    """The process that answers."""

    instance: Annotated[str, Field(description="Another one after every wake; the `X-Instance-Id` of its answers.")]
    started_at: Annotated[datetime, Field(description="When the operating system started it.")]
    wake_ms: Annotated[float, Field(description="From there until it listened.")]


class ModelResponse(BaseModel):
    """The model that answers, and the service around it."""

    model_id: str
    revision: str
    digest: Annotated[str, Field(description="sha256 of the bundle's manifest: the model's identity.")]
    architecture: str
    task: Annotated[
        str,
        Field(
            description="text-classification: one of the labels; multi-label-classification: any number of them; "
            "scoring, regression: one score."
        ),
    ]
    labels: Annotated[list[str], Field(description="In the order of the model's outputs.")]
    score_range: Annotated[
        list[float] | None, Field(description="Least and largest score; of a regression those seen so far.")
    ]
    max_tokens: Annotated[int, Field(description="Longest input it reads, special tokens included.")]
    quantization: dict[str, Any]
    accuracy: Annotated[dict[str, dict[str, Any]], Field(description="By data set, measured on this very bundle.")]
    languages: Annotated[list[str], Field(description="That it was made for, as BCP 47 tags; empty: nobody said.")]
    behaviours: Annotated[
        dict[str, dict[str, Any]],
        Field(description="By capability, what `evaluate --behaviours` found: what failed, goal, worst examples."),
    ]
    version: Annotated[str, Field(description="Of lightsleeper.")]
    limits: LimitsModel
    process: ProcessModel


class ErrorDetail(BaseModel):
    """What went wrong, for programs (`code`) and for people (`message`)."""

    code: str
    message: str
    field: str | None = None
    limit: float | None = None


class ErrorResponse(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


_REQUEST = TypeAdapter(PredictRequest)


def read_as_documented(body: bytes) -> dict[str, Any]:
    """The fields of the request in `body`, its text or texts as `texts`; InvalidInput naming what is wrong."""
    try:
        request = _REQUEST.validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None
    fields = dict(request)
    text = fields.pop("text")
    return {"texts": [text] if isinstance(text, str) else text, **fields}


def _invalid(error: ValidationError) -> InvalidInput:
    """The first complaint of pydantic in our words; never with the input in it."""
    complaints = error.errors(include_url=False, include_input=False, include_context=True)
    # A union complains once per member: the one that got deepest into the input is the one meant.
    complaint = max(complaints, key=lambda complaint: len(complaint["loc"]))
    if complaint["type"] == "json_invalid":
        return InvalidInput(f"the body is not valid JSON: {complaint['ctx']['error']}", code="invalid_json")
    strange = next((each for each in complaints if each["type"] == "extra_forbidden"), None)
    if strange:
        name = str(strange["loc"][-1])
        return unknown(name, near(name, PredictRequest.model_fields, "text"))
    field = _path(complaint["loc"])
    if field == "text" and complaint["type"] != "missing":
        return InvalidInput("text must be a string or a list of strings", field="text")
    context: dict[str, Any] = complaint.get("ctx", {})
    limit = context.get("ge", context.get("le"))
    return InvalidInput(f"{field or 'the body'}: {complaint['msg']}", field=field or None, limit=limit)


def _path(location: Iterable[str | int]) -> str:
    """`("text", "list[str]", 3)` → `text[3]`; the names of union members are left out."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not path:
            path = step
    return path
