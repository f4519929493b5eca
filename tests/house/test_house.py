"""The house stays as small and as plain as it was made: what is measured here can only get better."""

from tests.house import measures
from tests.house.measures import Tree

TREE = Tree(measures.HERE)


def test_packages_have_one_direction() -> None:
    """At most eight modules lie loose in ``app/``, the contract is short, and no two packages import each other."""
    assert len(measures.loose_modules(TREE)) <= 8
    assert len(measures.contract_lines(TREE)) <= 15
    assert measures.two_way_pairs(TREE) == []


def test_functions_fit_a_screen() -> None:
    """No function of the service is longer than 70 lines."""
    assert [place for place in measures.long_functions(TREE) if place.startswith(("app/", "bench/"))] == []
