"""Who is asking, for whatever is shared out by client: the rate limit, a place in the queue."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

_UNKNOWN = "unknown"
_NAMES_KEPT = 2_000
#: An IPv6 address of all digits and the name of a network interface; what is longer is no address, whoever says so.
_LONGEST_NAME = 64


def client_of(scope: Scope) -> str:
    """Whose texts these are: an API key, by the start of its digest, or an address.

    The address is the server's `client`, which uvicorn takes from X-Forwarded-For only as far as it trusts the
    proxies that wrote it. An IPv6 client has 2^64 addresses to choose from, so it is known by its network.
    """
    key_id = scope["state"].get("key_id")
    if key_id:
        return f"key:{key_id}"
    client = scope.get("client")
    if not client:
        return "nowhere"
    return _network(client[0]) if len(client[0]) <= _LONGEST_NAME else _UNKNOWN


@lru_cache(maxsize=_NAMES_KEPT)
def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return _UNKNOWN
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
