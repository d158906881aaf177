"""The application's two faces: FastAPI, and the porch that answers until FastAPI is imported."""

from collections.abc import Callable

from starlette.types import ASGIApp

from lightsleeper.serving.app import create_app
from lightsleeper.serving.porch import Porch
from lightsleeper.serving.settings import Settings

Face = Callable[[Settings], ASGIApp]


def porch(settings: Settings) -> ASGIApp:
    """Answers whatever it can, also when FastAPI is there."""
    return Porch(settings, takes_over=False)


FACES: dict[str, Face] = {"fastapi": create_app, "porch": porch}
