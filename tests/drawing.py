"""The dashboard as a picture, for where there is no Grafana: its panels and queries, matplotlib's lines."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Series = dict[str, Any]

_STYLE: Any = {  # matplotlib types the name of every setting, one by one
    "axes.edgecolor": "#3b3d45",
    "axes.facecolor": "#181b1f",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "#111217",
    "font.size": 8,
    "grid.color": "#2c2f36",
    "text.color": "#ccccdc",
    "xtick.color": "#9fa1ad",
    "ytick.color": "#9fa1ad",
}
_COLUMNS, _INCHES = 24, 0.55


def draw(dashboard: dict[str, Any], query: Callable[[str], Sequence[Series]], picture: Path) -> None:
    """`query` gives Prometheus' range result of an expression; panels are laid out as Grafana does."""
    with mpl.rc_context(_STYLE):
        lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
        figure = Figure(figsize=(_COLUMNS * _INCHES, lines * _INCHES * 0.5), dpi=110)
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            left, top = place["x"] / _COLUMNS, 1 - place["y"] / lines
            if panel["type"] == "row":
                figure.text(left + 0.01, top - 0.7 / lines, panel["title"], fontsize=11, weight="bold")
                continue
            bottom = top - (place["h"] - 1.6) / lines
            axes = figure.add_axes((left + 0.035, bottom, place["w"] / _COLUMNS - 0.05, top - bottom - 1.2 / lines))
            _plot(axes, panel, query)
        figure.savefig(picture)


def _plot(axes: Axes, panel: dict[str, Any], query: Callable[[str], Sequence[Series]]) -> None:
    axes.set_title(panel["title"], loc="left", fontsize=9)
    for target in panel["targets"]:
        for series in query(target["expr"]):
            points = [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]
            if points:
                axes.plot(*zip(*points, strict=True), linewidth=1.1, label=_legend(target, series))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(lambda at, _: datetime.fromtimestamp(at, UTC).strftime("%M:%S"))
    if axes.lines:
        axes.legend(fontsize=6, frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.16))


def _legend(target: dict[str, Any], series: Series) -> str:
    legend: str = target["legendFormat"]
    for name, value in series["metric"].items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend
