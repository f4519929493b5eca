"""The auditor's paper: postings by purse, and what they add up to. Money is fen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

PAY_BY_DAY: Final = 25
FLOORS: Final = {"390100": 8500}
ACCOUNTS: Final = {  # event: debit, credit; a negative amount goes the other way
    "owed": ("expense", "payable"),
    "claim": ("expense", "person"),
    "recovered": ("liable", "payable"),
    "deducted": ("payable", "expense"),
    "undeducted": ("expense", "payable"),
    "withheld": ("payable", "deposit"),
    "released": ("deposit", "payable"),
    "forfeited": ("deposit", "expense"),
    "offset": ("payable", "prepaid"),
    "carried": ("payable", "carry"),
    "sent": ("committed", "ordered"),
    "paid": ("payable", "cash"),
    "prepaid": ("prepaid", "cash"),
}
OF_HOSPITAL: Final = ("payable", "deposit", "prepaid", "carry", "ordered")
OWED: Final = {"owed": 1, "recovered": 1}
DECLARED: Final = OWED | {"undeducted": 1}
PAYABLE: Final = DECLARED | {"deducted": -1, "forfeited": -1}
HELD: Final = {"withheld": 1, "released": -1, "forfeited": -1}
DUE: Final = DECLARED | {"deducted": -1, "withheld": -1, "released": 1}  # payable less what is lawfully withheld
SETTLED: Final = {"paid": 1, "carried": 1, "offset": 1}
UNPAID: Final = PAYABLE | dict.fromkeys(SETTLED, -1)
RATE_ONE: Final = 10_000
Purse = tuple[str, str, str]  # hospital, paying area, fund


def fen(text: str) -> int:
    """Yuan, or a rate, as an integer of its last decimal."""
    return int(text.replace(".", ""))


def share(amount: int, rate: int) -> int:
    """A share in ten-thousandths, half-up."""
    return (2 * amount * rate + RATE_ONE) // (2 * RATE_ONE)


def following(period: str, day: int) -> str:
    """A day of the month after."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:7]), 12)
    return f"{year}-{month + 1:02d}-{day:02d}"


class Posting(NamedTuple):
    """An amount in a purse, on a day, of a fiscal year; once declared, of a statement."""

    day: str
    year: int
    event: str
    amount: int
    of: str | None = None
    settlement: str | None = None
    person: str | None = None

    def into(self, signs: Mapping[str, int]) -> int:
        """What it adds to a sum of some events."""
        return self.amount * signs.get(self.event, 0)


class Books(defaultdict[Purse, list[Posting]]):
    """The postings of every purse, and by which day each statement is to be paid."""

    def __init__(self) -> None:
        super().__init__(list)
        self.pay_by: dict[str, str] = {}

    def post(self, purse: Purse, day: str, year: int, event: str, amount: int, *of: str | None) -> None:
        """Book an amount, unless it is 0."""
        self[purse] += [Posting(day, year, event, amount, *of)] if amount else []

    def balances(self) -> dict[str, tuple[int, int]]:
        """Debits and credits of every account."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for purse, one in [(purse, one) for purse, book in self.items() for one in book]:
            for side, kind in enumerate(ACCOUNTS[one.event]):
                path = {"person": f"payable/person:{one.person}", "liable": f"receivable/liable:{one.settlement}"}.get(
                    kind, kind
                )
                path += f"/hospital:{purse[0]}" if kind in OF_HOSPITAL else ""
                sums[f"area:{purse[1]}/fund:{purse[2]}/{path}"][side if one.amount > 0 else 1 - side] += abs(one.amount)
        return {path: (debit, credit) for path, (debit, credit) in sums.items()}

    def total(self, purses: Iterable[Purse], year: int, signs: Mapping[str, int], until: str, due: str = "9999") -> int:
        """The signed sum of some events of a year, dated until a day; ``due``: only what is to be paid by a day."""
        dated = [one for purse in purses for one in self[purse] if one.year == year and one.day <= until]
        pay_by = [self.pay_by[one.of] if one.of else following(one.day[:7], PAY_BY_DAY) for one in dated]
        return sum(one.into(signs) for one, day in zip(dated, pay_by, strict=True) if day <= due)

    def figures(self, area: str, fund: str, year: int, as_of: str, hospital: str | None = None) -> dict[str, int]:
        """The payout figures of an area's fund as of a day, of one hospital or of all; legal ones end with the year."""
        purses = [purse for purse in self if purse[1:] == (area, fund) and hospital in (None, purse[0])]
        end = f"{year}-12-31"
        last = min(as_of, end)
        figures = {
            "incurred": self.total(purses, year, OWED, last),
            "payable": self.total(purses, year, PAYABLE, last),
            "cash": self.total(purses, year, {"paid": 1, "carried": 1}, last),
            "offset": self.total(purses, year, {"offset": 1}, last),
            "deposit": self.total(purses, year, HELD, as_of),
            "final_paid": self.total(purses, year, SETTLED, as_of),
            "final_payable": self.total(purses, year, PAYABLE, as_of),
        }
        due = {purse: self.total([purse], year, DUE, as_of, as_of) for purse in purses}
        of_due = {purse: self.total([purse], year, SETTLED, as_of, as_of) for purse in purses}
        spare = {purse: self.total([purse], year, {"prepaid": 1, "offset": -1}, end) for purse in purses}
        unpaid = {purse: self.total([purse], year, UNPAID, end) for purse in purses}
        figures["due"] = sum(due.values())
        figures["disbursed_of_due"] = sum(min(due[purse], of_due[purse]) for purse in purses)
        at_end = sum(max(0, min(spare[purse], unpaid[purse])) for purse in purses)
        figures["year_end_offset"] = at_end if as_of >= end else 0
        figures["deductions"] = figures["incurred"] - figures["payable"]
        figures["disbursed"] = figures["cash"] + figures["offset"] + figures["year_end_offset"]
        bound = -(-figures["payable"] * FLOORS.get(fund, 0) // RATE_ONE)
        figures["required"] = max(0, bound - figures["disbursed"])
        return figures
