"""Few fixtures: the real model, and a client of the real application."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.model import Model, load_model
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The service runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def model() -> Model:
    """The bundle that ships."""
    return load_model(EMBEDDED)


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    """A client of the application with default settings."""
    with TestClient(create_app(Settings()), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says a measured number on the terminal, also of a test that passes."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201  # the terminal is where it belongs

    return say
