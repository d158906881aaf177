"""Every command that a page of this repository tells somebody to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from rendering import ROOT

PAGES = (
    *("README.md", "CONTRIBUTING.md", "knative/README.md", "knative/SCALE.md", "k6/README.md"),
    *("observability/README.md", "observability/runbook.md"),
)

#: A line or a span in backquotes that begins with one of these is a command; in a block of `sh`, every line is one.
TOOLS = (
    *("az", "curl", "docker", "gh", "git", "helm", "k6", "kind", "kn", "kubectl", "lightsleeper", "make", "pre-commit"),
    *("openssl", "printf", "promtool", "sha256sum", "skaffold", ".venv/bin/python", "."),
)


@dataclass(frozen=True)
class Command:
    """One command, as its words."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"

    @property
    def tool(self) -> str:
        return self.words[0]

    def option(self, *names: str) -> list[str]:
        """The values of an option, under all its names: `--name value`, `--name=value`, `-nvalue`."""
        values = [after for word, after in zip(self.words, self.words[1:], strict=False) if word in names]
        return values + [word.split("=", 1)[1] for word in self.words if word.split("=", 1)[0] in names and "=" in word]


def commands(*tools: str) -> list[Command]:
    """All of them, or those of these tools."""
    found = dict.fromkeys(command for page in PAGES for command in commands_of(page, (ROOT / page).read_text()))
    return [command for command in found if not tools or command.tool in tools]


def commands_of(page: str, text: str) -> Iterator[Command]:
    """The commands of a page, each pipe and each `$(…)` taken apart."""
    for line in _lines(text):
        inner = re.findall(r"\$\(([^()]*)\)", line)
        for each in (re.sub(r"\$\([^()]*\)", "VALUE", line), *inner):
            yield from (Command(page, words) for words in _taken_apart(each))


def _lines(text: str) -> Iterator[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = "\n".join(line[4:] for line in prose.splitlines() if line.startswith("    "))
    for block in (*blocks, indented):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if block in blocks or line.split(" ")[0] in TOOLS or re.match(r"[A-Z_]+=", line):
                yield line
    for span in re.findall(r"`([^`]+)`", prose.replace("\n", " ")):
        if span.split(" ")[0] in TOOLS and " " in span:
            yield span


def _taken_apart(line: str) -> Iterator[tuple[str, ...]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set("|&;"):
            words.append(word)
            continue
        while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] == "export"):
            words.pop(0)
        if words:
            yield tuple(words)
        words = []
