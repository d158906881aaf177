"""How an answer is written: at once, and to nobody who is gone."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from lightsleeper.serving.http_clock import RequestClock
from lightsleeper.serving.http_exchange import LingeringTransport

LARGE = b"x" * 100_000


@dataclass
class Sink:
    """As much of a transport as an answer needs, and what was given to it at a time."""

    writes: list[bytes] = field(default_factory=list)
    closing: bool = False
    unread_bytes: int = 0

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

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


class Timers:
    """As much of an event loop as sets timers, of which there is one at a time; a test lets it ring."""

    def __init__(self) -> None:
        self.set: list[Callable[[], None]] = []
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def call_later(self, _: float, ring: Callable[..., None], *args: object) -> "Timers":
        self.set.append(partial(ring, *args))
        return self

    def cancel(self) -> None:
        self.set.clear()

    def ring(self) -> None:
        self.set.pop()()


def lingering(sink: Sink, timers: Timers, *, sending: bool = False) -> LingeringTransport:
    return LingeringTransport(
        sink,  # type: ignore[arg-type]  # as much of one as is used
        loop=timers,  # type: ignore[arg-type]  # see above
        linger_s=30,
        may_be_sending=lambda: sending,
    )


def test_who_reads_slowly_but_reads_has_the_whole_answer() -> None:
    sink, timers = Sink(unread_bytes=1_700_000), Timers()
    transport = lingering(sink, timers)
    transport.watch()
    for sink.unread_bytes in range(1_650_000, 16_000, -50_000):
        timers.ring()
    transport.unwatch()
    assert (sink.writes, timers.set) == ([], [])


def test_who_reads_nothing_is_cut_off() -> None:
    sink, timers = Sink(unread_bytes=1_700_000), Timers()
    transport = lingering(sink, timers)
    transport.watch()
    sink.unread_bytes -= 50_000
    timers.ring()
    timers.ring()
    assert (sink.writes, timers.set) == ([b"<end>"], [])


def test_an_end_waits_for_who_reads_slowly_and_for_nobody_else() -> None:
    sink, timers = Sink(unread_bytes=100_000), Timers()
    transport = lingering(sink, timers)
    transport.watch()
    transport.close()
    transport.close()
    assert len(timers.set) == 1
    sink.writes.clear()
    for sink.unread_bytes in (60_000, 10_000):
        timers.ring()
        transport.unwatch()  # what is left is little; but it is the end
    assert sink.writes == []
    timers.ring()
    assert sink.writes == [b"<end>"]
    transport.lost()
    assert timers.set == []


def test_a_pause_of_ours_is_none_of_the_client_s_time() -> None:
    timers = Timers()
    clock = RequestClock(timers)  # type: ignore[arg-type]  # as much of one as is used
    clock.pause()
    timers.now_s = 5.0
    clock.start(30, lambda: None)
    timers.now_s = 10.0
    assert clock.elapsed_s() == 0
    clock.go_on()
    clock.go_on()
    timers.now_s = 12.0
    clock.pause()
    clock.pause()
    timers.now_s = 20.0
    assert (clock.elapsed_s(), clock.excused_s) == (2, 5)
    clock.go_on()
    assert (clock.elapsed_s(), clock.excused_s) == (2, 13)
    clock.ring_in(1, lambda: None)
    assert (clock.elapsed_s(), clock.excused_s) == (2, 0)


def test_of_a_pause_only_what_follows_a_ring_is_excused_at_the_next() -> None:
    timers = Timers()
    clock = RequestClock(timers)  # type: ignore[arg-type]  # as much of one as is used
    clock.start(10, lambda: None)
    clock.pause()
    timers.now_s = 600.0
    clock.ring_in(10, lambda: None)
    timers.now_s = 605.0
    clock.go_on()
    assert (clock.elapsed_s(), clock.excused_s) == (0, 5)


def write_answers(transport: LingeringTransport) -> None:
    for written in (b"head", b"body", b"more", b"head", LARGE):
        if written == b"head":
            transport.hold_next()
        transport.write(written)
    transport.hold_next()
    transport.write(b"head without a body")
    transport.close()
