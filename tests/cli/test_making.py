"""What commands that make a bundle end in."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import lightsleeper
from lightsleeper.cli.main import main
from lightsleeper.cli.making import print_bundle
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from lightsleeper.model.torch_group import INSTALL_TORCH


def test_float32_and_int8_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    bundle = open_bundle(EMBEDDED)
    accuracy = {
        "d/labels.csv": {"rows": 1200, "accuracy": 0.971, "accuracy_fp32": 0.975, "f1": 0.96, "ece": 0.01},
        "d/stars.csv": {"rows": 9, "pearson": 0.91, "pearson_fp32": 0.92, "spearman": 0.9, "mae": 0.25},
    }
    print_bundle(replace(bundle, manifest=replace(bundle.manifest, accuracy=accuracy)))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "accuracy, d/labels.csv 97.50% float32, 97.10% int8",
        "1,200 texts; f1 0.9600, ece 0.0100 (int8)",
        "pearson, d/stars.csv 0.9200 float32, 0.9100 int8",
        "9 texts; spearman 0.9000, mae 0.2500 (int8)",
    ]


@pytest.mark.parametrize("points", ["nan", "-1", "101", "inf", "some"])
def test_a_loss_that_is_none_turns_no_gate_off(points: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prepare", "--model", "m", "--out", "o", "--max-loss-points", points])
    assert ended.value.code == 2
    assert "--max-loss-points" in capsys.readouterr().err


def test_bundles_that_ship_are_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_bundle(open_bundle(EMBEDDED))
    assert "float32" in capsys.readouterr().out


def test_pip_is_told_the_packages_of_the_group() -> None:
    project = tomllib.loads((Path(lightsleeper.__file__).parents[2] / "pyproject.toml").read_text())
    group = [re.split(r"[ (]", package)[0] for package in project["dependency-groups"]["torch"]]
    assert INSTALL_TORCH.partition("pip install ")[2].split() == group
