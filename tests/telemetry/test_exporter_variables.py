"""A variable of OpenTelemetry's that cannot be right ends the start in one line, which never holds its value."""

import os
import subprocess
import sys

import pytest

from lightsleeper.errors import ConfigurationError
from lightsleeper.serving.app import open_telemetry
from lightsleeper.serving.settings import Settings

SECRET = "sesame"
SETTINGS = Settings(otlp_endpoint="http://127.0.0.1:9", trace_ratio=1)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEADERS", f"Authorization: Bearer {SECRET}"),
        ("HEADERS", SECRET),
        ("HEADERS", f"a=b,{SECRET}"),
        ("HEADERS", f"a={SECRET};b"),
        ("TRACES_HEADERS", f"=Bearer {SECRET}"),
        ("METRICS_HEADERS", f"ä={SECRET}"),
        ("TIMEOUT", SECRET),
        ("TIMEOUT", "nan"),
        ("TIMEOUT", "0"),
        ("METRICS_TIMEOUT", "-1"),
        ("COMPRESSION", SECRET),
        ("CERTIFICATE", f"/no/such/{SECRET}"),
        ("CLIENT_KEY", f"/no/such/{SECRET}"),
        ("CLIENT_CERTIFICATE", f"/no/such/{SECRET}"),
    ],
)
def test_what_an_exporter_could_not_read_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    name = f"OTEL_EXPORTER_OTLP_{variable}"
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: must be [^\n]*$") as refusal:
        open_telemetry(SETTINGS)
    assert SECRET not in refusal.value.message


@pytest.mark.parametrize("name", ["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_METRICS_EXEMPLAR_FILTER"])
def test_what_the_sdk_itself_does_not_take_ends_the_process_in_one_line(name: str) -> None:
    variables = {name: "x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "LIGHTSLEEPER_TRACE_RATIO": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "lightsleeper", "serve"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = ended.stderr.splitlines()
    assert line.startswith("lightsleeper: a variable that begins with OTEL_: ")
    assert ended.returncode == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEADERS", "Authorization=Bearer%20sesame, x-api-key = a/b+c==,"),
        ("HEADERS", "Authorization=Basic dXNlcjpwYXNz"),
        ("TIMEOUT", "2.5"),
        ("COMPRESSION", "GZIP"),
        ("CERTIFICATE", __file__),
        ("HEADERS", ""),
    ],
)
def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", value)
    telemetry = open_telemetry(SETTINGS)
    assert telemetry
    telemetry._shut_down()  # noqa: SLF001  # its threads
