"""Which dated figures of a pack its golden cases touch: a figure that no case touches can be changed unseen. Pure.

A case touches a row when the explanation of one of its bills gives the row as a basis. Figures that no rule uses
aren't asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.policies.cases import Case, CaseBill, outcomes
from app.tiers.model import Episode, Outcome, Scope
from app.tiers.pack import Pack, Row
from app.tiers.policy import Policy, PolicyBook
from app.tiers.state import State

Key = tuple[str, str, int, str, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """A row of a parameter that rules use, in the interval in which it holds, and how many bills of cases touch it."""

    parameter: str
    title: str
    row: Row
    bills: int


def coverage(pack: Pack, cases: Iterable[Case], book: PolicyBook) -> list[Covered]:
    """Every row that the rules of a pack can use, with the number of bills that touch it."""
    touched: dict[Key, int] = {}
    for case in cases:
        for item, outcome, _ in outcomes(case, book):
            if outcome is not None:
                for key in _touched(item, outcome, book):
                    touched[key] = touched.get(key, 0) + 1
    return [
        Covered(name, pack.parameters[name].title, row, touched.get(_key(name, row), 0))
        for name in _used(pack)
        for row in pack.parameters[name].rows
        if any(version.since < (row.until or version.since.max) for version in pack.versions)
    ]


def _used(pack: Pack) -> list[str]:
    """The parameters that rules use, and those that their values are a share of."""
    names = {name for version in pack.versions for rule in version.rules for name in rule.parameters.values()}
    shares = [row.derivation().get("of_parameter") for name in names for row in pack.parameters[name].rows]
    return sorted(names | {str(name) for name in shares if name is not None})


def _touched(item: CaseBill, outcome: Outcome, book: PolicyBook) -> set[Key]:
    """The rows that the steps of an outcome name as their basis."""
    policy = book.on(item.bill.discharged_on, item.facts.area_code, item.facts.insurance_type)
    state = State(item.bill, item.facts, Scope(0, 0, 0, 0), {}, Episode(), policy)
    rules = {rule.rule: rule for rule in policy.rules}
    found: set[Key] = set()
    for step in outcome.trace:
        rule = rules.get(step.rule)
        if rule is None:
            continue
        named = {basis.parameter for basis in step.basis}
        facts = state.rule_facts(rule)
        for name in named & set(rule.parameters.values()):
            found.update(_rows_of(policy, name, facts))
        if "diseases" in rule.parameters:
            found.update(_rows_of(policy, rule.parameters["diseases"], {}))
    return found


def _rows_of(policy: Policy, name: str, facts: dict[str, str]) -> Iterator[Key]:
    return (_key(parameter, row) for parameter, row in policy.figure(name, facts).rows)


def _key(parameter: str, row: Row) -> Key:
    return parameter, row.file, row.line, str(row.since), str(row.selectors)
