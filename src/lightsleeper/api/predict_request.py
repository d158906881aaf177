"""Our own request: what is plainly right is read plainly, all else by the model that documents it.

That model needs pydantic, whose import takes a fifth of a wake; its words name what is wrong. Small bodies alone are
read here: the standard library's parser holds the interpreter's lock throughout.
"""

import json
from dataclasses import dataclass
from typing import Any

from lightsleeper.api.bounded_json import beginning, most_marks, too_many_values
from lightsleeper.errors import InvalidInput

#: From here on parsing holds up the event loop for longer than a thread hand-over costs. The interpreter's lock is free
#: between pydantic's steps, the longest of which takes 14 ms for 2 MB of the worst (escapes).
LARGE_BYTES = 16_384

_FLAGS = ("raw_scores", "truncate", "truncated_at", "explain")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for."""

    max_texts: int
    max_text_chars: int
    max_body_bytes: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What `schemas.PredictRequest` documents."""

    texts: list[str]
    top_k: int | None = None
    raw_scores: bool = False
    truncate: bool = True
    truncated_at: bool = False
    explain: bool = False
    threshold: float | None = None


def parse_predict_request(body: bytes, limits: Limits) -> Asked:
    """The request in `body`; InvalidInput naming the first offending field and its limit."""
    max_marks = most_marks(limits.max_texts)
    start = beginning(body, max_marks)
    asked = _plain(start) if len(start) < LARGE_BYTES else None
    if asked is None:
        from lightsleeper.api.schemas import read_as_documented  # noqa: PLC0415  # see above

        asked = Asked(**read_as_documented(start))
    check_texts(asked.texts, limits)
    if start is not body:
        raise too_many_values(max_marks)
    if asked.explain and len(asked.texts) > 1:
        raise InvalidInput(
            f"explain reads one text per request, not {len(asked.texts)}",
            code="explain_one_text",
            field="explain",
            limit=1,
        )
    return asked


def _plain(body: bytes) -> Asked | None:
    """The request, if nothing about it is in doubt."""
    try:
        fields: Any = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if type(fields) is not dict or "text" not in fields:
        return None
    text, top_k, threshold = fields.pop("text"), fields.pop("top_k", None), fields.pop("threshold", None)
    texts = text if type(text) is list else [text]
    fits = top_k is None or (type(top_k) is int and top_k > 0)
    fits = fits and (threshold is None or (type(threshold) in (int, float) and 0 <= threshold <= 1))
    if not fits or (fields and any(name not in _FLAGS or type(value) is not bool for name, value in fields.items())):
        return None
    try:
        for each in texts:
            if type(each) is not str:
                return None
            each.encode()  # half a character is none
    except UnicodeEncodeError:
        return None
    return Asked(texts, top_k, threshold=threshold, **fields)


def check_texts(texts: list[str], limits: Limits, field: str = "text") -> None:
    """InvalidInput if there are no texts, too many, or one that is blank or too long; `field` is where they came in."""
    if not texts:
        raise InvalidInput(f"{field} is an empty list: send at least one text", code="no_texts", field=field)
    if len(texts) > limits.max_texts:
        raise InvalidInput(
            f"more than {limits.max_texts} texts in one request",
            code="too_many_texts",
            field=field,
            limit=limits.max_texts,
        )
    for index, text in enumerate(texts):
        if len(text) > limits.max_text_chars:
            raise InvalidInput(
                f"text {index} has {len(text)} characters; the limit is {limits.max_text_chars}",
                code="text_too_long",
                field=f"{field}[{index}]",
                limit=limits.max_text_chars,
            )
        if not text or text.isspace():
            raise InvalidInput(f"text {index} is empty", code="empty_text", field=f"{field}[{index}]")
