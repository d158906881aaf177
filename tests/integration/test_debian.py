"""The two commands of the README on a Debian 13 just installed: its own Python, git, make and nothing else."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator

import httpx2
import pytest

from containers import Podman, as_the_host_reaches_an_index, debian, needs_containers, until_open
from lightsleeper.process import free_port
from rendering import ROOT

pytestmark = [
    pytest.mark.debian,
    needs_containers,
    # Debian, every package anew and the whole of `make test`.
    pytest.mark.timeout(2400),
]

PACKAGES = ("python3", "python3-pip", "git", "make", "ca-certificates")


def checkout() -> bytes:
    """A tar of what git would commit here."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                archive.add(ROOT / name, name)
    return packed.getvalue()


@pytest.fixture(scope="module")
def run(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Runs a command in the checkout, on that Debian: options of `podman exec`, `--`, the command."""
    image = debian(podman, tmp_path_factory.mktemp("debian"), "trixie", *PACKAGES)
    settings = [f"--env={name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
    index = as_the_host_reaches_an_index(os.environ.get("PIP_FIND_LINKS", ""))
    # An empty folder that every Debian has.
    container = podman("run", "--detach", *index, *settings, "--workdir=/srv", image, "sleep", "infinity")

    def run(*command: str, options: tuple[str, ...] = (), stdin: bytes = b"") -> str:
        return podman("exec", *options, container, *command, stdin=stdin)

    try:
        run("tar", "xf", "-", options=("--interactive",), stdin=checkout())
        run("git", "init", "--quiet")
        run("git", "add", "--all")
        yield run
    finally:
        podman("rm", "--force", container)


def test_make_serve_answers(run: Podman) -> None:
    run("make", "test", "ARGS=--version")  # installs: what fails there would keep the next line waiting for a port
    port = free_port()
    run("make", "serve", options=("--detach", f"--env=PORT={port}"))
    until_open(port)
    answer = httpx2.post(f"http://127.0.0.1:{port}/predict", json={"text": "What a lovely film."}, timeout=60)
    assert answer.json()["predictions"][0][0]["label"] == "POSITIVE"


def test_make_test_passes(run: Podman, report: Callable[[str], None]) -> None:
    closing = run("make", "test").splitlines()[-1]
    report(f"Debian 13, {run('.venv/bin/python', '--version')}: {closing}")
