"""Rounds in which each peer has its turn; what is there already is not measured again."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tqdm import tqdm

from peers.contenders import Peer
from peers.results import Point, Record, Round, Store


@dataclass(frozen=True)
class Plan:
    """What a whole run holds."""

    rounds: int
    cores: Sequence[int]
    #: "texts in flight", such as "short 32".
    points: Sequence[str]


class Session(Protocol):
    """One peer, started."""

    @property
    def wake_s(self) -> float:
        """Seconds from exec until its first answer."""

    def resident_mb(self) -> float:
        """Memory of all its processes."""

    def measure(self, point: str, seed: int) -> Point:
        """Its figures under one load; `seed` draws the texts."""

    def describe(self, record: Record) -> None:
        """Note what one round need not repeat, unless it is there."""


#: Starts a peer on so many cores; RuntimeError, OSError or ValueError say why it cannot be run.
Start = Callable[[Peer, int], AbstractContextManager[Session]]


def run(peers: Sequence[Peer], plan: Plan, store: Store, start: Start) -> None:
    """Measure what `store` lacks of `plan`; who cannot be run is noted with the reason."""
    failed: set[str] = set()
    turns = [(number, cores, peer) for number in range(plan.rounds) for cores in plan.cores for peer in peers]
    for number, cores, peer in tqdm(turns, disable=None):
        record = store.load(peer.name)
        todo = record.missing(cores, number, plan.points)
        if not todo or peer.name in failed:
            continue
        record.same_weights, record.failed = peer.same_weights, ""
        try:
            with start(peer, cores) as session:
                rounds = record.rounds.setdefault(cores, [])
                if number == len(rounds):
                    rounds.append(Round(wake_s=session.wake_s))
                session.describe(record)
                for point in todo:
                    rounds[number].points[point] = session.measure(point, seed=number)
                    store.save(record)
                rounds[number].resident_mb = session.resident_mb()
        except (RuntimeError, OSError, ValueError) as reason:
            failed.add(peer.name)
            record.failed = str(reason)
        store.save(record)
