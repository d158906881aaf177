"""Who reads next, where a slice takes what its sender chose. A slice is its name and its seconds."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lightsleeper.pipeline.reading_turns import _KEPT, ReadingTurns

pytestmark = pytest.mark.anyio


class Reader:
    """One thread whose clock is moved by what it reads; nothing is read before `open`."""

    def __init__(self, turns: int = 1) -> None:
        self.now_s = 0.0
        self.order: list[str] = []
        self.begun, self.gate = threading.Event(), threading.Event()
        self.turns = ReadingTurns(ThreadPoolExecutor(1), turns, each=turns, clock=lambda: self.now_s)

    def read(self, what: tuple[str, float]) -> str:
        self.begun.set()
        assert self.gate.wait(timeout=50)
        self.order.append(what[0])
        self.now_s += what[1]
        if what[0] == "broken":
            raise ValueError(what)
        return what[0]

    def ask(self, client: str, took_s: float, times: int = 1) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.turns.run(client, self.read, (client, took_s))) for _ in range(times)]

    async def begin(self, client: str, took_s: float) -> asyncio.Task[str]:
        """A slice that is being read."""
        [task] = self.ask(client, took_s)
        await asyncio.to_thread(self.begun.wait)
        return task


async def test_who_sends_what_takes_long_waits_for_all_that_takes_as_long_together() -> None:
    reader = Reader()
    asked = [await reader.begin("costly", 10.0), *reader.ask("costly", 10.0, 2), *reader.ask("cheap", 1.0, 12)]
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*asked)
    first, second = (index for index, name in enumerate(reader.order) if name == "costly" and index)
    assert first >= 5
    assert second == len(reader.order) - 1


async def test_who_comes_again_with_one_slice_after_the_other_has_no_more_of_the_time() -> None:
    reader = Reader()

    async def again_and_again() -> None:
        for _ in range(3):
            await reader.turns.run("costly", reader.read, ("costly", 10.0))

    asked = [await reader.begin("other", 1.0), asyncio.create_task(again_and_again()), *reader.ask("cheap", 1.0, 30)]
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*asked)
    again = [index for index, name in enumerate(reader.order) if name == "costly"]
    assert again[1] - again[0] >= 5


async def test_who_sends_one_slice_after_the_other_keeps_his_turn_between_them() -> None:
    reader = Reader()

    async def again_and_again() -> None:
        for _ in range(9):
            await reader.turns.run("cheap", reader.read, ("cheap", 1.0))

    asked = [await reader.begin("costly", 10.0), *reader.ask("costly", 10.0, 9), *reader.ask("other", 10.0, 9)]
    cheap = asyncio.create_task(again_and_again())
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*asked, cheap)
    last = max(index for index, name in enumerate(reader.order) if name == "cheap")
    assert last <= 10  # 9 of them, and one of each other


async def test_what_a_client_had_while_others_asked_for_little_keeps_it_waiting_behind_nobody_who_is_new() -> None:
    reader = Reader()
    much = [await reader.begin("much", 1.0), *reader.ask("much", 1.0, 109)]
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*much[:100])
    new = reader.ask("new", 1.0, 60)
    await asyncio.gather(*much, *new)
    first = reader.order.index("new")
    assert reader.order.index("much", first) <= first + 2


async def test_who_sends_much_of_what_is_short_is_read_beforehand_but_not_before_everybody() -> None:
    reader = Reader(turns=4)
    asked = [await reader.begin("much", 1.0), *reader.ask("much", 1.0, 100)]
    left, *staying = reader.ask("leaving", 1.0, 2)
    await asyncio.sleep(0)
    asked += reader.ask("new", 1.0, 2)
    left.cancel()
    reader.gate.set()
    await asyncio.gather(*asked, *staying)
    assert max(index for index, name in enumerate(reader.order) if name != "much") <= 4 + 3 * 2
    await asyncio.sleep(0)
    assert not reader.turns._clients  # noqa: SLF001  # nobody is counted for ever


async def test_whoever_is_new_is_next() -> None:
    reader = Reader()
    asked = [await reader.begin("much", 1.0), *reader.ask("much", 1.0, 50), *reader.ask("more", 1.0, 50)]
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    asked += reader.ask("new", 1.0)
    await asyncio.gather(*asked)
    assert reader.order.index("new") <= 5


async def test_what_nobody_waits_for_any_more_is_not_begun_and_what_was_begun_counts() -> None:
    reader = Reader()
    begun = await reader.begin("costly", 10.0)
    leaving, *staying = reader.ask("costly", 10.0, 2)
    cheap = reader.ask("cheap", 1.0, 5)
    await asyncio.sleep(0)
    begun.cancel()
    leaving.cancel()
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*staying, *cheap)
    assert reader.order == ["costly", *["cheap"] * 5, "costly"]


async def test_a_turn_that_fails_or_is_given_up_as_it_comes_is_over() -> None:
    reader = Reader()
    reader.gate.set()
    with pytest.raises(ValueError, match="broken"):
        await reader.turns.run("one", reader.read, ("broken", 1.0))
    [given_up] = reader.ask("one", 1.0)
    await asyncio.sleep(0)  # it has its turn, and has not gone on
    given_up.cancel()
    assert await reader.turns.run("another", reader.read, ("another", 1.0)) == "another"
    assert await reader.turns.run("one", reader.read, ("one", 1.0)) == "one"


async def test_clients_that_are_through_are_forgotten() -> None:
    reader = Reader()
    asked = [await reader.begin("stays", 0.001), *(task for n in range(3 * _KEPT) for task in reader.ask(f"{n}", 1.0))]
    await asyncio.sleep(0)
    reader.gate.set()
    await asyncio.gather(*asked[:-1])
    assert len(reader.turns._clients) <= _KEPT + 10  # noqa: SLF001  # the bound has no other face
    await asked[-1]
    await asyncio.sleep(0)
    assert not reader.turns._clients  # noqa: SLF001  # see above
