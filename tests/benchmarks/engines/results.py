"""What was measured of each contender, a line of JSON each, and what follows: a table, and 10⁹ rows on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

#: Of a node's cores, a tenth does what is no inference: the system, the engine, what is lost at the end of a stage.
_OVERHEAD = 1.1


class Result(BaseModel):
    """One contender over one file; its time from start to end, that of all its processes."""

    contender: str
    #: The first characters of the sha256 of its texts and of the bundle: others are another measurement.
    texts: str
    bundle: str
    rows: int
    cpu_s: float
    wall_s: float
    #: Of the labelled texts, the share it answers right; none if it was not asked.
    right: float | None = None

    @property
    def cpu_s_per_1000(self) -> float:
        """CPU-seconds that 1,000 rows take."""
        return self.cpu_s / self.rows * 1e3


class Results:
    """A file of them; each is written as soon as it is known."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self._known = [Result.model_validate_json(line) for line in lines]

    def find(self, contender: str, texts: str, bundle: str, rows: int, *, right: bool) -> Result | None:
        """The last one like that, with its share of right answers where it is wanted."""
        wanted = (contender, texts, bundle, rows)
        like = [each for each in self._known if (each.contender, each.texts, each.bundle, each.rows) == wanted]
        return next((each for each in reversed(like) if each.right is not None or not right), None)

    def add(self, result: Result) -> None:
        """Keep it."""
        self._known.append(result)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(result.model_dump_json() + "\n")


def table(rows: Sequence[tuple[Result, str]]) -> str:
    """Results, each with the name of its weights, in markdown."""
    lines = [
        "| | weights | rows | CPU-s per 1,000 rows | rows/CPU-s | rows/s | right |",
        "|---|---|---|---|---|---|---|",
    ]
    for each, weights in rows:
        right = "" if each.right is None else f"{each.right:.1%}"
        lines.append(
            f"| {each.contender} | {weights} | {each.rows:,} | {each.cpu_s_per_1000:.3g} |"
            f" {each.rows / each.cpu_s:,.0f} | {each.rows / each.wall_s:,.0f} | {right} |"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Task:
    """So many rows in so many hours, on nodes of so many cores, at a price of which we know nothing."""

    rows: float = 1e9
    hours: float = 8
    node_cores: int = 4
    usd_per_core_hour: float = 0.05

    def cores(self, cpu_s_per_1000: float) -> int:
        """rows × CPU-seconds a row / seconds."""
        return math.ceil(self.rows * cpu_s_per_1000 / 1e3 / (self.hours * 3600))

    def nodes(self, cpu_s_per_1000: float) -> int:
        """cores × 1.1 / cores a node."""
        return math.ceil(self.cores(cpu_s_per_1000) * _OVERHEAD / self.node_cores)

    def usd(self, cpu_s_per_1000: float) -> float:
        """nodes × cores a node × hours × price: what is rented, busy or not."""
        return self.nodes(cpu_s_per_1000) * self.node_cores * self.hours * self.usd_per_core_hour


def on_paper(results: Sequence[Result], task: Task) -> str:
    """What the task takes with each."""
    price = f"{task.usd_per_core_hour:g} $ a core-hour (an assumption)"
    lines = [
        f"{task.rows:.3g} rows in {task.hours:g} h, nodes of {task.node_cores} cores, {price}\n",
        "| | CPU-s per 1,000 rows | cores | nodes | $ |",
        "|---|---|---|---|---|",
    ]
    for each in results:
        spent = each.cpu_s_per_1000
        cells = (f"{spent:.3g}", f"{task.cores(spent):,}", f"{task.nodes(spent):,}", f"{task.usd(spent):,.0f}")
        lines.append(f"| {each.contender} | {' | '.join(cells)} |")
    return "\n".join(lines)
