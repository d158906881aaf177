"""Whether a request's head may be let in. Where two readers could see two ends or two hosts, nobody is served.

A proxy in front may be the other reader: what it takes for a body and we for a request is answered to somebody else.
https://www.rfc-editor.org/rfc/rfc9112#section-6.3 and #section-11.2
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from lightsleeper.errors import (
    HeadTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    RequestError,
    UnknownMethod,
    UrlTooLong,
)

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

#: As many digits as every length has that fits into 64 bits; int() raises at some thousands.
_MAX_LENGTH_DIGITS = 19

_VERSIONS = frozenset({"1.0", "1.1"})

#: Whom a request is for, and where it ends.
_WATCHED = frozenset({b"host", b"content-length", b"transfer-encoding"})

#: What says whom a request is for, where it ends, or how its connection goes on comes too late behind its body; and the
#: parser heeds some: after `Connection: close` it throws away the next request, which may be another caller's.
#: https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
_NO_TRAILERS = _WATCHED | {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"}

#: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2 with a port: a space or a slash in it is no host's.
_HOST = re.compile(rb"[\w.~!$&'()*+,;=%:\[\]-]*")

#: What may follow, or still be, the one empty line before a request that is forgiven (RFC 9112, 2.2): more are the tail
#: of a body that somebody has cut short.
_BEGINNING = re.compile(rb"(?:\r\n)?[^\r\n]|\r\n?\Z")
_BLANK_BYTES = 3

#: https://www.rfc-editor.org/rfc/rfc9110#section-9.1, or the rest of it, as far as it has come.
_METHOD = re.compile(rb"(?:\r?\n)?[\w!#$%&'*+.^`|~-]*(?: |\Z)", re.ASCII)

#: What ends and separates a header: ": " and a line's end.
_HEADER_BYTES = 4


def check_beginning(blank: bytes, packet: bytes) -> bytes:
    """What stands before a request so far, `blank` in earlier packets; MalformedRequest if it is too much."""
    seen = blank + packet[:_BLANK_BYTES]
    if not _BEGINNING.match(seen):
        raise MalformedRequest("the request does not begin")
    return seen if seen in {b"\r", b"\r\n"} else b""


def unknown_method(packet: bytes | memoryview, *, known: bool) -> RequestError:
    """What is wrong with a request of no method that there is; if that is `known` to begin or go on in `packet`."""
    if known and _METHOD.match(packet):
        return UnknownMethod("the method is none of HTTP's")  # https://www.rfc-editor.org/rfc/rfc9110#section-15.6.2
    return MalformedRequest("the request is not HTTP/1.1: it begins with no method")


def check_head(version: str, url: bytes, headers: Iterable[tuple[bytes, bytes]], max_url_bytes: int) -> None:
    """MalformedRequest or UrlTooLong, if it is one of those."""
    if version not in _VERSIONS:
        raise MalformedRequest("HTTP/1.1 and HTTP/1.0 are understood here")
    if len(url) > max_url_bytes:
        raise UrlTooLong(f"the URL has more than {max_url_bytes} bytes", limit=max_url_bytes)
    watched = [header for header in headers if header[0] in _WATCHED]
    _check_watched(watched, version)


def _check_watched(headers: Iterable[tuple[bytes, bytes]], version: str) -> None:
    hosts = ends = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise MalformedRequest("`Host` is a name or an address, perhaps with a port", field="host")
            continue
        ends += 1
        if name == b"content-length" and len(value) > _MAX_LENGTH_DIGITS:
            raise MalformedRequest("the length of the body is not one", field="content-length")
        if name == b"transfer-encoding" and (value.lower() != b"chunked" or version == "1.0"):
            raise MalformedRequest("`chunked` is the only transfer coding, of HTTP/1.1", field="transfer-encoding")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise MalformedRequest("a request has one `Host`", field="host")
    if ends > 1:
        raise MalformedRequest("the end of the body is said twice", field="content-length")


def check_trailer(name: bytes) -> None:
    """MalformedRequest if a header of that name may not stand behind a body."""
    if name.lower() in _NO_TRAILERS:
        raise MalformedRequest(
            "a header of the connection or of the body's end stands behind the body", field="trailer"
        )


def check_head_size(url: bytes, headers: Iterable[tuple[bytes, bytes]], max_head_bytes: int) -> None:
    """HeadTooLarge if it is."""
    size = len(url) + sum(len(name) + len(value) + _HEADER_BYTES for name, value in headers)
    if size > max_head_bytes:
        raise too_large(b"", max_head_bytes, max_head_bytes)


def too_large(url: bytes, max_head_bytes: int, max_url_bytes: int) -> RequestError:
    """What is said of a head that is, or is going to be; its `url` may be why."""
    if len(url) > max_url_bytes:
        return UrlTooLong(f"the URL has more than {max_url_bytes} bytes", limit=max_url_bytes)
    return HeadTooLarge(f"the head has more than {max_head_bytes} bytes", limit=max_head_bytes)


def name_target(scope: "HTTPScope", method: str, url: bytes) -> None:
    """Write into `scope`, below its `root_path`, what is asked of what; raises as `path_and_query` does."""
    scope["method"] = method
    path, query = path_and_query(method, url)
    root_path = scope["root_path"]
    scope["path"] = root_path + (unquote(path) if "%" in path else path)
    scope["raw_path"] = (root_path + path).encode("ascii")
    scope["query_string"] = query


def path_and_query(method: str, url: bytes) -> tuple[str, bytes]:
    """The path, still percent-encoded, and the query; MalformedRequest or MethodNotAllowed if there is no path."""
    if method == "CONNECT":
        raise MethodNotAllowed("CONNECT: this is no proxy")
    if url == b"*":  # the server itself, which has no path
        if method != "OPTIONS":
            raise MalformedRequest("the URL is not valid")
        return "*", b""
    try:
        parsed = httptools.parse_url(url)
        # `http://host` without a path, as to a proxy, is its root: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.3
        return (parsed.path or b"/").decode("ascii"), parsed.query or b""
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        raise MalformedRequest("the URL is not valid") from None
