"""Few fixtures: the real model, and a client of the real application."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings

from faces import FACES, Face
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.model import Model, load_model
from lightsleeper.serving.settings import Settings

# How fast this machine is today says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--forbid-skips`: where everything is installed, a skipped test is one that somebody believes has run."""
    parser.addoption("--forbid-skips", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """See `--forbid-skips`; the reasons are in the last lines (`-rs`)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--forbid-skips") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The service runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def model() -> Model:
    """The bundle that ships."""
    return load_model(EMBEDDED)


@pytest.fixture(scope="session", params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """Makes the application from its settings: one test for each of its faces."""
    return FACES[request.param]


#: A slow machine is not overloaded: what it may take on follows from how fast it was.
PATIENT = Settings(max_queue_s=600, request_timeout_s=600)


@pytest.fixture(scope="session")
def client(face: Face) -> Iterator[TestClient]:
    """A client of the application with default settings, but for its patience."""
    with TestClient(face(PATIENT), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says a measured number on the terminal, also of a test that passes."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201  # the terminal is where it belongs

    return say
