"""What an event is and which texts it carries. The CloudEvents SDK reads attributes; data is read within our bounds."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from lightsleeper.api.asgi import Headers
from lightsleeper.api.body import load_json
from lightsleeper.api.fields import mapping
from lightsleeper.errors import InvalidInput, UnsupportedMediaType, shortened

_STRUCTURED = "application/cloudevents+json"

_REQUIRED = ("specversion", "id", "source", "type")

#: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.\d+)?(Z|[+-]\d\d:[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
_LAST_MINUTE = (23, 59)

#: What clients say that do not know what they send: curl, and many a producer of Kafka records.
_SAYS_NOTHING = {"", "application/octet-stream", "application/x-www-form-urlencoded"}

#: Where data that is an object has its texts: our name for them, and those of the other dialects.
_TEXT_FIELDS = ("text", "inputs", "instances", "content")


def read_attributes(body: bytes, headers: Headers, max_texts: int) -> tuple[dict[str, Any], Any, bool]:
    """The attributes, the data (bytes, or JSON as it was), and whether they came as one document.

    InvalidInput naming the attribute that is missing or wrong; UnsupportedMediaType for batches and other formats.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _STRUCTURED:
        attributes, data = _document(body, max_texts)
        return attributes, data, True
    if media_type.startswith("application/cloudevents"):
        raise UnsupportedMediaType(f"send one event, as {_STRUCTURED} or in headers", field="content-type")
    sent = {name: value for name, value in headers.items() if name.startswith("ce-") or name == "content-type"}
    if "ce-time" in sent:
        _check_time(unquote(sent.pop("ce-time")))
    return _valid(lambda: http.from_binary(http.HTTPMessage(sent, b""), JSONFormat(), _event)), body, False


def texts_in(data: object, content_type: str | None, max_texts: int) -> tuple[list[str], Mapping[str, Any]]:
    """The texts, and the object they came in (empty if in none), whose other fields may say how to answer.

    Bytes without a content type, or one that says nothing, are what a Kafka record mostly is: JSON if it is some, else
    a text.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    json = media_type.endswith(("/json", "+json"))
    if isinstance(data, bytes):
        if not json and media_type not in _SAYS_NOTHING and not media_type.startswith("text/"):
            raise InvalidInput(f"data of type {shortened(media_type)!r} is not read: send JSON or text", field="data")
        data = load_json(data, max_texts) if json else _json_or_text(data, max_texts)
    fields: Mapping[str, Any] = {}
    if isinstance(data, dict):
        fields = data
        _refuse_pair(fields, "data")
        name = next((name for name in _TEXT_FIELDS if name in fields), None)
        if name is None:
            raise InvalidInput(f"data has no field {' or '.join(_TEXT_FIELDS)}", field="data")
        data = fields[name]
    items = data if isinstance(data, list) else [data]
    return [_text(item, index) for index, item in enumerate(items)], fields


def _text(item: object, index: int) -> str:
    if isinstance(item, dict):
        _refuse_pair(item, f"data[{index}]")
        item = next((item[name] for name in _TEXT_FIELDS if name in item), None)
    if not isinstance(item, str):
        raise InvalidInput(f"data: text {index} is not a string", field=f"data[{index}]")
    return item


def _refuse_pair(fields: Mapping[str, Any], name: str) -> None:
    if fields.get("text_pair") is not None:
        raise InvalidInput(f"{name}: this model reads one text, not pairs", code="pair", field=f"{name}.text_pair")


def _json_or_text(data: bytes, max_texts: int) -> object:
    """A number or a bare word is a text: somebody may have written it."""
    try:
        value = load_json(data, max_texts)
    except InvalidInput as error:
        if error.code != "invalid_json":
            raise
        value = None
    if isinstance(value, (dict, list, str)):
        return value
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("data is not UTF-8", code="not_utf8", field="data") from None


def _document(body: bytes, max_texts: int) -> tuple[dict[str, Any], Any]:
    sent = mapping(load_json(body, max_texts), "the event")
    # https://github.com/cloudevents/spec/blob/main/cloudevents/formats/json-format.md#21-type-system-mapping: null is
    # an attribute that is not there.
    attributes = {name: value for name, value in sent.items() if value is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    if encoded is not None:
        if data is not None:
            raise InvalidInput("the event has data and data_base64: send one of them", field="data_base64")
        try:
            data = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise InvalidInput("data_base64 is not base64", field="data_base64") from None
    for name, value in attributes.items():
        if not isinstance(value, (str, int, bool)):
            shown = shortened(name)
            raise InvalidInput(f"attribute {shown!r} must be a string, a number or a boolean", field=shown)
    if "time" in attributes:
        _check_time(attributes.pop("time"))
    return _valid(lambda: _event(attributes)), data


def _check_time(value: object) -> None:
    """InvalidInput unless it is a time; no answer repeats it. The SDK knows no leap second, but an hour 24."""
    try:
        found = _TIME.fullmatch(value) if isinstance(value, str) else None
        day, minute, second, zone = found.groups() if found else ("", "", "", "")
        at = datetime.fromisoformat(f"{day}T{minute}:00{zone.upper()}")
        right = second != "60" or at.astimezone(UTC).timetuple()[3:5] == _LAST_MINUTE
    except (ValueError, OverflowError):
        right = False
    if not right:
        raise InvalidInput("attribute 'time' is not a time as RFC 3339 writes it", field="time")


def _event(attributes: dict[str, Any], _: object = None) -> Any:  # noqa: ANN401  # the SDK's factory protocol
    """The SDK makes up what is missing; an event without an identity cannot be answered to."""
    for name in _REQUIRED:
        if not attributes.get(name):
            raise InvalidInput(f"the event has no {name}", field=name)
    if attributes["specversion"] != "1.0":
        raise InvalidInput("specversion must be 1.0", field="specversion")
    return CloudEvent(dict(attributes))


def _valid(read: Callable[[], BaseCloudEvent]) -> dict[str, Any]:
    """The attributes of what it reads."""
    try:
        return read().get_attributes()
    except CloudEventValidationError as error:
        name = shortened(next(iter(error.errors)))
        raise InvalidInput(f"attribute {name!r} is not valid", field=name) from None
