"""What strangers may make the server hold before anybody has read a word of it: every bound, and what is counted."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from lightsleeper.errors import Overloaded
from lightsleeper.serving.refused_heads import RefusedHeads


@dataclass(frozen=True)
class DoorLimits:
    """The bounds of heads, bodies, connections and time; the defaults are those of the settings with their names."""

    max_connections: int = 1_000
    max_head_bytes: int = 32_768
    head_timeout_s: float = 10.0
    min_body_bytes_per_s: int = 1_000
    max_inflight_body_bytes: int = 67_108_864
    #: Envoy's default, of headers and of trailers: https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
    max_headers: int = 100
    max_url_bytes: int = 8_192
    #: Requests on one connection that wait for the answer to an earlier one.
    max_pipelined: int = 16
    #: A body's own time, beside what its bytes earn.
    body_grace_s: float = 10.0
    #: What a chunked body may add to its content (lengths, extensions, trailers), beside a share of it: 13,000 chunks
    #: of a byte, or any number of 40. Each costs a microsecond of everybody's event loop.
    max_framing_bytes: int = 65_536
    max_framing_share: float = 1 / 8
    #: nginx's `lingering_time` and `send_timeout` are half a minute and one.
    linger_s: float = 30.0
    #: In the kernel, of an answer that its client does not read, and of requests that come while earlier ones wait. The
    #: kernel counts both as the pod's memory, and doubles them for its own needs. Left to itself it takes all 1.7 MB of
    #: the page's largest file, and as much of what is sent ahead: 1 GB for 600 connections, 0.8 GB for 200.
    socket_buffer_bytes: int = 65_536


#: Of each body; only what exceeds it is counted, so that a sentence gets through whatever others upload.
UNCOUNTED_BODY_BYTES = 65_536


class Evictable(Protocol):
    """A connection that waits for its client: to ask, to go on with what it has begun to send, to read its answer."""

    def give_way(self) -> None:
        """End it now."""


class Door:
    """Shared by all connections of one server."""

    def __init__(self, limits: DoorLimits) -> None:
        """Nobody is inside yet."""
        self.limits = limits
        self.inflight_body_bytes = 0
        #: In the order in which they fell idle: new and silent, in the middle of a head or a body, kept alive, unread,
        #: lingering.
        self.idle: OrderedDict[Evictable, None] = OrderedDict()
        self.refused_heads = RefusedHeads()

    def make_room(self, connections: int) -> None:
        """Overloaded if there are more `connections` than may be and none of them is idle; else the longest idle goes.

        So whoever holds connections open without asking anything, to the end, shuts out nobody.
        """
        if connections <= self.limits.max_connections:
            return
        if not self.idle:
            raise Overloaded(
                f"{self.limits.max_connections} requests are being answered: as many connections as may be open",
                limit=self.limits.max_connections,
                retry_after_s=1,
            )
        connection, _ = self.idle.popitem(last=False)
        connection.give_way()

    def take_in(self, body_bytes: int) -> None:
        """Count them as held; Overloaded if that would be more than may be."""
        if self.inflight_body_bytes + body_bytes > self.limits.max_inflight_body_bytes:
            raise Overloaded(
                "other large bodies fill the memory that bodies may take",
                limit=self.limits.max_inflight_body_bytes,
                retry_after_s=1,
            )
        self.inflight_body_bytes += body_bytes

    def let_go(self, body_bytes: int) -> None:
        """They are held no more."""
        self.inflight_body_bytes -= body_bytes
