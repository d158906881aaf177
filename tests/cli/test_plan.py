"""`lightsleeper plan` as a person uses it."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import lightsleeper
from lightsleeper.capacity.plan.report import CPU_HOUR_PRICE
from lightsleeper.cli.main import main

FAST = ["--service-ms", "5", "--pod-rate", "250"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Runner":
    monkeypatch.chdir(Path(lightsleeper.__file__).parents[2])
    return Runner(capsys)


class Runner:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["plan", *arguments])
        said = self._capsys.readouterr()
        complaint = said.err if not isinstance(ended.value.code, str) else f"{ended.value.code}\n"
        return ended.value.code, said.out, complaint


def test_a_day_with_a_night_is_a_table(run: Runner) -> None:
    status, said, _ = run("--rate", "2/s", "--between", "08:30-09:10", "--burst", "300/s@09:00+20s", *FAST)
    assert status == 0
    lines = said.splitlines()
    assert next(line for line in lines if line.startswith("03:00:00")).split()[1:] == ["0.00", "0", "0"]
    assert next(line for line in lines if line.startswith("09:00:00")).split()[-1].count("█") == 4
    for word in ("pods ready", "pod-hours", "waited for a wake", "queue", "p50", "p99", "activators", "cost"):
        assert word in said


def test_json_says_the_same(run: Runner) -> None:
    status, said, _ = run("--rate", "20/min", "--hours", "0.5", "--json", *FAST)
    assert status == 0
    found = json.loads(said)
    requests = found["requests"]
    assert requests["answered"] + requests["timed_out"] == requests["all"] > 500
    assert found["cost"]["total"] == pytest.approx(found["pods"]["hours"] * CPU_HOUR_PRICE)
    assert len(found["timeline"]["ready"]) == len(found["timeline"]["requests_per_s"]) == 288
    assert found["settings"]["container_concurrency"] == 48


def test_a_trace_and_a_manifest_are_read(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("time,texts\n" + "".join(f"{n / 10},2\n" for n in range(600)))
    settings = ["--service", "knative/base/service.yaml", "--window", "60s"]
    status, said, _ = run("--trace", str(tmp_path / "requests.csv"), *settings, "--json", *FAST)
    assert status == 0
    found = json.loads(said)
    assert (found["requests"]["all"], found["requests"]["texts"]) == (600, 1200)
    assert (found["settings"]["window_s"], found["settings"]["retention_s"]) == (60, 60)


def test_a_bench_is_read(run: Runner, tmp_path: Path) -> None:
    levels = [
        {"concurrency": 1, "requests_per_s": 200.0, "p50_ms": 4.0, "p99_ms": 8.0, "cpus": 0.9},
        {"concurrency": 12, "requests_per_s": 270.0, "p50_ms": 40.0, "p99_ms": 80.0, "cpus": 1.0},
        {"concurrency": 64, "requests_per_s": 280.0, "p50_ms": 230.0, "p99_ms": 300.0, "cpus": 1.0},
    ]
    (tmp_path / "bench.json").write_text(json.dumps({"levels": levels}))
    status, said, _ = run("--rate", "5/s", "--hours", "0.1", "--bench", str(tmp_path / "bench.json"), "--json")
    assert status == 0
    pod = json.loads(said)["pod"]
    assert (pod["alone_ms"], pod["rate"]) == (5, 270), "no more in flight than a pod may hold"
    assert pod["spread"] == pytest.approx(0.298, abs=0.001)


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_a_chart_is_drawn(run: Runner, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"day{suffix}"
    status, _, _ = run("--rate", "5/s", "--hours", "0.2", "--chart", str(file), *FAST)
    assert status == 0
    drawn = file.read_text()
    picture = ET.fromstring(drawn[drawn.index("<svg") :])
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}polygon"))) == 3


def test_other_settings_are_tried_and_the_cheapest_that_is_fast_enough_is_named(run: Runner) -> None:
    arguments = ["--rate", "12/h", "--hours", "1", "--compare", "--json", *FAST]
    _, said, _ = run(*arguments, "--latency-target-ms", "100")
    found = json.loads(said)
    kept = [each for each in found["tried"] if each["p99_ms"] <= 100 and not each["timed_out"]]
    assert found["kept"]
    assert found["best"]["cost"]["total"] == pytest.approx(min(each["cost"] for each in kept), rel=0.02)
    assert found["best"]["settings"]["min_scale"] >= 1, "who may not wait for a wake keeps a pod"
    _, said, _ = run(*arguments, "--latency-target-ms", "5000")
    assert json.loads(said)["best"]["cost"]["total"] < found["best"]["cost"]["total"]


def test_a_target_that_nothing_keeps_is_said(run: Runner) -> None:
    _, said, _ = run("--rate", "5/s", "--hours", "0.02", "--compare", "--latency-target-ms", "1", *FAST)
    assert "none keeps a p99 of 1 ms; the fastest" in said


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ([], 2, "give --trace, or --rate"),
        (["--rate", "5/s", "--trace", "x.csv"], 2, "give --trace, or --rate"),
        (["--rate=-5/s"], 1, "rate '-5/s': as in 500/s"),
        (["--rate", "lots"], 1, "rate 'lots': as in 500/s"),
        (["--rate", "5/s", "--burst", "soon"], 1, "burst 'soon': as in"),
        (["--rate", "5/s", "--between", "23:00-07:00"], 1, "between '23:00-07:00': as in 07:00-23:00"),
        (["--rate", "5/s", "--hours", "1e9"], 1, "hours must be above 0"),
        (["--rate", "5/s", "--hours", "nan"], 1, "hours must be above 0"),
        (["--rate", "5/s", "--window", "1s"], 1, "window must be 6 to 3600"),
        (["--rate", "5/s", "--target", "x"], 1, "--target: 'x' is no value for it"),
        (["--rate", "5/s", "--service-ms", "0"], 1, "--service-ms must be above 0"),
        (["--rate", "5/s", "--service-ms", "5", "--pod-rate=-1"], 1, "--pod-rate must be above 0"),
        (["--rate", "5/s", "--service-ms", "5", "--wake-s", "inf"], 1, "--wake-s must be above 0"),
        (["--rate", "5/s", "--service-ms", "5", "--cpu-hour-price=-1"], 1, "--cpu-hour-price must be"),
        (["--rate", "5/s", "--service-ms", "5", "--cpus=-1"], 1, "--cpus must be above 0"),
        (["--rate", "5/s", "--service-ms", "5", "--chart", "day.png"], 1, "must end in .svg or .html"),
        (["--rate", "5/s", "--hours", "0.01", "--service-ms", "5", "--chart", "/absent/day.svg"], 1, "No such file"),
        (["--rate", "5/s", "--bench", "absent.json"], 1, "absent.json: No such file"),
        (["--rate", "5/s", "--bench", "README.md"], 1, "README.md: not what `lightsleeper bench --json` prints"),
        (["--rate", "5/s", "--service", "README.md"], 1, "README.md: no"),
        (["--trace", "absent.csv"], 1, "absent.csv: No such file"),
        (["--trace", "README.md"], 1, "README.md: row 1"),
    ],
)  # fmt: skip
def test_misuse_is_one_clear_line(run: Runner, arguments: list[str], status: int, complaint: str) -> None:
    code, said, complained = run(*arguments)
    assert (code if isinstance(code, int) else 1, said) == (status, "")
    assert complaint in complained
    assert complained.count("\n") == 1
