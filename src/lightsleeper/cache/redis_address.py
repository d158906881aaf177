"""Where Redis is: the forms of LIGHTSLEEPER_REDIS_URL, checked before anything imports the Redis client.

    redis://[user:password@]host[:port][/db]          rediss:// with TLS, the certificate verified
    unix://[user:password@]/path/to/socket[?db=n]
    redis+sentinel://[user:password@]host[:port],host[:port]…/service[/db]        rediss+sentinel:// with TLS
    redis+cluster://[user:password@]host[:port],host[:port]…                      rediss+cluster:// with TLS

After `?` may follow, with TLS, redis-py's options for it, such as `ssl_ca_certs=/etc/ca.pem`; for Sentinel
`sentinel_username` and `sentinel_password`: user and password of the URL are those of Redis itself. All else is
refused: an option nobody knows would only show when Redis is not reached, and some change what replies look like.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

_SINGLE = {"redis", "rediss", "unix"}
_MODES: dict[str, Literal["sentinel", "cluster"]] = {
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_PORT = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_MAX_PORT = 65_535

_UNREADABLE = "In user and password write each of : / ? # [ ] @ % as its percent-encoding, as in %5B for ["

_IS_BOOLEAN = ("true", "false", "yes", "no", "1", "0").__contains__

#: What redis-py takes, with what each value has to be.
_TLS_OPTIONS: dict[str, Callable[[str], object]] = {
    "ssl_ca_certs": os.path.isfile,
    "ssl_ca_path": os.path.isdir,
    "ssl_certfile": os.path.isfile,
    "ssl_keyfile": os.path.isfile,
    "ssl_password": bool,
    "ssl_cert_reqs": ("none", "optional", "required").__contains__,
    "ssl_check_hostname": _IS_BOOLEAN,
    "ssl_ciphers": bool,
}
_SENTINEL_OPTIONS: dict[str, Callable[[str], object]] = {"sentinel_username": bool, "sentinel_password": bool}
_SOCKET_OPTIONS: dict[str, Callable[[str], object]] = {"db": str.isdecimal}


@dataclass(frozen=True)
class RedisAddress:
    """A parsed URL."""

    mode: Literal["single", "sentinel", "cluster"]
    #: What redis-py parses: one node with user, password, database and options.
    url: str
    #: Host and port of every node named; none for a socket.
    nodes: tuple[tuple[str, int], ...]
    #: The name under which Sentinel knows the master.
    service: str | None


def parse_redis_url(url: str) -> RedisAddress:
    """The address in `url`; ValueError saying which part cannot be right, without showing any of it."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message holds what it could not read, and that may be the password
        raise ValueError(_UNREADABLE) from None
    if parts.fragment:
        raise ValueError(_UNREADABLE)
    mode = "single" if parts.scheme in _SINGLE else _MODES.get(parts.scheme)
    if mode is None:
        raise ValueError(f"the scheme must be one of {', '.join([*sorted(_SINGLE), *_MODES])}")
    _check_options(parts, mode)
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("a unix:// URL needs the path of a socket")
        return RedisAddress("single", url, (), None)
    credentials, _, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_node(host, _PORT[mode]) for host in hosts.split(","))
    if mode == "single" and len(nodes) > 1:
        raise ValueError("several hosts need redis+cluster:// or redis+sentinel://")
    path = parts.path.strip("/").split("/")
    service = path.pop(0) if mode == "sentinel" else None
    if service == "":
        raise ValueError("a Sentinel URL needs the name of the service as its path")
    database = "/".join(path)
    if database and (not database.isdecimal() or mode == "cluster"):
        raise ValueError("a cluster has no databases" if mode == "cluster" else "the database must be a number")
    return RedisAddress(mode, _single_node_url(parts, credentials, nodes[0], database), nodes, service)


def _check_options(parts: SplitResult, mode: str) -> None:
    """ValueError unless each option is one of its scheme's, once, with a value that can be right."""
    allowed = _TLS_OPTIONS if parts.scheme.startswith("rediss") else {}
    allowed = allowed | (_SENTINEL_OPTIONS if mode == "sentinel" else {})
    allowed = allowed | (_SOCKET_OPTIONS if parts.scheme == "unix" else {})
    options = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in options]
    # Not by name: a password with a question mark in it looks like an option.
    if not allowed.keys() >= set(names):
        raise ValueError(f"after ? may follow {', '.join(allowed) or 'nothing'} with this scheme. {_UNREADABLE}")
    for name, value in options:
        if names.count(name) > 1 or not allowed[name](value):
            raise ValueError(f"the option {name} cannot be right")


def _node(text: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port` or `[ipv6]:port`."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError("a host is missing")
    if not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(f"a port must be a number from 1 to {_MAX_PORT}")
    return host, int(port)


def _single_node_url(parts: SplitResult, credentials: str, node: tuple[str, int], database: str) -> str:
    host, port = node
    host = f"[{host}]" if ":" in host else host
    at = f"{credentials}@" if credentials else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.partition('+')[0]}://{at}{host}:{port}/{database}{query}"
