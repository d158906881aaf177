import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from lightsleeper.errors import Overloaded
from lightsleeper.pipeline.admission import CLIENT, Admission
from lightsleeper.pipeline.fair_queue import FairQueue, Lane, Place
from queueing import open_admission

pytestmark = pytest.mark.anyio


class Door:
    """An admission at a pace of 1 ms a token: the queue may hold 500 of them, a request of more than 100 is large."""

    def __init__(self, workers: int = 1) -> None:
        self.queue: FairQueue[int] = FairQueue()
        self.admission: Admission = open_admission(
            self.queue,
            workers=workers,
            max_wait_s=0.5,
            max_batch=100,
            max_bulk=5_000,
            max_bulk_s=8,
            max_request=2_000,
        )
        for lane in Lane:
            self.admission.ran(lane, cost=1_000_000, seconds=1_000)  # so long that nothing earlier counts
            for _ in range(20):
                self.admission.ran(lane, cost=1_000, seconds=1)
        self._numbers = count()

    def enter(self, client: str, cost: int, longest: int = 0) -> Lane:
        CLIENT.set(client)
        lane = self.admission.check(cost, longest)
        self.queue.push(Place(next(self._numbers), "kind", cost, lane, client))
        return lane

    def enter_all(self, client: str, cost: int, longest: int = 0) -> int:
        """How many of that cost until one is refused."""
        for number in count():
            try:
                self.enter(client, cost, longest)
            except Overloaded:
                return number
        raise AssertionError


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    token = CLIENT.set(None)
    yield
    CLIENT.reset(token)


def test_the_queue_is_bounded_in_seconds_at_the_pace_that_was_measured() -> None:
    assert Door().enter_all("a", 10) == 50
    assert Door(workers=2).enter_all("a", 10) == 100
    slow = Door()
    for _ in range(100):
        slow.admission.ran(Lane.EXPRESS, cost=1_000, seconds=2)
    assert slow.enter_all("a", 10) == 25


def test_a_refusal_says_what_waits_what_may_and_when_to_come_back() -> None:
    door = Door()
    door.enter_all("a", 10)
    with pytest.raises(Overloaded) as refusal:
        door.enter("a", 10)
    assert refusal.value.message == "0.51 s of work would wait; the limit is 0.5 s"
    assert (refusal.value.limit, refusal.value.retry_after_s) == (0.5, 1)


def test_one_batch_held_up_does_not_change_the_pace_much() -> None:
    door = Door()
    door.admission.ran(Lane.EXPRESS, cost=10, seconds=0.1)  # ten times slower, for a tenth of a second
    assert 25 < door.enter_all("a", 10) < 50


def test_a_client_that_waits_for_less_than_its_share_comes_in_when_another_has_filled_the_queue() -> None:
    door = Door()
    door.enter_all("greedy", 10)
    assert door.enter_all("modest", 10) == 25  # half of the queue is its share: 250 ms
    with pytest.raises(Overloaded):
        door.enter("greedy", 10)


def test_one_long_text_comes_in_beside_another_client_s_where_both_are_more_than_may_wait() -> None:
    slow = Door()
    for _ in range(100):
        slow.admission.ran(Lane.LONG, cost=1_000, seconds=4)
    assert slow.enter_all("greedy", 100, longest=129) == 1
    assert slow.enter_all("modest", 100, longest=129) == 1
    with pytest.raises(Overloaded):
        slow.enter("another", 100, longest=129)


def test_who_would_wait_for_too_many_turns_of_others_is_refused_though_there_is_room() -> None:
    door = Door()
    for number in range(25):
        door.enter(f"client {number}", 10)
    assert door.enter_all("patient", 10) == 2  # each of 26 is served three times before the third would be
    with pytest.raises(Overloaded, match=r"0\.03 s of work of one client would wait; the limit is 0\.029 s"):
        door.enter("patient", 10)
    assert door.enter("new", 10) is Lane.EXPRESS
    assert door.queue.cost(Lane.EXPRESS) < door.admission.bound(Lane.EXPRESS)
    assert door.admission.crowded  # whoever refuses early has to ask


def test_who_is_refused_for_the_turns_of_many_is_not_sent_away_for_longer_than_anything_waits() -> None:
    door = Door()
    for _ in range(20):
        door.enter("patient", 10)
    for number in range(100):
        door.enter(f"client {number}", 1)
    with pytest.raises(Overloaded) as refusal:
        door.enter("patient", 10)
    assert refusal.value.retry_after_s == 1


def test_in_a_queue_that_is_half_empty_anybody_may_wait_for_his_turns() -> None:
    door = Door()
    for number in range(20):
        door.enter(f"client {number}", 1)
    assert door.enter_all("patient", 10) == 23


def test_of_large_requests_one_may_wait_behind_many() -> None:
    door = Door()
    for number in range(9):
        door.enter(f"client {number}", 300)
    assert door.enter_all("patient", 300) == 4


def test_many_clients_together_end_at_the_bound_and_a_half() -> None:
    door = Door()
    for number in range(10_000):
        try:
            door.enter(f"client {number}", 1)
        except Overloaded:
            break
    assert 500 <= door.queue.cost(Lane.EXPRESS) <= 750


def test_large_requests_neither_fill_the_express_lane_nor_are_kept_out_by_it() -> None:
    door = Door()
    assert door.enter("a", 1_000) is Lane.BULK
    assert door.enter("a", 100) is Lane.EXPRESS
    door.enter_all("a", 10)
    assert door.enter("b", 500) is Lane.BULK


def test_a_request_of_one_batch_waits_where_its_longest_text_keeps_nobody_up() -> None:
    admission = open_admission(FairQueue(), max_batch=500)
    assert admission.check(500, longest=128) is Lane.EXPRESS
    assert admission.check(500, longest=129) is Lane.LONG
    assert admission.check(501, longest=1) is Lane.BULK


def test_long_texts_do_not_keep_short_ones_out_and_may_wait_for_as_long() -> None:
    door = Door()
    assert door.enter_all("a", 100, longest=129) == 5
    assert door.enter_all("a", 10) == 50


def test_the_lane_of_long_texts_is_shorter_while_the_bulk_lane_takes_its_quarter() -> None:
    door = Door()
    door.enter("a", 1_000)
    assert door.enter_all("b", 10, longest=129) == 37


def test_the_bulk_lane_is_bounded_by_the_time_a_request_has_and_is_shorter_beside_a_crowd() -> None:
    assert Door().enter_all("a", 1_000) == 4
    crowded = Door()
    crowded.enter_all("a", 10, longest=129)
    crowded.enter_all("b", 500)
    assert crowded.queue.cost(Lane.BULK) == 2_000


def test_a_pace_that_refuses_everybody_who_comes_alone_does_not_stay() -> None:
    door = Door()
    for _ in range(10):
        door.admission.ran(Lane.BULK, cost=1, seconds=60)  # the machine stood still
    refused = 0
    while not door.queue.cost(Lane.BULK):
        with suppress(Overloaded):
            door.enter("a", 5_000)
        refused += 1
    assert 1 < refused < 20
    with pytest.raises(Overloaded):  # what is too much at any pace changes nothing
        Door().enter("a", 10**9)


def test_nor_does_it_stay_for_who_is_refused_before_his_application_is_asked() -> None:
    """Whose head was refused in a crowd, and comes again in the same words, is never asked about in another way."""
    door = Door()
    for _ in range(10):
        door.admission.ran(Lane.BULK, cost=1, seconds=60)  # the machine stood still
    refused = [door.admission.refusal("a", 5_000) is not None for _ in range(20)]
    assert refused[:2] == [True, True]
    assert not refused[-1]


def test_nothing_larger_than_the_bound_is_let_into_an_empty_queue() -> None:
    with pytest.raises(Overloaded, match=r"5\.1 s of work would wait; the limit is 5 s"):
        Door().enter("a", 5_100)
    slow = Door()
    for _ in range(100):
        slow.admission.ran(Lane.BULK, cost=1_000, seconds=2)
    with pytest.raises(Overloaded, match=r"8\.2 s of work would wait; the limit is 8 s"):
        slow.enter("a", 4_100)


def test_a_large_request_alone_may_take_all_the_time_that_a_request_has() -> None:
    door = Door()
    assert door.enter("a", 5_000) is Lane.BULK
    with pytest.raises(Overloaded):
        door.enter("a", 200)


def test_a_request_alone_may_be_larger_than_what_may_wait_together() -> None:
    admission = open_admission(FairQueue(), max_batch=100, max_bulk=1_000, max_alone=4_000)
    assert admission.check(4_000) is Lane.BULK
    with pytest.raises(Overloaded):
        admission.check(4_001)
    with admission.expecting(10_000, 10), pytest.raises(Overloaded):
        admission.check(4_000)


def test_a_request_of_one_batch_is_let_into_an_empty_queue_however_slow_the_machine() -> None:
    door = Door()
    for _ in range(10):
        door.admission.ran(Lane.EXPRESS, cost=1, seconds=60)
    assert door.enter("a", 100) is Lane.EXPRESS
    assert door.admission.patience_s(Lane.EXPRESS, 100) > 100 * 60


def test_until_batches_were_measured_a_usual_pace_is_assumed_and_the_first_one_does_not_end_that() -> None:
    queue: FairQueue[int] = FairQueue()
    admission = open_admission(queue, max_wait_s=0.3)
    assert admission.bound(Lane.EXPRESS) == 10_000
    admission.ran(Lane.EXPRESS, cost=10, seconds=0.1)  # 300 times slower: a pod that wakes beside others
    assert admission.bound(Lane.EXPRESS) > 300
    for _ in range(10_000):
        admission.ran(Lane.EXPRESS, cost=10, seconds=0.001)
    assert admission.bound(Lane.EXPRESS) == pytest.approx(3_000, rel=0.02)


def test_how_slow_small_batches_are_says_nothing_of_large_requests() -> None:
    door = Door()
    for _ in range(100):
        door.admission.ran(Lane.EXPRESS, cost=8, seconds=1)
    assert door.enter("a", 4_000) is Lane.BULK


def test_a_batch_is_short_on_a_slow_machine_and_full_on_a_fast_one() -> None:
    door = Door()
    assert (door.admission.batch_cost(Lane.BULK), door.admission.batch_cost(Lane.EXPRESS)) == (50, 50)
    fast = open_admission(FairQueue(), max_batch=1_000)
    assert fast.batch_cost(Lane.EXPRESS) == 1_000
    assert fast.batch_cost(Lane.LONG) == fast.batch_cost(Lane.BULK) == 512  # beside the other one


def test_patience_ends_soon_after_the_longest_wait_and_for_bulk_at_the_deadline() -> None:
    door = Door()
    for _ in range(100):
        door.admission.ran(Lane.EXPRESS, cost=50, seconds=0.05)
    assert 1 < door.admission.patience_s(Lane.EXPRESS, 10) < 1.5
    assert door.admission.patience_s(Lane.BULK, 10) == math.inf


def test_however_short_the_queue_who_was_let_in_outlasts_a_moment_in_which_nothing_moves() -> None:
    admission = open_admission(FairQueue(), max_wait_s=0.001)
    assert admission.patience_s(Lane.EXPRESS, 10) > 0.1


def test_the_texts_of_a_large_request_count_while_they_are_tokenised() -> None:
    door = Door()
    with door.admission.expecting(chars=8_000, longest=8_000):
        assert door.queue.cost(Lane.BULK) == 8_000 // 4 + 8_000 // 100 + 1
        with pytest.raises(Overloaded), door.admission.expecting(chars=8_000, longest=8_000):
            raise AssertionError
    assert door.queue.cost(Lane.BULK) == 0


def test_the_texts_of_a_small_one_do_not_so_that_hundreds_may_share_one_answer() -> None:
    door = Door()
    with door.admission.expecting(chars=100, longest=100):
        assert door.queue.cost(Lane.EXPRESS) == 0


def test_what_the_model_never_reads_costs_only_its_tokenising() -> None:
    assert Door().admission.expected_cost(2_000_000) == 2_000 + 20_000 + 1


def test_the_fuller_lane_is_what_is_watched() -> None:
    door = Door()
    door.enter("a", 500)
    assert door.admission.fullest() == (500, 4_000)
    door.enter_all("b", 10)
    assert door.admission.fullest() == (500, 500)
