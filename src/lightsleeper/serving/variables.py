"""What the value of an environment variable may be: each function makes a parser, whose ValueError says what is meant.

By hand, because a wake pays for it: pydantic-settings costs 0.1 s of CPU, a third of what a wake may take.
No message holds a value: some are secrets.
"""

import math
import re
from collections.abc import Callable
from typing import Any

Parser = Callable[[str], Any]

_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

#: More digits than any limit here has; Python takes its time over thousands.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def whole(least: int, most: int | None = None) -> Parser:
    """A whole number in that range, bounds included."""
    meant = f"must be a whole number from {least} on" if most is None else f"must be a whole number, {least} to {most}"

    def parse(value: str) -> int:
        found = int(value) if _INTEGER.fullmatch(value.strip()) else None
        if found is None or found < least or (most is not None and found > most):
            raise ValueError(meant)
        return found

    return parse


def number(least: float, most: float) -> Parser:
    """A finite number in that range, bounds included."""
    meant = f"must be a number from {least:g} to {most:g}"

    def parse(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if "_" in value or not value.isascii():  # which Python reads
            found = math.nan
        if not least <= found <= most:  # nan is in no range
            raise ValueError(meant)
        return found

    return parse


def flag(value: str) -> bool:
    """`true` or `false`, or another common word for it."""
    found = _TRUTH.get(value.strip().lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def choice(*values: str) -> Parser:
    """One of `values`."""

    def parse(value: str) -> str:
        if value not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return value

    return parse


def matching(pattern: str, meant: str) -> Parser:
    """A text that is `pattern` from start to end; `meant` says so in words."""

    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {meant}")
        return value

    return parse


def several(check: Callable[[str], object] = str) -> Parser:
    """A tuple of texts, separated by commas; `check` raises the ValueError of one that cannot be right."""

    def parse(value: str) -> tuple[str, ...]:
        items = tuple(item.strip() for item in value.split(",") if item.strip())
        for item in items:
            check(item)
        return items

    return parse


def checked(*checks: Callable[[str], object]) -> Parser:
    """Any text of which no check raises ValueError."""

    def parse(value: str) -> str:
        for check in checks:
            check(value)
        return value

    return parse
