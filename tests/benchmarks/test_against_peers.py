"""The runner and the table of `make bench-peers`, with servers that only say what they were asked."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from peers.contenders import PEERS, Peer, label_of
from peers.processes import Request, descendants, running
from peers.results import Point, Record, Round, Store
from peers.runner import Plan, Session, run
from peers.table import tables

FAST = Peer("fast", "", "")
SLOW = Peer("slow", "", "")
BROKEN = Peer("broken", "", "")
SPEED = {"fast": 600.0, "slow": 50.0}
PLAN = Plan(rounds=2, cores=(1, 2), points=("short 8", "short 32"))


class Turns:
    """Starts fakes, notes the order, and ends the run, as Ctrl-C does, after so many points."""

    def __init__(self, points: int = 1_000) -> None:
        self.starts: list[tuple[str, int]] = []
        self.measured: list[tuple[str, str, int]] = []
        self._left = points

    @contextmanager
    def start(self, peer: Peer, cores: int) -> Iterator[Session]:
        if peer is BROKEN:
            raise RuntimeError("ended with status 1: no such model")
        self.starts.append((peer.name, cores))
        yield Fake(peer.name, cores, self)

    def point(self, name: str, point: str, seed: int) -> None:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        self.measured.append((name, point, seed))


class Fake:
    wake_s = 0.5

    def __init__(self, name: str, cores: int, turns: Turns) -> None:
        self._name, self._cores, self._turns = name, cores, turns

    def resident_mb(self) -> float:
        return 100.0

    def measure(self, point: str, seed: int) -> Point:
        self._turns.point(self._name, point, seed)
        per_s = SPEED[self._name] * self._cores
        return Point(per_s=per_s, p50_ms=1e3 / per_s, p99_ms=2e3 / per_s, cpu_s_per_1000=1e3 / SPEED[self._name])

    def describe(self, record: Record) -> None:
        record.installed_mb = 200.0


def test_peers_take_turns_so_that_a_busy_minute_falls_on_all(tmp_path: Path) -> None:
    turns = Turns()
    run((FAST, SLOW), PLAN, Store(tmp_path), turns.start)
    assert turns.starts == [("fast", 1), ("slow", 1), ("fast", 2), ("slow", 2)] * 2


def test_no_two_rounds_send_the_same_texts(tmp_path: Path) -> None:
    turns = Turns()
    run((FAST,), PLAN, Store(tmp_path), turns.start)
    assert {seed for _, _, seed in turns.measured} == {0, 1}


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second, third = Turns(points=5), Turns(), Turns()
    with pytest.raises(KeyboardInterrupt):
        run((FAST, SLOW), PLAN, Store(tmp_path), first.start)
    run((FAST, SLOW), PLAN, Store(tmp_path), second.start)
    run((FAST, SLOW), PLAN, Store(tmp_path), third.start)
    assert second.measured[0] == ("fast", "short 32", 0)  # on two cores: the sixth of sixteen
    assert len(first.measured + second.measured) == 2 * 2 * 2 * 2
    assert not third.starts


def test_a_new_load_is_measured_alone(tmp_path: Path) -> None:
    turns = Turns()
    run((FAST,), PLAN, Store(tmp_path), Turns().start)
    run((FAST,), Plan(1, (1,), ("short 32", "long 8")), Store(tmp_path), turns.start)
    assert turns.measured == [("fast", "long 8", 0)]


def test_who_cannot_be_run_is_named_with_the_reason_tried_once_a_run_and_again_in_the_next(tmp_path: Path) -> None:
    store, broken = Store(tmp_path), []

    def start(peer: Peer, cores: int) -> AbstractContextManager[Session]:
        broken.extend([peer] * (peer is BROKEN))
        return Turns().start(peer, cores)

    run((BROKEN, FAST), PLAN, store, start)
    run((BROKEN, FAST), PLAN, store, start)
    assert broken == [BROKEN, BROKEN]
    records = [store.load("broken"), store.load("fast")]
    assert not records[1].missing(2, 1, PLAN.points)
    assert "Not run: broken: ended with status 1: no such model" in tables(records, "fast", "slow")


def test_the_table_says_how_many_times_ours_is_the_best_of_those_as_accurate() -> None:
    records = [
        _record("ours", 600, accuracy=0.906),
        _record("plain", 50, accuracy=0.906),
        _record("onnx", 150, accuracy=0.905),
        _record("static", 9_000, accuracy=0.82),
    ]
    text = tables(records, "ours", "plain")
    assert "1 core, 32 in flight, short: 12 times the texts/s of the plain way" in text
    assert "1 core, 32 in flight, short: 4 times the texts/s of the best as accurate, onnx" in text
    assert "| static | 82.0% |" in text


def test_without_labelled_texts_those_with_the_same_weights_are_as_accurate() -> None:
    records = [
        _record("ours", 600),
        _record("plain", 50),
        _record("static", 9_000).model_copy(update={"same_weights": False}),
    ]
    assert "the best as accurate, plain" in tables(records, "ours", "plain")


def test_several_rounds_show_their_spread_and_a_refused_load_its_reason() -> None:
    record = _record("ours", 600)
    record.rounds[1] += _record("ours", 500).rounds[1]
    record.rounds[1][0].points["long 128"] = Point(refused="HTTP/1.1 503 Service Unavailable")
    text = tables([record], "ours", "plain")
    assert "550 (500–600)" in text
    assert "| ours | HTTP/1.1 503 Service Unavailable |" in text


def _record(name: str, per_s: float, accuracy: float | None = None) -> Record:
    point = Point(per_s=per_s, p50_ms=1e3 / per_s, p99_ms=2e3 / per_s, cpu_s_per_1000=1e3 / per_s)
    return Record(name=name, accuracy=accuracy, rounds={1: [Round(wake_s=1, points={"short 32": point})]})


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": [[{"label": "POSITIVE", "score": 0.9}, {"label": "NEGATIVE", "score": 0.1}]]},
        [{"label": "NEGATIVE", "score": 0.1}, {"label": "POSITIVE", "score": 0.9}],
        {"object": "classify", "data": [[{"score": 0.9, "label": "POSITIVE"}, {"score": 0.1, "label": "NEGATIVE"}]]},
        {"object": "list", "data": [{"index": 0, "label": "POSITIVE", "probs": [0.1, 0.9], "num_classes": 2}]},
        {"predictions": [1]},
    ],
    ids=["ours", "pipeline", "infinity", "vllm", "kserve"],
)
def test_an_answer_of_any_of_them_is_read(answer: object) -> None:
    assert label_of(answer) == "POSITIVE"


def test_an_answer_without_a_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="no label"):
        label_of({"error": "busy"})


def test_every_peer_has_the_packages_it_names() -> None:
    requirements = Path(__file__).parent / "peers" / "requirements"
    assert {peer.environment for peer in PEERS if peer.environment} <= {file.stem for file in requirements.iterdir()}


def test_a_server_is_ended_with_all_that_it_started_and_its_last_word_is_the_reason(tmp_path: Path) -> None:
    program = "sleep 600 & setsid sleep 600 & sleep 0.1; echo no such model; exit 3"
    first, before = Request(port=9, path="/", body=b""), descendants()
    with (
        pytest.raises(RuntimeError, match="ended with status 3: no such model"),
        running(["sh", "-c", program], {}, first=first, cores=[0], log=tmp_path / "log"),
    ):
        pass
    assert descendants() == before
