"""Traces and random requests; what cannot be right ends in one line that names the row."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightsleeper.capacity.plan import traffic
from lightsleeper.capacity.plan.traffic import RandomTraffic, Trace, parse_burst, parse_rate
from lightsleeper.errors import ConfigurationError


def trace(folder: Path, content: str | bytes) -> Trace:
    file = folder / "requests.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Trace(file)


@pytest.mark.parametrize(
    ("content", "times", "texts"),
    [
        ("time\n0.5\n1\n1\n", [0.5, 1, 1], [1, 1, 1]),
        ("0.5\n1\n", [0.5, 1], [1, 1]),
        ("0.5,3\n1,64\n", [0.5, 1], [3, 64]),
        ("texts,path,Time\n2,/predict,7\n,/predict,8\n", [7, 8], [2, 1]),
        ("\ufefftimestamp\r\n2026-11-26T07:00:00.25Z\r\n2026-11-26T08:00:01+01:00\r\n\r\n", [0.25, 1], [1, 1]),
        ("time\n2026-11-26 07:00:00\n2026-11-26 07:00:02.5\n", [0, 2.5], [1, 1]),
        ("time\n1764140400.5\n1764140460\n", [0.5, 60], [1, 1]),
        ("time;texts\n0.5;2\n1;3\n", [0.5, 1], [2, 3]),
        ("texts\ttime\n2\t7\n\t8\n", [7, 8], [2, 1]),
    ],
    ids=[
        *("header", "no header", "two columns", "columns by name", "with zone", "without zone", "since 1970"),
        *("semicolons", "tabs"),
    ],
)
def test_a_trace_is_read_as_people_write_it(
    tmp_path: Path, content: str, times: list[float], texts: list[float]
) -> None:
    ((found, sizes),) = trace(tmp_path, content).pieces()
    assert found.tolist() == pytest.approx(times)
    assert sizes.tolist() == texts


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("time\n5\n3\n", "row 3 is earlier than the row before"),
        ("time\n5\nsoon\n", "row 3 has 'soon' for a time"),
        ("time\n5\n-1\n", "row 3 has '-1' for a time"),
        ("time\n1764140400500\n", "row 2 has '1764140400500' for a time: are these milliseconds?"),
        ("1764140400500000,2\n", "row 1 has '1764140400500000' for a time: are these milliseconds?"),
        ("time\n5\n1e11\n", "row 3 has '1e11' for a time: are these milliseconds?"),
        ("time\nnan\n", "row 2 has 'nan' for a time"),
        ("time\n1e999\n", "row 2 has '1e999' for a time"),
        ("time\n5\n99999999\n", "row 3 is more than 31 days after the start"),
        ("time,texts\n5,0\n", "row 2 has '0' texts: 1 to 64"),
        ("time,texts\n5,many\n", "row 2 has 'many' texts"),
        ("time,texts\n5," + "9" * 500 + "\n", "row 2 has '999"),
        ("when;how many\n5;1\n", "row 1 has no column `time` among 'when', 'how many'"),
        ("sep=;\ntime;texts\n5;1\n", "row 1 has no column `time` among 'sep=', ''"),
        ("texts,time\n5\n", "row 2 has '' for a time"),
        ("", "no request in it"),
        ("time\n\n\n", "no request in it"),
        ("5" * 100_000, "row 1 is longer than 1,000 characters"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        ("time\n5\n\x00\n", "row 3"),
    ],
)
def test_a_trace_that_cannot_be_right_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        list(trace(tmp_path, content).pieces())
    assert complaint in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 300


def test_a_trace_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.csv: No such file"):
        list(Trace(tmp_path / "absent.csv").pieces())


def test_a_long_trace_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_PIECE", 10)
    sizes = [len(times) for times, _ in trace(tmp_path, "time\n" + "1\n" * 25).pieces()]
    assert sizes == [10, 10, 5]


@pytest.mark.parametrize(
    ("written", "per_s"),
    [("500/s", 500), ("300/min", 5), ("12/h", 1 / 300), ("1,728,000/day", 20), (".5 per min", 1 / 120), ("0/s", 0)],
)
def test_a_rate_has_a_unit(written: str, per_s: float) -> None:
    assert parse_rate(written) == pytest.approx(per_s)


@pytest.mark.parametrize(
    "written",
    [
        "500",
        "1,5/s",
        "10,00/s",
        "1,0000/s",
        "-5/s",
        "x/s",
        "5/fortnight",
        "nan/s",
        "300000/s",
        "1.2.3/s",
        "",
        "9" * 999,
    ],
)
def test_a_rate_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="as in 500/s") as refused:
        parse_rate(written)
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "written",
    ["400/s", "400/s@09:00", "400/s@soon+30s", "400/s@09:00+-3s", "400/s@09:99+3s", "400/s@09:00+0s"],
)
def test_a_burst_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_burst(written)


def counted(found: RandomTraffic, edges_s: list[float]) -> list[int]:
    times = np.concatenate([times for times, _ in found.pieces()])
    assert (np.diff(times) >= 0).all()
    return [int(((times >= begin) & (times < end)).sum()) for begin, end in pairwise(edges_s)]


def test_random_requests_keep_their_hours_and_their_bursts() -> None:
    found = RandomTraffic(1.0, hours=48, between_s=(7 * 3600.0, 23 * 3600.0), bursts=(parse_burst("400/s@09:00+30s"),))
    edges = [0, 7 * 3600, 9 * 3600, 9 * 3600 + 30, 23 * 3600, 31 * 3600, 47 * 3600, 48 * 3600]
    night, morning, burst, day, second_night, second_day, end = counted(found, [float(edge) for edge in edges])
    assert night == second_night == end == 0
    assert morning == pytest.approx(7200, rel=0.05)
    assert burst == pytest.approx(12_030, rel=0.05)
    assert day == pytest.approx(50_370, rel=0.05)
    assert second_day == pytest.approx(57_600, rel=0.05)


def test_one_seed_is_one_day() -> None:
    def first(seed: int) -> list[float]:
        times, _ = next(RandomTraffic(5, hours=0.1, seed=seed).pieces())
        return list(times)

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize(
    "wrong",
    [{"hours": 0}, {"hours": -1}, {"hours": float("nan")}, {"hours": 1e6}, {"texts": 65}, {"seed": -1}],
)
def test_a_time_without_end_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        RandomTraffic(1, **wrong)  # type: ignore[arg-type]  # that is the question


@pytest.mark.parametrize(
    "late",
    [
        {"bursts": (parse_burst("400/s@09:00+30s"),)},
        {"bursts": (parse_burst("400/s@6h+30s"),)},
        {"between_s": (25200.0, 82800.0)},
    ],
    ids=str,
)
def test_what_begins_after_the_end_is_refused(late: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"begins [\d,]+ s after the start, and 6 hours are over by then"):
        RandomTraffic(1, hours=6, **late)
    assert RandomTraffic(1, hours=24, **late)
