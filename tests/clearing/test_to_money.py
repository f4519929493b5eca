"""How long money takes, by its amounts."""

import pytest

from app.clearing.to_money import within


@pytest.mark.parametrize(
    ("passed", "half", "most"),
    [
        ([(26, 90_000)], 26, 26),
        ([(1, 50), (30, 50)], 1, 30),
        ([(1, 49), (30, 51)], 30, 30),
        ([(0, 9_400), (40, 500), (90, 100)], 0, 40),
    ],
)
def test_amounts_weigh(passed: list[tuple[int, int]], half: int, most: int) -> None:
    """Within how many days half of the money came, and within how many 95 % of it."""
    assert (within(passed, percent=50), within(passed, percent=95)) == (half, most)
