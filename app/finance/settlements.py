"""Settlements as a list, newest first, page by page from the cursor: as fast with millions as with ten."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, Date, Select, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.context import Service
from app.export import Column
from app.finance.export import ListFile, exported
from app.finance.listing import PAGE_ROWS, chosen
from app.finance.navigation import READERS
from app.finance.page import PageRoute, reading, shown, visit
from app.finance.registered import hospital_names
from app.http import check_context, cursor_behind, read_cursor
from app.settlement import store
from app.settlement.answer import shown_id
from app.settlement.bill import shanghai_day
from app.settlement.reading import answer_of_row
from app.settlement.tables import settlement

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
STATUSES: Final = ("settled", "adjusted", "reversed")


_settled: Final = settlement.alias("s")
SORTS: Final = {"settlement": _settled.c.settlement_id}
AMOUNTS: Final = ("total", "basic", "serious_illness", "medical_assistance", "safety_net", "hospital", "patient")
KEYS: Final = (
    "kind",
    "hospital_code",
    "visit_id",
    "settle_seq",
    "person_id",
    "benefit_class",
    "medical_type",
    "paying_area",
)


async def _asked(service: Service, connection: AsyncConnection, query: Mapping[str, str]) -> Select[Any]:
    """What the list's filters ask for, without documents."""
    status: ColumnElement[str] = literal_column(store.STATUS)
    columns = [_settled.c[name] for name in ("settlement_id", "settled_at", *KEYS, *AMOUNTS)]
    wanted = select(*columns, status.label("status"))
    for name in ("hospital_code", "person_id", "visit_id"):
        if (value := chosen(query, name)) is not None:
            wanted = wanted.where(_settled.c[name] == value)
    day = func.timezone("Asia/Shanghai", _settled.c.settled_at).cast(Date)
    if (since := _day(query, "from")) is not None:
        wanted = wanted.where(day >= since)
    if (until := _day(query, "to")) is not None:
        wanted = wanted.where(day <= until)
    wanted_status = chosen(query, "status", STATUSES)
    return wanted if wanted_status is None else wanted.where(status == wanted_status)


def _cells(row: Mapping[Any, Any]) -> list[Any]:
    first = [shown_id(row["settlement_id"]), shanghai_day(row["settled_at"])]
    return [*first, *(row[name] for name in KEYS), row["status"], *(row[name] for name in AMOUNTS)]


SETTLEMENTS_FILE: Final = ListFile(
    name="settlements",
    title="结算记录",
    columns=[
        Column("结算号"),
        Column("结算日", "date"),
        Column("种类"),
        Column("医院编码"),
        Column("就诊号"),
        Column("结算序号", "count"),
        *(Column(name) for name in ("人员编号", "人员类别", "医疗类别", "参保统筹区", "状态")),
        *(
            Column(name, "money")
            for name in ("总费用", "基本医保", "大病保险", "医疗救助", "兜底保障", "医院承担", "个人负担")
        ),
    ],
    asked=_asked,
    cells=_cells,
    sorts=SORTS,
    default="-settlement",
    key=_settled.c.settlement_id,
)


@router.get("/settlements/export")
async def get_file(request: Request) -> Response:
    """The list as a file."""
    return await exported(await visit(request, *READERS), SETTLEMENTS_FILE)


@router.get("/settlements")
async def get_settlements(request: Request) -> Response:
    """The list of settlements and their corrections."""
    visitor = await visit(request, *READERS)
    service = visitor.service
    after = read_cursor(service, chosen_text(request, "cursor"), tuple[datetime, int]) or (None, None)
    filters = (
        *(chosen(request.query_params, name) for name in ("hospital_code", "person_id", "visit_id")),
        _day(request.query_params, "from"),
        _day(request.query_params, "to"),
    )
    async with service.database.hot() as connection:
        await check_context(service, connection, visitor.caller)
        status = chosen(request.query_params, "status", STATUSES)
        rows = await store.read_list(connection, *filters, status, *after, PAGE_ROWS + 1)
    found = [answer_of_row(row, detail=False) for row in rows[:PAGE_ROWS]]

    async def names(connection: AsyncConnection) -> dict[str | None, str]:
        return await hospital_names(connection, [one.hospital_code for one in found])

    context: dict[str, Any] = {
        "settlements": found,
        "names": await reading(visitor, names),
        "next_cursor": cursor_behind(service, rows, PAGE_ROWS, lambda row: (row["recorded_at"], row["settlement_id"])),
        "statuses": STATUSES,
    }
    return shown(visitor, "settlements.html", **context)


def chosen_text(request: Request, name: str) -> str | None:
    """A parameter of the address that may be long, None when it is empty."""
    return request.query_params.get(name) or None


def _day(query: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        return None
