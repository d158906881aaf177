"""Requests, pods and waiting over time, as a drawing: SVG, or a page that holds it."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from lightsleeper.capacity.plan.report import Plan, clock
from lightsleeper.errors import ConfigurationError

_PARTS = 480
_WIDTH, _PANEL, _GAP, _LEFT = 960, 120, 40, 70
#: Legible on white and on black.
_COLOURS = ("#3b82c4", "#2f9e6e", "#c4603b")


def draw(plan: Plan, file: Path) -> None:
    """Write `file`, whose name ends in .svg or .html; ConfigurationError if that cannot be."""
    check_name(file)
    picture = svg(plan)
    page = (
        f"<!doctype html>\n<meta charset=utf-8>\n<title>lightsleeper plan</title>\n<pre>{_text(plan)}</pre>\n{picture}"
    )
    try:
        file.write_text(page if file.suffix == ".html" else picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"chart {file}: {error.strerror}") from None


def check_name(file: Path) -> None:
    """ConfigurationError unless it says that it is a drawing or a page."""
    if file.suffix not in (".svg", ".html"):
        raise ConfigurationError(f"chart {file}: the name must end in .svg or .html")


def svg(plan: Plan) -> str:
    """Three panels, one above the other."""
    found, line = plan.outcome, plan.outcome.timeline
    panels: tuple[tuple[str, Sequence[float]], ...] = (
        ("requests/s", line.rates(_PARTS, found.length_s)),
        ("pods ready", line.most(line.ready, _PARTS, found.length_s)),
        ("waiting", line.most(line.waiting, _PARTS, found.length_s)),
    )
    height = len(panels) * (_PANEL + _GAP) + _GAP
    drawn = [_panel(name, values, _COLOURS[n], _GAP + n * (_PANEL + _GAP)) for n, (name, values) in enumerate(panels)]
    marks = [_mark(found.length_s * part / 4, part / 4, height) for part in range(5)]
    label = f"requests, pods and waiting over {clock(found.length_s)} hours"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + _LEFT + 40} {height + 20}" role="img" '
        f'aria-label="{label}" font-family="sans-serif" font-size="13" fill="#808080">{"".join(drawn + marks)}</svg>\n'
    )


def _panel(name: str, values: Sequence[float], colour: str, top: float) -> str:
    most = max(*values, 1)
    steps = []
    for part, value in enumerate(values):
        y = top + _PANEL * (1 - value / most)
        steps.append(f"{_x(part / _PARTS):.1f},{y:.1f} {_x((part + 1) / _PARTS):.1f},{y:.1f}")
    base = top + _PANEL
    area = f"{_x(0):.1f},{base} {' '.join(steps)} {_x(1):.1f},{base}"
    return (
        f'<polygon points="{area}" fill="{colour}" fill-opacity="0.3" stroke="{colour}"/>'
        f'<text x="{_LEFT}" y="{top - 8}">{name}</text>'
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{most:,.4g}</text>'
        f'<text x="{_LEFT - 8}" y="{base}" text-anchor="end">0</text>'
    )


def _mark(at_s: float, share: float, height: float) -> str:
    return f'<text x="{_x(share):.1f}" y="{height}" text-anchor="middle">{clock(at_s)}</text>'


def _x(share: float) -> float:
    return _LEFT + share * _WIDTH


def _text(plan: Plan) -> str:
    return escape("\n".join(plan.lines()))
