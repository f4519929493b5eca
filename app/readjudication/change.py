"""By how much a person-year changes, and what a run's dry run comes to. Pure; fen."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from app.basics.names import PORTION_NAMES
from app.settlement.document import owed_of
from app.settlement.person_year import Recomputed
from app.settlement.rows import PersonYear

PORTIONS: Final = tuple(PORTION_NAMES["zh"])
AMOUNTS: Final = ("bills", *PORTIONS, "fund_total", "patient_owes", "funds")
"""The columns that rows and outcomes have in common, in the order of the statements that write them."""


class YearChange(Struct, frozen=True, kw_only=True):
    """The differences of a person-year's settlements, summed: how many settlements change, each portion, what each
    fund owes more or less, and what the patient bears more of those settlements on which it is more."""

    bills: int = 0
    portions: dict[str, int] = {}
    funds: dict[str, int] = {}
    patient_owes: int = 0

    @property
    def fund_total(self) -> int:
        """What the funds owe more or less, all together."""
        return sum(self.funds.values())

    def columns(self) -> tuple[object, ...]:
        """The values of ``AMOUNTS``; ``funds`` as JSON."""
        portions = [self.portions.get(name, 0) for name in PORTIONS]
        funds = msgspec.json.encode(self.funds, order="deterministic").decode()
        return (self.bills, *portions, self.fund_total, self.patient_owes, funds)


NO_CHANGE: Final = YearChange()


def change_of(changed: Sequence[Recomputed]) -> YearChange:
    """What the changes of a person-year's settlements come to."""
    portions = dict.fromkeys(PORTIONS, 0)
    funds: dict[str, int] = {}
    owes = 0
    for item in changed:
        difference = item.difference
        for name in PORTIONS:
            portions[name] += getattr(difference.portions, name)
        for payable in owed_of(difference, item.inputs):
            funds[payable.fund] = funds.get(payable.fund, 0) + payable.amount
        owes += max(0, difference.portions.patient)
    return YearChange(
        bills=len(changed),
        portions=portions,
        funds={fund: amount for fund, amount in funds.items() if amount},
        patient_owes=owes,
    )


def standing_digest(found: PersonYear) -> bytes:
    """How a person-year stands, with those that a split settlement links it to: SHA-256 over the number of its entries
    and the results of its live settlements with their adjustments. Any entry that is added makes it another."""
    entries = [standing.entries for _, standing in sorted(found.years.items())]
    standing = [entries, [item.digests for item in found.standing]]
    return sha256(msgspec.json.encode(standing)).digest()


COVERED: Final = b""
"""What stands instead of the digest of a person-year that is computed with an earlier one of its run."""


class FundChange(Struct, frozen=True):
    """What a fund owes more for some person-years, and less for others."""

    increase: int
    decrease: int


class DryRun(Struct, frozen=True, kw_only=True):
    """What a dry run comes to, as it is stored with its run."""

    person_years: int
    persons: int
    changed: int
    unchanged: int
    refused: int
    bills: int
    portions: dict[str, int]
    funds: dict[str, FundChange]
    patients_owe: int
    patient_owes: int
    patients_get: int
    patient_gets: int

    @property
    def fund_total(self) -> int:
        """What the funds owe more or less, all together."""
        return sum(one.increase + one.decrease for one in self.funds.values())


def as_amounts(row: Mapping[str, object]) -> dict[str, int]:
    """The portions of a stored row."""
    return {name: int(str(row[name])) for name in PORTIONS}
