"""What `train` and `prepare` share: both make a bundle, both need torch."""

import argparse
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lightsleeper.errors import ConfigurationError

if TYPE_CHECKING:
    from lightsleeper.model.bundle import Bundle


def add_making(command: argparse.ArgumentParser) -> None:
    """What making a bundle needs, whatever it is made from."""
    command.add_argument("--keep-checkpoint", action="store_true", help="keep what LIGHTSLEEPER_ENGINE=torch runs")
    command.add_argument(
        "--max-loss-points", type=float, default=0.5, metavar="N", help="accuracy int8 may cost, in points; 0.5"
    )


def require_torch() -> None:
    """ConfigurationError unless the torch group is installed."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigurationError(
            "torch is not installed: make torch, or pip install torch transformers onnx onnxscript sentencepiece"
        )


def print_bundle(bundle: "Bundle") -> None:
    """Say what was made."""
    print(f"{bundle.folder}: {bundle.manifest.model_id}, digest {bundle.digest[:12]}")
    for name, measured in bundle.manifest.accuracy.items():
        print(f"  {name}: {measured}")
