"""A collector for the tests of what leaves the process."""

from collections.abc import Iterator

import pytest

from otlp_receiver import OtlpReceiver


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """A collector that answers."""
    with OtlpReceiver() as receiver:
        yield receiver
