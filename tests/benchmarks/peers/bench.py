"""Real servers: their weights written as they read them, started on some cores, driven from the others."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path

import lightsleeper
from lightsleeper.process import free_port
from peers.contenders import Peer, Places
from peers.loads import Load
from peers.processes import Request, last_line, running

_PREPARE_TIMEOUT_S = 900


class Bench:
    """Starts the real servers on this machine's first cores, and drives them from the others while there are any."""

    def __init__(self, places: Places, labelled: list[tuple[str, str]], seconds: float) -> None:
        self._places, self._labelled, self._seconds = places, labelled, seconds
        self._cores = sorted(os.sched_getaffinity(0))

    @contextmanager
    def start(self, peer: Peer, cores: int) -> Iterator[Load]:
        """The peer, warm; RuntimeError says why it cannot be run."""
        self.prepare(peer)
        port = free_port()
        command = peer.words(peer.command, self._places, port, cores)
        variables = peer.environment_variables(port, cores, self._places)
        first = Request(port, peer.path, peer.body("Is anybody there?"))
        with running(command, variables, first=first, cores=self._cores[:cores], log=self._log(peer)) as server:
            os.sched_setaffinity(0, self._cores[cores:] or self._cores)
            try:
                load = Load(peer, server, installed_mb(self._places, peer), self._labelled, self._seconds)
                load.warm()
                yield load
            finally:
                os.sched_setaffinity(0, self._cores)

    def prepare(self, peer: Peer) -> None:
        """Write its weights as it reads them, once; RuntimeError for a peer that was not installed or refuses them."""
        environment = self._places.environment(peer)
        if peer.environment and not (environment / "ready").exists():
            raise RuntimeError(f"not installed: {last_line(environment / 'install.log')}")
        done = self._places.prepared(peer).with_suffix(".ready")
        if done.exists():
            return
        if any("{training}" in command for command in peer.prepare) and self._places.training is None:
            raise RuntimeError("has a head of its own to train: name labelled texts with --training")
        variables = peer.environment_variables(0, 1, self._places)
        for command in peer.prepare:
            words = peer.words(command, self._places)
            with self._log(peer).open("wb") as log:
                end = subprocess.run(
                    words,
                    env={**os.environ, **variables},
                    stdout=log,
                    stderr=log,
                    timeout=_PREPARE_TIMEOUT_S,
                    check=False,
                )
            if end.returncode:
                raise RuntimeError(f"its weights could not be prepared: {last_line(self._log(peer))}")
        done.touch()

    def _log(self, peer: Peer) -> Path:
        return self._places.prepared(peer).with_suffix(".log")


def installed_mb(places: Places, peer: Peer) -> float:
    """MB of the files of all packages that serve: the peer's environment, what it shares, or what our lock names."""
    folders = [str(site) for site in (places.environment(peer) / "lib").glob("python3*/site-packages")]
    found: dict[str, Distribution] = {}
    if peer.environment:
        for shared in (Path(folder) / "torch.pth" for folder in folders):
            folders += shared.read_text().split() if shared.exists() else []
        for each in distributions(path=folders):
            found.setdefault(each.name, each)
        return sum(map(_bytes, found.values())) / 1e6
    named = {
        line.split("==")[0]
        for line in (places.environments.parent / "main.txt").read_text().splitlines()
        if "==" in line
    }
    own = sum(file.stat().st_size for file in Path(lightsleeper.__file__).parent.rglob("*") if file.is_file())
    return (sum(_bytes(each) for each in distributions() if each.name.lower() in named) + own) / 1e6


def _bytes(distribution: Distribution) -> int:
    files = [Path(str(distribution.locate_file(file))) for file in distribution.files or []]
    return sum(file.stat().st_size for file in files if file.is_file())
