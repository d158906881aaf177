"""Bodies of any content cost the service little memory: one request must not get a pod of 512 MiB killed."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hostile_bodies import BODIES
from service import Service

MAX_MB = 40


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(workers=1) as service:
        send(service, BODIES["emoji"])  # the first of that size finds its memory unallocated
        yield service


def send(service: Service, body: bytes) -> httpx2.Response:
    headers = {"content-type": "application/json"}
    return httpx2.post(f"{service.url}/predict", content=body, headers=headers, timeout=60)


def resident_mb(service: Service, line: str) -> float:
    """https://man7.org/linux/man-pages/man5/proc_pid_status.5.html: now (`VmRSS`), or at most so far (`VmHWM`)."""
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    (value,) = (each.split()[1] for each in status.splitlines() if each.startswith(line))
    return int(value) * 1024 / 1e6


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_of_any_content_takes_little_memory(service: Service, kind: str) -> None:
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before_mb = resident_mb(service, "VmRSS")
    assert send(service, BODIES[kind]).status_code in {415, 422}
    assert resident_mb(service, "VmHWM") - before_mb < MAX_MB
