"""What several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from lightsleeper.model.model import Model

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name


def open_model(bundle: Path | None) -> "Model":
    """The bundle in that folder, or the embedded one; BundleError if it cannot work."""
    from lightsleeper.bulk.library import load  # noqa: PLC0415  # see `main`

    return load(bundle).open()
