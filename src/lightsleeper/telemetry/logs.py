"""One JSON object per line and event, with the trace it belongs to. Never a text that somebody sent."""

import json
import logging
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

_ACCESS_FIELDS = ("client", "method", "path", "http_version", "status")


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message", …}`; a record's `extra={"fields": {…}}` are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
            **_trace(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


class AccessFormatter(JsonFormatter):
    """uvicorn's access record, whose arguments are the fields. Without the query, which is the caller's."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        client, method, target, version, status = record.args  # type: ignore[misc]  # uvicorn's five
        path = str(target).partition("?")[0]
        record.fields = dict(zip(_ACCESS_FIELDS, (_address(str(client)), method, path, version, status), strict=True))
        record.msg, record.args = "request", ()
        return super().format(record)


def _address(client: str) -> str:
    """`host:port` if the host is an address: what a proxy writes into X-Forwarded-For may be anything."""
    try:
        ip_address(client.rpartition(":")[0].strip("[]"))
    except ValueError:
        return "unknown"
    return client


def config(level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything to standard error, ours and the server's alike."""
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}, "access": {"()": AccessFormatter}},
        "handlers": {"json": {**handler, "formatter": "json"}, "access": {**handler, "formatter": "access"}},
        "root": {"handlers": ["json"], "level": level.upper()},
        "loggers": {
            "lightsleeper": {"level": level.upper()},
            "uvicorn.access": {"handlers": ["access"], "propagate": False},
        },
    }


def _trace() -> dict[str, str]:
    """Ids of the span that the event happened in; empty without one, and without OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    context = trace.get_current_span().get_span_context() if trace else None
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
