"""What a figure of the overview is made of: its months and hospitals; what is overdue by the step that it waits for."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.funds import NATIONAL_FUNDS
from app.basics.ids import CLAIM, DISBURSEMENT, STATEMENT, shown_id
from app.basics.money import fen, yuan
from app.clearing.moves import business_now, today
from app.clearing.overdue import STAGES, Overdue, overdue
from app.clearing.payout_base import FUND, HOSPITAL, PERIOD, Wanted
from app.clearing.payout_rate import RateAnswer, all_payout_rates, own_area, paying_area
from app.finance.listing import chosen
from app.finance.look import link
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
MOST_ROWS: Final = 500
SUMMED: Final = ("payable", "disbursed", "due", "deposit")


class StageSum(Struct):
    """What waits for a step: how many, yuan, and where only these are shown."""

    stage: str
    count: int
    amount: str
    href: str


class OverdueRow(Struct):
    """One statement, undeclared month or claim of the list; yuan. ``href``: where the step is taken."""

    fund: str
    hospital: str
    period: str
    pay_by: str
    amount: str
    stage: str
    href: str
    shown: str | None


@router.get("/overdue")
async def get_overdue(request: Request) -> Response:
    """What is overdue, by stage and one by one."""
    visitor = await visit(request, *MONEY_READERS)
    return shown(visitor, "overdue.html", await reading(visitor, lambda connection: _overdue(visitor, connection)))


@router.get("/figures")
async def get_figures(request: Request) -> Response:
    """The figures of a fund by month and by hospital, which add up to those of the overview."""
    visitor = await visit(request, *MONEY_READERS)
    return shown(visitor, "figures.html", await reading(visitor, lambda connection: _figures(visitor, connection)))


async def _wanted(visitor: Visitor, connection: AsyncConnection, groups: Sequence[str]) -> Wanted:
    query = visitor.request.query_params
    now = today(await business_now(visitor.service, connection))
    year = query.get("year", "")
    area = chosen(query, "area_code") or own_area(visitor.caller)
    if area is not None and len(area) == 6:
        area = await paying_area(connection, area)
    return Wanted(
        year=int(year) if year.isascii() and year.isdecimal() and 2000 <= int(year) <= 2199 else now.year,
        as_of=now,
        fund=chosen(query, "fund", [*NATIONAL_FUNDS]),
        area_code=area,
        hospital_code=chosen(query, "hospital_code"),
        group_by=tuple(groups),
    )


async def _overdue(visitor: Visitor, connection: AsyncConnection) -> Contents:
    wanted = await _wanted(visitor, connection, (FUND,))
    found = await overdue(connection, visitor.service.book, wanted)
    query = visitor.request.query_params
    stage = chosen(query, "stage", STAGES)
    chosen_rows = [one for one in found if stage in (None, one.stage)]
    names = await hospital_names(connection, [one.hospital_code for one in chosen_rows[:MOST_ROWS]])
    return {
        "wanted": wanted,
        "stages": stages_of(found, dict(query)),
        "stage": stage,
        "rows": [_row(one, names) for one in chosen_rows[:MOST_ROWS]],
        "count": len(chosen_rows),
        "most": MOST_ROWS,
        "total": yuan(sum(one.amount for one in chosen_rows)),
        "whole": yuan(sum(one.amount for one in found)),
    }


def stages_of(found: Sequence[Overdue], query: dict[str, str]) -> list[StageSum]:
    """What is overdue by the step that it waits for; ``query`` is what the page of these rows was asked."""
    return [_stage(found, one, query) for one in STAGES if any(row.stage == one for row in found)]


def _stage(found: Sequence[Overdue], stage: str, query: dict[str, str]) -> StageSum:
    amounts = [one.amount for one in found if one.stage == stage]
    return StageSum(stage, len(amounts), yuan(sum(amounts)), link("/finance/overdue", query | {"stage": stage}))


def _row(one: Overdue, names: dict[str | None, str]) -> OverdueRow:
    href, number = link("/finance/statements", {"period": one.period, "hospital_code": one.hospital_code}), None
    if one.claim_id is not None:
        number = shown_id(CLAIM, one.claim_id)
        href = f"/finance/claims/{number}"
    elif one.disbursement_id is not None:
        number = shown_id(DISBURSEMENT, one.disbursement_id)
        href = f"/finance/orders/{number}"
    elif one.statement_id is not None:
        number = shown_id(STATEMENT, one.statement_id)
        href = f"/finance/statements/{number}"
    hospital = names.get(one.hospital_code, one.hospital_code)
    return OverdueRow(one.fund, hospital, one.period, one.pay_by, yuan(one.amount), one.stage, href, number)


async def _figures(visitor: Visitor, connection: AsyncConnection) -> Contents:
    wanted = await _wanted(visitor, connection, (PERIOD,))
    asked = {"months": wanted}
    if wanted.hospital_code is None:
        asked["hospitals"] = replace(wanted, group_by=(HOSPITAL,))
        if wanted.fund is not None:  # the fund's own row, whose required amount and overdue are no sums of months
            asked["fund"] = replace(wanted, group_by=(FUND,))
    rates = await all_payout_rates(visitor.service, connection, [*asked.values()], visitor.principal.funds)
    found = dict(zip(asked, rates, strict=True))
    months, hospitals = found["months"], found.get("hospitals", [])
    total = _sums(months)
    return {
        "wanted": wanted,
        "months": months,
        "hospitals": hospitals,
        "total": total,
        "of_hospitals": _sums(hospitals),
        "persons": {name: yuan(fen(total[name]) - fen(value)) for name, value in _sums(hospitals).items()},
        "summed": SUMMED,
        "names": await hospital_names(connection, [one.hospital_code for one in hospitals]),
        "required": next(iter(found.get("fund", [])), None),
        "unpaid": yuan(fen(total["payable"]) - fen(total["disbursed"])),
    }


def _sums(rows: Sequence[RateAnswer]) -> dict[str, str]:
    return {name: yuan(sum(fen(getattr(row, name)) for row in rows)) for name in SUMMED}
