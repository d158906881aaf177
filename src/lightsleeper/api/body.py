"""A request's body: read no further than its limit, inflated no further either, and taken for JSON.

Which content type is needed depends on what is asked: our own form wants JSON, other people's clients send any or none.
"""

import zlib
from collections.abc import Iterator
from typing import Any

from lightsleeper.api.asgi import Headers, Request
from lightsleeper.api.bounded_json import beginning, most_marks, too_many_values
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import BodyTooLarge, InvalidInput, UnsupportedMediaType, shortened

#: What a page may send to another site without that site's leave: https://fetch.spec.whatwg.org/#simple-header
_FORM_TYPES = {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}

_BOM = b"\xef\xbb\xbf"

#: The encoded bodies that may follow each other in one: a megabyte of empty ones takes a second to open.
_MAX_MEMBERS = 64


#: Brackets, commas and strings of a body in any dialect, at least: those of some thousand texts, in a few milliseconds.
_MAX_MARKS = 20_000


class Disconnected(Exception):  # an event more than an error
    """The client closed its connection before it had its answer."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body as it was sent, for `decoded`; refused as soon as it is known to exceed `limit` bytes.

    Raises BodyTooLarge; UnsupportedMediaType for an encoding other than gzip and deflate, and for what a page of
    another site could send unasked; Disconnected.
    """
    _refuse_foreign_form(request.headers)
    encoding = _encoding_of(request.headers)
    if encoding and encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedMediaType(
            f"content-encoding {shortened(encoding)!r} is not read: send gzip, deflate or none",
            field="content-encoding",
        )
    return await _receive(request, limit)


def _encoding_of(headers: Headers) -> str:
    """The content encoding; empty where there is none."""
    if headers.get("content-encoding") is None:
        return ""
    # Two lines are one list: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    name = ", ".join(headers.getlist("content-encoding")).strip().lower()
    return "" if name == "identity" else name


def decoded(body: bytes, headers: Headers, limit: int) -> bytes:
    """The body as it was before its content encoding.

    Some milliseconds of work for 2 KB that become 2 MB, and as much memory: not for the event loop, and no further
    ahead of the parser than there are threads.

    Raises BodyTooLarge once it is inflated to more than `limit` bytes; InvalidInput if it cannot be inflated;
    UnsupportedMediaType for letters of another character encoding than UTF-8.
    """
    encoding = _encoding_of(headers)
    whole = _inflated(body, encoding, limit) if encoding else body
    refuse_charset(whole, headers)
    return whole


def _inflated(body: bytes, encoding: str, limit: int) -> bytes:
    try:
        return b"".join(_inflate(body, limit, raw_allowed=encoding == "deflate"))
    except zlib.error:
        raise InvalidInput(f"the body is not valid {encoding}", code="invalid_encoding") from None


def is_json(headers: Headers) -> bool:
    """Whether the body is said to be JSON."""
    content_type = headers.get("content-type", "")
    return content_type == JSON or _media_type(content_type) == JSON


def load_json(body: bytes, max_texts: int = 0) -> Any:  # noqa: ANN401  # JSON is anything
    """The value in `body`, in UTF-8 with or without a byte order mark; InvalidInput if it is none, or too many.

    Not too many are those of `max_texts` texts, in any case.
    """
    whole = without_bom(body)
    max_marks = max(_MAX_MARKS, most_marks(max_texts))
    start = beginning(whole, max_marks)
    from pydantic_core import from_json  # noqa: PLC0415  # 30 ms of CPU, which no wake needs

    try:
        value = from_json(start, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput(f"the body is not valid JSON: {error}", code="invalid_json") from None
    if start is not whole:
        raise too_many_values(max_marks)
    return value


def without_bom(body: bytes) -> bytes:
    """`body` without the mark that some editors and .NET put before UTF-8; UnsupportedMediaType for UTF-16 and -32."""
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"} or 0 in body[:2]:
        raise UnsupportedMediaType("the body is not UTF-8: UTF-16 and UTF-32 are not read", field="content-type")
    return body.removeprefix(_BOM)


async def _receive(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {limit} bytes", limit=limit)


def _inflate(body: bytes, limit: int, *, raw_allowed: bool) -> Iterator[bytes]:
    """The parts of `body` once they are inflated, `limit` bytes at most; zlib.error if it is broken or cut short."""
    left = limit
    for _ in range(_MAX_MEMBERS):
        inflater = zlib.decompressobj(_window_bits(body) if raw_allowed else zlib.MAX_WBITS | 16)
        part = inflater.decompress(body, left + 1)
        if len(part) > left:
            raise BodyTooLarge(f"the body has more than {limit} bytes once it is inflated", limit=limit)
        if not inflater.eof:
            raise zlib.error
        yield part
        left -= len(part)
        body = inflater.unused_data
        if not body:
            return
    raise zlib.error


def _window_bits(body: bytes) -> int:
    """`deflate` means zlib's format (RFC 9110, 8.4.1.2), but some send the bare stream; the first bytes tell."""
    zlib_format = body[:1] and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return zlib.MAX_WBITS if zlib_format else -zlib.MAX_WBITS


def _refuse_foreign_form(headers: Headers) -> None:
    """A page may send a form anywhere, without asking; JSON only where the browser was told that it may (CORS).

    So JSON passes here, and clients that are no browsers; the rule is that of Go's `http.CrossOriginProtection`.
    """
    content_type = headers.get("content-type", "")
    if content_type == JSON or _media_type(content_type) not in _FORM_TYPES:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if foreign:
        raise UnsupportedMediaType(f"a page of another site must send {JSON}", field="content-type")


def refuse_charset(body: bytes, headers: Headers) -> None:
    """UnsupportedMediaType for letters of another character encoding; where all is ASCII it is UTF-8 in any."""
    content_type = headers.get("content-type", "").lower()
    if content_type == JSON or "charset" not in content_type:
        return
    charset = content_type.partition("charset")[2].lstrip(" =").partition(";")[0].strip(" \"'")
    if charset not in {"utf-8", "utf8", "us-ascii", "ascii"} and not body.isascii():
        raise UnsupportedMediaType(f"charset {shortened(charset)!r} is not read: send UTF-8", field="content-type")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
