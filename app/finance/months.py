"""A month beside the month before and the same month of last year: by fund, and by every hospital with its share and
its trend. The monthly summary to print."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import period_of
from app.basics.funds import NATIONAL_FUNDS
from app.basics.money import fen, yuan
from app.clearing.moves import business_now, today
from app.clearing.payout_base import FUND, HOSPITAL, Wanted
from app.clearing.payout_months import MonthOfGroup, months_of
from app.clearing.payout_rate import own_area, paying_area, ratio
from app.finance.listing import chosen
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.finance.registered import hospital_names, paying_areas
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance/months", route_class=PageRoute, include_in_schema=False)
MONTHS: Final = 12
WIDTH, HEIGHT = 120, 24
_PERIOD: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
Months = Mapping[str, int]
"""Fen by month."""


class MonthCompared(Struct):
    """A row: the payable of the month, of the month before and of the same month a year ago, yuan, with the change
    since each (None over nothing); its share of all; the payable of twelve months, oldest first, and the line through
    them."""

    key: str | None
    payable: str
    disbursed: str
    unpaid: str
    before: str
    since_before: str | None
    year_ago: str
    since_year_ago: str | None
    share: str | None
    trend: list[str]
    points: str


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """What was payable and paid by month, fen."""

    payable: Months
    disbursed: Months


@router.get("")
async def get_months(request: Request) -> Response:
    """The month that the address names, else the last that has ended."""
    visitor = await visit(request, *MONEY_READERS)
    return shown(visitor, "months.html", await reading(visitor, lambda connection: _read(visitor, connection)))


async def _read(visitor: Visitor, connection: AsyncConnection) -> Contents:
    query = visitor.request.query_params
    now = today(await business_now(visitor.service, connection))
    typed = query.get("period", "")
    period = typed if _PERIOD.fullmatch(typed) else _back(period_of(now), 1)
    area = await paying_area(connection, chosen(query, "area_code") or own_area(visitor.caller))
    fund = chosen(query, "fund", [*NATIONAL_FUNDS])
    by_fund, by_hospital = await _figures(visitor, connection, (area, fund, now), period)
    whole = sum(one.payable.get(period, 0) for one in by_fund.values())
    hospitals = [compared(code, one, period, whole) for code, one in by_hospital.items()]
    hospitals.sort(key=lambda one: (-fen(one.payable), one.key or ""))
    total = compared(None, _added([*by_fund.values()]), period, whole)
    rest = _less(_added([*by_fund.values()]), _added([*by_hospital.values()]))
    return {
        "period": period,
        "before": _back(period, 1),
        "year_ago": _back(period, 12),
        "area": area,
        "areas": await paying_areas(connection),
        "fund": fund,
        "funds": visitor.funds(code for code in by_fund if code is not None),
        "as_of": now,
        "by_fund": [compared(code, one, period, whole) for code, one in sorted(by_fund.items(), key=_by_key)],
        "hospitals": hospitals,
        "persons": compared(None, rest, period, whole),
        "total": total,
        "names": await hospital_names(connection, by_hospital),
        "first": _back(period, MONTHS - 1),
        "size": (WIDTH, HEIGHT),
    }


def _by_key(item: tuple[str | None, MonthFigures]) -> str:
    return item[0] or ""


async def _figures(
    visitor: Visitor,
    connection: AsyncConnection,
    asked: tuple[str | None, str | None, date],
    period: str,
) -> tuple[dict[str | None, MonthFigures], dict[str | None, MonthFigures]]:
    """By fund and by hospital, what was payable and paid by month, of the fiscal years of the month and the one
    before."""
    area, fund, now = asked
    found: tuple[dict[str | None, MonthFigures], dict[str | None, MonthFigures]] = ({}, {})
    for year in (int(period[:4]) - 1, int(period[:4])):
        wanted = Wanted(year=year, as_of=now, fund=fund, area_code=area)
        groups = await months_of(connection, visitor.service.book, wanted, (FUND, HOSPITAL))
        for figures, rows in zip(found, groups, strict=True):
            for row in rows:
                _add(figures.setdefault(row.fund or row.hospital_code, MonthFigures({}, {})), row)
    return found


def _add(figures: MonthFigures, row: MonthOfGroup) -> None:
    for months, amount in ((figures.payable, row.payable), (figures.disbursed, row.disbursed)):
        assert isinstance(months, dict)
        months[row.period] = months.get(row.period, 0) + amount


def _added(rows: Sequence[MonthFigures]) -> MonthFigures:
    periods = {period for one in rows for period in one.payable}
    return MonthFigures(
        {period: sum(one.payable.get(period, 0) for one in rows) for period in periods},
        {period: sum(one.disbursed.get(period, 0) for one in rows) for period in periods},
    )


def _less(whole: MonthFigures, part: MonthFigures) -> MonthFigures:
    return MonthFigures(
        {period: amount - part.payable.get(period, 0) for period, amount in whole.payable.items()},
        {period: amount - part.disbursed.get(period, 0) for period, amount in whole.disbursed.items()},
    )


def compared(key: str | None, figures: MonthFigures, period: str, whole: int) -> MonthCompared:
    """A row of the comparison; ``whole`` is what its share is of, fen. Pure."""
    payable, paid = figures.payable.get(period, 0), figures.disbursed.get(period, 0)
    before, year_ago = figures.payable.get(_back(period, 1), 0), figures.payable.get(_back(period, 12), 0)
    trend = [figures.payable.get(_back(period, ago), 0) for ago in range(MONTHS - 1, -1, -1)]
    return MonthCompared(
        key=key,
        payable=yuan(payable),
        disbursed=yuan(paid),
        unpaid=yuan(payable - paid),
        before=yuan(before),
        since_before=ratio(payable - before, before),
        year_ago=yuan(year_ago),
        since_year_ago=ratio(payable - year_ago, year_ago),
        share=ratio(payable, whole),
        trend=[yuan(amount) for amount in trend],
        points=_points(trend),
    )


def _points(trend: Sequence[int]) -> str:
    """The line through amounts in a box of ``WIDTH`` × ``HEIGHT``, which begins at zero: ``x,y x,y``."""
    most = max(1, *trend)
    step = WIDTH // (len(trend) - 1)
    return " ".join(f"{at * step},{HEIGHT - 1 - max(0, one) * (HEIGHT - 2) // most}" for at, one in enumerate(trend))


def _back(period: str, months: int) -> str:
    """The month so many months earlier."""
    count = int(period[:4]) * 12 + int(period[5:]) - 1 - months
    return f"{count // 12:04d}-{count % 12 + 1:02d}"
