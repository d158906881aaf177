"""A container engine, and Debian in it: the official images cannot be had everywhere, Debian's packages can."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

#: Runs podman with these arguments (and bytes for its standard input); returns what it printed.
Podman = Callable[..., str]

#: Where this machine keeps what pip needs to reach an index; absent on most.
HOST_FILES = ("/etc/ssl/certs", "/etc/pip.conf")

_MISSING = [tool for tool in ("podman", "runc", "debootstrap") if not shutil.which(tool)]

needs_containers = pytest.mark.skipif(
    os.geteuid() != 0 or bool(_MISSING), reason=f"needs root, and on the PATH: {_MISSING or 'nothing'}"
)


def podman_in(folder: Path) -> Podman:
    """The engine, configured in that folder: runc, because crun fails on mixed cgroup versions; no limits that a
    sandbox may not set.
    """
    config = folder / "containers.conf"
    config.write_text('[containers]\ndefault_ulimits = []\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n')

    def run(*arguments: str | Path, stdin: bytes = b"") -> str:
        environment = {**os.environ, "CONTAINERS_CONF": str(config)}
        done = subprocess.run(["podman", *arguments], env=environment, check=False, capture_output=True, input=stdin)
        assert done.returncode == 0, (done.stdout[-4000:] + done.stderr[-2000:]).decode()
        return done.stdout.decode().strip()

    return run


def debian(podman: Podman, folder: Path, suite: str, *packages: str) -> str:
    """The tag of an image of that Debian with these packages, made in that folder unless the engine has it."""
    tag = f"localhost/lightsleeper-test:{suite}-{'-'.join(packages)}"
    if not podman("images", "--quiet", tag):
        root = folder / suite
        command: list[str | Path] = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, root]
        subprocess.run(command, check=True, capture_output=True)
        archive = folder / f"{suite}.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "--exclude=./var/cache/apt/*", "."], check=True)
        podman("import", "--quiet", archive, tag)
        archive.unlink()
        shutil.rmtree(root)
    return tag


def as_the_host_reaches_an_index(*more: str) -> list[str]:
    """Options of podman: pip finds the index, the certificates and the wheels (in `more`, too) of this machine."""
    mounts = [f"--volume={path}:{path}:ro" for path in (*HOST_FILES, *more) if path and Path(path).exists()]
    return ["--network=host", *mounts]


def until_open(port: int) -> None:
    """Return once something listens there."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.005)  # it polls; pytest's own time-out ends it
        else:
            return
