"""Texts of other programs, whose lines are neither rows nor texts: each is refused with what to do about it.

As `web/many/reading/foreign.js`. A text may begin with the words of some: what tells is how they begin and go on.
"""

import re
from typing import Final

from lightsleeper.bulk.records.markup import require_no_markup
from lightsleeper.errors import InvalidInput

_SEEN_CHARS: Final = 8192
_LINES_SEEN: Final = 50
_SQL: Final = (
    r"\s*(?:(?:set|use|begin(?: transaction)?(?=;)|start|pragma|lock|drop|alter|create database)\b[^;]*;\s*)*"
    r"(?:(?:create (?:temp |temporary )?table (?:if not exists )?|insert (?:or \w+ )?into )"
    r"[\w.`\"\[\]]+\s*(?:\(|values\b)|copy [\w.\"]+ (?:\([^)]*\) )?from stdin\b)"
)
#: As MySQL, DuckDB, psql and sqlcmd draw it.
_DRAWN: Final = (
    r"\s*(?:\+(?:[-=]+\+)+\n\||[\u250c\u256d\u250f\u2554][\u2500-\u256c]+\n"
    r"|.+\n-+(?:\+-+)+\n|.+\n-{2,}(?: +-{2,})+ *\n)"
)
_A_DRAWING: Final = "a table drawn with lines; have it written as csv"
#: By how a file begins, and what stands at the beginning of a line further on.
_KINDS: Final = tuple(
    (re.compile(begin, re.ASCII | re.IGNORECASE), re.compile(further, re.ASCII | re.IGNORECASE | re.MULTILINE), what)
    for begin, further, what in (
        (r"(?:\s|%.*\n)*@relation\b", r"^@attribute\b", "an ARFF file; save it as csv"),
        (_SQL, r"; *$|\),\s*\(|values\s*\(", "an SQL script; export the table as csv"),
        (r"ID;P\w*(?:;\w+)*\n", r"^C;(?:[XY]\d+;)+K", "a SYLK file; save it as xlsx or csv"),
        (r"\s*(?:WEBVTT\n|\d+\n\d\d:\d\d:\d\d[,.]\d{3} --> )", "", "a file of subtitles; write a text a line"),
        (r"From \S+ .*\d\d:\d\d.*\d{4}\n[A-Z-]+: ", "", "a mailbox; export it as csv"),
        (r"\s*(?:#.*\n)*\[\[?[\w.\" -]+\]\]?\n[\w.-]+ *= *\S", "", "TOML or INI; write it as csv or JSON"),
        (r"BEGIN:V(?:CARD|CALENDAR)\n", "", "a file of contacts or dates; export it as csv"),
        (_DRAWN, "", _A_DRAWING),
        ("", r"^\|?-{5,}\|?\n\|.*\|\n\|?-{5,}\|?\n\|", _A_DRAWING),  # SAP's lists, perhaps below a title
    )
)
#: Rows as Python and JavaScript print them, none of which is JSON.
_PRINTED = re.compile(r"\{(?![\s\S]*\n\{ *\") *(?:u?'[^'\n]+'|\w+) *: .*\},?(?:\n|$)", re.ASCII)
_COMMENTS = re.compile(r"^[ \t]*--.*|/\*[\s\S]*?\*/;?", re.MULTILINE)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(?: .*)?")
_OF_MAIL: Final = frozenset(
    {*("from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type", "return-path")}
)
_YAML = re.compile(
    r"(?:\s*#.*\n)*(?:%YAML|---\s*\n|- ['\"]?[\w-]+['\"]?: .*\n  ['\"]?[\w-]+['\"]?:(?: |\n)|[\w-]+:\n *- [\w-]+: )",
    re.ASCII,
)
_YAML_LINE = re.compile(r"%.*|---.*|\.\.\.|\s*#.*|\s*-(?: .*)?|\s+.*|['\"]?[\w .-]{1,60}['\"]?:(?: .*)?", re.ASCII)


def require_rows(text: str, name: str, *, whole: bool, said: bool) -> None:
    """InvalidInput if `text`, the beginning of a file or the `whole` of it, is markup, another program's, or nothing.

    `said`: somebody said what the file is; then only markup that says itself what it is counts.
    """
    if whole and not text.strip("\ufeff \t\r\n"):
        raise InvalidInput(f"{name} is empty: it holds no text")
    require_no_markup(text, name, whole=whole, said=said)
    begin = text[:_SEEN_CHARS].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not said and (what := _kind_of(begin)):
        raise InvalidInput(f"{name} is {what}")
    called_json = name.lower().endswith((".json", ".jsonl", ".ndjson"))  # is told where it is none
    if not said and not called_json and _PRINTED.match(begin):
        raise InvalidInput(f"{name} is not JSON, whose names stand in double quotes; write it as JSON")


def _kind_of(begin: str) -> str:
    plain = _COMMENTS.sub("", begin) if begin.lstrip().startswith(("--", "/*")) else begin
    for first, further, what in _KINDS:
        if any(first.match(shown) and further.search(shown) for shown in {plain, begin}):
            return what
    if _is_mail(begin):
        return "a mail; export its text as csv"
    if _YAML.match(begin) and all(map(_YAML_LINE.fullmatch, _lines(begin))):
        return "YAML; write it as csv or JSON"
    return ""


def _is_mail(begin: str) -> bool:
    """Whether the lines above the first blank one are headers, and some of them a mail's."""
    head = begin.partition("\n\n")[0].split("\n")
    found = [_HEADER.fullmatch(line) for line in head if not line.startswith((" ", "\t"))]
    names = {match[1].lower() for match in found if match}
    return len(found) > 2 and all(found) and len(names & _OF_MAIL) > 1  # noqa: PLR2004  # a talk has as many


def _lines(begin: str) -> list[str]:
    """The first that are not blank, without one that may be cut."""
    lines = begin.split("\n")[: -1 if len(begin) == _SEEN_CHARS else None]
    return [line for line in lines if line.strip()][:_LINES_SEEN]
