"""A redis-py client for each form of address. The only module that imports redis-py, and only when it is called."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

    from lightsleeper.cache.redis_address import RedisAddress

#: Reader, writer, trial, and the rate limits that may be asked at once, with room to spare.
MAX_CONNECTIONS = 16


def make_client(address: "RedisAddress", *, connect_timeout_s: float) -> "Redis | RedisCluster":
    """A client that connects when it is first used, and that fails rather than tries again.

    How long a command may take is the caller's to bound.
    Importing redis-py takes 0.13 s of CPU. Raises ValueError if an option in the URL is not what redis-py expects.
    """
    from redis.asyncio import Redis, RedisCluster, Sentinel  # noqa: PLC0415  # see the docstring
    from redis.asyncio.cluster import ClusterNode  # noqa: PLC0415  # see above
    from redis.asyncio.connection import SSLConnection, parse_url  # noqa: PLC0415  # see above
    from redis.asyncio.retry import Retry  # noqa: PLC0415  # see above
    from redis.backoff import NoBackoff  # noqa: PLC0415  # see above

    options: dict[str, Any] = {
        "client_name": "lightsleeper",
        "protocol": 2,  # nothing here needs RESP3, whose HELLO old servers and some proxies do not know
        # With a timeout of its own redis-py sends through asyncio.wait_for, which on Python 3.11 swallows a
        # cancellation that comes at the wrong moment, and so our timeout: https://github.com/python/cpython/issues/86296
        "socket_timeout": None,
        "socket_connect_timeout": connect_timeout_s,
        "health_check_interval": 0,  # its PING would be paid by a request; RedisLink keeps connections alive itself
        "retry": Retry(NoBackoff(), 0),  # a caller has a better plan than a second attempt: to go on without
        "max_connections": MAX_CONNECTIONS,
    }
    if address.nodes:
        options["socket_keepalive"] = True
    if address.mode == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return RedisCluster.from_url(address.url, startup_nodes=nodes, **options)
    if address.mode == "single":
        return Redis.from_url(address.url, **options)
    options |= parse_url(address.url)
    del options["host"], options["port"]  # the sentinels' own
    options["ssl"] = options.pop("connection_class", None) is SSLConnection
    sentinel_options = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl"))}
    for name in ("username", "password"):
        sentinel_options[name] = options.pop(f"sentinel_{name}", None)
    sentinel = Sentinel(address.nodes, sentinel_kwargs=sentinel_options, **options)  # type: ignore[no-untyped-call]  # theirs
    master: Redis = sentinel.master_for(address.service or "")
    return master


class Mget:
    """MGET over a connection of its own: what the client does around one command takes 25 µs of CPU time.

    A cluster's keys live on several nodes, so there the client finds them.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # redis-py's clients share no type
        """Connects when it is first called, and again after a failure, as the client would."""
        pool = getattr(client, "connection_pool", None)
        self._connection: Any = pool.make_connection() if pool else None
        self._client = client
        self._turn = asyncio.Lock()

    async def __call__(self, names: Sequence[bytes]) -> list[Any]:
        """One value per name, in order; ValueError if the server answers anything else."""
        async with self._turn:
            try:
                return await self._ask(names)
            except BaseException:  # a time-out is a cancellation: what is still on its way must answer nobody else
                await self.close()
                raise

    async def close(self) -> None:
        """Disconnect."""
        if self._connection:
            await self._connection.disconnect(nowait=True)

    async def _ask(self, names: Sequence[bytes]) -> list[Any]:
        values = await (self._over_connection(names) if self._connection else self._client.mget_nonatomic(names))
        if not isinstance(values, list) or len(values) != len(names):
            raise ValueError("the reply to MGET is not one value per key")
        return values

    async def _over_connection(self, names: Sequence[bytes]) -> Any:  # noqa: ANN401  # whatever the server says
        connection = self._connection
        if not connection.is_connected:  # sending would connect, too, but without asking the sentinels where
            await connection.connect()
        await connection.send_packed_command(connection.pack_command("MGET", *names), check_health=False)
        return await connection.read_response(disable_decoding=True)


async def close_client(client: Any) -> None:  # noqa: ANN401  # redis-py's clients share no type that says so
    """Disconnect; a client that Sentinel made leaves its connections to the sentinels open otherwise."""
    await client.aclose()
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for sentinel in manager.sentinels if manager else ():
        await sentinel.aclose()
