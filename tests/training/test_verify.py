import pytest

pytest.importorskip("torch")

from lightsleeper.training.verify import chance_of_loss

pytestmark = pytest.mark.torch


def sides(*, lost: int, won: int, same: int = 100) -> tuple[list[bool], list[bool]]:
    """The answers before and after, right or wrong, of texts of which so many changed sides."""
    return [True] * lost + [False] * won + [True] * same, [False] * lost + [True] * won + [True] * same


@pytest.mark.parametrize(
    ("lost", "won", "chance"), [(0, 0, 1.0), (1, 0, 0.5), (1, 1, 0.75), (5, 0, 1 / 32), (0, 5, 1.0), (6, 2, 37 / 256)]
)
def test_the_chance_of_a_loss_is_the_binomial_tail(lost: int, won: int, chance: float) -> None:
    assert chance_of_loss(*sides(lost=lost, won=won)) == pytest.approx(chance)


def test_one_text_that_changed_sides_proves_no_loss_and_twenty_do() -> None:
    assert chance_of_loss(*sides(lost=1, won=0)) > 0.05
    assert chance_of_loss(*sides(lost=20, won=3)) < 0.001
