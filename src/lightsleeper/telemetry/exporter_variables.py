"""OpenTelemetry's own variables, looked at before its exporters do.

They are opened after the first answer, in a thread: what they cannot read they say there, again at each export, and a
header that is none with its value, which is mostly a secret.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping

from lightsleeper.errors import ConfigurationError

_PREFIXES = ("OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_TRACES_")

#: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
_HEADER = re.compile(r"[ \t]*[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[\t !#-+\--:<-\[\]-~]*")
_MAX_SECONDS = 3_600


def _are_headers(value: str) -> bool:
    return all(_HEADER.fullmatch(header) for header in value.split(",") if header.strip())


def _is_time(value: str) -> bool:
    try:
        return 0 < float(value) <= _MAX_SECONDS
    except ValueError:
        return False


#: By how their names end: what each may be, and in which words.
_CHECKS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "HEADERS": (_are_headers, "must be name=value, several by commas, each value percent-encoded"),
    "TIMEOUT": (_is_time, f"must be seconds, above 0 and at most {_MAX_SECONDS}"),
    "COMPRESSION": (
        lambda value: value.strip().lower() in {"none", "gzip", "deflate"},
        "must be gzip, deflate or none",
    ),
    "CERTIFICATE": (os.path.isfile, "must be the path of a file"),
    "CLIENT_KEY": (os.path.isfile, "must be the path of a file"),
    "CLIENT_CERTIFICATE": (os.path.isfile, "must be the path of a file"),
}


def check_exporter_variables(environ: Mapping[str, str] = os.environ) -> None:
    """ConfigurationError naming the first that cannot be right, and no value: some are secrets."""
    for prefix in _PREFIXES:
        for name, (is_right, meant) in _CHECKS.items():
            value = environ.get(prefix + name)
            if value and not is_right(value):
                raise ConfigurationError(f"{prefix}{name}: {meant}")
    # Whatever it still finds, it says with the value.
    logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL)
