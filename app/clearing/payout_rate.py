"""Payout rates 拨付率 as they are shown, and the floor an order's deposit may not go below
(docs/specification/clearing.md, section 7).

Nothing here is posted. Ratios are compared in integer fen and shown rounded down.
"""

from collections.abc import Collection, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, Refused
from app.basics.money import RATE_ONE, rate_text, share, yuan
from app.clearing.moves import business_now, pooling_area_of, today
from app.clearing.payout_base import FUND, GROUPS, Wanted, floor_known
from app.clearing.payout_query import Figures, all_figures, payout_figures
from app.clearing.plan import Plan, fund_faults
from app.service.caller import Caller, Service
from app.service.lists import Filters
from app.service.wire import AreaCode, Code, Day
from app.tiers.model import FUNDS
from app.tiers.payout_plan import largest_deposit, reachable

LAST_YEAR: Final = "last_year"
KNOWN_ONLY: Final = "known_only"


class PayeesAnswer(Struct):
    """The part of the figures that hospitals, or persons with claims, are owed; yuan, the ratio as beside it."""

    incurred: str
    payable: str
    disbursed: str
    incurred_ratio: str | None


class RateAnswer(Struct):
    """The payout figures of one group as of a day; yuan, and ratios with four decimals rounded down, null over nothing.

    From 31 December on ``incurred`` to ``incurred_ratio``, ``required`` and ``projected_ratio`` stand still;
    ``final_…``, ``due``, ``matured_ratio``, ``overdue`` and ``deposit`` go on."""

    fund: str | None
    area_code: str | None
    hospital_code: str | None
    period: str | None
    year: int
    as_of: date
    incurred: str
    deductions: str
    payable: str
    due: str
    disbursed: str
    cash: str
    offset: str
    year_end_offset: str
    incurred_ratio: str | None
    final_ratio: str | None
    final_paid: str
    final_payable: str
    matured_ratio: str | None
    disbursed_of_due: str
    projected_ratio: str | None
    scheduled: str
    expected: str
    projection: str
    floor: str | None
    statutory: bool
    required: str
    overdue: str
    late_declared: str
    deposit: str
    hospitals: PayeesAnswer
    persons: PayeesAnswer


class RateFilters(Filters, frozen=True):
    """The rates of a year as of a day, grouped by columns with commas between them."""

    year: int
    as_of: Day | None = None
    fund: Code | None = None
    area_code: AreaCode | None = None
    hospital_code: Code | None = None
    group_by: Code = FUND


async def rates_of(
    service: Service, connection: AsyncConnection, caller: Caller, asked: RateFilters
) -> list[RateAnswer]:
    """The rows that a reader asks for (``GET /v1/payout-rates``), today and of their own area where nothing else is
    said. Refused for a fund or a group that there isn't."""
    groups, fund = tuple(asked.group_by.split(",")), asked.fund
    faults = []
    if not set(groups) <= set(GROUPS):
        faults.append(Fault("/query/group_by", "not_in_list", {"allowed": ", ".join(GROUPS)}))
    if fund is not None:
        faults += fund_faults(service.book, fund, "/query/fund")
    if faults:
        raise Refused(faults)
    area = asked.area_code or own_area(caller)
    wanted = Wanted(
        year=asked.year,
        as_of=asked.as_of or today(await business_now(service, connection)),
        fund=fund,
        area_code=await paying_area(connection, area),
        hospital_code=asked.hospital_code,
        group_by=groups,
    )
    return await payout_rates(service, connection, wanted, caller.principal.funds)


async def paying_area(connection: AsyncConnection, area_code: str | None) -> str | None:
    """The paying area of a county, the first digits of all areas of a province."""
    if area_code is None or area_code.endswith("0000"):
        return area_code and area_code[:2]
    return await pooling_area_of(connection, area_code)


def own_area(caller: Caller) -> str | None:
    """An area sees what its hospitals get from others too; its payout rate is its own."""
    return caller.principal.area_code if caller.reach[0] == "area" else None


async def payout_rates(
    service: Service, connection: AsyncConnection, wanted: Wanted, funds: Collection[str] | None = None
) -> list[RateAnswer]:
    """The rows asked for. Grouped by fund alone, the residents' funds and those that were posted to are always there,
    of a token of some ``funds`` its own."""
    return (await all_payout_rates(service, connection, [wanted], funds))[0]


async def all_payout_rates(
    service: Service,
    connection: AsyncConnection,
    wanted: Sequence[Wanted],
    funds: Collection[str] | None = None,
) -> list[list[RateAnswer]]:
    """The rows of several questions, each as of ``payout_rates``."""
    found = await all_figures(connection, service.book, wanted)
    return [_rates(service, rows, one, funds) for one, rows in zip(wanted, found, strict=True)]


def _rates(
    service: Service, rows: Sequence[Figures], wanted: Wanted, funds: Collection[str] | None
) -> list[RateAnswer]:
    if tuple(wanted.group_by) == (FUND,):
        found = {row.fund: row for row in rows}
        posted = sorted(fund for fund in found if fund is not None)
        listed = [
            fund
            for fund in dict.fromkeys((*FUNDS.values(), *posted))
            if wanted.fund in (None, fund) and (funds is None or fund in funds)
        ]
        rows = [found.get(fund) or Figures(fund, None, None, None) for fund in listed]
    return [_shown(service, row, wanted) for row in rows]


def _shown(service: Service, row: Figures, wanted: Wanted) -> RateAnswer:
    floor = row.floor
    if not row.floors and row.fund is not None:
        floor = floor_known(service.book, row.fund, wanted.year, wanted.area_code)
    return RateAnswer(
        fund=row.fund,
        area_code=row.area_code,
        hospital_code=row.hospital_code,
        period=row.period,
        year=wanted.year,
        as_of=wanted.as_of,
        incurred=yuan(row.incurred),
        deductions=yuan(row.deductions),
        payable=yuan(row.payable),
        due=yuan(row.due),
        disbursed=yuan(row.disbursed),
        cash=yuan(row.cash),
        offset=yuan(row.offset),
        year_end_offset=yuan(row.year_end_offset),
        incurred_ratio=ratio(row.disbursed, row.payable),
        final_ratio=ratio(row.final_paid, row.final_payable),
        final_paid=yuan(row.final_paid),
        final_payable=yuan(row.final_payable),
        matured_ratio=ratio(row.disbursed_of_due, row.due),
        disbursed_of_due=yuan(row.disbursed_of_due),
        projected_ratio=ratio(row.disbursed + row.scheduled, row.payable + row.expected),
        scheduled=yuan(row.scheduled),
        expected=yuan(row.expected),
        projection=LAST_YEAR if row.last_year else KNOWN_ONLY,
        floor=None if floor is None else rate_text(floor),
        statutory=floor is not None or any(floor is not None for floor in row.floors),
        required=yuan(row.required),
        overdue=yuan(row.overdue),
        late_declared=yuan(row.late_declared),
        deposit=yuan(row.deposit),
        hospitals=_payees(
            row.incurred - row.persons_incurred,
            row.payable - row.persons_payable,
            row.disbursed - row.persons_disbursed,
        ),
        persons=_payees(row.persons_incurred, row.persons_payable, row.persons_disbursed),
    )


def _payees(incurred: int, payable: int, disbursed: int) -> PayeesAnswer:
    return PayeesAnswer(yuan(incurred), yuan(payable), yuan(disbursed), ratio(disbursed, payable))


def ratio(part: int, whole: int) -> str | None:
    """A share with four decimals, rounded down; None over nothing. A negative share or whole is a hospital's debt: it
    shows below zero, or above one, as it is."""
    if whole == 0:
        return None
    value = part * RATE_ONE // whole
    return rate_text(value) if value >= 0 else "-" + rate_text(-value)


class ProposedDeposit(Struct, frozen=True):
    """The deposit that an order would withhold of ``gross``, fen, of a statement's part; the rate is
    ten-thousandths."""

    area_code: str
    fund: str
    year: int
    gross: int
    deposit_rate: int
    statement_id: int


async def floor_check(
    service: Service, connection: AsyncConnection, plan: Plan, proposed: ProposedDeposit, today: date
) -> None:
    """Conflict ``payout_floor`` when an order's deposit pushes what the year is projected to pay below the fund's
    floor.

    A deposit of 0, a fund without a floor and a year that has ended, whose legal figures stand still, are never
    refused. With nothing of last year to expect from, only what such a plan can reach at all counts. The plan's
    prepayment, outstanding at the year's end, counts as in ``payout_plan.reachable``."""
    floor, year, gross = plan.floors.get(proposed.fund), proposed.year, proposed.gross
    if floor is None or proposed.deposit_rate == 0 or gross <= 0 or today.year > year:
        return
    area = proposed.area_code
    wanted = Wanted(year=year, as_of=today, fund=proposed.fund, area_code=area, proposed=proposed.statement_id)
    rows = await payout_figures(connection, service.book, wanted)
    row = rows[0] if rows else Figures(proposed.fund, area, None, None)
    if not row.last_year:
        best = reachable(deposit_rate=proposed.deposit_rate, prepayment=plan.prepayment)
        if best * RATE_ONE < floor:
            raise _below(floor, best, largest_deposit(floor=floor, prepayment=plan.prepayment))
        return
    payable = row.payable + row.expected
    paid = _with_prepayment(row.disbursed + row.scheduled, payable, plan.prepayment)
    spare = paid - -(-payable * floor // RATE_ONE)
    deposit = share(gross, proposed.deposit_rate)
    if deposit > spare and row.scheduled > 0:
        raise _below(floor, Fraction(paid - deposit, payable), _largest(gross, spare, RATE_ONE - floor))


def _with_prepayment(paid: int, payable: int, prepayment: int) -> int:
    """With the plan's share of an average month, up to what is unpaid."""
    return min(max(paid, payable), paid + payable * prepayment // (12 * RATE_ONE))


def _largest(gross: int, spare: int, most: int) -> int:
    """The highest rate, ten-thousandths, whose deposit on ``gross`` is not above ``spare`` fen."""
    return max(0, min(most, spare * RATE_ONE // gross))


def _below(floor: int, projected: Fraction, largest: int) -> Conflict:
    shown = {
        "floor": rate_text(floor),
        "projected_ratio": ratio(projected.numerator, projected.denominator) or "0.0000",
        "largest_deposit_rate": rate_text(largest),
    }
    return Conflict("payout_floor", values=shown, extra=shown)
