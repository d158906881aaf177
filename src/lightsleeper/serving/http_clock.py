"""How long a client may take over what it has begun to send."""

import asyncio
from collections.abc import Callable

#: The shortest time after which a loop has asked the sockets before it asks the clock.
_ANOTHER_LOOK_S = 0.001


class RequestClock:
    """One timer of one connection: a request that comes in one piece never starts it."""

    __slots__ = ("_began_s", "_loop", "_paused_at_s", "_timer", "excused_s")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """It stands still."""
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._began_s = 0.0
        self._paused_at_s: float | None = None
        #: Of the time until it rings, how much was none of the client's: it was paused.
        self.excused_s = 0.0

    def start(self, seconds: float, ended: Callable[[], None]) -> None:
        """Unless it runs: call `ended` in so many seconds."""
        if self._timer is None:
            self._began_s = self._loop.time()
            if self._paused_at_s is not None:
                self._paused_at_s = self._began_s
            self.ring_in(seconds, ended)

    def ring_in(self, seconds: float, ended: Callable[[], None]) -> None:
        """Call `ended` in so many seconds from now, whenever it was started."""
        if self._paused_at_s is not None:  # what is over of a pause is no excuse for what comes
            self.go_on()
            self.pause()
        self.excused_s = 0.0
        self._timer = self._loop.call_later(seconds, self._look_again, ended)

    def elapsed_s(self) -> float:
        """Since it was started, without its pauses."""
        return (self._loop.time() if self._paused_at_s is None else self._paused_at_s) - self._began_s

    def pause(self) -> None:
        """The client can do nothing until `go_on`. What was started rings all the same, and may look at the clock."""
        if self._paused_at_s is None:
            self._paused_at_s = self._loop.time()

    def go_on(self) -> None:
        """The pause is over."""
        if self._paused_at_s is not None:
            paused_s = self._loop.time() - self._paused_at_s
            self._began_s += paused_s
            self.excused_s += paused_s
            self._paused_at_s = None

    def stop(self) -> None:
        """It rings no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, ended: Callable[[], None]) -> None:
        """What came in time may lie unread, if this process had no turn: look at the socket once more."""
        self._timer = self._loop.call_later(_ANOTHER_LOOK_S, ended)
