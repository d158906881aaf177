"""The dashboard as a picture, for where there is no Grafana: its panels, units and queries, matplotlib's lines."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Series = dict[str, Any]
Panel = dict[str, Any]

_STYLE: Any = {  # matplotlib types the name of every setting, one by one
    "axes.edgecolor": "#3b3d45",
    "axes.facecolor": "#181b1f",
    "axes.grid": True,
    "axes.spines.top": False,
    "figure.facecolor": "#111217",
    "font.size": 8,
    "grid.color": "#2c2f36",
    "text.color": "#ccccdc",
    "xtick.color": "#9fa1ad",
    "ytick.color": "#9fa1ad",
}
#: Grafana's classic palette, in its order; what goes by the right axis is dashed.
_COLORS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a", "#37872d")
_COLUMNS, _INCHES = 24, 0.6


def draw(
    dashboard: dict[str, Any], query: Callable[[str], Sequence[Series]], picture: Path, *, leave_out: str = ""
) -> None:
    """`query` gives Prometheus' range result of an expression; `leave_out` is the start of a row's title."""
    panels = list(_moved_up(dashboard["panels"], leave_out))
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_COLUMNS * _INCHES, lines * _INCHES * 0.5), dpi=110)
        for panel in panels:
            place = panel["gridPos"]
            left, top = place["x"] / _COLUMNS, 1 - place["y"] / lines
            if panel["type"] == "row":
                figure.text(left + 0.01, top - 0.7 / lines, panel["title"], fontsize=11, weight="bold")
                continue
            bottom = top - (place["h"] - 1.7) / lines
            axes = figure.add_axes((left + 0.05, bottom, place["w"] / _COLUMNS - 0.09, top - bottom - 1.2 / lines))
            _plot(axes, panel, query)
        figure.savefig(picture)


def _moved_up(panels: Sequence[Panel], leave_out: str) -> Iterator[Panel]:
    """The panels without one row, the rows below it in its place."""
    row, gap = "", 0
    for panel in panels:
        row = panel["title"] if panel["type"] == "row" else row
        if not leave_out or not row.startswith(leave_out):
            yield {**panel, "gridPos": {**panel["gridPos"], "y": panel["gridPos"]["y"] - gap}}
        elif panel["gridPos"]["x"] == 0:
            gap += panel["gridPos"]["h"]


def _plot(left: Axes, panel: Panel, query: Callable[[str], Sequence[Series]]) -> None:
    left.set_title(panel["title"], loc="left", fontsize=9)
    defaults = panel["fieldConfig"]["defaults"]
    right: Axes | None = None
    colors = iter(_COLORS * 3)
    stacked: dict[float, float] = {}
    limits = [step["value"] for step in defaults.get("thresholds", {}).get("steps", [])[1:]]
    highest = {left: max(limits, default=0.0)}
    for label, points in _lines(panel, query):
        own = [each for each in panel["fieldConfig"]["overrides"] if re.search(each["matcher"]["options"], label)]
        if own and right is None:
            right = left.twinx()
            right.grid(visible=False)
            right.yaxis.set_major_formatter(_format(own[0]["properties"][0]["value"]))
        axes = right if own and right else left
        times, values = zip(*points, strict=True)
        color = next(colors)
        if "stacking" in defaults["custom"]:
            floor = [stacked.get(at, 0.0) for at in times]
            values = tuple(map(sum, zip(floor, values, strict=True)))
            stacked.update(zip(times, values, strict=True))
            axes.fill_between(times, floor, values, alpha=0.3, color=color, linewidth=0)
        axes.plot(times, values, "--" if own else "-", linewidth=1.2, label=label, color=color)
        highest[axes] = max(highest.get(axes, 0.0), *values)
    for limit in limits:
        left.axhline(limit, color="#f2495c", linewidth=0.8, linestyle=":")
    left.yaxis.set_major_formatter(_format(defaults["unit"]))
    left.xaxis.set_major_formatter(lambda at, _: datetime.fromtimestamp(at, UTC).strftime("%M:%S"))
    both = [axes for axes in (left, right) if axes]
    for axes in both:
        axes.set_ylim(0, 1.08 * (highest.get(axes) or 1.0))
        axes.tick_params(labelsize=7)
    handles = [line for axes in both for line in axes.get_legend_handles_labels()[0]]
    if handles:
        left.legend(handles=handles, fontsize=6.5, frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, -0.14))


def _lines(panel: Panel, query: Callable[[str], Sequence[Series]]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Legend and points of each series, less the statuses, reasons and outcomes that never happened."""
    for target in panel["targets"]:
        for series in query(target["expr"]):
            points = [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]
            if points and ("{{" not in target["legendFormat"] or any(y for _, y in points)):
                yield _legend(target, series), points


def _legend(target: dict[str, Any], series: Series) -> str:
    legend: str = target["legendFormat"]
    for name, value in series["metric"].items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend


def _format(unit: str) -> Callable[[float, object], str]:
    """Grafana's units, those of them that the dashboard has."""
    formats: dict[str, Callable[[float], str]] = {
        "s": lambda value: f"{value:g} s" if value >= 1 or not value else f"{value * 1e3:g} ms",
        "ms": lambda value: f"{value:g} ms" if value >= 1 or not value else f"{value * 1e3:g} µs",
        "reqps": lambda value: f"{value:g} req/s",
        "percentunit": lambda value: f"{value * 100:g} %",
        "bool_yes_no": lambda value: "No" if value == 0 else "Yes" if value == 1 else "",
        "short": lambda value: f"{value:g}",
    }
    suffix = unit.removeprefix("suffix:")
    format_of: Callable[[float], str] = formats.get(unit) or (lambda value: f"{value:g}{suffix}")
    return lambda value, _: format_of(round(value, 6))
