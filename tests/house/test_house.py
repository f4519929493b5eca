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
    """No function is longer than 70 lines, but the oracle's, which goes beside the specification in one straight
    line."""
    assert [place for place in measures.long_functions(TREE) if not place.startswith("tests/tiers/oracle.py:")] == []


def test_functions_take_few_parameters() -> None:
    """No function takes more than seven parameters."""
    assert measures.many_parameters(TREE) == []


def test_lines_can_be_read_side_by_side() -> None:
    """No line is wider than 120 columns, where a Chinese character takes two."""
    assert measures.wide_lines(TREE) == []


def test_types_say_what_things_are() -> None:
    """``Any`` stands at most five times in a thousand lines of the service."""
    assert measures.any_per_thousand(TREE) <= measures.MOST_ANY


def test_each_thing_has_one_home() -> None:
    """No class name is used twice, and no function of the database has two texts."""
    assert measures.twice_named_classes(TREE) == []
    assert measures.sql_functions_with_several_texts(TREE) == []
