"""Life and death of the real process under real load: nothing that was accepted is lost, nothing broken gets ready."""

import asyncio
import json
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from bare_server import bare_server
from burst import Tally, ask, burst, unique_text
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.serving.settings import Settings
from otlp_receiver import OtlpReceiver
from rendering import container, revision
from service import Service
from wire import answers, connected, request

#: Of queue-proxy's readiness probe: https://github.com/knative/serving/blob/release-1.23/pkg/queue/readiness/probe.go
PROBE_TIMEOUT_S = 0.1
PROBES = 100

ROUNDS = 50
#: Between two exports: what arrives at the collector in a shorter life was sent by its end.
NEVER_S = 3600.0
#: Of work that may wait: what is lost is asked here, not what is refused because a machine is slow.
ENDLESS_S = 3600.0

Report = Callable[[str], None]


async def killed_in_a_burst(service: Service, dice: random.Random) -> tuple[Tally, float, int]:
    """The burst's tally, seconds from SIGTERM to the end, exit status."""
    tally = Tally()
    async with burst(service.port, dice, tally):
        await tally.begun.wait()  # however slow the machine, there is load
        # The moment is the point of the test, so it is left to the dice: up to a second of full load.
        await asyncio.sleep(dice.random())
        killed_s = time.perf_counter()
        service.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(service.process.wait, 60)
        took_s = time.perf_counter() - killed_s
    return tally, took_s, status


@pytest.mark.delivery
@pytest.mark.timeout(900)
async def test_sigterm_at_any_moment_of_a_burst_loses_no_accepted_request_and_no_count(report: Report) -> None:
    dice = random.Random(4)
    bound_s = Settings().drain_timeout_s
    tallies, endings_s, statuses, counted = [], [], [], []
    for _ in range(ROUNDS):
        service = Service(cache_entries=0, export_interval_s=NEVER_S, max_queue_s=ENDLESS_S)
        with OtlpReceiver() as collector:
            service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
            with service:
                tally, took_s, status = await killed_in_a_burst(service, dice)
            answers = {"http.route": "/predict", "http.response.status_code": "200"}
            counted.append(collector.total("http.server.request.duration", -1, **answers))
        tallies.append(tally)
        endings_s.append(took_s)
        statuses.append(status)
    report(
        f"{ROUNDS} SIGTERMs: {sum(tally.answered for tally in tallies)} answered, {sum(counted):.0f} counted at the "
        f"collector, {sum(len(tally.lost) for tally in tallies)} accepted and lost, "
        f"{sum(tally.never_accepted for tally in tallies)} not accepted; "
        f"end after {statistics.median(endings_s):.2f} s (median), {max(endings_s):.2f} s (longest)"
    )
    assert [lost for tally in tallies for lost in tally.lost] == []
    assert set(statuses) == {0}
    assert max(endings_s) < bound_s
    assert counted == [tally.answered for tally in tallies]


async def test_the_port_stays_closed_until_the_service_is_warm() -> None:
    service = Service()
    starting = asyncio.create_task(asyncio.to_thread(service.start))
    refusals = 0
    opened_at = None
    while opened_at is None:
        try:
            socket.create_connection(("127.0.0.1", service.port), timeout=1).close()
        except ConnectionRefusedError:
            refusals += 1
            await asyncio.sleep(0.01)
        else:
            opened_at = time.time()
    await starting
    try:
        process = httpx2.get(f"{service.url}/model").json()["process"]
        assert httpx2.get(f"{service.url}/readyz").status_code == 200
    finally:
        service.stop()
    warm_at = datetime.fromisoformat(process["started_at"]).timestamp() + process["wake_ms"] / 1e3
    assert refusals > 0
    assert opened_at >= warm_at


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


def test_a_request_that_the_drain_cannot_wait_for_is_told_so() -> None:
    with Service(drain_timeout_s=1) as service, connected(service.port) as client:
        client.sendall(request(headers="Expect: 100-continue\nContent-Length: 99"))
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"  # accepted: the service waits for the rest, in vain
        service.process.send_signal(signal.SIGTERM)
        [answer] = answers(client)
    assert (answer.status, answer.code) == (503, "shutting_down")
    assert answer.headers["connection"] == "close"
    assert answer.headers["retry-after"]
    assert answer.headers["x-request-id"]
    assert "Traceback" not in service.output
    assert service.process.returncode == 0


def test_a_drain_of_less_than_a_second_still_waits_for_what_was_accepted() -> None:
    with Service(drain_timeout_s=0.4, cache_entries=0) as service, connected(service.port):
        service.predict("warm")
        assert service.stop() == 0
    assert "timeout graceful shutdown exceeded" not in service.output


@pytest.mark.delivery
async def test_as_many_of_the_largest_requests_as_a_pod_may_get_fit_in_its_memory(report: Report) -> None:
    at_once = revision("aks")["spec"]["containerConcurrency"]
    limit = container("aks")["resources"]["limits"]["memory"]
    settings = Settings()
    words = settings.max_body_bytes // settings.max_texts // 6  # with the space after it, a word has 5.7 characters
    dice = random.Random(6)
    body = json.dumps({"text": [unique_text(dice, words) for _ in range(settings.max_texts)]}).encode()
    assert 0.9 < len(body) / settings.max_body_bytes <= 1
    queue_s = settings.max_queue_s  # as deployed: what it cannot hold is refused, and takes memory until then
    with Service(cache_entries=0, workers=1, request_timeout_s=ENDLESS_S, max_queue_s=queue_s) as service:
        tally = Tally()
        await asyncio.gather(*(ask(service.port, body, tally) for _ in range(at_once)))
        peak_bytes = 1024 * int(status_of(service.process.pid)["VmHWM"].split()[0])
    report(
        f"{at_once} requests of {len(body) / 1e6:.1f} MB at once: {peak_bytes / 2**20:.0f} MiB at the peak, of {limit}"
    )
    refused = [answer for answer in tally.lost if answer.startswith("HTTP/1.1 503")]
    assert tally.answered + tally.never_accepted + len(refused) == at_once
    assert tally.answered > 0
    assert peak_bytes + settings.cache_bytes < int(limit.removesuffix("Mi")) * 2**20


def status_of(pid: int) -> dict[str, str]:
    """https://man7.org/linux/man-pages/man5/proc_pid_status.5.html"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_readiness_answers_while_the_engine_is_saturated(
    report: Report,
) -> None:
    took_s: dict[str, list[float]] = {"service": [], "bare server": []}
    with (
        bare_server() as bare_port,
        Service(cache_entries=0, workers=2, request_timeout_s=300, max_queue_s=ENDLESS_S) as service,
    ):
        ports = {"service": service.port, "bare server": bare_port}
        tally = Tally()
        async with burst(service.port, random.Random(5), tally, words=120):
            for _ in range(PROBES):
                for name, port in ports.items():
                    took_s[name].append(await asyncio.to_thread(probe, port))
                    await asyncio.sleep(0.01)
            # As long as the others: a short one does not stand behind them.
            stages = stages_ms(await asyncio.to_thread(service.predict, unique_text(random.Random(6), 120)))
    for name, each in took_s.items():
        p50, p95, *_, slowest = (1e3 * sorted(each)[round(share * (PROBES - 1))] for share in (0.5, 0.95, 1))
        report(
            f"/readyz under load, {name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, slowest {slowest:.1f} ms, "
            f"{late(each)} of {PROBES} later than queue-proxy waits"
        )
    assert tally.answered > 0
    # When each came is reported, beside a server that does nothing else; a busy machine keeps both waiting.
    assert stages["queue"] > stages["inference"], "the engine was not saturated"


def probe(port: int) -> float:
    """Seconds until a new connection has its answer, as queue-proxy asks; which gives up after `PROBE_TIMEOUT_S`."""
    started_s = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert asking.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    return time.perf_counter() - started_s


def late(took_s: Sequence[float]) -> int:
    """How many of these probes queue-proxy would have given up."""
    return sum(each >= PROBE_TIMEOUT_S for each in took_s)


def stages_ms(answer: httpx2.Response) -> dict[str, float]:
    """`Server-Timing`: milliseconds by stage."""
    stages = (stage.split(";dur=") for stage in answer.headers["server-timing"].split(", "))
    return {name: float(milliseconds) for name, milliseconds in stages}
