"""The page has no build step: its types stand in comments, and TypeScript holds the code to them."""

import subprocess
from pathlib import Path

import pytest

import lightsleeper
from rendering import TOOLS

pytestmark = pytest.mark.delivery

WEB = Path(lightsleeper.__file__).parent / "web"
OPTIONS = [
    *("--allowJs", "--checkJs", "--noEmit", "--strict", "--target", "esnext", "--module", "preserve"),
    *("--strictPropertyInitialization", "false"),  # what a constructor's own method sets counts as not set
]


@pytest.mark.parametrize(
    ("entry", "library"),
    [("app.js", "dom,dom.iterable"), ("docs/start.js", "dom"), ("many/reader.worker.js", "webworker")],
)
def test_the_code_is_what_its_comments_say(entry: str, library: str) -> None:
    compiler = TOOLS / "node_modules" / ".bin" / "tsc"
    command = [str(compiler), *OPTIONS, "--types", "", "--lib", f"esnext,{library}", entry]
    assert subprocess.run(command, cwd=WEB, check=False, capture_output=True, text=True).stdout == ""
