"""A body of any content is parsed within bounds of time and memory: 2 MB may hold a million values, none of them meant.

A parser makes an object of every value before anybody looks at the first one, and a validator a complaint of every
wrong one: `{"text": [1, 1, …]}` of 2 MB cost 1 GB and several seconds. So a body with more values than any request
can have is cut where they end and closed, and the parser meets the same first fault in what is left.
"""

import re

from lightsleeper.errors import InvalidInput

#: Brackets, commas and strings of a request besides its texts, however it wraps them, and of each text: as some
#: clients send one, it is an object with a few fields.
_MARKS_BESIDES_TEXTS = 2_000
_MARKS_PER_TEXT = 16

_MARK = re.compile(rb'[][{},"]')
_CLOSING = {ord("["): b"]", ord("{"): b"}"}


def most_marks(max_texts: int) -> int:
    """How many brackets, commas and strings a request of so many texts may have."""
    return _MARKS_BESIDES_TEXTS + _MARKS_PER_TEXT * max_texts


def beginning(body: bytes, max_marks: int) -> bytes:
    """`body` itself if it has at most `max_marks` brackets, commas and strings, else its whole values up to there.

    Lists and objects that are still open are closed. What is not JSON stays so, unless its fault lies behind the cut.
    """
    if len(body) <= max_marks:  # as most are
        return body
    # Of the same length, so that places are the same; afterwards every quote begins or ends a string.
    masked = body.replace(rb"\\", b"__").replace(rb"\"", b"__") if b"\\" in body else body
    opened = bytearray()
    position = whole = 0
    for _ in range(max_marks):
        found = _MARK.search(masked, position)
        if found is None:
            return body
        position = found.end()
        mark = masked[found.start()]
        if mark == ord('"'):
            position = masked.find(b'"', position) + 1
            if not position:  # a string without an end: the parser's to refuse
                return body
            continue
        whole = found.start() if mark == ord(",") else position
        if mark in _CLOSING:
            opened.append(mark)
        elif mark != ord(",") and opened:
            opened.pop()
    return body[:whole] + b"".join(_CLOSING[mark] for mark in reversed(opened))


def too_many_values(max_marks: int) -> InvalidInput:
    """What a body is refused with that was cut, where nothing is wrong with its beginning."""
    message = f"the body has more than {max_marks} brackets, commas and strings"
    return InvalidInput(message, code="too_many_values", limit=max_marks)
