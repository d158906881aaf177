"""All reports as one Markdown table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

HEAD = ("script", "question", "threshold", "measured", "verdict")


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """One row a threshold; script and question stand once."""
    rows = [row for report in reports for row in _rows(report)]
    widths = [max(len(cell) for cell in column) for column in zip(HEAD, *rows, strict=True)]
    lines = [HEAD, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    script, question = report["script"], " ".join(filter(None, (report["question"], report["rates"])))
    for verdict in report["verdicts"]:
        threshold = f"`{verdict['metric']}` {verdict['threshold']}"
        yield script, question, threshold, _shown(verdict["measured"]), "pass" if verdict["ok"] else "**FAIL**"
        script = question = ""


def _shown(measured: float) -> str:
    """Four digits at least; never an exponent."""
    return f"{measured:.0f}" if measured >= 1000 else f"{measured:.4g}"  # noqa: PLR2004  # the first with four
