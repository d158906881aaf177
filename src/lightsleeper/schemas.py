"""What a request and an answer look like, and every limit a client can hit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lightsleeper.errors import InvalidInput


@dataclass(frozen=True)
class Limits:
    """What one request may ask for."""

    max_texts: int
    max_text_chars: int
    max_body_bytes: int
    timeout_s: float


class PredictRequest(BaseModel):
    """One text or a batch of texts."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"text": "A quiet film that stays with you."},
                {"text": ["Loved every minute.", "Two hours I will never get back."], "top_k": 1},
            ]
        },
    )

    text: Annotated[str | list[str], Field(description="One text, or a list of texts answered in order.")]
    top_k: Annotated[int | None, Field(ge=1, description="How many labels per text, best first; all by default.")] = (
        None
    )
    raw_scores: Annotated[bool, Field(description="Logits instead of probabilities.")] = False
    truncate: Annotated[
        bool, Field(description="Read the start of a text that is too long for the model; `false` refuses it.")
    ] = True

    @property
    def texts(self) -> list[str]:
        """The texts, whichever way they were sent."""
        return [self.text] if isinstance(self.text, str) else self.text


class LabelScoreModel(BaseModel):
    """One label of one text."""

    label: str
    score: Annotated[float, Field(description="Probability, or logit with `raw_scores`.")]


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
    truncated: Annotated[
        list[int] | None, Field(description="Indices of the texts that were cut; absent when there are none.")
    ] = None


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


def parse_predict_request(body: bytes, limits: Limits) -> PredictRequest:
    """The request in `body`; InvalidInput naming the first offending field and its limit."""
    try:
        request = _REQUEST.validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None
    check_texts(request.texts, limits)
    return request


def check_texts(texts: list[str], limits: Limits) -> None:
    """InvalidInput if there are no texts, too many, or one that is blank or too long."""
    if not texts:
        raise InvalidInput("text is an empty list: send at least one text", code="no_texts", field="text")
    if len(texts) > limits.max_texts:
        raise InvalidInput(
            f"{len(texts)} texts in one request; the limit is {limits.max_texts}",
            code="too_many_texts",
            field="text",
            limit=limits.max_texts,
        )
    for index, text in enumerate(texts):
        if len(text) > limits.max_text_chars:
            raise InvalidInput(
                f"text {index} has {len(text)} characters; the limit is {limits.max_text_chars}",
                code="text_too_long",
                field=f"text[{index}]",
                limit=limits.max_text_chars,
            )
        if not text or text.isspace():
            raise InvalidInput(f"text {index} is empty", code="empty_text", field=f"text[{index}]")


def _invalid(error: ValidationError) -> InvalidInput:
    """The first complaint of pydantic in our words; never with the input in it."""
    complaints = error.errors(include_url=False, include_input=False, include_context=True)
    # A union complains once per member: the one that got deepest into the input is the one meant.
    complaint = max(complaints, key=lambda complaint: len(complaint["loc"]))
    if complaint["type"] == "json_invalid":
        return InvalidInput(f"the body is not valid JSON: {complaint['ctx']['error']}", code="invalid_json")
    field = _path(complaint["loc"])
    if field == "text" and complaint["type"] != "missing":
        return InvalidInput("text must be a string or a list of strings", field="text")
    context: dict[str, Any] = complaint.get("ctx", {})
    return InvalidInput(f"{field or 'the body'}: {complaint['msg']}", field=field or None, limit=context.get("ge"))


def _path(location: Iterable[str | int]) -> str:
    """`("text", "list[str]", 3)` → `text[3]`; the names of union members are left out."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not path:
            path = step
    return path
