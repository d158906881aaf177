"""A redis-py client for each form of address. The only module that imports redis-py, and only when it is called."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

    from lightsleeper.cache.redis_address import RedisAddress

CLIENT_NAME = "lightsleeper"

#: Of one reply; the longest we ask for, 512 values, has 16 kB with two labels. Whoever writes to Redis can put 512 MB
#: under any key.
MAX_REPLY_BYTES = 1 << 20

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
        return RedisCluster.from_url(address.url, startup_nodes=nodes, client_name=CLIENT_NAME, **options)
    options |= {"redis_connect_func": _greet, "parser_class": _bounded_parser()}
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


async def _greet(connection: Any) -> None:  # noqa: ANN401  # redis-py's connections share no type that says so
    """Log in, and say who we are where that is allowed: the library would end a connection that may not say it."""
    from redis.exceptions import ResponseError  # noqa: PLC0415  # see `make_client`

    await connection.on_connect()
    await connection.send_command("CLIENT", "SETNAME", CLIENT_NAME, check_health=False)
    with suppress(ResponseError):
        await connection.read_response()


def _bounded_parser() -> type:
    """The client's own parser, which ends a connection whose server says more than `MAX_REPLY_BYTES` at once."""
    from redis.asyncio.connection import DefaultParser  # noqa: PLC0415  # see `make_client`
    from redis.exceptions import InvalidResponse  # noqa: PLC0415  # see above

    class BoundedParser(DefaultParser):  # type: ignore[valid-type, misc]  # with hiredis or without
        received = 0

        async def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's
            self.received = 0
            return await super().read_response(*args, **kwargs)

        async def read_from_socket(self) -> bool:
            # One read brings at most 64 kB, so counting reads bounds the bytes.
            self.received += self._read_size
            if self.received > MAX_REPLY_BYTES + self._read_size:
                raise InvalidResponse(f"a reply of more than {MAX_REPLY_BYTES} bytes")
            return bool(await super().read_from_socket())

    return BoundedParser


def error_reply(error: BaseException) -> str | None:
    """What Redis said, if `error` is its answer to a command; None if it did not answer, or not to the point."""
    from redis.exceptions import ResponseError  # noqa: PLC0415  # see `make_client`

    if not isinstance(error, ResponseError):
        return None
    code = getattr(error, "status_code", None)
    return f"{code} {error}" if code else str(error)


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
            except BaseException as error:
                # A time-out is a cancellation: what is still on its way must answer nobody else. A no has arrived.
                if error_reply(error) is None:
                    await self.close()
                raise

    async def connect(self) -> None:
        """Connect, or connect again where the server has closed, or said something that nobody asked for."""
        connection = self._connection
        if connection and connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)
        if connection and not connection.is_connected:  # sending would connect, too, but ask no sentinel where
            await connection.connect()

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
        await self.connect()
        connection = self._connection
        await connection.send_packed_command(connection.pack_command("MGET", *names), check_health=False)
        values = await connection.read_response(disable_decoding=True)
        if await connection.can_read():
            raise ValueError("the server says more than one reply")  # which would be taken for the next
        return values


async def close_client(client: Any) -> None:  # noqa: ANN401  # redis-py's clients share no type that says so
    """Disconnect; a client that Sentinel made leaves its connections to the sentinels open otherwise."""
    await client.aclose()
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for sentinel in manager.sentinels if manager else ():
        await sentinel.aclose()
