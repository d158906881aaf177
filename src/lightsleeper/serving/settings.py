"""Every knob, once: its environment variable is `LIGHTSLEEPER_` and the field's name in capitals.

Only the composition root reads this; everything else is handed plain values.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from lightsleeper.errors import ConfigurationError
from lightsleeper.serving.setting_checks import (
    ROOT_PATH,
    base_url,
    digest,
    event_type,
    hard_to_guess,
    host,
    network,
    origin,
    redis_url,
    webhook_origin,
)
from lightsleeper.serving.variables import Parser, checked, choice, flag, matching, number, several, whole

PREFIX = "LIGHTSLEEPER_"

#: Kubernetes injects these beside any Service whose name begins with `lightsleeper`: they are not ours to read.
#: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_INJECTED = re.compile(r"LIGHTSLEEPER_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")

#: Everywhere else empty means unset; here that would switch off what protects.
_NEVER_EMPTY = {"api_key_digests": "keys", "cache_secret": "one"}

_positive = whole(1)
#: Less than a millisecond nothing is done in: it would be a service that refuses everything.
_seconds = number(0.001, 3600)
#: No request has a shorter head behind a proxy or two.
_LEAST_HEAD_BYTES = 1_024
_LEAST_BODY_BYTES = 1_024
#: More threads than any machine has CPUs wait for each other.
_MOST_WORKERS = 1_024
#: Thirty years, and one. Redis counts milliseconds since 1970 in 64 bits, and refuses what does not fit.
_MOST_TTL_S = 1_000_000_000
_MOST_WINDOW_S = 31_536_000


def _knob(default: Any, parse: Parser, description: str, *, variable: str = "", secret: bool = False) -> Any:  # noqa: ANN401  # as `field`
    """A field; `variable` where its name is other people's: Knative's PORT, OpenTelemetry's."""
    metadata = {"parse": parse, "description": description, "variable": variable}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The service's configuration, immutable after start; made without arguments, its defaults."""

    port: int = _knob(8080, whole(0, 65535), "Port to listen on; Knative sets it.", variable="PORT")
    host: str = _knob("0.0.0.0", checked(host), "Address to listen on.")  # noqa: S104  # a pod is reached from outside
    root_path: str = _knob(
        "",
        matching(ROOT_PATH, "a path such as /sentiment/v1: letters, digits and -._~!$&'()*+,;=:@ behind each single /"),
        "Path under which a proxy serves this service, such as `/sentiment`.",
    )

    bundle: Path | None = _knob(None, Path, "Model bundle to serve; the embedded one if unset.")  # noqa: RUF009  # it is `field`
    model_name: str | None = _knob(
        None,
        matching("[A-Za-z0-9._-]{1,100}", "at most 100 letters, digits, dots, hyphens and underscores"),
        "Name of the model in `/v1/models/…` and `/v2/models/…`, beside its own and `lightsleeper`.",
    )
    engine: Literal["onnx", "torch"] = _knob(
        "onnx", choice("onnx", "torch"), "`onnx`, or `torch` (the bundle's checkpoint itself)."
    )
    torch_device: Literal["auto", "cpu", "cuda"] = _knob(
        "auto", choice("auto", "cpu", "cuda"), "Where the torch engine runs: `auto`, `cpu`, `cuda`."
    )
    torch_dtype: Literal["float32", "bfloat16"] = _knob(
        "float32", choice("float32", "bfloat16"), "What it computes in on CUDA: `float32`, `bfloat16`."
    )
    workers: int | None = _knob(
        None, whole(1, _MOST_WORKERS), "Inference threads; the CPU quota of the container if unset."
    )

    max_batch_tokens: int = _knob(1024, _positive, "Tokens of one batch: about 30 ms on one core.")
    max_queue_s: float = _knob(
        0.3, _seconds, "Seconds of work that may wait, of requests no larger than a batch; more is refused with 503."
    )
    max_queued_tokens: int = _knob(
        131_072, _positive, "Tokens of larger requests that may wait; more is refused with 503."
    )
    max_texts: int = _knob(64, _positive, "Texts of one request.")
    max_text_chars: int = _knob(50_000, _positive, "Characters of one text.")
    max_body_bytes: int = _knob(2_000_000, whole(_LEAST_BODY_BYTES), "Bytes of one request body.")
    max_inflight_body_bytes: int = _knob(
        67_108_864, _positive, "Bytes of all large request bodies that are being read or answered."
    )
    min_body_bytes_per_s: int = _knob(1_000, _positive, "Slowest body, after 10 s; a slower one gets 408.")
    max_head_bytes: int = _knob(32_768, whole(_LEAST_HEAD_BYTES), "Bytes of a request's URL and headers.")
    head_timeout_s: float = _knob(10.0, _seconds, "Seconds until a head must be whole; later it gets 408.")
    max_connections: int = _knob(
        1_000, _positive, "Open connections; a new one takes the place of the longest idle, or gets 503."
    )
    request_timeout_s: float = _knob(30.0, _seconds, "Seconds until a request is answered with 504.")
    drain_timeout_s: float = _knob(20.0, _seconds, "Seconds that accepted requests get after SIGTERM.")

    cache_entries: int = _knob(100_000, whole(0), "Answers kept in the process; 0 switches the cache off.")
    cache_bytes: int = _knob(33_554_432, _positive, "Memory those answers may take.")

    redis_url: str | None = _knob(
        None,
        checked(redis_url),
        "Redis that replicas share: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, "
        "`redis+cluster://` (both also `rediss+…`); none if unset.",
        secret=True,
    )
    redis_timeout_ms: int = _knob(50, whole(1, 5_000), "Milliseconds a request may wait for Redis.")
    redis_ttl_s: int = _knob(604_800, whole(1, _MOST_TTL_S), "Seconds Redis keeps an answer.")
    cache_secret: str | None = _knob(
        None,
        checked(hard_to_guess),
        "Keys the cache and signs its values, so that who reads Redis cannot look for texts and who writes "
        "it cannot forge answers; the same in all replicas. `openssl rand -hex 32`.",
        secret=True,
    )

    api_key_digests: tuple[str, ...] = _knob(
        (),
        several(digest),
        "sha256 digests (hex) of the API keys that may send texts, several by commas; open if unset.",
    )
    rate_limit_texts: int = _knob(
        0, whole(0), "Texts one key or address may send per window, at least MAX_TEXTS; 0: no limit."
    )
    rate_limit_window_s: int = _knob(60, whole(1, _MOST_WINDOW_S), "Seconds of that window.")
    trusted_proxies: tuple[str, ...] = _knob(
        ("127.0.0.1", "::1"),
        several(network),
        "Addresses and networks whose X-Forwarded-For is believed; on Knative add the pods' network.",
    )
    cors_origins: tuple[str, ...] = _knob(
        (), several(origin), "Origins whose pages may call the API, or `*`; none if unset."
    )

    event_type: str = _knob(
        "ai.lightsleeper.prediction", checked(event_type), "CloudEvents type of the events that answer events."
    )
    webhook_origins: tuple[str, ...] = _knob(
        (),
        several(webhook_origin),
        "Senders that may deliver events once they asked, such as `eventgrid.azure.net`, or `*`.",
    )

    otlp_endpoint: str | None = _knob(
        None,
        checked(base_url),
        "OpenTelemetry collector that metrics and traces are pushed to (OTLP over HTTP, base URL).",
        variable="OTEL_EXPORTER_OTLP_ENDPOINT",
    )
    export_interval_s: float = _knob(5.0, _seconds, "Seconds between two exports of metrics.")
    metrics_port: int | None = _knob(None, whole(0, 65535), "Port of a Prometheus page, such as 9464; none if unset.")
    trace_ratio: float = _knob(
        0.0, number(0, 1), "Share of the new traces recorded; 0 switches tracing off. Needs the collector."
    )

    log_level: Literal["debug", "info", "warning", "error"] = _knob(
        "info",
        choice("debug", "info", "warning", "error"),
        "Least severe event logged: `debug`, `info`, `warning`, `error`.",
    )
    access_log: bool = _knob(
        default=False, parse=flag, description="One log line per request."
    )  # it costs 25 % of throughput


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in the environment; ConfigurationError naming the first variable that cannot be right.

    The message never holds a value: some are secrets.
    """
    unknown = _unknown_variables(environ)
    if unknown:
        hint = ": the port is set by PORT" if unknown[0] == f"{PREFIX}PORT" else ""
        raise ConfigurationError(f"{unknown[0]} is not a setting of lightsleeper{hint}")
    settings = Settings(**_found(environ))
    _require_company(settings)
    return settings


def _found(environ: Mapping[str, str]) -> dict[str, Any]:
    """What is set, by field."""
    found: dict[str, Any] = {}
    for knob in fields(Settings):
        name = _variable(knob)
        value = environ.get(name, "")
        if value.strip() if knob.name in _NEVER_EMPTY else value:
            try:
                found[knob.name] = knob.metadata["parse"](value)
                if knob.metadata["parse"] is not Path:  # whose name may be of any bytes
                    value.encode()
            except UnicodeEncodeError:
                raise ConfigurationError(f"{name}: must be text in UTF-8") from None
            except ValueError as error:
                raise ConfigurationError(f"{name}: {error}") from None
        if name in environ and knob.name in _NEVER_EMPTY and not found.get(knob.name):
            raise ConfigurationError(f"{name} is empty: unset it to serve without {_NEVER_EMPTY[knob.name]}")
    return found


def _require_company(settings: Settings) -> None:
    """ConfigurationError where two of them cannot both be right."""
    if 0 < settings.rate_limit_texts < settings.max_texts:
        raise ConfigurationError(
            f"{PREFIX}RATE_LIMIT_TEXTS: less than {PREFIX}MAX_TEXTS: the largest request could never be sent"
        )
    if settings.max_inflight_body_bytes < settings.max_body_bytes:
        raise ConfigurationError(
            f"{PREFIX}MAX_INFLIGHT_BODY_BYTES: less than {PREFIX}MAX_BODY_BYTES: the largest body could never be read"
        )
    if settings.port and settings.metrics_port == settings.port:
        raise ConfigurationError(f"{PREFIX}METRICS_PORT: the same as PORT: each needs a port of its own")
    if settings.trace_ratio and settings.otlp_endpoint is None:
        raise ConfigurationError(
            f"{PREFIX}TRACE_RATIO: above 0 without OTEL_EXPORTER_OTLP_ENDPOINT: traces need a collector"
        )


def variables() -> list[str]:
    """The environment variable of each field, in order."""
    return [_variable(knob) for knob in fields(Settings)]


def _variable(knob: "Field[Any]") -> str:
    return knob.metadata["variable"] or PREFIX + knob.name.upper()


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = set(variables())
    ours = [(name, value) for name, value in environ.items() if name.upper().startswith(PREFIX)]
    return sorted(name for name, value in ours if name not in known and not _injected(name, value))


def _injected(name: str, value: str) -> bool:
    """Whether it is Kubernetes' work; a `…_PORT` of its making is an address, one of a person's a number."""
    address = name.endswith("_PORT") and not name.endswith("_SERVICE_PORT")
    return _INJECTED.fullmatch(name) is not None and (not address or "://" in value)
