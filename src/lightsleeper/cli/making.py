"""What `train` and `prepare` share: both make a bundle, both need torch."""

import argparse
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lightsleeper.errors import ConfigurationError
from lightsleeper.model.torch_group import INSTALL_TORCH

if TYPE_CHECKING:
    from lightsleeper.model.bundle import Bundle


_ALL_POINTS = 100


def add_making(command: argparse.ArgumentParser) -> None:
    """What making a bundle needs, whatever it is made from."""
    command.add_argument("--keep-checkpoint", action="store_true", help="keep what LIGHTSLEEPER_ENGINE=torch runs")
    command.add_argument(
        "--max-loss-points", type=_points, default=0.5, metavar="N", help="accuracy int8 may cost, in points; 0.5"
    )


def _points(written: str) -> float:
    points = float(written)
    if not 0 <= points <= _ALL_POINTS:
        raise argparse.ArgumentTypeError(f"{written} is not 0 to {_ALL_POINTS}")
    return points


def require_torch() -> None:
    """ConfigurationError unless the torch group is installed."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigurationError(f"torch is not installed: {INSTALL_TORCH}")


def print_bundle(bundle: "Bundle") -> None:
    """Say what was made, and what was measured of it: float32 and int8 side by side."""
    print(f"{bundle.folder}: {bundle.manifest.model_id}, digest {bundle.digest[:12]}")
    for name, measured in bundle.manifest.accuracy.items():
        figure = next(figure for figure in measured if figure != "rows")
        before, now = measured[f"{figure}_fp32"], measured[figure]
        print(row(f"{figure}, {name}", f"{_shown(figure, before)} float32, {_shown(figure, now)} int8"))
        others = (each for each in measured if each not in ("rows", figure, f"{figure}_fp32"))
        more = ", ".join(f"{each} {measured[each]:.4f}" for each in others)
        print(row("", f"{measured['rows']:,} texts; {more} (int8)"))


def row(name: str, value: str) -> str:
    """A line of the table that a command ends in."""
    return f"{name:<18} {value}"


def _shown(figure: str, value: float) -> str:
    return f"{value:.2%}" if figure == "accuracy" else f"{value:.4f}"
