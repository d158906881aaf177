"""A small checkpoint and a small encoder."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint that nobody changes."""
    from checkpoints import write_checkpoint  # noqa: PLC0415  # needs torch, as the tests that ask for it do

    return write_checkpoint("bert", tmp_path_factory.mktemp("pristine") / "source")


@pytest.fixture
def source(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(pristine, tmp_path / "source"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT encoder."""
    from checkpoints import write_encoder  # noqa: PLC0415  # see above

    return write_encoder(tmp_path_factory.mktemp("encoder"))
