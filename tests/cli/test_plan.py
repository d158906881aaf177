"""`lightsleeper plan` as a person uses it."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import lightsleeper
from lightsleeper.capacity.plan.report import CPU_HOUR_PRICE
from lightsleeper.capacity.plan.simulation import WAKE_S
from lightsleeper.cli.main import main
from named_pipe import pipe_with

FAST = ["--service-ms", "5", "--pod-rate", "250"]
LEVELS = [
    {"concurrency": 1, "requests_per_s": 200.0, "p50_ms": 4.0, "p99_ms": 8.0, "cpus": 0.9},
    {"concurrency": 12, "requests_per_s": 270.0, "p50_ms": 40.0, "p99_ms": 80.0, "cpus": 1.0},
    {"concurrency": 64, "requests_per_s": 280.0, "p50_ms": 230.0, "p99_ms": 300.0, "cpus": 1.0},
]


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


def test_help_says_the_wake_and_the_price_that_are_taken_unless_one_is_given(run: Runner) -> None:
    _, out, _ = run("--help")
    said = " ".join(out.split())
    assert f"until a new pod is ready; {WAKE_S}" in said
    assert f"of one CPU for an hour; {CPU_HOUR_PRICE} (dollars)" in said
    traffic = ("--rate", "5/s", "--hours", "0.01", *FAST, "--json")
    assert run(*traffic) == run(*traffic, "--wake-s", f"{WAKE_S}")


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
    assert requests["answered"] + requests["timed_out"] + requests["refused"] == requests["all"] > 500
    assert found["cost"]["total"] == pytest.approx(found["pods"]["hours"] * CPU_HOUR_PRICE)
    assert len(found["timeline"]["ready"]) == len(found["timeline"]["requests_per_s"]) == 288
    assert found["settings"]["container_concurrency"] == 48


def test_what_full_pods_refuse_is_printed(run: Runner) -> None:
    arguments = ["--rate", "10/s", "--texts", "32", "--hours", "0.05", "--max-scale", "1", *FAST]
    _, said, _ = run(*arguments, "--json")
    found = json.loads(said)
    assert found["requests"]["refused"] > 0.1 * found["requests"]["all"]
    assert found["pod"]["max_queue_s"] == 0.3
    _, said, _ = run(*arguments)
    line = next(line for line in said.splitlines() if line.startswith("refused"))
    assert line.split()[1] == f"{found['requests']['refused']:,}"
    assert line.endswith("with 503: a pod lets 0.3 s of work wait")
    _, said, _ = run(*arguments, "--max-queue-s", "3600", "--json")
    assert json.loads(said)["requests"]["refused"] == 0


def test_a_trace_and_a_manifest_are_read(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("time,texts\n" + "".join(f"{n / 10},2\n" for n in range(600)))
    settings = ["--service", "knative/base/service.yaml", "--window", "60s"]
    status, said, _ = run("--trace", str(tmp_path / "requests.csv"), *settings, "--json", *FAST)
    assert status == 0
    found = json.loads(said)
    assert (found["requests"]["all"], found["requests"]["texts"]) == (600, 1200)
    assert (found["settings"]["window_s"], found["settings"]["retention_s"]) == (60, 60)


def test_a_trace_may_come_through_a_pipe(run: Runner, tmp_path: Path) -> None:
    rows = "".join(f"{n / 10}\n" for n in range(600)).encode()
    with pipe_with(rows, tmp_path / "requests.csv") as pipe:
        status, said, _ = run("--trace", str(pipe), "--compare", "--latency-target-ms", "5000", "--json", *FAST)
    assert status == 0
    assert json.loads(said)["best"]["requests"]["all"] == 600


def test_a_bench_is_read(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps({"levels": LEVELS}))
    status, said, _ = run("--rate", "5/s", "--hours", "0.1", "--bench", str(tmp_path / "bench.json"), "--json")
    assert status == 0
    pod = json.loads(said)["pod"]
    assert (pod["alone_ms"], pod["rate"]) == (5, 270), "no more in flight than a pod may hold"
    assert pod["spread"] == pytest.approx(0.271, abs=0.001)
    assert pod["cpus"] == 1


def test_throughput_and_price_are_of_one_pod(run: Runner, tmp_path: Path) -> None:
    two, bench = tmp_path / "two.json", tmp_path / "bench.json"
    path = "/spec/template/spec/containers/0/resources/limits/cpu"
    two.write_text(json.dumps([{"op": "add", "path": path, "value": 2}]))
    bench.write_text(json.dumps({"levels": LEVELS, "cpus": 2, "tokens": 32}))
    arguments = ["--rate", "5/s", "--hours", "0.1", "--json"]

    def priced(*more: str) -> float:
        _, said, _ = run(*arguments, *more)
        found = json.loads(said)
        assert found["cost"]["total"] == pytest.approx(found["pods"]["hours"] * found["pod"]["cpus"] * CPU_HOUR_PRICE)
        return float(found["pod"]["cpus"])

    assert priced("--bench", str(bench)) == 2
    assert priced("--bench", str(bench), "--service", str(two)) == 2
    assert priced("--bench", str(bench), "--cpus", "0.5") == 0.5
    assert priced("--service", str(two), *FAST) == 2
    status, _, complaint = run(*arguments, "--bench", str(bench), "--service", "knative/base/service.yaml")
    assert status != 0
    assert "bench.json is of 2 CPUs, a pod of the manifest of 1: measure that" in complaint


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


def test_where_cpus_cost_nothing_hours_are_compared(run: Runner) -> None:
    arguments = ["--rate", "12/h", "--hours", "0.5", "--min-scale", "2", "--latency-target-ms", "5000"]
    _, said, _ = run(*arguments, "--compare", "--cpu-hour-price", "0", "--json", *FAST)
    found = json.loads(said)
    assert found["best"]["cost"]["total"] == 0
    kept = [each["pod_hours"] for each in found["tried"] if each["p99_ms"] <= 5000 and not each["refused"]]
    assert found["best"]["pods"]["hours"] == pytest.approx(min(kept), rel=0.02)
    assert 'min-scale: "0"' in found["manifest"]


def test_settings_under_which_a_pod_refuses_somebody_are_not_the_best(run: Runner) -> None:
    arguments = ["--rate", "12/h", "--burst", "20/s@2m+10s", "--texts", "32", "--hours", "0.1", "--compare"]
    _, said, _ = run(*arguments, "--latency-target-ms", "20000", "--json", *FAST)
    found = json.loads(said)
    assert found["tried"][0]["refused"] > 0
    assert found["tried"][0]["p99_ms"] < 20000
    assert found["kept"]
    assert found["best"]["requests"]["refused"] == found["best"]["requests"]["timed_out"] == 0
    assert f"containerConcurrency: {found['best']['settings']['container_concurrency']}" in found["manifest"]


def test_of_requests_that_take_seconds_a_pod_is_for_less_than_one_a_second(run: Runner) -> None:
    slow = ["--texts", "64", "--service-ms", "50", "--hours", "0.05", "--max-queue-s", "60"]
    _, said, _ = run("--rate", "30/min", *slow, "--compare", "--latency-target-ms", "20000", "--json")
    by_rate = [each["changes"] for each in json.loads(said)["tried"] if each["changes"].get("metric") == "rps"]
    assert by_rate[0]["target"] == 0.31
    _, said, _ = run("--rate", "30/min", "--service-ms", "5000", "--hours", "0.05")
    assert "0.2 texts/s at most" in said


def test_a_target_that_nothing_keeps_is_said(run: Runner) -> None:
    _, said, _ = run("--rate", "5/s", "--hours", "0.02", "--compare", "--latency-target-ms", "1", *FAST)
    assert "none keeps a p99 of 1 ms; the fastest" in said


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ([], 2, "give --trace, or --rate"),
        (["--rate", "5/s", "--latency-target-ms", "100"], 2, "--latency-target-ms is of --compare"),
        (["--rate", "1,5/s"], 1, "rate '1,5/s': as in 500/s"),
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
        (["--rate", "5/s", "--service-ms", "5", "--pod-rate", "100"], 1, "must be at least 1000 / --service-ms, 200"),
        (["--rate", "5/s", "--service-ms", "5", "--service-p99-ms", "4"], 1, "must be --service-ms to 74.8"),
        (["--rate", "5/s", "--service-ms", "5", "--service-p99-ms", "75"], 1, "must be --service-ms to 74.8"),
        (["--rate", "5/s", "--pod-rate", "200"], 1, "--pod-rate needs --service-ms"),
        (["--rate", "5/s", "--service-p99-ms", "9"], 1, "--service-p99-ms needs --service-ms"),
        (["--rate", "5/s", "--bench", "x.json", "--service-ms", "5"], 1, "--service-ms is what --bench measured"),
        (["--rate", "5/s", "--bench", "x.json", "--pod-rate", "200"], 1, "--pod-rate is what --bench measured"),
        (["--rate", "5/s", "--bench", "x.json", "--service-p99-ms", "9"], 1, "p99-ms is what --bench measured"),
        (["--rate", "5/s", "--service-ms", "5", "--max-queue-s", "0"], 1, "--max-queue-s must be above 0"),
        (["--rate", "5/s", "--service-ms", "5", "--cpus", "0"], 1, "--cpus must be above 0"),
        (["--rate", "5/s", "--cpus", "0.5"], 1, "a pod of 0.5 CPUs cannot be measured here"),
        (["--rate", "5/s", "--seed=-1"], 1, "seed must be 0 or more"),
        (["--rate", "5/s", "--hours", "6", "--burst", "9/s@09:00+30s"], 1, "burst begins 32,400 s after the start"),
        (["--burst", "9/s@09:00+30s", "--between", "07:00-23:00"], 1, "--between is of --rate"),
        (["--trace", "README.md", "--hours", "3"], 1, "--hours is of --rate"),
        (["--trace", "README.md", "--seed", "3"], 1, "--seed is of --rate"),
        (["--rate", "5/s", "--target-utilization-percentage", "850"], 1, "percentage must be 1 to 100, not 850"),
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
