import pytest

from containers import Podman, podman_in


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    """The container engine."""
    return podman_in(tmp_path_factory.mktemp("podman"))
