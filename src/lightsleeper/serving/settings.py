"""Every knob, once: its environment variable is `LIGHTSLEEPER_` and the field's name in capitals.

Only the composition root reads this; everything else is handed plain values.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lightsleeper.cache.redis_address import parse_redis_url
from lightsleeper.errors import ConfigurationError

PREFIX = "LIGHTSLEEPER_"

#: Kubernetes injects these beside any Service whose name begins with `lightsleeper`: they are not ours to read.
#: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_INJECTED = re.compile(r"LIGHTSLEEPER_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]+")

#: 32 hex digits are 128 bits: more than anybody can try. By chance one in 10^12 has fewer than 6 different ones.
_MIN_SECRET_CHARS = 32
_MIN_DISTINCT_CHARS = 6

#: Everywhere else empty means unset; here that would switch off what protects.
_NEVER_EMPTY = {"api_key_digests": "keys", "cache_secret": "one"}

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

PositiveInt = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0, le=3600)]


def _split(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


#: Separated by commas in the environment.
Strings = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The service's configuration, immutable after start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    port: int = Field(8080, ge=0, le=65535, validation_alias="PORT", description="Port to listen on; Knative sets it.")
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104  # a pod is reached from outside
    root_path: str = Field(
        "", pattern="^(/.*[^/])?$", description="Path under which a proxy serves this service, such as `/sentiment`."
    )

    bundle: Path | None = Field(None, description="Model bundle to serve; the embedded one if unset.")
    model_name: str | None = Field(
        None,
        pattern="^[A-Za-z0-9._-]{1,100}$",
        description="Name of the model in `/v1/models/…` and `/v2/models/…`, beside its own and `lightsleeper`.",
    )
    engine: Literal["onnx", "torch"] = Field("onnx", description="`onnx`, or `torch` (the bundle's checkpoint itself).")
    torch_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the torch engine runs: `auto`, `cpu`, `cuda`."
    )
    workers: PositiveInt | None = Field(None, description="Inference threads; the CPU quota of the container if unset.")

    max_batch_tokens: PositiveInt = Field(1024, description="Tokens of one batch: about 30 ms on one core.")
    max_queue_s: PositiveSeconds = Field(
        0.3, description="Seconds of work, in requests of one batch at most, that may wait; more is refused with 503."
    )
    max_queued_tokens: PositiveInt = Field(
        131_072, description="Tokens, in larger requests, that may wait; more is refused with 503."
    )
    max_texts: PositiveInt = Field(64, description="Texts of one request.")
    max_text_chars: PositiveInt = Field(50_000, description="Characters of one text.")
    max_body_bytes: PositiveInt = Field(2_000_000, description="Bytes of one request body.")
    max_inflight_body_bytes: PositiveInt = Field(
        104_857_600, description="Bytes of all large request bodies that are being read or answered."
    )
    min_body_bytes_per_s: PositiveInt = Field(1_000, description="Slowest body, after 10 s; a slower one gets 408.")
    max_head_bytes: PositiveInt = Field(32_768, description="Bytes of a request's URL and headers.")
    head_timeout_s: PositiveSeconds = Field(10.0, description="Seconds until a head must be whole; later it gets 408.")
    max_connections: PositiveInt = Field(
        1_000, description="Open connections; a new one takes the place of the longest idle, or gets 503."
    )
    request_timeout_s: PositiveSeconds = Field(30.0, description="Seconds until a request is answered with 504.")
    drain_timeout_s: PositiveSeconds = Field(20.0, description="Seconds that accepted requests get after SIGTERM.")

    cache_entries: int = Field(100_000, ge=0, description="Answers kept in the process; 0 switches the cache off.")
    cache_bytes: PositiveInt = Field(33_554_432, description="Memory those answers may take.")

    redis_url: SecretStr | None = Field(
        None,
        description="Redis that replicas share: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, "
        "`redis+cluster://` (both also `rediss+…`); none if unset.",
    )
    redis_timeout_ms: int = Field(50, ge=1, le=5_000, description="Milliseconds a request may wait for Redis.")
    redis_ttl_s: PositiveInt = Field(604_800, description="Seconds Redis keeps an answer.")
    cache_secret: SecretStr | None = Field(
        None,
        description="Keys the cache and signs its values, so that who reads Redis cannot look for texts and who writes "
        "it cannot forge answers; the same in all replicas. `openssl rand -hex 32`.",
    )

    api_key_digests: Strings = Field(
        (), description="sha256 digests (hex) of the API keys that may send texts, several by commas; open if unset."
    )
    rate_limit_texts: int = Field(
        0, ge=0, description="Texts one key or address may send per window, at least MAX_TEXTS; 0: no limit."
    )
    rate_limit_window_s: PositiveInt = Field(60, description="Seconds of that window.")
    trusted_proxies: Strings = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks whose X-Forwarded-For is believed; on Knative add the pods' network.",
    )
    cors_origins: Strings = Field((), description="Origins whose pages may call the API, or `*`; none if unset.")

    event_type: str = Field(
        "ai.lightsleeper.prediction", min_length=1, description="CloudEvents type of the events that answer events."
    )
    webhook_origins: Strings = Field(
        (),
        description="Senders that may deliver events once they asked, such as `eventgrid.azure.net`, or `*`.",
    )

    otlp_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern="^https?://.",
        description="OpenTelemetry collector that metrics and traces are pushed to (OTLP over HTTP, base URL).",
    )
    export_interval_s: PositiveSeconds = Field(5.0, description="Seconds between two exports of metrics.")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of a Prometheus page, such as 9464; none if unset."
    )
    trace_ratio: float = Field(
        0.0, ge=0, le=1, description="Share of the new traces recorded; 0 switches tracing off. Needs the collector."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe event logged: `debug`, `info`, `warning`, `error`."
    )
    access_log: bool = Field(default=False, description="One log line per request.")  # it costs 25 % of throughput

    @field_validator("redis_url")
    @classmethod
    def _parseable(cls, url: SecretStr | None) -> SecretStr | None:
        if url:
            parse_redis_url(url.get_secret_value())
        return url

    @field_validator("api_key_digests")
    @classmethod
    def _sha256(cls, digests: tuple[str, ...]) -> tuple[str, ...]:
        for digest in digests:
            if not _SHA256.fullmatch(digest):
                raise ValueError("each must be 64 hexadecimal digits: printf %s KEY | sha256sum")
            if digest.lower() in _blank_digests():
                raise ValueError("one is the digest of an empty key: is the variable set that it was made of?")
        return digests

    @field_validator("cache_secret")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(set(secret.get_secret_value())) < _MIN_DISTINCT_CHARS:
            raise ValueError("too simple: openssl rand -hex 32")
        if secret and len(secret.get_secret_value().strip()) < _MIN_SECRET_CHARS:
            raise ValueError(f"less than {_MIN_SECRET_CHARS} characters: openssl rand -hex 32")
        return secret

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError("each must be an address, or a network such as 10.0.0.0/8") from None
        return networks

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError("each must be * or an origin such as https://example.com, without a path")
        return origins

    @model_validator(mode="after")
    def _largest_request_fits(self) -> Self:
        if 0 < self.rate_limit_texts < self.max_texts:
            raise ValueError(f"less than {PREFIX}MAX_TEXTS: the largest request could never be sent")
        return self


def _blank_digests() -> set[str]:
    """What `printf %s "$KEY" | sha256sum` prints of a variable that is unset, and of one that holds a few blanks."""
    blanks = ("".join(each) for length in range(4) for each in product(" \t\r\n", repeat=length))
    return {hashlib.sha256(blank.encode()).hexdigest() for blank in blanks}


def read_settings() -> Settings:
    """The settings in the environment; ConfigurationError naming the first variable that cannot be right.

    The message never holds a value: some are secrets.
    """
    unknown = _unknown_variables(os.environ)
    if unknown:
        hint = ": the port is set by PORT" if unknown[0] == f"{PREFIX}PORT" else ""
        raise ConfigurationError(f"{unknown[0]} is not a setting of lightsleeper{hint}")
    for name, without in _NEVER_EMPTY.items():
        value = os.environ.get(_variable([name]))
        if value is not None and not value.strip(" ,\t\r\n"):
            raise ConfigurationError(f"{_variable([name])} is empty: unset it to serve without {without}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{_variable(first['loc'])}: {message}") from None


def variables() -> list[str]:
    """The environment variable of each field, in order."""
    return [_variable((field.validation_alias or name,)) for name, field in Settings.model_fields.items()]


def _variable(location: Iterable[object]) -> str:
    name = str(next(iter(location), "rate_limit_texts"))  # the one check that spans two fields
    # Names with an alias are other people's: Knative's PORT, OpenTelemetry's variables.
    return name if name.isupper() else PREFIX + name.removeprefix(PREFIX.lower()).upper()


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = set(variables())
    ours = [(name, value) for name, value in environ.items() if name.upper().startswith(PREFIX)]
    return sorted(name for name, value in ours if name not in known and not _injected(name, value))


def _injected(name: str, value: str) -> bool:
    """Whether it is Kubernetes' work; a `…_PORT` of its making is an address, one of a person's a number."""
    address = name.endswith("_PORT") and not name.endswith("_SERVICE_PORT")
    return _INJECTED.fullmatch(name) is not None and (not address or "://" in value)
