"""Before FastAPI is there, and how it takes over. What both faces answer is in tests/api, which runs against both."""

import errno
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.routes import ROUTES
from lightsleeper.errors import BundleError
from lightsleeper.process import free_port
from lightsleeper.serving import porch
from lightsleeper.serving.app import whole_app
from lightsleeper.serving.porch import Porch
from lightsleeper.serving.settings import Settings

#: What a wake may not pay for: FastAPI and all that it brings, what is switched off, what a mistake or a dialect needs.
HEAVY = {
    *("fastapi", "starlette.requests", "starlette.responses", "starlette.routing", "anyio", "httpx2"),
    *("pydantic", "pydantic_core", "pydantic_settings", "opentelemetry", "redis", "limits", "cloudevents"),
    *("argparse", "click", "difflib", "html", "mimetypes", "multiprocessing", "tqdm", "torch"),
}

SERVED = """
    import json, os, signal, sys, threading, urllib.request
    from lightsleeper.cli.main import main

    def ask(path, body=None):
        head = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{os.environ['PORT']}{path}", body, head)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def client():
        while True:
            try:
                ask("/readyz")
            except OSError:
                continue
            break
        ask("/livez"), ask("/health"), ask("/model")
        assert b"predictions" in ask("/predict", json.dumps({"text": ["Füß 👍", "fine"], "top_k": 1}).encode())
        print(json.dumps(sorted(sys.modules)), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=client, daemon=True).start()
    main(["serve"])
"""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """FastAPI is imported at once after an answer, but not before the gate is opened."""
    gate = threading.Event()

    def gated(*settings_and_telemetry: object) -> object:
        assert gate.wait(timeout=300)
        return whole_app(*settings_and_telemetry)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(porch, "_QUIET_S", 0)
    monkeypatch.setattr(porch, "whole_app", gated)
    return gate


@pytest.fixture
def client(gate: threading.Event) -> Iterator[TestClient]:
    """A client of the porch, with one more route, that tells who answers."""

    async def who(request: Request) -> Response:
        return Response("fastapi" if "app" in request.scope else "porch")

    ROUTES.append(DirectRoute("/who", who, methods=["GET", "POST"]))
    with TestClient(Porch(Settings())) as client:
        yield client
        gate.set()  # the server's end waits for what it has begun
    ROUTES.pop()


def test_the_porch_answers_while_fastapi_is_on_its_way(client: TestClient) -> None:
    for _ in range(3):
        assert client.post("/predict", json={"text": "Fine."}).status_code == 200
        assert client.get("/who").text == "porch"


def test_fastapi_takes_over_once_it_is_there(client: TestClient, gate: threading.Event) -> None:
    assert client.post("/who").text == "porch"
    gate.set()
    while client.get("/who").text != "fastapi":
        pass
    assert client.post("/predict", json={"text": "Fine."}).status_code == 200


def test_what_the_porch_does_not_know_waits_for_fastapi(client: TestClient, gate: threading.Event) -> None:
    answers: dict[str, int] = {}

    def ask(path: str) -> None:
        answers[path] = client.get(path).status_code

    waiting = [threading.Thread(target=ask, args=[path]) for path in ("/openapi.json", "/nothing", "/predict")]
    for each in waiting:
        each.start()
    assert client.get("/who").text == "porch"
    assert not answers
    gate.set()
    for each in waiting:
        each.join()
    assert answers == {"/openapi.json": 200, "/nothing": 404, "/predict": 405}
    assert client.get("/who").text == "fastapi"


def test_probes_and_the_page_begin_no_import(client: TestClient, gate: threading.Event) -> None:
    gate.set()
    for path in ("/livez", "/readyz", "/health", "/", "/docs", "/model", "/who"):
        assert client.get(path).status_code == 200
    assert client.get("/who").text == "porch"


def test_an_import_that_failed_is_begun_anew_by_who_asks_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with TestClient(Porch(Settings())) as client:
        with monkeypatch.context() as short_of_files:
            short_of_files.setattr(porch, "whole_app", fail)
            refused = client.get("/openapi.json")
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "internal")
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert client.get("/openapi.json").status_code == 200


def no_file() -> None:
    raise BundleError("cannot read bundle.json") from OSError(errno.EMFILE, "Too many open files")


def no_thread() -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("fail", [no_file, no_thread])
def test_a_model_that_cannot_be_read_for_a_while_is_not_taken_for_another(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None]
) -> None:
    """Who holds connections open takes the files, and would end the service, or leave its model unchecked."""
    checked: list[object] = []
    over = threading.Event()

    def require(settings: object) -> None:
        checked.append(settings)
        if len(checked) < 3:
            fail()
        over.set()

    monkeypatch.setattr(porch, "require_embedded", require)
    monkeypatch.setattr(signal, "raise_signal", lambda _: over.set())
    assert client.post("/predict", json={"text": "Fine."}).status_code == 200
    assert over.wait(timeout=300)
    assert len(checked) == 3


def test_the_first_answer_needs_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVED)], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = run.stdout.splitlines()[0]
    assert {name for name in HEAVY if f'"{name}"' in loaded} == set()
    assert '"lightsleeper.serving.porch"' in loaded
