"""Every knob, once: its environment variable is `LIGHTSLEEPER_` and the field's name in capitals.

Only the composition root reads this; everything else is handed plain values.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lightsleeper.errors import ConfigurationError

PREFIX = "LIGHTSLEEPER_"

#: Kubernetes injects these beside any Service whose name begins with `lightsleeper`: they are not ours to read.
#: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_INJECTED = re.compile(r"LIGHTSLEEPER_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")

PositiveInt = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(BaseSettings):
    """The service's configuration, immutable after start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    port: int = Field(8080, ge=0, le=65535, validation_alias="PORT", description="Port to listen on; Knative sets it.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104  # a pod is reached from outside
    root_path: str = Field("", description="Path under which a proxy serves this service, such as `/sentiment`.")

    bundle: Path | None = Field(None, description="Model bundle to serve; the embedded one if unset.")
    engine: Literal["onnx", "torch"] = Field("onnx", description="`onnx`, or `torch` (the bundle's checkpoint itself).")
    torch_device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the torch engine runs.")
    workers: PositiveInt | None = Field(None, description="Inference threads; the CPU quota of the container if unset.")

    max_batch_tokens: PositiveInt = Field(1024, description="Padded tokens of one batch: about 30 ms on one core.")
    max_queued_tokens: PositiveInt = Field(
        65_536, description="Padded tokens that may wait for a worker; more is refused with 503."
    )
    max_texts: PositiveInt = Field(64, description="Texts of one request.")
    max_text_chars: PositiveInt = Field(50_000, description="Characters of one text.")
    max_body_bytes: PositiveInt = Field(2_000_000, description="Bytes of one request body.")
    request_timeout_s: PositiveSeconds = Field(30.0, description="Seconds until a request is answered with 504.")
    drain_timeout_s: PositiveSeconds = Field(20.0, description="Seconds that accepted requests get after SIGTERM.")

    cache_entries: int = Field(100_000, ge=0, description="Answers kept in the process; 0 switches the cache off.")
    cache_bytes: PositiveInt = Field(33_554_432, description="Memory those answers may take.")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe event logged.")
    access_log: bool = Field(default=False, description="One log line per request.")  # it costs 25 % of throughput


def read_settings() -> Settings:
    """The settings in the environment; ConfigurationError naming the first variable that cannot be right.

    The message never holds a value: some are secrets.
    """
    unknown = _unknown_variables(os.environ)
    if unknown:
        raise ConfigurationError(f"{unknown[0]} is not a setting of lightsleeper")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ConfigurationError(f"{_variable(first['loc'])}: {first['msg']}") from None


def variables() -> list[str]:
    """The environment variable of each field, in order."""
    return [_variable((field.validation_alias or name,)) for name, field in Settings.model_fields.items()]


def _variable(location: Iterable[object]) -> str:
    name = str(next(iter(location)))
    return name if name == "PORT" else PREFIX + name.removeprefix(PREFIX.lower()).upper()


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = set(variables())
    ours = (name for name in environ if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name not in known and not _INJECTED.fullmatch(name))
