from lightsleeper.cache.lru import Lru


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    entries = Lru[str](2, 1_000, len)
    entries.put(b"1", "one")
    entries.put(b"2", "two")
    entries.get(b"1")
    entries.put(b"3", "three")
    assert [entries.get(key) for key in (b"1", b"2", b"3")] == ["one", None, "three"]


def test_the_size_of_what_is_held_never_exceeds_the_bound() -> None:
    entries = Lru[str](1_000, 10, len)
    for size in (4, 5, 9, 1, 10):
        entries.put(bytes([size]), "x" * size)
    assert [entries.get(bytes([size])) is not None for size in (4, 5, 9, 1, 10)] == [False, False, False, False, True]


def test_a_value_put_again_takes_the_place_of_the_first() -> None:
    entries = Lru[str](1_000, 10, len)
    for value in ("x" * 8, "x" * 2, "x" * 8):
        entries.put(b"1", value)
    assert (len(entries), entries.get(b"1")) == (1, "x" * 8)


def test_a_value_larger_than_the_bound_is_not_held() -> None:
    entries = Lru[str](1_000, 10, len)
    entries.put(b"1", "x" * 11)
    assert len(entries) == 0
