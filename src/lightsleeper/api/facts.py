"""What answers here: the model, its limits and this process, as `/model` and the dialects say it."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ServiceLimits:
    """What one request may ask for; documented by `schemas.LimitsModel`."""

    max_texts: int
    max_text_chars: int
    max_body_bytes: int
    max_explain_words: int
    timeout_s: float


@dataclass(frozen=True)
class Process:
    """The process that answers; documented by `schemas.ProcessModel`."""

    instance: str
    #: RFC 3339, in UTC.
    started_at: str
    wake_ms: float


@dataclass(frozen=True)
class Facts:
    """Documented by `schemas.ModelResponse`."""

    model_id: str
    revision: str
    digest: str
    architecture: str
    task: str
    labels: list[str]
    score_range: list[float] | None
    max_tokens: int
    quantization: dict[str, Any]
    accuracy: dict[str, dict[str, Any]]
    languages: list[str]
    behaviours: dict[str, dict[str, Any]]
    version: str
    limits: ServiceLimits
    process: Process

    def to_json(self) -> bytes:
        """The body of `/model`."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()
