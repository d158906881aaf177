"""What was measured of each peer, kept in a file of its own, so that a run goes on where the last one ended."""

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel


class Point(BaseModel):
    """One peer under one load; `refused` says why there are no figures."""

    per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_s_per_1000: float = 0.0
    refused: str = ""


class Round(BaseModel):
    """One start of one peer on so many cores; points by "texts in flight", such as "short 32"."""

    wake_s: float
    resident_mb: float = 0.0
    points: dict[str, Point] = {}


class Record(BaseModel):
    """All that is known of one peer; rounds by number of cores."""

    name: str
    same_weights: bool = True
    installed_mb: float = 0.0
    #: Share of the labelled texts answered right; none if there were none.
    accuracy: float | None = None
    #: Why it could not be run, the last time it was tried.
    failed: str = ""
    rounds: dict[int, list[Round]] = {}

    def missing(self, cores: int, number: int, wanted: Sequence[str]) -> list[str]:
        """The points of round `number` that were not measured yet."""
        rounds = self.rounds.get(cores, [])
        return [point for point in wanted if number >= len(rounds) or point not in rounds[number].points]

    def values(self, cores: int, point: str, figure: str) -> list[float]:
        """One figure of one point, a value a round; refused rounds have none."""
        points = (each.points.get(point) for each in self.rounds.get(cores, []))
        return [getattr(each, figure) for each in points if each and not each.refused]


class Store:
    """A folder with a JSON file a peer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> Record:
        """What is known of a peer; nothing yet of a new one."""
        file = self._file(name)
        return Record.model_validate_json(file.read_text(encoding="utf-8")) if file.exists() else Record(name=name)

    def save(self, record: Record) -> None:
        """Whole or not at all: a run may end at any moment."""
        file = self._file(record.name)
        unfinished = file.with_suffix(".part")
        unfinished.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        unfinished.replace(file)

    def _file(self, name: str) -> Path:
        return self._folder / (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".json")
