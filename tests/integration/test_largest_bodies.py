"""The largest bodies of every dialect, many at once, in a pod's memory and beside everybody else's requests."""

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json

from asked import status_of
from hostile_bodies import BODIES
from largest_bodies import DIALECTS, Body, bodies, wrapped_bodies
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
from rendering import container
from service import Service

pytestmark = [pytest.mark.door, pytest.mark.timeout(900)]

IN_FLIGHT = 8
MAX_MB = 40
#: A body is searched for marks, cut, parsed, and its texts are looked at, one after the other.
MAX_STEPS = 4
REFUSED = {400, 413, 415, 422}


def named(dialect: str) -> Iterator[tuple[str, Body]]:
    return wrapped_bodies() if dialect == "wrapped" else bodies(dialect)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(workers=1, cache_entries=0) as service:
        for dialect in DIALECTS:  # the first of that size finds its memory unallocated, and its module not imported
            _, body = next(iter(bodies(dialect)))
            together(service, body)
        yield service


def together(service: Service, body: Body) -> set[int]:
    """The statuses of as many at once."""

    def send(_: int) -> int:
        url = service.url + body.path
        return httpx2.post(url, content=body.content, headers=dict(body.headers), timeout=300).status_code

    with ThreadPoolExecutor(IN_FLIGHT) as clients:
        return set(clients.map(send, range(IN_FLIGHT)))


def resident_mb(service: Service, line: str) -> float:
    """https://man7.org/linux/man-pages/man5/proc_pid_status.5.html: now (`VmRSS`), or at most so far (`VmHWM`)."""
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    (value,) = (each.split()[1] for each in status.splitlines() if each.startswith(line))
    return int(value) * 1024 / 1e6


@pytest.mark.parametrize("dialect", [*DIALECTS, "wrapped"])
def test_many_of_the_largest_bodies_are_refused_within_a_pods_memory(service: Service, dialect: str) -> None:
    limit_mb = int(container("aks")["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20 / 1e6
    took_mb = {}
    for name, body in named(dialect):
        assert len(body.content) <= Settings().max_body_bytes
        Path(f"/proc/{service.process.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        before_mb = resident_mb(service, "VmRSS")
        assert together(service, body) <= REFUSED, name
        peak_mb = resident_mb(service, "VmHWM")
        took_mb[name] = (peak_mb - before_mb) / IN_FLIGHT
        # Empty here, for the peaks to be those of the bodies; full, these may stand beside them.
        assert peak_mb + Settings().cache_bytes / 1e6 < limit_mb, name
    assert max(took_mb.values()) < MAX_MB, took_mb


class Alone:
    """The application without a server, on this event loop."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._app = create_app(Settings())
        self._state = state

    async def standstill_s(self, body: Body) -> float:
        """Of CPU: the most that the process spent while its event loop had no turn, until `body` was refused."""
        asking = asyncio.create_task(self._ask(body))
        longest_s, turn_s = 0.0, time.process_time()
        while not asking.done():
            await asyncio.sleep(0)
            turn_s, before_s = time.process_time(), turn_s
            longest_s = max(longest_s, turn_s - before_s)
        assert await asking in REFUSED
        return longest_s

    async def _ask(self, body: Body) -> int:
        headers = {"content-length": str(len(body.content)), **body.headers}
        return await status_of(self._app, self._state, body.path, body.content, headers=headers, client="192.0.2.1")


@pytest.fixture(scope="module")
async def alone() -> AsyncIterator[Alone]:
    app = create_app(Settings(workers=1, max_queue_s=60))
    async with app.router.lifespan_context(app) as state:
        assert state
        alone = Alone(state)
        for dialect in DIALECTS:  # its module is imported
            _, body = next(iter(bodies(dialect)))
            await alone.standstill_s(body)
        gc.collect()
        gc.freeze()  # as the service does: nor is everything looked through for garbage here
        yield alone
        gc.unfreeze()


def worst_step_s() -> float:
    """Of CPU: a text of escapes, which the parser reads in one step, with the interpreter's lock held."""
    took_s = []
    for _ in range(5):
        began_s = time.process_time()
        from_json(BODIES["escaped letters"])
        took_s.append(time.process_time() - began_s)
    return statistics.median(took_s)


@pytest.mark.parametrize("dialect", [*DIALECTS, "wrapped"])
async def test_no_body_keeps_others_waiting_for_longer_than_a_few_steps_of_the_parser(
    alone: Alone, dialect: str
) -> None:
    step_s = worst_step_s()
    stood_still = {name: await alone.standstill_s(body) / step_s for name, body in named(dialect)}
    assert max(stood_still.values()) < MAX_STEPS, stood_still
