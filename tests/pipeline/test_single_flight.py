import asyncio
from collections.abc import Sequence

import pytest

from lightsleeper.pipeline.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Runway:
    """Hands out futures that the test resolves."""

    def __init__(self) -> None:
        self.futures: dict[str, asyncio.Future[int]] = {}
        self.starts: list[list[str]] = []

    def start(self, keys: list[str]) -> Sequence[asyncio.Future[int]]:
        self.starts.append(keys)
        for key in keys:
            self.futures[key] = asyncio.get_running_loop().create_future()
        return [self.futures[key] for key in keys]


async def turns() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_of_one_key_share_one_computation() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    callers = [asyncio.create_task(flights.wait(["a"], runway.start)) for _ in range(500)]
    await turns()
    runway.futures["a"].set_result(1)
    assert await asyncio.gather(*callers) == [{"a": 1}] * 500
    assert runway.starts == [["a"]]


async def test_a_key_twice_in_one_call_is_started_once() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    caller = asyncio.create_task(flights.wait(["a", "b", "a"], runway.start))
    await turns()
    runway.futures["a"].set_result(1)
    runway.futures["b"].set_result(2)
    assert await caller == {"a": 1, "b": 2}
    assert runway.starts == [["a", "b"]]


async def test_a_cancelled_caller_does_not_cancel_the_shared_flight() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    first, second = (asyncio.create_task(flights.wait(["a"], runway.start)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    runway.futures["a"].set_result(1)
    assert await second == {"a": 1}


async def test_when_the_last_caller_leaves_the_computation_is_withdrawn() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    callers = [asyncio.create_task(flights.wait(["a"], runway.start)) for _ in range(2)]
    await turns()
    for caller in callers:
        caller.cancel()
    await turns()
    assert runway.futures["a"].cancelled()
    assert len(flights) == 0


async def test_nobody_boards_a_withdrawn_flight() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    leaver = asyncio.create_task(flights.wait(["a"], runway.start))
    await turns()
    leaver.cancel()
    newcomer = asyncio.create_task(flights.wait(["a"], runway.start))
    await turns()
    runway.futures["a"].set_result(2)
    assert await newcomer == {"a": 2}
    assert len(flights) == 0


async def test_a_failure_reaches_every_caller_and_is_not_remembered() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    callers = [asyncio.create_task(flights.wait(["a"], runway.start)) for _ in range(2)]
    await turns()
    runway.futures["a"].set_exception(RuntimeError("boom"))
    assert [str(error) for error in await asyncio.gather(*callers, return_exceptions=True)] == ["boom", "boom"]
    again = asyncio.create_task(flights.wait(["a"], runway.start))
    await turns()
    runway.futures["a"].set_result(1)
    assert await again == {"a": 1}


async def test_the_first_failure_ends_the_wait_for_the_other_keys() -> None:
    flights, runway = SingleFlight[str, int](), Runway()
    caller = asyncio.create_task(flights.wait(["a", "b"], runway.start))
    await turns()
    runway.futures["b"].set_exception(RuntimeError("boom"))
    with pytest.raises(RuntimeError, match="boom"):
        await caller
    assert runway.futures["a"].cancelled()


async def test_a_refusal_to_start_leaves_nothing_behind() -> None:
    flights = SingleFlight[str, int]()

    def refuse(_: list[str]) -> Sequence[asyncio.Future[int]]:
        raise OverflowError

    with pytest.raises(OverflowError):
        await flights.wait(["a"], refuse)
    assert len(flights) == 0
