from collections.abc import Hashable, Iterable

from lightsleeper.pipeline.fair_queue import FairQueue, Lane, Place


def queue_of(*places: tuple[str, Hashable, int, Lane]) -> FairQueue[str]:
    """Items with their client, cost and lane; their kind is their first letter."""
    queue: FairQueue[str] = FairQueue()
    for item, client, cost, lane in places:
        queue.push(Place(item, item[0], cost, lane, client))
    return queue


def served(queue: FairQueue[str], max_cost: int = 1) -> list[list[str]]:
    batches = []
    while (lane := queue.next_lane(Lane)) is not None:
        batches.append([place.item for place in queue.take(lane, max_cost)])
    return batches


def flat(batches: Iterable[list[str]]) -> str:
    return " ".join(item for batch in batches for item in batch)


def test_clients_take_turns_whatever_the_order_of_their_arrival() -> None:
    places = [(f"{client}{n}", client, 1, Lane.EXPRESS) for client in "abc" for n in range(3)]
    assert flat(served(queue_of(*places))) == "a0 b0 c0 a1 b1 c1 a2 b2 c2"


def test_turns_are_shared_by_cost_not_by_number() -> None:
    large = [(f"a{n}", "a", 3, Lane.EXPRESS) for n in range(2)]
    small = [(f"b{n}", "b", 1, Lane.EXPRESS) for n in range(6)]
    assert flat(served(queue_of(*large, *small))) == "a0 b0 b1 b2 a1 b3 b4 b5"


def test_a_client_that_was_away_has_saved_nothing_up_and_owes_nothing() -> None:
    queue = queue_of(*((f"a{n}", "a", 1, Lane.EXPRESS) for n in range(4)))
    queue.take(Lane.EXPRESS, 1)
    queue.take(Lane.EXPRESS, 1)
    for n in range(3):
        queue.push(Place(f"b{n}", "b", 1, Lane.EXPRESS, "b"))
    assert flat(served(queue)) == "a2 b0 a3 b1 b2"


def test_who_comes_again_at_once_is_not_before_who_has_waited() -> None:
    queue = queue_of(("a0", "a", 1, Lane.EXPRESS), ("a1", "a", 1, Lane.EXPRESS))
    order = []
    for n in range(4):
        queue.push(Place(f"b{n}", "b", 1, Lane.EXPRESS, "b"))  # one at a time, back as soon as it was served
        order += [place.item for place in queue.take(Lane.EXPRESS, 1)]
        order += [place.item for place in queue.take(Lane.EXPRESS, 1)]
    assert order == ["a0", "b0", "a1", "b1", "b2", "b3"]


def test_who_withdraws_has_not_been_served() -> None:
    queue = queue_of(("a0", "a", 1, Lane.EXPRESS), ("b0", "b", 1, Lane.EXPRESS), ("b1", "b", 1, Lane.EXPRESS))
    large = Place("a1", "a", 100, Lane.EXPRESS, "a")
    queue.push(large)
    queue.leave(large)
    queue.push(Place("a2", "a", 1, Lane.EXPRESS, "a"))
    assert flat(served(queue)) == "a0 b0 b1 a2"


def test_who_waits_is_served_however_many_new_ones_come() -> None:
    queue = queue_of(*((f"w{n}", "waiter", 1, Lane.EXPRESS) for n in range(3)))
    order = []
    for n in range(20):
        queue.push(Place(f"x{n}", "x", 1, Lane.EXPRESS, f"passer-by {n}"))
        order += [place.item for place in queue.take(Lane.EXPRESS, 1)]
    assert {"w0", "w1", "w2"} <= set(order)


def test_what_a_client_had_while_others_were_on_their_way_keeps_it_waiting_behind_nobody_who_is_new() -> None:
    queue = queue_of(("a0", "a", 10, Lane.BULK))
    queue.hold("b", Lane.BULK, 1)
    for n in range(100):
        queue.push(Place(f"a{n + 1}", "a", 10, Lane.BULK, "a"))
        queue.take(Lane.BULK, 1)
    for n in range(1_000):
        queue.push(Place(f"c{n}", "c", 1, Lane.BULK, "c"))
    assert flat(served(queue)).split().index("a100") <= 10


def test_who_was_served_is_forgotten_once_everybody_has_been() -> None:
    queue = queue_of(("w", "waiter", 1_000_000, Lane.BULK), ("v", "other", 1, Lane.EXPRESS))
    for n in range(10_000):
        queue.push(Place(f"x{n}", "x", 1, Lane.EXPRESS, f"passer-by {n}"))
        queue.take(Lane.EXPRESS, 1)
    assert len(queue._lanes[Lane.EXPRESS].turns) < 2_000  # noqa: SLF001  # the bound has no other face
    queue.take(Lane.EXPRESS, 1000)
    assert not queue._lanes[Lane.EXPRESS].turns  # noqa: SLF001  # see above


def test_so_is_who_only_announced_himself() -> None:
    queue = queue_of(("w", "waiter", 1_000_000, Lane.BULK))
    for n in range(10_000):
        queue.hold(f"passer-by {n}", Lane.BULK, 1)
        queue.release(f"passer-by {n}", Lane.BULK, 1)
    assert len(queue._lanes[Lane.BULK].turns) < 2_000  # noqa: SLF001  # see above


def test_long_texts_get_three_quarters_of_a_worker_while_large_requests_wait() -> None:
    long = [(f"e{n}", "a", 1, Lane.LONG) for n in range(6)]
    bulk = [(f"b{n}", "b", 1, Lane.BULK) for n in range(4)]
    assert flat(served(queue_of(*long, *bulk))) == "e0 b0 e1 e2 e3 b1 e4 e5 b2 b3"


def test_a_long_text_is_next_however_long_the_bulk_lane_has_been_alone() -> None:
    queue = queue_of(*((f"b{n}", "b", 1, Lane.BULK) for n in range(10)))
    for _ in range(8):
        queue.take(Lane.BULK, 1)
    queue.push(Place("e0", "e", 1, Lane.LONG, "a"))
    assert flat(served(queue)) == "e0 b8 b9"


def test_how_much_was_sent_to_other_workers_decides_nothing_between_the_long_and_the_large() -> None:
    queue = queue_of(*((f"b{n}", "b", 1, Lane.BULK) for n in range(4)))
    for n in range(1_000):
        queue.push(Place(f"e{n}", "e", 1, Lane.EXPRESS, "a"))
        queue.take(Lane.EXPRESS, 1)
    queue.take(Lane.BULK, 1)
    queue.push(Place("l0", "l", 1, Lane.LONG, "c"))
    assert queue.next_lane([Lane.LONG, Lane.BULK]) is Lane.LONG


def test_a_worker_is_given_only_what_it_asks_for() -> None:
    queue = queue_of(("e0", "a", 1, Lane.EXPRESS), ("b0", "a", 1, Lane.BULK))
    assert queue.next_lane([Lane.LONG, Lane.BULK]) is Lane.BULK
    assert queue.next_lane([Lane.LONG]) is None


def test_a_lane_alone_takes_everything() -> None:
    assert flat(served(queue_of(*((f"b{n}", "b", 1, Lane.BULK) for n in range(4))))) == "b0 b1 b2 b3"


def test_a_batch_is_of_one_kind_and_cost_and_begins_with_whose_turn_it_is() -> None:
    places = [(item, "c", 2, Lane.EXPRESS) for item in ("x0", "y0", "x1", "x2", "y1")]
    assert served(queue_of(*places), max_cost=4) == [["x0", "x1"], ["y0", "y1"], ["x2"]]


def test_one_item_larger_than_a_batch_is_still_taken() -> None:
    assert served(queue_of(("x", "c", 9, Lane.BULK)), max_cost=4) == [["x"]]


def test_who_leaves_is_neither_counted_nor_served() -> None:
    queue: FairQueue[str] = FairQueue()
    places = [Place(f"x{n}", "x", 2, Lane.EXPRESS, client) for n, client in enumerate("aab")]
    for place in places:
        queue.push(place)
    queue.leave(places[0])
    queue.leave(places[2])
    assert (len(queue), queue.cost(Lane.EXPRESS), queue.clients(Lane.EXPRESS)) == (1, 2, 1)
    assert (queue.cost_of("a", Lane.EXPRESS), queue.cost_of("b", Lane.EXPRESS)) == (2, 0)
    assert flat(served(queue)) == "x1"
    assert (len(queue), queue.cost(Lane.EXPRESS), queue.clients(Lane.EXPRESS)) == (0, 0, 0)


def test_draining_takes_what_is_left_in_all_lanes() -> None:
    queue = queue_of(("e", "a", 1, Lane.EXPRESS), ("b", "a", 1, Lane.BULK), ("c", "b", 1, Lane.BULK))
    queue.push(Place("d", "d", 1, Lane.LONG, "a"))
    assert sorted(place.item for place in queue.drain()) == ["b", "c", "d", "e"]
    assert queue.next_lane(Lane) is None
