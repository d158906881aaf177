"""The lines of the log."""

import json
import logging

from opentelemetry.sdk.trace import TracerProvider

from lightsleeper.telemetry.logs import JsonFormatter


def test_a_log_line_is_one_json_object_with_the_trace_it_belongs_to() -> None:
    record = logging.LogRecord("lightsleeper", logging.WARNING, "file", 1, "line one\nof %s", ("two",), None)
    record.fields = {"reason": "test"}
    with TracerProvider().get_tracer("test").start_as_current_span("span") as span:
        line = JsonFormatter().format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert event["message"] == "line one\nof two"
    assert (event["level"], event["reason"]) == ("warning", "test")
    assert event["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_a_log_line_outside_of_any_span_has_no_trace() -> None:
    record = logging.LogRecord("lightsleeper", logging.INFO, "file", 1, "event", (), None)
    assert json.loads(JsonFormatter().format(record)).keys() == {"time", "level", "logger", "message"}
