"""Whether a request may wait: the queue is bounded in seconds of work at the pace that the workers really have.

Refusing early is what keeps an overloaded service useful (https://sre.google/sre-book/handling-overload/): who is let
in is answered in time, who is not knows at once. Asked before a body is read, with the number of its bytes; before its
texts are tokenised; and when their cost in tokens is known. Knows no HTTP and no clock.
"""

import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any

from lightsleeper.errors import Overloaded
from lightsleeper.pipeline.fair_queue import FairQueue, Lane

#: Who is asking: a key or an address. Set at the door, so that it need not be handed through every dialect.
CLIENT: ContextVar[Hashable] = ContextVar("client", default=None)

#: Of a text nothing is known of but its length: English has 4 to 5 characters a token.
_CHARS_PER_TOKEN = 4
#: Reading so many characters takes as long as inferring one token (0.3 of 30 µs), also of those past the cut.
_CHARS_READ_PER_TOKEN = 100

#: Before anything was measured: the embedded model on one core of a Zen 4. The first batch counts for no more than any
#: other: in a pod that wakes on a busy node it takes many times as long as the next. Believed at once, it has a quarter
#: of 40 requests a second refused that Knative handed over to wait; averaged from here, 8 % (medians of 5 in turns).
_FIRST_PACE_S = 30e-6
#: No batch takes less.
_CLOCK_TICK_S = 1e-6
#: Seconds of work over which the pace is averaged: a few dozen batches, not one that was held up.
_PACE_MEMORY_S = 1.0

#: Whoever waits for less than a fair share may come in beyond the bound, but the queue ends here.
_OVERDRAFT = 1.5
#: So long a batch may hold a worker, if its texts can be that short: on a machine so slow that 200 tokens take longer,
#: more of them are hardly faster by the token.
_BATCH_S = 0.05
#: Whoever stands back runs beside another batch, and what a larger batch takes stays allocated, up to 44 MB more, for
#: nothing in speed.
_MAX_BEHIND_COST = 512
#: A text of more tokens is long: 4 ms on a Zen 4, 40 on a thread of a busy core without VNNI.
_LONG_COST = 128
#: An event loop that stands still for a moment is no queue: an idle service would refuse what it could answer.
_LEAST_PATIENCE_S = 0.1
#: A pace misjudged must not send anybody away for long.
_MAX_RETRY_S = 30

_UNCOUNTED = nullcontext()


class Admission:
    """The bounds of a `FairQueue` of any items, by the cost of a request in tokens."""

    def __init__(
        self,
        queue: FairQueue[Any],
        *,
        workers: int,
        max_wait_s: float,
        max_batch_cost: int,
        max_bulk_cost: int,
        max_bulk_s: float,
        max_request_cost: int,
        max_alone_cost: int = 0,
    ) -> None:
        """Requests of one batch at most wait `max_wait_s`; large ones are answered within `max_bulk_s`.

        The bulk lane holds at most `max_bulk_cost` besides, or one request of at most `max_alone_cost`, if that is
        more: nothing that is within the limits of a request is refused for ever. `max_request_cost` is what the model
        reads of the largest.
        """
        self._queue = queue
        self._workers = workers
        self._max_wait_s = max_wait_s
        self._max_batch_cost = max_batch_cost
        self._max_bulk_cost = max_bulk_cost
        self._max_bulk_s = max_bulk_s
        self._max_request_cost = max_request_cost
        self._max_alone_cost = max(max_bulk_cost, max_alone_cost)
        #: Seconds of one worker for one token, by lane: in a small batch it takes longer than in a large one.
        self._pace_s = dict.fromkeys(Lane, _FIRST_PACE_S)
        #: How long a batch takes.
        self._batch_s = 0.0

    def lane(self, cost: int, longest: int = 0) -> Lane:
        """Where a request of that cost waits, whose `longest` text costs so much."""
        if cost > self._max_batch_cost:
            return Lane.BULK
        return Lane.EXPRESS if longest <= _LONG_COST else Lane.LONG

    def expected_cost(self, chars: int) -> int:
        """Of so many characters, or bytes of a body, before they are tokenised."""
        return expected_cost(chars, self._max_request_cost)

    def check(self, cost: int, longest: int = 0) -> Lane:
        """The lane in which this client's request may wait; Overloaded if it may not."""
        lane = self.lane(cost, longest)
        refused = self._refusal(CLIENT.get(), cost, lane)
        if refused:
            raise refused
        return lane

    @property
    def crowded(self) -> bool:
        """Whether so much waits that the next small request may be refused: the least that can be asked about it."""
        waiting = self._queue.cost(Lane.EXPRESS)
        return waiting > 0 and 2 * (waiting + self._max_batch_cost) > self.bound(Lane.EXPRESS)

    def refusal(self, client: Hashable, cost: int) -> Overloaded | None:
        """Why that client's request may not wait, if it may not."""
        return self._refusal(client, cost, self.lane(cost))

    def _refusal(self, client: Hashable, cost: int, lane: Lane) -> Overloaded | None:
        refused = self._found_full(client, cost, lane)
        if refused and not self._queue.cost(lane) and cost <= self._max_alone_cost:
            # Where nothing runs no pace is measured, and that of a bad moment would keep it so for ever.
            self._pace_s[lane] /= 2
        return refused

    def _found_full(self, client: Hashable, cost: int, lane: Lane) -> Overloaded | None:
        waiting = self._queue.cost(lane)
        bound = self.bound(lane) if waiting else self._alone(lane)
        own = self._queue.cost_of(client, lane)
        clients = self._queue.clients(lane) + (not own)
        if waiting + cost <= bound:
            # Everybody else's turns come before the last of one's own. Who is let in to wait for more than that is told
            # to come again once it has waited: at 1 to 2 times the capacity that was said after 1 to 2 s.
            share = round(_OVERDRAFT * bound / clients)
            if lane is Lane.BULK or not own or 2 * (waiting + cost) <= bound or own + cost <= share:
                return None
            # Not all of those turns: others do not go on for ever, and all that waits now is soon answered or told off.
            return self._overloaded(lane, own + cost, share, " of one client")
        if (own + cost) * clients <= bound and waiting + cost <= _OVERDRAFT * bound:
            return None
        # On a slow machine a share is less than one long text: who had none waiting was kept out by whoever has many.
        if lane is Lane.LONG and not own and waiting + cost <= bound + self._max_batch_cost:
            return None
        return self._overloaded(lane, waiting + cost, bound)

    def announce(self, client: Hashable, cost: int) -> Callable[[], None]:
        """Count a request of that client which is about to come, until what is returned is called."""
        lane = self.lane(cost)
        self._queue.hold(client, lane, cost)
        return partial(self._queue.release, client, lane, cost)

    def expecting(self, chars: int, longest: int) -> AbstractContextManager[None]:
        """While so many characters are tokenised and looked up, their work is counted; Overloaded if there is no room.

        `longest` are those of the longest text. What fits into one batch is not counted: hundreds may come at once for
        one text, and share its answer.
        """
        self.check(self.expected_cost(chars), self.expected_cost(longest))
        return self.counting(chars)

    def counting(self, chars: int) -> AbstractContextManager[None]:
        """The same of a request that was let in."""
        cost = self.expected_cost(chars)
        lane = self.lane(cost)
        return self._held(lane, cost) if lane is Lane.BULK else _UNCOUNTED

    @contextmanager
    def _held(self, lane: Lane, cost: int) -> Iterator[None]:
        client = CLIENT.get()
        self._queue.hold(client, lane, cost)
        try:
            yield
        finally:
            self._queue.release(client, lane, cost)

    def bound(self, lane: Lane) -> int:
        """The cost that may wait in `lane`: so much that its share of its workers is through in time."""
        if lane is Lane.BULK:
            crowded = self._queue.cost(Lane.LONG) > self.bound(Lane.LONG) / 2
            return min(self._cost_of(lane, self._max_bulk_s * (_share(lane) if crowded else 0.5)), self._max_bulk_cost)
        share = _share(lane) if lane is Lane.LONG and self._queue.cost(Lane.BULK) else 1.0
        return self._cost_of(lane, self._max_wait_s * share)

    def _alone(self, lane: Lane) -> int:
        """The cost of a request that may enter an empty lane: one batch however slow, or what is done in time."""
        if lane is Lane.BULK:
            return min(self._cost_of(lane, self._max_bulk_s), self._max_alone_cost)
        return self._max_batch_cost

    def fullest(self) -> tuple[int, int]:
        """Cost and bound of the lane that is nearest to its bound."""
        lanes = [(self._queue.cost(lane), self.bound(lane)) for lane in Lane]
        return max(lanes, key=lambda lane: lane[0] / lane[1])

    def batch_cost(self, lane: Lane) -> int:
        """The cost of the next batch of `lane`, if its items can be that small."""
        most = self._max_batch_cost if lane is Lane.EXPRESS else min(self._max_batch_cost, _MAX_BEHIND_COST)
        return min(most, math.ceil(_BATCH_S / self._pace_s[lane]))

    def patience_s(self, lane: Lane, cost: int) -> float:
        """How long the texts of a request of that cost wait before it is told to come again.

        Well beyond what it was let in for: the pace was misjudged. Large ones wait until their own deadline.
        """
        if lane is Lane.BULK:
            return math.inf
        own_s = cost * self._pace_s[lane] / self._workers
        return max(2.5 * self._max_wait_s, _LEAST_PATIENCE_S) + 2 * own_s + 4 * self._batch_s

    def ran(self, lane: Lane, cost: int, seconds: float) -> None:
        """A batch of that cost took one worker so long, from one event of its loop to the next."""
        weight = 1 - math.exp(-seconds / _PACE_MEMORY_S)
        self._pace_s[lane] += weight * (max(seconds, _CLOCK_TICK_S) / cost - self._pace_s[lane])
        self._batch_s += weight * (seconds - self._batch_s)

    def _cost_of(self, lane: Lane, seconds: float) -> int:
        return round(seconds * self._workers / self._pace_s[lane])

    def _overloaded(self, lane: Lane, cost: int, bound: int, whose: str = "") -> Overloaded:
        token_s = self._pace_s[lane] / self._workers
        seconds, limit_s = cost * token_s, bound * token_s
        return Overloaded(
            f"{seconds:.2g} s of work{whose} would wait; the limit is {limit_s:.2g} s",
            limit=round(limit_s, 3),
            retry_after_s=min(_MAX_RETRY_S, max(1, math.ceil(seconds - limit_s))),
        )


def expected_cost(chars: int, most: int) -> int:
    """Of so many characters before they are tokenised, of which the model reads `most` tokens at most."""
    return min(chars // _CHARS_PER_TOKEN, most) + chars // _CHARS_READ_PER_TOKEN + 1


def _share(lane: Lane) -> float:
    """Of the workers that serve what is long and what is large, while both wait."""
    return lane.weight / (Lane.LONG.weight + Lane.BULK.weight)
