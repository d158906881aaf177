"""The whole service behind a door with small limits, for the tests of what comes through it."""

from collections.abc import Iterator
from typing import Any

import pytest

from faces import Face
from lightsleeper.serving.settings import Settings
from wire import LAST, PAGES_ORIGIN, SMALL_LIMITS, TEXT, request, served, sized, talk


@pytest.fixture(scope="module")
def port(face: Face) -> Iterator[int]:
    """The whole service; pages of one origin may call it."""
    with served(face(Settings(cors_origins=(PAGES_ORIGIN,))), SMALL_LIMITS) as port:
        yield port


@pytest.fixture(scope="module")
def right(port: int) -> Any:  # noqa: ANN401  # JSON is anything
    """What TEXT must be answered with."""
    [answer, _] = talk(port, request(headers=sized(TEXT), body=TEXT), LAST)
    assert answer.status == 200
    return answer.json
