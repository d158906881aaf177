"""Heads that were refused: who asks again in the same words is told no without anybody reading them anew.

A client that is refused comes back with the same head but for the length of its text, and to parse that is most of what
a refusal costs. Which request ends where is not decided here: a head is noted after the parser has taken it for a whole
one whose body is as long as its `Content-Length` says, so the same bytes before a body as long as theirs says are one
request as well. What is kept is a digest: a head may hold a key.
"""

from collections.abc import Callable
from hashlib import blake2b

from lightsleeper.api.early_refusal import Refusal

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "
#: As many as `api.load_shedding` reads.
_LENGTH_DIGITS = 18
#: One or two kilobytes each.
_MAX_HEADS = 1_000
_MAX_HEAD_BYTES = 2_048
_MAX_SPELLINGS = 4
#: Headers that are another one each time.
_NEVER_THE_SAME = frozenset({b"x-request-id", b"traceparent", b"b3", b"x-b3-traceid"})

_DIGEST_BYTES = 16

_Again = Callable[[int], Refusal | None]


class RefusedHeads:
    """Shared by all connections."""

    def __init__(self) -> None:
        """None yet."""
        self._noted: dict[bytes, _Again] = {}
        #: As clients write `_LENGTH`.
        self._spellings: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._noted)

    def note(self, peer: str, packet: bytes, headers: list[tuple[bytes, bytes]], again: _Again) -> None:
        """`packet` was a whole request from `peer` with these `headers`; `again` decides about one with such a body."""
        if any(name in _NEVER_THE_SAME for name, _ in headers):
            return
        at = packet[:_MAX_HEAD_BYTES].lower().find(_LENGTH)
        if at < 0:
            return
        spelling = packet[at : at + len(_LENGTH)]
        told = _told(peer, packet, spelling)
        if told is None:
            return
        self._spellings.add(spelling)
        if len(self._noted) >= _MAX_HEADS or len(self._spellings) > _MAX_SPELLINGS:
            self._noted.clear()
            self._spellings = {spelling}
        self._noted[told[0]] = again

    def refusal(self, peer: str, packet: bytes) -> Refusal | None:
        """What this `packet` from `peer` is answered; None if it must be read, or may wait."""
        for spelling in self._spellings:
            told = _told(peer, packet, spelling)
            again = told and self._noted.get(told[0])
            if told and again:
                return again(told[1])
        return None


def _told(peer: str, packet: bytes, spelling: bytes) -> tuple[bytes, int] | None:
    """A digest of who sent it and of the head less the length, and that length; None if it is not one whole request."""
    end = packet.find(_HEAD_END, 0, _MAX_HEAD_BYTES)
    at = packet.find(spelling, 0, end)
    if end < 0 or at < 0:
        return None
    begins = at + len(spelling)
    ends = packet.find(b"\r", begins)
    digits = packet[begins:ends]
    if not digits.isdigit() or len(digits) > _LENGTH_DIGITS:
        return None
    length = int(digits)
    if len(packet) != end + len(_HEAD_END) + length:
        return None
    # No peer and no head has a NUL in it.
    said = b"\0".join((peer.encode(), packet[:begins], packet[ends:end]))
    return blake2b(said, digest_size=_DIGEST_BYTES).digest(), length
