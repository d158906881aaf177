"""What several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from lightsleeper.model.model import Model

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name


def open_model(bundle: Path | None) -> "Model":
    """The bundle in that folder, or the embedded one; BundleError if it cannot work."""
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # see `main`
    from lightsleeper.model.model import load_model  # noqa: PLC0415

    return load_model(bundle or EMBEDDED)
