"""Whether characters are XML or HTML, which are no texts to classify: their lines are the parts of a tree.

As `web/many/reading/markup.js`. A review may begin with a tag, and be all in one: what tells is how the first element
stands in the file.
"""

import re
from typing import Final

from lightsleeper.errors import InvalidInput

_COMMENTS = re.compile(r"\ufeff?[ \t\r\n]*(?:<!--.*?-->[ \t\r\n]*)*", re.DOTALL)
_PAGE = re.compile(r"<(?:!doctype[ \t\r\n]+html|html|head|body|table|meta)[ \t\r\n/>]", re.IGNORECASE | re.ASCII)
_XML = re.compile(r"<(?:\?xml|!doctype)[ \t\r\n-]", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r"<([A-Za-z_][A-Za-z0-9_:.-]*)(?:[ \t\r\n][^<>]*)?>")
#: What people's editors put around what they write.
_OF_TEXT: Final = frozenset({*"abipqsu", "em", "strong", "span", "font", "div", "blockquote"})


def require_no_markup(text: str, name: str, *, whole: bool, said: bool) -> None:
    """InvalidInput if `text`, the beginning of a file or the `whole` of it, is XML or HTML.

    `said`: somebody said what the file is; then only what says itself what it is counts.
    """
    begin = _COMMENTS.sub("", text, count=1)
    if not begin.startswith("<"):
        return
    if _PAGE.match(begin):
        raise InvalidInput(f"{name} is a web page; save the table in it as csv")
    if _XML.match(begin) or (not said and _is_tree(begin.rstrip(" \t\r\n"), whole=whole)):
        raise InvalidInput(f"{name} is XML; save the table in it as csv")


def _is_tree(text: str, *, whole: bool) -> bool:
    """Whether nothing but elements stand in `text`, of which the first holds another or has lines of its own."""
    root = _TAG.match(text)
    end = _end(text, root) if root else 0
    if not root or (whole and not end) or (end and text[end:].lstrip(" \t\r\n")[:1] not in {"", "<"}):
        return False
    element = text[: end or len(text)]
    child = _TAG.match(element[root.end() :].lstrip(" \t\r\n"))
    holds = child is not None and f"</{child[1]}>".lower() in element.lower()
    has_lines = "\n" in element or "\r" in element
    if root[1].lower() in _OF_TEXT:
        return holds and has_lines
    return holds or bool(end and has_lines)


def _end(text: str, root: re.Match[str]) -> int:
    """Behind the tag that closes the first; 0 if none does."""
    depth = 0
    for tag in re.finditer(rf"<(/?){re.escape(root[1])}(?:[ \t\r\n][^<>]*)?>", text, re.IGNORECASE | re.ASCII):
        if tag[0].endswith("/>"):
            continue
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.end()
    return 0
