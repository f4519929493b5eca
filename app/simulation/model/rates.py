"""The payout figures of a fund, an area and a fiscal year as of a day, from the auditor's books alone."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from app.simulation.model.amounts import MONTHS, RATE_ONE, ended, following, months_of, share
from app.simulation.model.books import (
    CASH,
    DECLARED,
    DUE,
    HELD,
    INCURRED,
    PAY_BY_DAY,
    PAYABLE,
    PREPAID,
    SETTLED,
    ModelPosting,
    ModelPurse,
)
from app.simulation.model.state import FLOORS, PLAN_DEPOSIT, ModelPart, ModelState

UNPAID: Final = PAYABLE | {event: -sign for event, sign in SETTLED.items()}


@dataclass(frozen=True)
class PayoutFigures:
    """The table of the contract; names are those of the API."""

    incurred: int
    deductions: int
    payable: int
    due: int
    disbursed: int
    cash: int
    offset: int
    year_end_offset: int
    final_paid: int
    final_payable: int
    disbursed_of_due: int
    required: int
    deposit: int
    late_declared: int


class Whose(StrEnum):
    """Whose purses are meant."""

    ALL = "all"
    HOSPITALS = "hospitals"
    PERSONS = "persons"


def purses_of(state: ModelState, area: str, fund: str, whose: Whose | str) -> list[ModelPurse]:
    """The purses of a fund and area: all, hospitals' or persons', or one hospital's by its code."""
    of_fund = state.books.of(area=area, fund=fund)
    if whose == Whose.ALL:
        return of_fund
    if whose in (Whose.HOSPITALS, Whose.PERSONS):
        return [one for one in of_fund if (one.hospital is None) == (whose == Whose.PERSONS)]
    return [one for one in of_fund if one.hospital == whose]


def figures(
    state: ModelState, area: str, fund: str, year: int, as_of: str, whose: Whose | str = Whose.ALL
) -> PayoutFigures:
    """The figures of a fund and area, of all purses or of some; the legal ones stand still from 31 December."""
    purses = purses_of(state, area, fund, whose)
    end = f"{year}-12-31"
    last = min(as_of, end)
    book = state.books
    incurred = book.total(purses, INCURRED, last, year)
    payable = book.total(purses, PAYABLE, last, year)
    cash, offset = book.total(purses, CASH, last, year), book.total(purses, {"offset": 1}, last, year)
    at_end = sum(_year_end_offset(state, purse, year) for purse in purses) if as_of >= end else 0
    disbursed = cash + offset + at_end
    return PayoutFigures(
        incurred=incurred,
        deductions=incurred - payable,
        payable=payable,
        due=sum(_due(state, purse, year, as_of) for purse in purses),
        disbursed=disbursed,
        cash=cash,
        offset=offset,
        year_end_offset=at_end,
        final_paid=book.total(purses, SETTLED, as_of, year),
        final_payable=book.total(purses, PAYABLE, as_of, year),
        disbursed_of_due=sum(_paid_of_due(state, purse, year, as_of) for purse in purses),
        required=max(0, -(-payable * FLOORS[fund] // RATE_ONE) - disbursed) if fund in FLOORS else 0,
        deposit=book.total(purses, HELD, as_of, year),
        late_declared=sum(_late(state, purse, year, as_of) for purse in purses),
    )


def _year_end_offset(state: ModelState, purse: ModelPurse, year: int) -> int:
    """Outstanding prepayment of the year up to the hospital's unpaid payable."""
    end = f"{year}-12-31"
    spare = state.books.total([purse], PREPAID, end, year)
    return max(0, min(spare, state.books.total([purse], UNPAID, end, year)))


def _known(state: ModelState, purse: ModelPurse, year: int, as_of: str) -> list[ModelPosting]:
    return [one for one in state.books[purse] if one.year == year and one.day <= as_of]


def _due(state: ModelState, purse: ModelPurse, year: int, as_of: str) -> int:
    return sum(one.into(DUE) for one in _known(state, purse, year, as_of) if one.due(as_of) <= as_of)


def _paid_of_due(state: ModelState, purse: ModelPurse, year: int, as_of: str) -> int:
    paid = sum(one.into(SETTLED) for one in _known(state, purse, year, as_of) if one.due(as_of) <= as_of)
    return min(_due(state, purse, year, as_of), paid)


def _late(state: ModelState, purse: ModelPurse, year: int, as_of: str) -> int:
    """Payable of ended months in no statement, or swept by a later month's; persons' claims are in none ever."""
    found = 0
    for one in _known(state, purse, year, as_of) if purse.hospital else []:
        whole = one.cuts or one
        of = whole.declared_on(as_of)
        late = ended(whole.period, as_of) if of is None else of.period > whole.period
        found += one.into(DECLARED) if late else 0
    return found


def reachable(deposit_rate: int, prepaid_months: int = 0) -> tuple[int, int]:
    """The best ratio that a plan can reach by the year's end, with even spending, as an exact fraction.

    Eleven months are paid, less their deposit; what is prepaid is taken as paid at the year's end, up to what is
    unpaid.
    """
    whole = MONTHS * RATE_ONE
    paid = (MONTHS - 1) * (RATE_ONE - deposit_rate) + min(prepaid_months * RATE_ONE, whole)
    return min(paid, whole), whole


def largest_deposit(floor: int) -> int:
    """The largest deposit rate with which even spending reaches a floor."""
    return next(rate for rate in range(RATE_ONE, -1, -1) if reaches(rate, floor))


def reaches(rate: int, floor: int) -> bool:
    """Whether even spending with a deposit reaches a floor by the year's end."""
    paid, whole = reachable(rate)
    return paid * RATE_ONE >= floor * whole


def known_only(state: ModelState, area: str, fund: str, year: int) -> bool:
    """Whether there is no last year to expect anything from."""
    purses = state.books.of(area=area, fund=fund)
    return not any(one.year == year - 1 for purse in purses for one in state.books[purse])


def expected(state: ModelState, area: str, fund: str, year: int, as_of: str) -> dict[str, int]:
    """For each month after the last declared one, last year's payable of that month (0 when it had nothing) less what
    is known of it, at least 0."""
    if known_only(state, area, fund, year):
        return {}
    last = last_declared(state, area, year, min(as_of, f"{year}-12-31"))
    found = {}
    for period in months_of(year):
        if period > last:
            before = of_month(state, area, fund, f"{year - 1}{period[4:]}", "9999")
            known = of_month(state, area, fund, period, as_of)
            found[period] = max(0, before - known)
    return found


def last_declared(state: ModelState, area: str, year: int, as_of: str) -> str:
    """The last month of the year that any hospital declared to an area, as known on a day; else the month before the
    year."""
    periods = [
        one.period
        for one in state.statements.values()
        if one.area == area and one.declared_on <= as_of < one.withdrawn_on
    ]
    return max([period for period in periods if period.startswith(str(year))], default=f"{year - 1}-12")


def of_month(state: ModelState, area: str, fund: str, period: str, as_of: str) -> int:
    """The payable of a month by the postings' own month, of its own fiscal year."""
    purses = state.books.of(area=area, fund=fund)
    year = int(period[:4])
    postings = (one for purse in purses for one in state.books[purse])
    return sum(one.into(PAYABLE) for one in postings if (one.period, one.year) == (period, year) and one.day <= as_of)


@dataclass(frozen=True)
class Projection:
    """What will be paid by the year's end if everything goes as planned."""

    scheduled: int
    expected: int
    known_only: bool
    part: int
    whole: int


class Instead(NamedTuple):
    """A part's deposit as an order would have it."""

    part: ModelPart
    deposit: int


def projected(
    state: ModelState, area: str, fund: str, year: int, as_of: str, instead: Instead | None = None
) -> Projection:
    """Of what is known or expected, all that is to be paid by 31 December, less its deposit; it stands still from
    then on."""
    day = min(as_of, f"{year}-12-31")
    now = figures(state, area, fund, year, day)
    coming = expected(state, area, fund, year, day)
    of_known = sum(_still_to_pay(state, purse, year, day, instead) for purse in state.books.of(area=area, fund=fund))
    of_coming = sum(_scheduled_of(amount, period, year) for period, amount in coming.items())
    scheduled = of_known + of_coming
    return Projection(
        scheduled=scheduled,
        expected=sum(coming.values()),
        known_only=known_only(state, area, fund, year),
        part=now.disbursed + scheduled,
        whole=now.payable + sum(coming.values()),
    )


def _still_to_pay(state: ModelState, purse: ModelPurse, year: int, day: str, instead: Instead | None) -> int:
    """What is due by 31 December and not disbursed; what one hospital has too much doesn't pay another."""
    disbursed = state.books.total([purse], SETTLED, day, year)
    disbursed += _year_end_offset(state, purse, year) if day >= f"{year}-12-31" else 0
    return max(0, _by_year_end(state, purse, year, day, instead) - disbursed)


def _by_year_end(state: ModelState, purse: ModelPurse, year: int, day: str, instead: Instead | None) -> int:
    """A purse's known payables that are due by 31 December, less deposits: an order's own, else the plan's."""
    groups: dict[str, int] = defaultdict(int)
    for one in _known(state, purse, year, day):
        if one.due(day) <= f"{year}-12-31":
            of = one.declared_on(day)
            groups[of.statement if of else one.period] += one.into(PAYABLE)
    found = 0
    for group, amount in groups.items():
        part = _part(state, purse, year, group)
        chosen = instead is not None and part is instead.part
        found += amount - (instead.deposit if instead and chosen else _deposit(purse, part, amount, day))
    return found


def _part(state: ModelState, purse: ModelPurse, year: int, group: str) -> ModelPart | None:
    statement = state.statements.get(group)
    parts = statement.parts if statement else []
    return next((part for part in parts if (part.purse, part.year) == (purse, year)), None)


def _deposit(purse: ModelPurse, part: ModelPart | None, amount: int, day: str) -> int:
    """What an order withholds of a month's amount, or will by the plan; nothing of what persons get."""
    if purse.hospital is None:
        return 0
    for order in part.orders if part else []:
        if order.made_on <= day < order.ended_on:
            return order.deposit
    return share(max(0, amount), PLAN_DEPOSIT)


def _scheduled_of(amount: int, period: str, year: int) -> int:
    return amount - share(amount, PLAN_DEPOSIT) if following(period, PAY_BY_DAY) <= f"{year}-12-31" else 0
