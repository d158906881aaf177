"""The files of `tests/files` and what each must be read as, for the readers of both languages."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "files"


def names() -> list[str]:
    """Every file that has an expectation beside it."""
    return sorted(path.stem for path in FOLDER.glob("*.json") if path.with_suffix("").is_file())


def expected(name: str) -> dict[str, Any]:
    """What `name` must be read as, and with which choices."""
    case: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return case
