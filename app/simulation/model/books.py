"""The auditor's paper: postings by purse and what they add up to. Money is fen, days and periods are ISO strings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.simulation.model.amounts import following

PAY_BY_DAY: Final = 25
ACCOUNTS: Final = {  # event: debit, credit; a negative amount goes the other way
    "owed": ("expense", "payable"),
    "recovered": ("liable", "payable"),
    "deducted": ("payable", "expense"),
    "given_back": ("expense", "payable"),
    "withheld": ("payable", "deposit"),
    "released": ("deposit", "payable"),
    "forfeited": ("deposit", "expense"),
    "offset": ("payable", "prepaid"),
    "carried": ("payable", "carry"),
    "paid": ("payable", "cash"),
    "prepaid": ("prepaid", "cash"),
}
SHARED: Final = ("expense", "cash")  # one account per fund and area; the others are the hospital's or the claim's own
PROVEN: Final = ("payable", "expense", "prepaid", "deposit", "cash")  # the accounts that the contract names
INCURRED: Final = {"owed": 1, "recovered": 1}
DECLARED: Final = INCURRED | {"given_back": 1, "deducted": -1}
PAYABLE: Final = DECLARED | {"forfeited": -1}
HELD: Final = {"withheld": 1, "released": -1, "forfeited": -1}
DUE: Final = DECLARED | {"withheld": -1, "released": 1}  # payable less what is lawfully withheld
CASH: Final = {"paid": 1, "carried": 1}
SETTLED: Final = CASH | {"offset": 1}
PREPAID: Final = {"prepaid": 1, "offset": -1}
BALANCE: Final = DUE | {event: -sign for event, sign in SETTLED.items()}  # what the payable account owes


class ModelPurse(NamedTuple):
    """Whom a fund of an area owes: ``hospital:H1`` or ``claim:clm_1``."""

    party: str
    area: str
    fund: str

    @property
    def hospital(self) -> str | None:
        """The hospital, where it is one's purse."""
        return self.party.removeprefix("hospital:") if self.party.startswith("hospital:") else None


@dataclass
class ModelPosting:
    """An amount in a purse. ``statements`` are those that declared it, each with its first and last day; ``cuts`` is
    the posting that a deduction takes from."""

    purse: ModelPurse
    day: str
    year: int
    event: str
    amount: int
    settlement: str = ""
    period: str = ""
    cuts: "ModelPosting | None" = None
    pay_by: str = ""
    statements: list["Declared"] = field(default_factory=list)

    def into(self, signs: Mapping[str, int]) -> int:
        """What it adds to a sum of some events."""
        return self.amount * signs.get(self.event, 0)

    def declared_on(self, day: str) -> "Declared | None":
        """The statement that has it, as known on a day."""
        return next((one for one in self.statements if one.since <= day < one.until), None)

    def due(self, day: str) -> str:
        """By which day it is to be paid, as known on a day."""
        if self.pay_by:
            return self.pay_by
        of = self.declared_on(day)
        return following(of.period if of else self.period, PAY_BY_DAY)


@dataclass
class Declared:
    """A posting's stay in a statement: ``until`` is the day of the withdrawal."""

    statement: str
    period: str
    since: str
    until: str = "9999"


class Books(defaultdict[ModelPurse, list[ModelPosting]]):
    """The postings of every purse."""

    def __init__(self) -> None:
        super().__init__(list)

    def post(self, posting: ModelPosting) -> None:
        """Book an amount, unless it is 0."""
        if posting.amount:
            posting.period = posting.period or posting.day[:7]
            self[posting.purse].append(posting)

    def of(self, *, area: str | None = None, fund: str | None = None) -> list[ModelPurse]:
        """The purses of an area and a fund."""
        return [purse for purse in self if area in (None, purse.area) and fund in (None, purse.fund)]

    def total(self, purses: Iterable[ModelPurse], signs: Mapping[str, int], until: str = "9999", year: int = 0) -> int:
        """The signed sum of some events, dated until a day, of one year where it is named."""
        dated = (one for purse in purses for one in self[purse] if one.day <= until and year in (0, one.year))
        return sum(one.into(signs) for one in dated)

    def undeclared(self, hospital: str, area: str, period: str) -> list[ModelPosting]:
        """What the next statement of a month takes: what no live statement has, of that month or an earlier one."""
        purses = [purse for purse in self if purse.hospital == hospital and purse.area == area]
        return [
            one
            for purse in purses
            for one in self[purse]
            if one.event in DECLARED and one.period <= period and one.declared_on("9998") is None
        ]

    def balances(self) -> dict[str, int]:
        """Debit less credit of every account that the contract names; those of 0 are left out."""
        sums: dict[str, int] = defaultdict(int)
        for posting in self.postings():
            debit, credit = ACCOUNTS[posting.event]
            for kind, amount in ((debit, posting.amount), (credit, -posting.amount)):
                if kind in PROVEN:
                    sums[_path(posting.purse, kind)] += amount
        return {path: amount for path, amount in sums.items() if amount}

    def postings(self) -> Iterator[ModelPosting]:
        """Every posting."""
        return (one for book in self.values() for one in book)


def _path(purse: ModelPurse, kind: str) -> str:
    whose = "" if kind in SHARED else f"/{purse.party}"
    return f"area:{purse.area}/fund:{purse.fund}/{kind}{whose}"
