"""Other people's clients, unchanged, each in an environment of its own, against the real service."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from lightsleeper.errors import Overloaded
from lightsleeper.process import free_port
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
from service import Service

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "clients"

KEY = "correct-horse-battery-staple"
KEY_DIGEST = "87cbebfeebc05f7c54ac9336c4b4bbec831227a641951a4bde7edd56020f8590"
BATCHES = {
    "1": ["A wonderful film."],
    "3": ["Schrecklich öde, a dreadful mess.", "🎬🍿 10/10", "A table."],
    "64": [f"The film number {number} was {'good' if number % 3 else 'bad'}." for number in range(64)],
}
LONG = {"long": ["good " * 600]}
WRONG = {"empty": [" "], "65": ["x"] * 65}


class Client(NamedTuple):
    """A program, where it runs, and what its client tells of an error."""

    environment: str
    program: str
    #: `message` (ours), `status`, or `nothing` of use: tei-client never looks at the status.
    tells: str = "message"

    def __repr__(self) -> str:
        return self.environment


CLIENTS = [
    Client("hugging-face-oldest", "hugging_face.py", tells="status"),
    Client("hugging-face-newest", "hugging_face.py"),
    Client("npm", "hugging_face.mjs"),
    Client("tei", "tei.py", tells="nothing"),
    Client("triton", "triton.py"),
    Client("kserve", "kserve_rest.py"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture(scope="module")
def locked() -> Iterator[Service]:
    with Service(api_key_digests=KEY_DIGEST) as service:
        yield service


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


class NoRoom:
    """The admission of a queue that is always full."""

    def expected_cost(self, chars: int) -> int:
        return chars

    def check(self, cost: int) -> None:
        raise Overloaded(f"the queue has no room for {cost}", retry_after_s=2)


@pytest.fixture(scope="module")
def full() -> Iterator[str]:
    """The address of the application with a full queue in it."""
    app = create_app(Settings())

    async def overloaded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"]["admission"] = NoRoom()
        await app(scope, receive, send)

    port = free_port()
    server = Server(uvicorn.Config(overloaded, port=port, lifespan="on", log_level="error"))
    with ThreadPoolExecutor() as threads:
        serving = threads.submit(server.run)
        assert server.listens.wait(timeout=60)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        serving.result()


def ask(client: Client, url: str, batches: dict[str, list[str]], *, key: str | None = None) -> dict[str, Any]:
    """What became of each call of the client's program."""
    question = {
        "url": url,
        "host": url.removeprefix("http://"),
        "key": key,
        "model": "lightsleeper",
        "node_modules": str(ENVIRONMENTS / "npm"),
        "batches": {"3": BATCHES["3"], **batches},
    }
    interpreter = "node" if client.environment == "npm" else str(ENVIRONMENTS / client.environment / "bin" / "python")
    run = subprocess.run(
        [interpreter, str(HERE / "programs" / client.program)],
        input=json.dumps(question),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    outcomes: dict[str, Any] = json.loads(run.stdout)
    return outcomes


@cache
def answered(client: Client, url: str) -> dict[str, Any]:
    return ask(client, url, {**BATCHES, **LONG, **WRONG})


def native(service: Service, texts: list[str]) -> list[list[dict[str, Any]]]:
    response = service.predict(*texts)
    assert response.status_code == 200
    predictions: list[list[dict[str, Any]]] = response.json()["predictions"]
    return predictions


def same(found: Any, expected: list[list[dict[str, Any]]]) -> bool:  # noqa: ANN401  # JSON
    """To the last digit of what the client holds: a tensor's scores are float32."""
    if isinstance(found, dict) and "scores" in found:
        best = [row[0]["label"] for row in expected]
        scores = [
            [np.float32(each["score"]) for each in sorted(row, key=lambda each: each["label"])] for row in expected
        ]
        return found["labels"] == best and [[np.float32(score) for score in row] for row in found["scores"]] == scores
    rows = [[[each["label"], each["score"]] for each in row] for row in expected]
    return bool(found == rows) or bool(found == rows[0])  # Hugging Face's clients hand out the first


def is_told(client: Client, outcome: Any, status: int, message: str) -> bool:  # noqa: ANN401  # JSON
    """Whether the client's user learns what went wrong, as far as this client tells anything."""
    assert "error" in outcome, outcome
    said = outcome["message"] + json.dumps(outcome.get("body", ""))
    return {"message": message in said, "status": str(status) in said, "nothing": True}[client.tells]


def calls(outcomes: dict[str, Any], name: str) -> dict[str, Any]:
    """The outcomes of one batch, sent in each way that the client has."""
    found = {call: outcome for call, outcome in outcomes.items() if call == name or call.startswith(f"{name} ")}
    assert found
    return found


@pytest.mark.parametrize("client", CLIENTS, ids=repr)
@pytest.mark.parametrize("name", BATCHES)
def test_an_answer_is_our_own_to_the_last_digit(service: Service, client: Client, name: str) -> None:
    expected = native(service, BATCHES[name])
    for call, outcome in calls(answered(client, service.url), name).items():
        assert same(outcome, expected), (call, outcome)


@pytest.mark.parametrize("client", CLIENTS, ids=repr)
def test_a_long_text_is_cut_unless_the_client_forbids_it(service: Service, client: Client) -> None:
    expected = native(service, LONG["long"])
    for call, outcome in calls(answered(client, service.url), "long").items():
        if client.environment == "tei":  # it always sends `truncate: false`
            assert "error" in outcome
        else:
            assert same(outcome, expected), call


@pytest.mark.parametrize("client", CLIENTS, ids=repr)
def test_a_request_that_is_refused_says_why(service: Service, client: Client) -> None:
    outcomes = answered(client, service.url)
    status = 422 if client.program.startswith("hugging_face") else 400
    for outcome in calls(outcomes, "empty").values():
        assert is_told(client, outcome, status, "text 0 is empty")
    for outcome in calls(outcomes, "65").values():
        assert is_told(client, outcome, status, "more than 64 texts") or "400 Bad Request" in outcome["message"]


@pytest.mark.parametrize("client", CLIENTS, ids=repr)
def test_a_wrong_key_is_refused_and_the_right_one_opens(locked: Service, service: Service, client: Client) -> None:
    one = {"1": BATCHES["1"]}
    expected = native(service, BATCHES["1"])
    for call, outcome in calls(ask(client, locked.url, one, key=KEY), "1").items():
        assert same(outcome, expected), (call, outcome)
    for key in ("hf_somebody-s-own-token", None):
        for outcome in calls(ask(client, locked.url, one, key=key), "1").values():
            assert is_told(client, outcome, 401, "send a valid API key") or "401" in outcome["message"]


@pytest.mark.parametrize("client", CLIENTS, ids=repr)
def test_a_full_service_says_so_and_the_client_gives_up_at_once(full: str, client: Client) -> None:
    status = 429 if client.program.startswith("hugging_face") else 503
    for outcome in calls(ask(client, full, {"1": BATCHES["1"]}), "1").values():
        assert is_told(client, outcome, status, "the queue") or str(status) in outcome["message"]


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.environment in {"triton", "kserve"}], ids=repr)
def test_health_and_an_unknown_model_are_understood(service: Service, client: Client) -> None:
    outcomes = answered(client, service.url)
    for call, outcome in calls(outcomes, "unknown model").items():
        assert is_told(client, outcome, 404, "other"), call
    if client.environment == "triton":
        assert outcomes["server"] == [True, True, True, False, "lightsleeper", "lightsleeper"]
        assert [row[0][9:] for row in outcomes["classes"]] == [
            f"{['NEGATIVE', 'POSITIVE'].index(row[0]['label'])}:{row[0]['label']}"
            for row in native(service, BATCHES["3"])
        ]
    else:
        assert (outcomes["server v1"], outcomes["server v2"]) == ([True, True], [True, True, True])


@pytest.mark.parametrize("binary", [(), ("--binary-data",)], ids=["json", "binary"])
def test_mlserver_infers_a_file_of_requests(service: Service, tmp_path: Path, binary: tuple[str, ...]) -> None:
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    tensors = [
        {
            "name": "text",
            "shape": [len(texts), 1],
            "datatype": "BYTES",
            "data": texts,
            "parameters": {"content_type": "str"},
        }
        for texts in BATCHES.values()
    ]
    requests.write_text("".join(json.dumps({"inputs": [tensor]}) + "\n" for tensor in tensors))
    host = service.url.removeprefix("http://")
    command = [str(ENVIRONMENTS / "mlserver" / "bin" / "mlserver"), "infer", "-u", host, "-m", "lightsleeper"]
    command += ["-i", str(requests), "-o", str(answers), *binary]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(lines) == len(BATCHES)
    for line, texts in zip(
        sorted(lines, key=lambda line: line["parameters"]["batch_index"]), BATCHES.values(), strict=True
    ):
        label, scores = line["outputs"]
        rows = np.array(scores["data"]).reshape(-1, 2).tolist()
        assert same({"labels": label["data"], "scores": rows}, native(service, texts))
