"""A real Redis server, which each test may treat as badly as it likes."""

from collections.abc import Iterator

import pytest

from redis_server import RedisServer


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """Empty, and as healthy as new."""
    if shared_server.process is None:
        shared_server.start()
    with shared_server.client() as client:
        client.flushall()
    return shared_server
