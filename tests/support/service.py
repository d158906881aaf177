"""The service as a process of its own, as it is deployed."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Self

import httpx2
import pytest

from lightsleeper.process import free_port


class Service:
    """`python -m lightsleeper serve` on a free port; keeps everything it says."""

    def __init__(self, *arguments: str, **settings: object) -> None:
        """`arguments` of Python: what is started, by default the service alone."""
        self.arguments = arguments or ("-m", "lightsleeper", "serve")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LIGHTSLEEPER_")},
            "LIGHTSLEEPER_MAX_QUEUE_S": "60",  # a slow machine is not overloaded
            **{f"LIGHTSLEEPER_{name.upper()}": str(value) for name, value in settings.items()},
            "PORT": str(self.port),
        }
        self.said: list[str] = []
        self._news = threading.Condition()

    def start(self) -> None:
        """Return once the port is open, which it is only when the service is warm."""
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        if not self._listening.wait(timeout=300) or self.process.poll() is not None:
            self.kill()
            pytest.fail(f"the service did not start:\n{self.output}")

    @property
    def output(self) -> str:
        return "".join(self.said)

    def wait_for_output(self, words: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: words in self.output, timeout=300), self.output

    def stop(self) -> int:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=300)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        """As when a node dies: no goodbye."""
        self.process.kill()
        self.stop()

    def predict(self, *texts: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        return httpx2.post(f"{self.url}/predict", json={"text": list(texts)}, headers=headers, timeout=300)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.said.append(line)
                self._news.notify_all()
            if "running on" in line:
                self._listening.set()
        self._listening.set()  # or it never will
