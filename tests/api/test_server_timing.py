import pytest
from fastapi.testclient import TestClient

from lightsleeper.api.server_timing import server_timing
from lightsleeper.model.prediction import Timings
from lightsleeper.process import Wake

TIMINGS = Timings(tokenize_s=0.001, cache_s=0.002, queue_s=0.003, inference_s=0.004)


class AgedWake(Wake):
    """A wake of half a second, of a process whose age the test decides."""

    age_s = 0.0


def timing(age_s: float) -> str:
    wake = AgedWake(0.5)
    object.__setattr__(wake, "age_s", age_s)
    return server_timing(TIMINGS, wake, 0.011)


def test_every_stage_is_in_milliseconds() -> None:
    assert timing(60) == ("tokenize;dur=1.000, cache;dur=2.000, queue;dur=3.000, inference;dur=4.000, total;dur=11.000")


@pytest.mark.parametrize(("age_s", "told"), [(0.5, True), (59.9, True), (60.0, False), (86_400.0, False)])
def test_a_process_younger_than_a_minute_says_how_long_its_wake_took(age_s: float, *, told: bool) -> None:
    assert (f"wake;dur=500.000, age;dur={age_s * 1e3:.3f}" in timing(age_s)) is told


def test_every_answer_has_it(client: TestClient) -> None:
    stages = [entry.split(";dur=")[0] for entry in _header(client).split(", ")]
    assert stages[:5] == ["tokenize", "cache", "queue", "inference", "total"]


def _header(client: TestClient) -> str:
    return client.post("/predict", json={"text": "good"}).headers["server-timing"]
