"""Life and death of the real process under real load: nothing that was accepted is lost, nothing broken gets ready."""

import asyncio
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from burst import Tally, burst
from lightsleeper.bundle import EMBEDDED
from lightsleeper.settings import Settings
from service import Service

#: Of queue-proxy's readiness probe: https://github.com/knative/serving/blob/release-1.23/pkg/queue/readiness/probe.go
PROBE_TIMEOUT_S = 0.1

ROUNDS = 50

Report = Callable[[str], None]


async def killed_in_a_burst(service: Service, dice: random.Random) -> tuple[Tally, float, int]:
    """The burst's tally, seconds from SIGTERM to the end, exit status."""
    tally = Tally()
    async with burst(service.port, dice, tally):
        # The moment is the point of the test, so it is left to the dice: up to a second of full load.
        await asyncio.sleep(dice.random())
        killed_s = time.perf_counter()
        service.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(service.process.wait, 60)
        took_s = time.perf_counter() - killed_s
    return tally, took_s, status


@pytest.mark.delivery
@pytest.mark.timeout(900)
async def test_sigterm_at_any_moment_of_a_burst_loses_no_accepted_request(report: Report) -> None:
    dice = random.Random(4)
    bound_s = Settings().drain_timeout_s
    tallies, endings_s, statuses = [], [], []
    for _ in range(ROUNDS):
        with Service(cache_entries=0) as service:
            tally, took_s, status = await killed_in_a_burst(service, dice)
        tallies.append(tally)
        endings_s.append(took_s)
        statuses.append(status)
    report(
        f"{ROUNDS} SIGTERMs: {sum(tally.answered for tally in tallies)} answered, "
        f"{sum(len(tally.lost) for tally in tallies)} accepted and lost, "
        f"{sum(tally.never_accepted for tally in tallies)} not accepted; "
        f"end after {statistics.median(endings_s):.2f} s (median), {max(endings_s):.2f} s (longest)"
    )
    assert [lost for tally in tallies for lost in tally.lost] == []
    assert set(statuses) == {0}
    assert max(endings_s) < bound_s
    assert all(tally.answered for tally in tallies), "each round must have had load"


async def test_the_port_stays_closed_until_the_service_is_warm() -> None:
    service = Service()
    starting = asyncio.create_task(asyncio.to_thread(service.start))
    refusals = 0
    while not starting.done():
        try:
            with socket.create_connection(("127.0.0.1", service.port), timeout=1) as early:
                early.sendall(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                assert early.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        except ConnectionRefusedError:
            refusals += 1
        await asyncio.sleep(0.01)
    await starting
    service.stop()
    assert refusals > 0


def test_a_broken_bundle_never_gets_ready(tmp_path: Path) -> None:
    broken = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, broken)
    weights = broken / "model.onnx.data"
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    weights.write_bytes(damaged)
    done = subprocess.run(
        [sys.executable, "-m", "lightsleeper", "serve"],
        env=Service(bundle=broken).environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "model.onnx.data" in done.stderr


async def test_readiness_is_answered_within_a_probe_while_the_engine_is_saturated(report: Report) -> None:
    dice = random.Random(5)
    took_s: list[float] = []
    with Service(cache_entries=0, workers=2) as service:
        tally = Tally()
        async with burst(service.port, dice, tally, words=120):
            while len(took_s) < 60:
                started_s = time.perf_counter()
                reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
                took_s.append(time.perf_counter() - started_s)
                writer.close()
                await writer.wait_closed()
                await asyncio.sleep(0.03)
    took_s.sort()
    report(f"/readyz under load: median {took_s[30] * 1e3:.1f} ms, slowest of 60 {took_s[-1] * 1e3:.1f} ms")
    assert tally.answered > 0
    assert statistics.median(took_s) < PROBE_TIMEOUT_S
