"""What is opened is closed: in the opposite order, whatever else fails."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from lightsleeper.cache.cache import TwoLevelCache
from lightsleeper.cache.redis_link import RedisLink
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.process import free_port
from lightsleeper.serving import lifespan
from lightsleeper.serving.app import open_telemetry
from lightsleeper.serving.lifespan import serve_parts
from lightsleeper.serving.settings import Settings
from lightsleeper.telemetry.export import Telemetry
from redis_server import RedisServer

pytestmark = pytest.mark.anyio

#: In the order of their closing: who closes first still needs those behind it.
PARTS: list[Any] = [Batcher, TwoLevelCache, RedisLink, OnnxEngine, Telemetry]
NAMES = [part.__name__ for part in PARTS]


class Refused(Exception):
    """What a part fails with here."""


class Closings:
    """Which parts were closed, and who fails once it is."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failing: str | None = None

    def note(self, name: str) -> None:
        self.names.append(name)
        if name == self.failing:
            raise Refused(name)

    def noting(self, name: str, close: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def closing(*arguments: object) -> None:
            await close(*arguments)
            self.note(name)

        return closing

    def noting_at_once(self, name: str, close: Callable[..., None]) -> Callable[..., None]:
        def closing(*arguments: object) -> None:
            close(*arguments)
            self.note(name)

        return closing


@pytest.fixture
def closings(monkeypatch: pytest.MonkeyPatch) -> Closings:
    """The real parts are closed, and it is noted."""
    closings = Closings()
    for part in PARTS:
        noting = closings.noting_at_once if part is OnnxEngine else closings.noting
        monkeypatch.setattr(part, "close", noting(part.__name__, part.close))
    return closings


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Of a service in which every part is there."""
    with RedisServer() as redis:
        yield Settings(redis_url=redis.url, host="127.0.0.1", metrics_port=free_port())


async def served(settings: Settings) -> None:
    """From the start to the end of the service, which leaves nothing running."""
    before = asyncio.all_tasks()
    try:
        async with serve_parts(settings, open_telemetry(settings), None, {}):
            assert asyncio.all_tasks() > before
    finally:
        assert asyncio.all_tasks() == before


async def test_what_is_opened_last_is_closed_first(settings: Settings, closings: Closings) -> None:
    await served(settings)
    assert closings.names == NAMES


async def test_a_start_that_fails_closes_what_was_opened(
    settings: Settings, closings: Closings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:  # noqa: ANN401  # in place of a part
        raise Refused("the last part")

    monkeypatch.setattr(lifespan, "_rate_limit", fail)
    with pytest.raises(Refused, match="the last part"):
        await served(settings)
    assert closings.names == NAMES
    monkeypatch.setattr(lifespan, "_cache", fail)
    closings.names.clear()
    with pytest.raises(Refused):
        await served(settings)
    assert closings.names == ["RedisLink", "OnnxEngine", "Telemetry"]


@pytest.mark.parametrize("failing", NAMES)
async def test_a_part_that_fails_to_close_does_not_keep_the_others_open(
    settings: Settings, closings: Closings, failing: str
) -> None:
    closings.failing = failing
    with pytest.raises(Refused, match=failing):
        await served(settings)
    assert closings.names == NAMES
