"""Where k6's metrics go besides the reports: outputs that are part of k6 itself."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Output:
    """What to tell k6."""

    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def output_of(binary: str, otlp_url: str | None, prometheus_url: str | None) -> Output:
    """OTLP over HTTP, Prometheus remote write, or none."""
    if otlp_url:
        return Output(("--out", _otlp_name(binary)), _otlp_environment(otlp_url))
    if prometheus_url:
        return Output(("--out", "experimental-prometheus-rw"), {"K6_PROMETHEUS_RW_SERVER_URL": prometheus_url})
    return Output()


def _otlp_name(binary: str) -> str:
    """The output's name, which lost its prefix in k6 1.4."""
    # https://github.com/grafana/k6/releases/tag/v1.4.0
    version = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout  # noqa: S603  # k6
    found = re.search(r"v(\d+)\.(\d+)", version)
    early = found is not None and (int(found[1]), int(found[2])) < (1, 4)
    return "experimental-opentelemetry" if early else "opentelemetry"


def _otlp_environment(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "K6_OTEL_EXPORTER_TYPE": "http",  # until 1.3
        "K6_OTEL_EXPORTER_PROTOCOL": "http/protobuf",  # from 1.4
        "K6_OTEL_FLUSH_INTERVAL": "200ms",  # k6 1.1 loses what it holds at its end: by default a second, all of `smoke`
        "K6_OTEL_HTTP_EXPORTER_ENDPOINT": parts.netloc,
        "K6_OTEL_HTTP_EXPORTER_INSECURE": str(parts.scheme == "http").lower(),
        "K6_OTEL_HTTP_EXPORTER_URL_PATH": f"{parts.path.rstrip('/')}/v1/metrics",
    }
