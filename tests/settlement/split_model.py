"""A plain model of a person's years under the Taiyuan scheme with small figures, written from the specification alone.

It keeps the bills in the order of settling and computes all of them again from nothing after each operation: two years
for a stay over the turn of the year, each with its own figures. Money is an integer number of fen.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from random import Random

DEDUCTIBLE = {1: 200_00, 2: 500_00, 3: 1000_00}
CAP_YEAR = 3000_00
SERIOUS_FROM = 1000_00
OUTPATIENT_RATE = Fraction(1, 2)
SERIOUS_RATE = Fraction(6, 10)
CLASSES = (
    *("destitute", "low_income", "returned_poverty", "registered_poor", "monitored", "low_income_edge"),
    *("illness_poverty", "ordinary"),
)


def by_class(rate: str, poor: str) -> str:
    """A rate of the pack by class: another one for low-income persons."""
    return "{" + ", ".join(f'{name}: "{poor if name == "low_income" else rate}"' for name in CLASSES) + "}"


SMALL = (
    ("value: 70000,", "value: 3000,"),
    ("value: 10000,", "value: 1000,"),
    ("title: 住院支付比例\n    unit: rate\n", "title: 住院支付比例\n    unit: rate\n    by: [class]\n"),
    ('value: "0.70"', f"value: {by_class('0.70', '0.90')}"),
    ('value: "0.75"', f"value: {by_class('0.75', '0.95')}"),
)
"""What in the pack's text to replace, so that small bills reach its bounds and the class counts."""
SHOWN = ("deductible_paid", "basic_paid", "serious_base", "serious_paid", "own_total", "compliant_own")
FUNDS = {"basic": "390100", "serious_illness": "390200"}


def basic_rate(year: int, poor: bool) -> Fraction:
    """70 % to 2020, 75 % from 2021; 20 more for low-income persons."""
    return Fraction((70 if year < 2021 else 75) + (20 if poor else 0), 100)


def half_up(value: Fraction) -> int:
    """To the fen."""
    return int(value + Fraction(1, 2))


@dataclass
class Charged:
    """A line: two units, what they cost together, when, and whether they are in scope."""

    day: date
    amount: int
    covered: bool
    refunded: bool = False

    @property
    def left(self) -> int:
        """What is left of it after half of it was taken back."""
        return self.amount // 2 if self.refunded else self.amount


@dataclass
class Kept:
    """A settled bill: its visit, what it is, its lines, and what it came to by benefit year."""

    visit: str
    level: int
    inpatient: bool
    admitted: date
    discharged: date
    lines: list[Charged]
    live: bool = True
    elsewhere: int = 0
    deductible: int = 0
    parts: dict[int, Counter[str]] = field(default_factory=dict)

    @property
    def split(self) -> bool:
        """Whether it is a stay over the turn of the year."""
        return self.inpatient and self.admitted.year < self.discharged.year

    @property
    def years(self) -> list[int]:
        """The benefit years that it counts in, oldest first."""
        year = self.discharged.year
        return [year - 1, year] if self.split else [year]

    def portions(self) -> Counter[str]:
        """What it comes to, all years together; nothing after a reversal."""
        return sum(self.parts.values(), Counter()) if self.live else Counter()


class Years:
    """A person: every bill in the order of settling, and the years that they leave."""

    def __init__(self) -> None:
        self.bills: list[Kept] = []
        self.poor = False
        self.years: dict[int, Counter[str]] = {}

    def settle(self, bill: Kept) -> None:
        """Add a bill; what its episode paid in years that it doesn't touch is kept with it."""
        earlier = [one for one in self.bills if one.live and one.visit == bill.visit and one.inpatient]
        bill.elsewhere = sum(one.deductible for one in earlier if not set(one.years) & set(bill.years))
        self.bills.append(bill)
        self.compute()

    def compute(self) -> None:
        """Compute every live bill again, in order, after empty years."""
        self.years = {}
        done: list[Kept] = []
        for bill in self.bills:
            if not bill.live:
                continue
            same = [
                one for one in done if one.visit == bill.visit and one.inpatient and set(one.years) & set(bill.years)
            ]
            paid = bill.elsewhere + sum(one.deductible for one in same)
            bill.parts, bill.deductible = {}, 0
            for year in bill.years:
                mine = [
                    line
                    for line in bill.lines
                    if not bill.split or (line.day.year == bill.years[1]) == (year == bill.years[1])
                ]
                part = self.part(bill, year, mine, paid + bill.deductible)
                bill.deductible += part["deductible"]
                bill.parts[year] = part
            done.append(bill)
            for year in {one.years[0] for one in done}:
                visits = {one.visit for one in done if one.inpatient and one.years[0] == year}
                self.of(year)["inpatient_count"] = len(visits)

    def of(self, year: int) -> Counter[str]:
        """The accumulators of a year."""
        return self.years.setdefault(year, Counter())

    def part(self, bill: Kept, year: int, lines: list[Charged], paid: int) -> Counter[str]:
        """What the lines of one year come to, and let the year grow by it."""
        known, total = self.of(year), sum(line.left for line in lines)
        scope = sum(line.left for line in lines if line.covered)
        if not bill.inpatient:
            basic = half_up(scope * OUTPATIENT_RATE)
            known["own_total"] += total - basic
            return Counter(basic=basic, patient=total - basic)
        used = min(max(0, DEDUCTIBLE[bill.level] - paid), scope)
        basic = max(0, min(half_up((scope - used) * basic_rate(year, self.poor)), CAP_YEAR - known["basic_paid"]))
        before, after = known["serious_base"], known["serious_base"] + scope - basic
        serious = half_up(SERIOUS_RATE * (max(0, after - SERIOUS_FROM) - max(0, before - SERIOUS_FROM)))
        own = total - basic - serious
        known["serious_base"] = after
        for name, amount in (
            ("deductible_paid", used),
            ("basic_paid", basic),
            ("serious_paid", serious),
            ("own_total", own),
            ("compliant_own", own),
        ):
            known[name] += amount
        return Counter(basic=basic, serious_illness=serious, patient=own, deductible=used)

    def later(self, bill: Kept) -> bool:
        """Whether a live bill was settled later in a year that this one counts in."""
        number = self.bills.index(bill)
        return any(one.live and set(one.years) & set(bill.years) for one in self.bills[number + 1 :])

    def owed(self) -> Counter[tuple[str, int]]:
        """What each fund owes for each benefit year."""
        amounts: Counter[tuple[str, int]] = Counter()
        for bill in self.bills:
            for year, part in bill.parts.items() if bill.live else ():
                for tier, fund in FUNDS.items():
                    amounts[fund, year] += part[tier]
        return Counter({key: amount for key, amount in amounts.items() if amount})


def some_bill(rng: Random, model: Years) -> Kept:
    """A stay over a turn of the year or within one, an outpatient visit, or the next bill of an earlier visit."""
    turn = date(rng.choice((2019, 2020)), 12, 31)
    kind = rng.choice(("split", "split", "split", "within", "outpatient"))
    admitted = turn - timedelta(days=rng.randint(0, 20))
    discharged = turn + timedelta(days=rng.randint(1, 20))
    level, visit = rng.choice((1, 2, 3)), f"ZY{secrets.token_hex(4)}"
    if kind != "split":
        admitted = turn + timedelta(days=rng.choice((-40, -30, 30, 40)))
        discharged = admitted + timedelta(days=rng.randint(1, 5)) if kind == "within" else admitted
    stays = [one for one in model.bills if one.live and one.inpatient and one.discharged < date(2021, 5, 31)]
    if kind != "outpatient" and stays and rng.random() < 0.4:
        former = rng.choice(stays)
        visit, level = former.visit, former.level
        admitted = former.discharged + timedelta(days=1)
        discharged = admitted + timedelta(days=rng.choice((3, 40, 350)))
    span = (discharged - admitted).days
    lines = [
        Charged(admitted + timedelta(days=rng.randint(0, span)), 2 * rng.randint(0, 900_00), rng.random() < 0.8)
        for _ in range(rng.randint(1, 4))
    ]
    return Kept(visit, level, kind != "outpatient", admitted, min(discharged, date(2021, 5, 31)), [
        Charged(min(one.day, date(2021, 5, 31)), one.amount, one.covered) for one in lines
    ])  # fmt: skip
