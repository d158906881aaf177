import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fakes import GatedRun
from lightsleeper.errors import EngineFailed, Overloaded, ShuttingDown
from lightsleeper.pipeline.admission import CLIENT
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.pipeline.fair_queue import Lane
from queueing import Clock, open_batcher

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def batching(run: Callable[[Sequence[Any]], Sequence[Any]], **parts: Any) -> AsyncIterator[Batcher[Any, Any]]:  # noqa: ANN401  # see `open_batcher`
    """A batcher of strings: an item costs its length and its kind is its first letter."""
    batcher = open_batcher(run, cost=len, kind=lambda item: item[0], **parts)
    batcher.start()
    try:
        yield batcher
    finally:
        await batcher.close(timeout_s=30)


async def began(run: GatedRun) -> None:
    assert await asyncio.to_thread(run.began.acquire, timeout=300)


async def test_results_come_back_to_whoever_submitted_them() -> None:
    async with batching(lambda items: [item.upper() for item in items], workers=3) as batcher:
        futures = batcher.submit([f"{kind}{n}" for n in range(50) for kind in "abc"])
        assert [(await future).value for future in futures] == [f"{kind}{n}" for n in range(50) for kind in "ABC"]


async def test_what_queues_while_the_worker_is_busy_becomes_one_batch() -> None:
    run = GatedRun()
    async with batching(run) as batcher:
        first = batcher.submit(["a0"])
        await began(run)
        rest = [batcher.submit([f"a{n}"])[0] for n in range(1, 5)]
        run.gate.set()
        await asyncio.gather(*first, *rest)
    assert run.batches == [["a0"], ["a1", "a2", "a3", "a4"]]


async def test_a_batch_holds_one_kind_and_the_longest_waiting_kind_goes_first() -> None:
    run = GatedRun()
    async with batching(run) as batcher:
        futures = batcher.submit(["x"])
        await began(run)
        for item in ("b1", "a1", "b2"):
            futures += batcher.submit([item])
        run.gate.set()
        await asyncio.gather(*futures)
    assert run.batches == [["x"], ["b1", "b2"], ["a1"]]


async def test_a_batch_stays_below_its_cost_but_one_large_item_still_runs() -> None:
    run = GatedRun()
    async with batching(run, max_batch=4) as batcher:
        futures = batcher.submit(["x"])
        await began(run)
        futures += batcher.submit(["aa", "aa", "aa", "aaaaaaaa"])
        run.gate.set()
        await asyncio.gather(*futures)
    assert run.batches == [["x"], ["aa", "aa"], ["aa"], ["aaaaaaaa"]]


async def test_a_full_queue_refuses_the_whole_submission_at_once() -> None:
    run = GatedRun()
    async with batching(run, max_batch=4, max_wait_s=0) as batcher:
        batcher.admission.ran(Lane.EXPRESS, cost=1, seconds=60)  # a queue of one batch at most
        futures = batcher.submit(["x"])
        await began(run)
        futures += batcher.submit(["aaa"])
        with pytest.raises(Overloaded) as refusal:
            batcher.submit(["b", "bb"])
        assert refusal.value.retry_after_s
        run.gate.set()
        await asyncio.gather(*futures)
        (last,) = batcher.submit(["cccc"])  # what ran, and what was refused, takes no room any more
        await last
    assert run.batches == [["x"], ["aaa"], ["cccc"]]


class BulkIsGated:
    """Upper-cases, the large at a gate; knows how nice the threads are that do it."""

    def __init__(self) -> None:
        self.large = GatedRun()
        self.niceness: dict[str, int] = {}

    def __call__(self, items: Sequence[str]) -> Sequence[str]:
        for item in items:
            self.niceness[item] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return self.large(items) if items[0].startswith("large") else items


@pytest.mark.parametrize(
    "large", [["large 1", "large 2"] * 10, [f"large{'.' * 124}"]], ids=["many texts", "a long one"]
)
async def test_nobody_stands_behind_a_batch_of_what_is_large_or_long(large: list[str]) -> None:
    run = BulkIsGated()
    async with batching(run, max_batch=130) as batcher:
        futures = batcher.submit(large)
        await began(run.large)
        (small,) = batcher.submit(["small"])
        assert (await small).value == "small"
        assert not any(future.done() for future in futures)
        run.large.gate.set()
        await asyncio.gather(*futures)


async def test_the_kernel_gives_the_cpu_to_the_event_loop_first_and_then_to_small_requests() -> None:
    run = BulkIsGated()
    run.large.gate.set()
    async with batching(run, max_batch=10) as batcher:
        await asyncio.gather(*batcher.submit(["large 1", "large 2"]), *batcher.submit(["small"]))
    loops = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert run.niceness["small"] == loops + 5
    assert run.niceness["large 1"] == run.niceness["large 2"] == loops + 10


async def test_a_client_beside_one_that_sends_much_is_next() -> None:
    run = GatedRun()
    async with batching(run, max_batch=1) as batcher:
        CLIENT.set("many")
        futures = [future for item in ("x", "a", "b", "c") for future in batcher.submit([item])]
        await began(run)
        CLIENT.set("few")
        futures += batcher.submit(["d"])
        run.gate.set()
        await asyncio.gather(*futures)
    assert run.batches == [["x"], ["a"], ["d"], ["b"], ["c"]]


async def test_who_has_waited_for_too_long_is_told_so_and_the_others_are_served() -> None:
    gated, clock = GatedRun(), Clock()

    def run(items: Sequence[str]) -> Sequence[str]:
        served = gated(items)
        clock.now_s += 100  # as long as nobody could have known
        return served

    async with batching(run, clock=clock, max_batch=1, max_wait_s=60) as batcher:
        (first,) = batcher.submit(["x"])
        await began(gated)
        waiting, late = (batcher.submit([item])[0] for item in "ab")
        gated.gate.set()
        await asyncio.gather(first, waiting)
        with pytest.raises(Overloaded) as refusal:
            await late
        assert refusal.value.retry_after_s == 1
    assert gated.batches == [["x"], ["a"]]


async def test_who_has_waited_for_too_long_is_told_before_it_is_his_turn() -> None:
    clock, began, may_end = Clock(), threading.Semaphore(0), threading.Semaphore(0)

    def run(items: Sequence[str]) -> Sequence[str]:
        began.release()
        may_end.acquire()
        return items

    async with batching(run, clock=clock, max_batch=1, max_wait_s=60) as batcher:
        CLIENT.set("many")
        first, late, latest = (batcher.submit([item])[0] for item in "xac")
        assert await asyncio.to_thread(began.acquire, timeout=300)
        clock.now_s += 1_000
        CLIENT.set("new")
        (next_one,) = batcher.submit(["b"])
        may_end.release()
        await first
        assert await asyncio.to_thread(began.acquire, timeout=300)
        for each in (late, latest):  # of which the second comes after the new one
            assert isinstance(each.exception(), Overloaded)
        assert not next_one.done()
        may_end.release()
        await next_one


async def test_what_is_being_computed_is_answered_however_long_it_takes() -> None:
    clock, began, gates = Clock(), threading.Semaphore(0), {"x": threading.Event(), "a": threading.Event()}

    def run(items: Sequence[str]) -> Sequence[str]:
        began.release()
        assert gates[items[0]].wait(timeout=300)
        return items

    async with batching(run, clock=clock, workers=2, max_batch=1, max_wait_s=60) as batcher:
        slow, other = (batcher.submit([item])[0] for item in "xa")
        assert await asyncio.to_thread(began.acquire, timeout=300)
        assert await asyncio.to_thread(began.acquire, timeout=300)
        clock.now_s += 1_000
        gates["a"].set()
        await other  # whose worker has looked for more by now
        assert not slow.done()
        gates["x"].set()
        assert (await slow).value == "x"


async def test_withdrawn_work_makes_room_at_once() -> None:
    run = GatedRun()
    async with batching(run, max_batch=4, max_wait_s=0) as batcher:
        batcher.admission.ran(Lane.EXPRESS, cost=1, seconds=60)  # a queue of one batch at most
        futures = batcher.submit(["x"])
        await began(run)
        (leaver,) = batcher.submit(["aaaa"])
        leaver.cancel()
        await asyncio.sleep(0)
        futures += batcher.submit(["bbbb"])
        run.gate.set()
        await asyncio.gather(*futures)
    assert run.batches == [["x"], ["bbbb"]]


async def test_items_nobody_waits_for_are_dropped_when_the_batch_is_formed() -> None:
    run = GatedRun()
    async with batching(run) as batcher:
        (first,) = batcher.submit(["x"])
        await began(run)
        left, stays = batcher.submit(["a1", "a2"])
        left.cancel()
        run.gate.set()
        await asyncio.gather(first, stays)
    assert run.batches == [["x"], ["a2"]]


async def test_a_failing_batch_fails_its_callers_and_the_worker_lives_on() -> None:
    def run(items: Sequence[str]) -> Sequence[str]:
        if items[0] == "bad":
            raise RuntimeError("boom")
        return items

    async with batching(run) as batcher:
        (bad,) = batcher.submit(["bad"])
        with pytest.raises(EngineFailed) as failure:
            await bad
        assert str(failure.value.__cause__) == "boom"
        (good,) = batcher.submit(["good"])
        assert (await good).value == "good"
        assert batcher.alive


async def test_an_engine_that_returns_too_few_results_fails_its_batch() -> None:
    async with batching(lambda items: items[1:]) as batcher:
        (future,) = batcher.submit(["a"])
        with pytest.raises(EngineFailed):
            await future


async def test_closing_finishes_what_is_queued_and_refuses_what_is_new() -> None:
    run = GatedRun()
    async with batching(run) as batcher:
        futures = batcher.submit(["x"])
        await began(run)
        futures += batcher.submit(["a"])
        closing = asyncio.create_task(batcher.close(timeout_s=30))
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            batcher.submit(["late"])
        run.gate.set()
        await closing
        assert [(await future).value for future in futures] == ["x", "a"]


async def test_closing_gives_up_on_queued_work_after_its_bound() -> None:
    run = GatedRun()
    async with batching(run) as batcher:
        (running,) = batcher.submit(["x"])
        await began(run)
        (queued,) = batcher.submit(["a"])
        await batcher.close(timeout_s=0.01)
        with pytest.raises(ShuttingDown):
            await queued
        with pytest.raises(ShuttingDown):
            await running
        run.gate.set()


async def test_workers_run_at_the_same_time() -> None:
    run = GatedRun()
    async with batching(run, workers=2) as batcher:
        futures = batcher.submit(["a", "b"])
        await began(run)
        await began(run)
        run.gate.set()
        await asyncio.gather(*futures)
