"""The overview: will the floor be reached by 31 December, what must be paid until then, what waits to be done."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Select, Table, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import fen, yuan
from app.clearing.moves import business_now, today
from app.clearing.order_list import late
from app.clearing.payout_base import AREA, HOSPITAL, Wanted
from app.clearing.payout_curve import FundOnDay, curve
from app.clearing.payout_rate import RateAnswer, all_payout_rates, own_area, paying_area, ratio
from app.clearing.tables import deduction, difference, disbursement, fiscal_year_closing, statement, statement_part
from app.finance.listing import chosen
from app.finance.look import link, said
from app.finance.navigation import ENTRIES
from app.finance.page import Contents, Elsewhere, PageRoute, Visitor, reading, shown, visit
from app.finance.registered import hospital_names, paying_areas
from app.jobs.tables import job
from app.service.security import MONEY_READERS
from app.settlement.tables import patient_balance

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
MOST_HOSPITALS: Final = 12


class CurvePoint(Struct):
    """A fund's standing at the end of a month: rates as they are printed, None over nothing."""

    day: str
    paid: str | None
    healthy: str | None


class Work(Struct):
    """Something that waits: how many, of how much money (yuan), and where to look."""

    key: str
    count: int
    amount: str | None
    href: str
    late: bool = False


class HospitalRate(Struct):
    """A hospital's payout figures."""

    code: str | None
    name: str | None
    rate: RateAnswer


@router.get("")
async def get_overview(request: Request) -> Response:
    """The overview of a fiscal year; who may not see it begins with the first page that they may see."""
    visitor = await visit(request)
    if not visitor.may(*MONEY_READERS):
        raise Elsewhere(next(address for _, address, scopes in ENTRIES if visitor.may(*scopes)))
    return shown(visitor, "overview.html", await reading(visitor, lambda connection: _read(visitor, connection)))


async def _read(visitor: Visitor, connection: AsyncConnection) -> Contents:
    now = today(await business_now(visitor.service, connection))
    area = chosen(visitor.request.query_params, "area_code") or own_area(visitor.caller)
    area = await paying_area(connection, area)
    unclosed = sorted((await connection.execute(open_years(area))).scalars())
    year = _year(visitor.request, unclosed, now)
    funds = visitor.principal.funds
    wanted = Wanted(year=year, as_of=now, area_code=area)
    asked = [wanted, replace(wanted, group_by=(HOSPITAL,))]
    rates, hospitals = await all_payout_rates(visitor.service, connection, asked, funds)
    curves = _curves(await curve(connection, visitor.service.book, wanted, _month_ends(wanted)))
    return {
        "year": year,
        "years": sorted({*range(now.year, now.year - 5, -1), *unclosed, year}, reverse=True),
        "open_years": [one for one in unclosed if one != year],
        "area": area,
        "areas": await paying_areas(connection),
        "as_of": now,
        "rates": rates,
        "curves": {row.fund: curves.get(row.fund, []) for row in rates},
        "floor": next((row.floor for row in rates if row.floor), None),
        "bars": [_bar(row) for row in rates],
        "unpaid": {row.fund: yuan(fen(row.payable) - fen(row.disbursed)) for row in rates},
        "fund_names": {row.fund: said(visitor.caller.language, f"fund.{row.fund}") for row in rates},
        "hospitals": await _hospitals(connection, hospitals),
        "work": await _work(connection, now, area),
    }


def _year(request: Request, open_years: Sequence[int], now: date) -> int:
    """The fiscal year asked for, else the oldest that isn't closed: what it misses is the most urgent."""
    wanted = request.query_params.get("year", "")
    if wanted.isascii() and wanted.isdecimal() and len(wanted) == 4 and 2000 <= int(wanted) <= 2199:
        return int(wanted)
    return min((*open_years, now.year))


def open_years(area: str | None) -> Select[int]:
    """Asks for the fiscal years in which something was declared to an area (to any within reach without one) that
    hasn't closed them."""
    part, closing = statement_part.c, fiscal_year_closing.c
    closed = select(closing.year).where(closing.area_code == part.area_code, closing.year == part.fiscal_year).exists()
    stands = (
        select(statement.c.statement_id)
        .where(statement.c.statement_id == part.statement_id, statement.c.state != "withdrawn")
        .exists()
    )
    wanted = select(part.fiscal_year).where(~closed, stands)
    if area is not None:
        wanted = wanted.where(part.area_code.startswith(area))
    return wanted.distinct()


def _curves(rows: Sequence[FundOnDay]) -> dict[str | None, list[CurvePoint]]:
    """Each fund's share paid at the end of every month until today, and what it would be had all due been paid."""
    curves: dict[str | None, list[CurvePoint]] = {}
    for row in rows:
        point = CurvePoint(str(row.as_of), ratio(row.disbursed, row.payable), ratio(row.due, row.payable))
        curves.setdefault(row.fund, []).append(point)
    return curves


def _month_ends(wanted: Wanted) -> list[date]:
    ends = [date(wanted.year, month, monthrange(wanted.year, month)[1]) for month in range(1, 13)]
    past = [day for day in ends if day < wanted.as_of]
    return [*past, wanted.as_of] if wanted.as_of.year == wanted.year else past


def _bar(row: RateAnswer) -> dict[str, str | None]:
    """A fund's payable in three parts that add up, yuan: paid, due but unpaid, the rest."""
    payable, paid = fen(row.payable), fen(row.disbursed)
    late = min(max(0, fen(row.due) - fen(row.disbursed_of_due)), max(0, payable - paid))
    return {"fund": row.fund, "paid": yuan(paid), "due": yuan(late), "rest": yuan(max(0, payable - paid - late))}


async def _hospitals(connection: AsyncConnection, found: Sequence[RateAnswer]) -> list[HospitalRate]:
    """The hospitals to which most is overdue or due, most first."""
    ordered = sorted(found, key=lambda row: (-fen(row.overdue), fen(row.disbursed_of_due) - fen(row.due)))
    rows = ordered[:MOST_HOSPITALS]
    names = await hospital_names(connection, [row.hospital_code for row in rows])
    return [HospitalRate(row.hospital_code, names.get(row.hospital_code, row.hospital_code), row) for row in rows]


async def _work(connection: AsyncConnection, now: date, area: str | None) -> list[Work]:
    """What waits, each with its list."""
    orders, unpaid = disbursement.c, disbursement.c.amount - disbursement.c.paid
    jobs = job.c.due_on.is_not(None) & job.c.state.in_(("queued", "running", "failed"))
    asked: tuple[tuple[str, Table, ColumnElement[bool], ColumnElement[int] | None, str, dict[str, str]], ...] = (
        ("overdue", disbursement, late(now), unpaid, "/finance/orders", {"overdue": "1"}),
        ("draft", disbursement, orders.state == "draft", orders.amount, "/finance/orders", {"state": "draft"}),
        ("differences", difference, difference.c.state == "open", None, "/finance/reconciliation", {"state": "open"}),
        (
            "appeals",
            deduction,
            deduction.c.state == "appealed",
            deduction.c.amount,
            "/finance/audit",
            {"state": "appealed"},
        ),
        ("balances", patient_balance, patient_balance.c.state == "open", None, "/finance/balances", {"state": "open"}),
        ("lists", job, jobs, None, "/finance/lists", {}),
    )
    counts = []
    for number, (_, table, condition, amount, _, _) in enumerate(asked):
        if area is not None and "area_code" in table.c:
            condition = condition & table.c[AREA].startswith(area)
        counts.append(_counted(number, table, condition, amount))
    counted = {row[0]: row for row in await connection.execute(union_all(*counts))}
    found = []
    for number, (key, table, _, amount, href, query) in enumerate(asked):
        _, count, total = counted[number]
        if table is disbursement and area is not None and len(area) == 6:
            query = query | {"area_code": area}
        money = None if amount is None else yuan(int(total))
        found.append(Work(key, count, money, link(href, query), late=key == "overdue" and count > 0))
    return found


def _counted(
    number: int, table: Table, condition: ColumnElement[bool], amount: ColumnElement[int] | None
) -> Select[int, int, int]:
    total = func.coalesce(func.sum(literal(0) if amount is None else amount), 0)
    return select(literal(number), func.count(), total).select_from(table).where(condition)
