"""Every `az` line of every page by azure-cli's own parser: it refuses a wrong flag before it asks for a login."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from documented import Command, commands, commands_of
from rendering import ROOT

pytestmark = pytest.mark.azure

AZ = ROOT / ".venv/azure/bin/az"

#: Its commands come in an extension, which `az extension add` fetches; no package registry has it.
EXTENSION = "redisenterprise"

#: What a command that was taken says where nobody is logged in, nothing is reached and nobody types.
ASKED = r"az login|127\.0\.0\.1|confirmation|DOCKER_COMMAND_ERROR"


def refusal(command: Command, home: Path) -> str:
    """What the parser says of it; empty if the command went on to ask for a login, the network, Docker or a yes."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "AZURE_EXTENSION_DIR") if name in os.environ},
        "HOME": str(home),
        "AZURE_CONFIG_DIR": str(home),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody is asked
    }
    # A name that every kind of thing may have, for `$GROUP` and the like.
    line: list[str | Path] = [AZ, *(re.sub(r"\$[A-Z_]+", "lightsleeper1", word) for word in command.words[1:])]
    done = subprocess.run(line, env=environment, check=False, capture_output=True, text=True)
    went_on = done.returncode == 1 and re.search(ASKED, done.stderr)
    return "" if went_on else done.stderr


@pytest.mark.parametrize("command", [each for each in commands("az") if each.words[1] != EXTENSION], ids=str)
def test_the_parser_takes_it(command: Command, tmp_path: Path) -> None:
    assert refusal(command, tmp_path) == ""


@pytest.mark.by_hand
@pytest.mark.parametrize("command", [each for each in commands("az") if each.words[1] == EXTENSION], ids=str)
def test_the_parser_with_the_extension_takes_it(command: Command, tmp_path: Path) -> None:
    """AZURE_EXTENSION_DIR=FOLDER .venv/bin/pytest -m by_hand tests/contract/test_azure.py: with the extension in it."""
    assert "AZURE_EXTENSION_DIR" in os.environ
    assert refusal(command, tmp_path) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "az group create --name $GROUP --loction $REGION",
        "az aks create --resource-group $GROUP --name $CLUSTER --network-dataplane psyllium",
        "az acr create --name $REGISTRY --sku Basic",
        "az aks get-credential --resource-group $GROUP --name $CLUSTER",
    ],
)
def test_the_parser_refuses_a_wrong_flag_value_or_verb(wrong: str, tmp_path: Path) -> None:
    (command,) = commands_of("a page", f"```sh\n{wrong}\n```\n")
    assert refusal(command, tmp_path) != ""
