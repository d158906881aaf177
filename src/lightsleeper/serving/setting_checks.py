"""What single settings have to be: each check raises the ValueError that says what is meant, and holds no value."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import product
from urllib.parse import urlsplit

#: 32 hex digits are 128 bits: more than anybody can try. By chance one in 10^12 has fewer than 6 different ones.
_MIN_SECRET_CHARS = 32
_MIN_DISTINCT_CHARS = 6

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

#: Segments as RFC 3986 writes them, without what would have to be escaped or is resolved away by browsers.
ROOT_PATH = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+"

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@\[\]:*\\]+)(?::([0-9]{1,5}))?")
_HOST = re.compile(r"\[[0-9a-f:]+\]|[a-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_OWN_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65_535

#: A URL in characters that need no escape, without what would hide the path that is added to it.
_BASE_URL = re.compile(r"https?://[!-\"$->@-~]+")

#: It is a header of every reply, and a part of what brokers filter by.
_MAX_EVENT_TYPE_CHARS = 200


def digest(value: str) -> None:
    """The sha256 of an API key, in hex; of none that is empty."""
    if not _SHA256.fullmatch(value):
        raise ValueError("each must be 64 hexadecimal digits: printf %s KEY | sha256sum")
    if value.lower() in _blank_digests():
        raise ValueError("one is the digest of an empty key: is the variable set that it was made of?")


def _blank_digests() -> Iterator[str]:
    """What `printf %s "$KEY" | sha256sum` prints of a variable that is unset, and of one that holds a few blanks."""
    for length in range(4):
        for each in product(" \t\r\n", repeat=length):
            yield hashlib.sha256("".join(each).encode()).hexdigest()


def hard_to_guess(secret: str) -> None:
    """A secret as a machine makes them."""
    if len(set(secret)) < _MIN_DISTINCT_CHARS:
        raise ValueError("too simple: openssl rand -hex 32")
    if len(secret.strip()) < _MIN_SECRET_CHARS:
        raise ValueError(f"less than {_MIN_SECRET_CHARS} characters: openssl rand -hex 32")


def redis_url(url: str) -> None:
    """Where a Redis is."""
    from lightsleeper.cache.redis_address import parse_redis_url  # noqa: PLC0415  # only where there is one

    parse_redis_url(url)


def host(name: str) -> None:
    """What a socket may be bound to."""
    with suppress(ValueError):
        ip_address(name)
        return
    try:
        spelled = name.encode("idna").decode()
    except UnicodeError:
        spelled = ""
    if not _NAME.fullmatch(spelled):
        raise ValueError(
            "must be one address, or a name whose parts between dots have 1 to 63 letters, digits or hyphens; no port"
        )


def network(value: str) -> None:
    """An address, or a network of some."""
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("each must be an address, or a network such as 10.0.0.0/8") from None


def origin(value: str) -> None:
    """An origin as browsers send it: any other spelling would never equal one."""
    if value == "*":
        return
    spelled = _as_browsers_send(value.lower())
    if spelled is None:
        raise ValueError("each must be * or one origin such as https://example.com, without a path or a wildcard")
    if spelled != value:
        raise ValueError(f"each must be spelled as browsers send it: {spelled}")


def _as_browsers_send(value: str) -> str | None:
    """See https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin; None if it is none."""
    found = _ORIGIN.fullmatch(value)
    if not found:
        return None
    scheme, name, port = found.groups()
    try:
        name = f"[{IPv6Address(name[1:-1])}]" if name.startswith("[") else name.encode("idna").decode()
    except ValueError:
        return None
    if not _HOST.fullmatch(name) or (port and not 0 < int(port) <= _MAX_PORT):
        return None
    return f"{scheme}://{name}" + (f":{int(port)}" if port and int(port) != _OWN_PORTS.get(scheme) else "")


def webhook_origin(value: str) -> None:
    """Who sends events, as `WebHook-Request-Origin` says it."""
    if not (value.isascii() and value.isprintable() and " " not in value) or ("*" in value and value != "*"):
        raise ValueError("each must be * or one name such as eventgrid.azure.net, without a wildcard")


def event_type(value: str) -> None:
    """The `type` of an event."""
    if not value.isprintable() or value != value.strip() or len(value) > _MAX_EVENT_TYPE_CHARS:
        raise ValueError(f"must be 1 to {_MAX_EVENT_TYPE_CHARS} printable characters, without blanks around them")


def base_url(value: str) -> None:
    """Where paths are put behind: no query, and a port that there is."""
    try:
        found = urlsplit(value)
        whole = _BASE_URL.fullmatch(value) is not None and bool(found.hostname) and found.port != 0
    except ValueError:  # of a bracket or a port
        whole = False
    if not whole:
        raise ValueError(
            f"must be a URL such as http://collector:4318: http or https, a host and, if any, a port, 1 to {_MAX_PORT}"
        )
