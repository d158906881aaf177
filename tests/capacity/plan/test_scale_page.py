"""knative/SCALE.md: its commands can be typed, and say what its table says."""

import json
import re
import shlex
from pathlib import Path

import pytest

import lightsleeper
from lightsleeper.cli.main import main
from lightsleeper.cli.parser import new_parser

PAGE = (Path(lightsleeper.__file__).parents[2] / "knative" / "SCALE.md").read_text()
COMMANDS = re.findall(r"^lightsleeper (plan .*)$", PAGE, flags=re.MULTILINE)


def row(name: str) -> list[str]:
    """The cells of a line of the first table."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE, flags=re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one(command: str) -> None:
    assert new_parser().parse_args(shlex.split(command)).run


@pytest.mark.parametrize("size", [0, 2], ids=["1k", "100k"])
def test_the_table_is_what_they_print(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*shlex.split(COMMANDS[size]), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert f"{found['pods']['most']:,}" == row("pods at most")[size]
    assert f"{100 * found['pods']['utilisation']:.0f} %" == row("busy")[size]
    assert f"{found['requests']['waited_for_a_wake']:,}" == row("asleep before: waited for the wake")[size]
    assert f"{found['requests']['refused']:,}" == row("refused with 503 meanwhile")[size]
    hourly = found["cost"]["total"] / (found["length_s"] / 3600)
    assert f"{hourly:.2f}" == row("pods, in dollars an hour")[size]
    quantiles = [float(number) for number in re.findall(r"[\d.]+", row("p50 / p99")[size])]
    assert [found["latency_ms"]["p50"], found["latency_ms"]["p99"]] == pytest.approx(quantiles, rel=0.02)
