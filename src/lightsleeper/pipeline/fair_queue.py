"""What waits for a worker: each client in its turn, in three lanes. Knows no clock and no bound.

Within a lane the order is that of weighted fair queueing (Demers, Keshav and Shenker 1989), by start: whoever sent a
thousand texts waits for them, whoever sends one beside is next. Between lanes that share a worker it is the same, by
weight.
"""

import itertools
from collections.abc import Hashable, Iterable, Iterator
from enum import Enum
from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: Beyond those that wait: who was served a moment ago and comes again is not given the turn of somebody new.
_TURNS_KEPT = 1_000


class Lane(Enum):
    """Where a request waits."""

    #: Requests that fit into one batch, of short texts.
    EXPRESS = "express"
    #: Those of which a text is long: it takes a while, and nobody should stand behind it.
    LONG = "long"
    #: All others.
    BULK = "bulk"

    # Members are one each; an enumeration's own hash is Python, and lanes are looked up ten times a request.
    __hash__ = object.__hash__

    @property
    def weight(self) -> int:
        """How much of a worker's time it is given, beside what waits in others."""
        return 1 if self is Lane.BULK else 3


#: Whom the usual workers serve, and whom those that stand back.
AT_ONCE: tuple[Lane, ...] = (Lane.EXPRESS,)
STANDING_BACK: tuple[Lane, ...] = (Lane.LONG, Lane.BULK)
SERVED_WITH = {lane: lanes for lanes in (AT_ONCE, STANDING_BACK) for lane in lanes}


class Place(Generic[Item]):
    """One item's place in the queue."""

    # No dataclass: to make one takes a millisecond of every wake.
    __slots__ = ("client", "cost", "item", "kind", "lane", "waiting")

    def __init__(self, item: Item, kind: Hashable, cost: int, lane: Lane, client: Hashable) -> None:
        """Items of one `kind` may be taken together."""
        self.item = item
        self.kind = kind
        self.cost = cost
        self.lane = lane
        self.client = client
        self.waiting = True


class _Turn:
    """A client's cost in the lane, and where its next item stands: kept until those of others stand there."""

    __slots__ = ("cost", "next_start")

    def __init__(self) -> None:
        self.cost = 0
        self.next_start = 0.0


class _LaneQueue(Generic[Item]):
    """The places of one lane, by kind and turn."""

    def __init__(self) -> None:
        self.cost = 0
        self.places = 0
        self.clients = 0
        self.turns: dict[Hashable, _Turn] = {}
        self._heaps: dict[Hashable, list[tuple[float, int, Place[Item]]]] = {}
        self._now = 0.0
        self._numbers = itertools.count()

    def hold(self, client: Hashable, cost: int) -> _Turn:
        turn = self.turns.setdefault(client, _Turn())
        self.clients += not turn.cost
        turn.cost += cost
        self.cost += cost
        if len(self.turns) > 2 * self.clients + _TURNS_KEPT:
            self.turns = {who: each for who, each in self.turns.items() if each.cost or each.next_start > self._now}
        return turn

    def release(self, client: Hashable, cost: int) -> _Turn:
        turn = self.turns[client]
        turn.cost -= cost
        self.cost -= cost
        self.clients -= not turn.cost
        if not self.clients:  # whoever comes next competes with nobody
            self.turns.clear()
            self._heaps.clear()
        return turn

    def push(self, place: Place[Item]) -> None:
        turn = self.hold(place.client, place.cost)
        start = max(self._now, turn.next_start)
        turn.next_start = start + place.cost
        heappush(self._heaps.setdefault(place.kind, []), (start, next(self._numbers), place))
        self.places += 1

    def leave(self, place: Place[Item]) -> None:
        self._remove(place).next_start -= place.cost  # it was not served

    def _remove(self, place: Place[Item]) -> _Turn:
        place.waiting = False
        self.places -= 1
        return self.release(place.client, place.cost)

    def take(self, max_cost: int) -> list[Place[Item]]:
        """Of the kind whose first place is the lane's first: that one, and the next ones up to `max_cost`."""
        kind = min(self._heaps, key=lambda kind: self._heaps[kind][0][:2])
        heap, clients = self._heaps[kind], self.clients
        taken: list[Place[Item]] = []
        cost = 0
        while heap and (not taken or cost + heap[0][2].cost <= max_cost):
            start, _, place = heappop(heap)
            if place.waiting:
                if not taken:  # nobody owes more than he waits for: what he had while others asked for little was free
                    self._now = max(self._now, start)
                taken.append(place)
                cost += place.cost
                self._remove(place)
        if not heap:
            self._heaps.pop(kind, None)
        # As much as each client would have got by now, were all served at once: whoever is new begins there.
        self._now += cost / max(1, clients)
        return taken

    def drain(self) -> Iterator[Place[Item]]:
        while self.places:
            yield from self.take(self.cost)


class FairQueue(Generic[Item]):
    """All lanes."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._lanes: dict[Lane, _LaneQueue[Item]] = {lane: _LaneQueue() for lane in Lane}
        self._served = dict.fromkeys(Lane, 0.0)
        #: Of each group of workers.
        self._now = {AT_ONCE: 0.0, STANDING_BACK: 0.0}

    def __len__(self) -> int:
        """How many items wait."""
        return sum(lane.places for lane in self._lanes.values())

    def cost(self, lane: Lane) -> int:
        """Of everything in `lane`, held places included."""
        return self._lanes[lane].cost

    def cost_of(self, client: Hashable, lane: Lane) -> int:
        """The same of one client."""
        turn = self._lanes[lane].turns.get(client)
        return turn.cost if turn else 0

    def clients(self, lane: Lane) -> int:
        """How many clients wait there."""
        return self._lanes[lane].clients

    def hold(self, client: Hashable, lane: Lane, cost: int) -> None:
        """Count work that is on its way here, until it is released."""
        self._lanes[lane].hold(client, cost)

    def release(self, client: Hashable, lane: Lane, cost: int) -> None:
        """It is no longer on its way."""
        self._lanes[lane].release(client, cost)

    def push(self, place: Place[Item]) -> None:
        """At the end of its client's turn."""
        lane = self._lanes[place.lane]
        if not lane.places:  # an idle lane saves nothing up
            self._served[place.lane] = max(self._served[place.lane], self._now[SERVED_WITH[place.lane]])
        lane.push(place)

    def leave(self, place: Place[Item]) -> None:
        """Give up a place, unless it was taken before."""
        if place.waiting:
            self._lanes[place.lane].leave(place)

    def next_lane(self, lanes: Iterable[Lane]) -> Lane | None:
        """Which of those `lanes` it is the turn of, if anybody waits."""
        waiting = [lane for lane in lanes if self._lanes[lane].places]
        return min(waiting, key=self._served.__getitem__, default=None)

    def take(self, lane: Lane, max_cost: int) -> list[Place[Item]]:
        """Next items of `lane`, all of one kind, at least one and at most `max_cost` together if more."""
        taken: list[Place[Item]] = []
        while not taken and self._lanes[lane].places:
            taken = self._lanes[lane].take(max_cost)
        self._now[SERVED_WITH[lane]] = self._served[lane]
        self._served[lane] += sum(place.cost for place in taken) / lane.weight
        return taken

    def drain(self) -> Iterator[Place[Item]]:
        """Take everything."""
        for lane in self._lanes.values():
            yield from lane.drain()
