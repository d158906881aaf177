"""A name that is nearly ours is a slip; of thousands of others few are looked at."""

import difflib
from itertools import islice, permutations

import pytest

from lightsleeper.api.fields import refuse_slips
from lightsleeper.errors import InvalidInput


def test_of_a_thousand_strange_names_few_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    get_close_matches = difflib.get_close_matches

    def counting(name: str, *how: object) -> list[str]:
        compared.append(name)
        return get_close_matches(name, *how)  # type: ignore[call-overload, no-any-return]  # handed through

    monkeypatch.setattr("difflib.get_close_matches", counting)
    names = ["".join(letters) for letters in islice(permutations("noitacnurt"), 1_000)]
    refuse_slips(dict.fromkeys(names), ("truncation", "top_k"))
    assert len(compared) <= 20


def test_a_slip_among_strange_names_is_named() -> None:
    strange = [f"server_{number}" for number in range(10)]
    with pytest.raises(InvalidInput, match="'topk': did you mean 'top_k'"):
        refuse_slips(dict.fromkeys(["top_k", *strange, "topk"]), ("truncation", "top_k"))
