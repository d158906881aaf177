"""A Prometheus of its own process, asked through its HTTP API."""

import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx2
import yaml

from lightsleeper.process import free_port

OBSERVABILITY = Path(__file__).parents[2] / "observability"


def scraping(targets: dict[str, int], folder: Path) -> Path:
    """A configuration in `folder` that scrapes these ports by job, once a second, with the repository's rules."""
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "500ms"},
        "rule_files": [str(OBSERVABILITY / "prometheus/rules.yaml")],
        "scrape_configs": [
            {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in targets.items()
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


class Prometheus:
    """Debian's, unless `program` says otherwise."""

    def __init__(self, configuration: Path, folder: Path, *options: str, program: str = "prometheus") -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                *options,
            ],
            stderr=self._log,
        )

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx2.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result

    def number(self, expression: str) -> float:
        """The one value of the expression."""
        (series,) = self.query(expression)
        return float(series["value"][1])

    def query_range(self, expression: str, seconds: int) -> list[dict[str, Any]]:
        """The last `seconds`, one by one."""
        end = httpx2.get(f"{self.url}/api/v1/query", params={"query": "time()"}).json()["data"]["result"][0]
        parameters = {"query": expression, "start": end - seconds, "end": end, "step": 1}
        answer = httpx2.get(f"{self.url}/api/v1/query_range", params=parameters, timeout=30)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result

    def wait_until(self, expression: str) -> None:
        """Until the expression has a result, as seen by Prometheus' own clock of scrapes and evaluations."""
        for _ in range(600):
            if self._answers(expression):
                return
            threading.Event().wait(0.1)
        raise TimeoutError(expression)

    def _answers(self, expression: str) -> bool:
        try:
            return bool(self.query(expression))
        except httpx2.HTTPError:  # it is starting
            return False

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()
