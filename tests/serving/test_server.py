"""How the server gets at uvicorn; that it serves is in tests/integration/test_lifecycle.py."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
import uvicorn

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.serving.app import create_app
from lightsleeper.serving.opening import open_model
from lightsleeper.serving.server import import_uvicorn
from lightsleeper.serving.settings import Settings
from service import Service

PROGRAM = """
import sys
from lightsleeper.serving import lifespan, server
from lightsleeper.serving.server import import_uvicorn
from lightsleeper.serving.settings import Settings
uvicorn = import_uvicorn()
assert sys.modules["uvicorn"] is uvicorn
print(uvicorn.Config.__module__, uvicorn.Server.__module__, "click" in sys.modules, getattr(uvicorn, "__version__", ""))
"""


FAILING = """
import sys
from lightsleeper.errors import ConfigurationError
from lightsleeper.serving import lifespan
from lightsleeper.serving.server import serve

def fail(*_):
    raise {error}

lifespan._batcher = fail
sys.exit(serve())
"""


@pytest.mark.parametrize(
    ("error", "said", "logged"),
    [
        ("ConfigurationError('NAME: wrong')", "NAME: wrong", False),
        ("RuntimeError('no threads')", "cannot start: RuntimeError, which the log shows whole", True),
    ],
)
def test_a_part_that_does_not_open_is_not_taken_for_an_address(
    monkeypatch: pytest.MonkeyPatch, error: str, said: str, *, logged: bool
) -> None:
    monkeypatch.setenv("PORT", "0")
    command = [sys.executable, "-c", FAILING.replace("{error}", error)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"lightsleeper: {said}"
    assert ("no threads" in ended.stderr, "Traceback" in ended.stderr) == (logged, logged)


def run(*path: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(each) for each in path]}\n{PROGRAM}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_uvicorn_comes_without_its_command_line() -> None:
    assert run() == "uvicorn.config uvicorn.server False"


def test_a_uvicorn_that_needs_all_of_itself_gets_it(tmp_path: Path) -> None:
    package = tmp_path / "uvicorn"
    package.mkdir()
    files = {
        "__init__": "__version__ = '99'\nfrom uvicorn.config import Config\nfrom uvicorn.server import Server\n",
        "config": "from uvicorn import __version__\nclass Config: ...\n",
        "server": "class Server: ...\n",
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    assert run(tmp_path) == "uvicorn.config uvicorn.server False 99"


def test_a_uvicorn_that_is_there_is_taken_as_it_is() -> None:
    assert import_uvicorn() is uvicorn


def test_the_model_is_opened_as_every_setting_of_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[tuple[object, ...]] = []

    def note(*arguments: object, digests: bool) -> None:
        opened.append((*arguments, digests))

    monkeypatch.setattr("lightsleeper.serving.opening.load_model", note)
    settings = Settings(bundle=tmp_path, engine="torch", torch_device="cuda", torch_dtype="bfloat16")
    for digests in (True, False):  # which only the embedded one can do without
        open_model(settings, digests=digests)
    assert opened == [(tmp_path, "torch", "cuda", "bfloat16", True)] * 2


SERVING_ANOTHER = """
import sys
from pathlib import Path
from lightsleeper.model import bundle
bundle.EMBEDDED = Path(sys.argv[1])
from lightsleeper.cli.main import main
main(["serve"])
"""


@pytest.fixture
def another(tmp_path: Path) -> Path:
    """The embedded bundle with one weight's bits turned."""
    folder = tmp_path / "embedded"
    shutil.copytree(EMBEDDED, folder)
    with (folder / "model.onnx.data").open("r+b") as weights:
        weights.seek(5_000_000)
        byte = weights.read(1)
        weights.seek(5_000_000)
        weights.write(bytes([byte[0] ^ 255]))
    return folder


@pytest.mark.parametrize("path", ["/predict", "/openapi.json"])  # answered by the porch, and by FastAPI
def test_an_embedded_model_that_is_another_ends_the_service_after_its_first_answer(another: Path, path: str) -> None:
    with Service("-c", SERVING_ANOTHER, str(another)) as service:
        with suppress(httpx2.TransportError):  # it may have ended before it answered
            method = "POST" if path == "/predict" else "GET"
            httpx2.request(method, service.url + path, json={"text": ["A quiet film."]})
        assert service.process.wait(timeout=300) == 1
    said = r"lightsleeper: bundle .*: model\.onnx\.data has sha256 [0-9a-f]{64}, the manifest says"
    assert re.search(said, service.output)
    assert "Traceback" not in service.output


async def test_fastapi_alone_does_not_start_with_an_embedded_model_that_is_another(
    another: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no porch, which would compare the digests later."""
    monkeypatch.setattr("lightsleeper.serving.opening.EMBEDDED", another)
    app = create_app(Settings())
    with pytest.raises(BundleError, match="has sha256"):
        async with app.router.lifespan_context(app):
            pass


def test_a_bundle_that_somebody_chose_does_not_start_with_another_model(another: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lightsleeper", "serve"],
        env={**os.environ, "LIGHTSLEEPER_BUNDLE": str(another), "PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("lightsleeper: LIGHTSLEEPER_BUNDLE: bundle ")


def test_what_comes_in_does_not_take_the_cpu_from_an_inference() -> None:
    before = os.sched_getscheduler(0)
    with Service() as service:
        assert service.predict("A quiet film.").status_code == 200
        threads = [int(thread.name) for thread in Path(f"/proc/{service.process.pid}/task").iterdir()]
        policies = {thread: os.sched_getscheduler(thread) for thread in threads}
    assert before == os.SCHED_OTHER
    assert policies[service.process.pid] == policies[max(policies)] == os.SCHED_BATCH


READING = """
from pathlib import Path
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.serving.server import _import_engine
_import_engine()
from lightsleeper.model.tokenizer import Tokenizer
tokenizer = Tokenizer(EMBEDDED / "tokenizer.json", 512)
threads = Path("/proc/self/task")
before = len(list(threads.iterdir()))
tokenizer.encode(["A quiet film that stays with you."] * 64)
print(len(list(threads.iterdir())) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_texts_are_read_by_no_other_threads_than_ours_whatever_the_environment_says() -> None:
    """They would read on the clock of nobody's turn."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "true"}
    assert subprocess.check_output([sys.executable, "-c", READING], env=environment, text=True).strip() == "0"
