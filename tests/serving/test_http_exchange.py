"""How an answer is written: at once, and to nobody who is gone."""

import asyncio
from contextlib import closing
from dataclasses import dataclass, field

from lightsleeper.serving.http_exchange import LingeringTransport

LARGE = b"x" * 100_000


@dataclass
class Sink:
    """As much of a transport as an answer needs, and what was given to it at a time."""

    writes: list[bytes] = field(default_factory=list)
    closing: bool = False

    def write(self, data: bytes) -> None:
        self.writes += [data] if data else []

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        self.writes.append(b"<end>")

    def is_closing(self) -> bool:
        return self.closing


def test_a_head_and_its_body_are_written_at_once_and_no_head_is_lost() -> None:
    sink = Sink()
    with closing(asyncio.new_event_loop()) as loop:
        transport = LingeringTransport(
            sink,  # type: ignore[arg-type]  # as much of one as is used
            loop=loop,
            linger_s=0,
            may_be_sending=lambda: False,
        )
        write_answers(transport)
    assert sink.writes == [b"headbody", b"more", b"head", LARGE, b"head without a body", b"<end>"]
    assert sink.writes[3] is LARGE  # whoever does not read it holds no copy


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    """Its requests learn of it a turn of the loop later, and uvloop raises: a traceback for each, from any stranger."""
    sink = Sink(closing=True)
    with closing(asyncio.new_event_loop()) as loop:
        transport = LingeringTransport(
            sink,  # type: ignore[arg-type]  # as much of one as is used
            loop=loop,
            linger_s=0,
            may_be_sending=lambda: True,
        )
        write_answers(transport)
    assert sink.writes == []


def write_answers(transport: LingeringTransport) -> None:
    for written in (b"head", b"body", b"more", b"head", LARGE):
        if written == b"head":
            transport.hold_next()
        transport.write(written)
    transport.hold_next()
    transport.write(b"head without a body")
    transport.close()
