"""The lists of settling: settlements with their corrections, and the balances that corrections leave."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Final, Literal

from msgspec import Struct, field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.service.columns import columns_of
from app.service.http import check_context
from app.service.lists import Asked, DeclaredList, Filters, Page, Rows, Selected, page_of
from app.service.security import MONEY_READERS
from app.service.wire import Code, Day
from app.settlement import store
from app.settlement.answer import SettlementAnswer
from app.settlement.balance import BalanceAnswer, BalanceState, answer_of, balance_of
from app.settlement.reading import answer_of_row
from app.settlement.rows import EntryRow
from app.settlement.tables import patient_balance

LEFT_OUT: Final = (
    *("payables", "year_to_date", "policy.digest", "policy.assumed", "warnings", "digest", "summary", "trace", "lines"),
    *("quote_id", "expires_at", "receivable", "comparison", "adjustments", "years"),
)


class SettlementFilters(Filters, frozen=True):
    """``from`` and ``to`` are days of settling, both included."""

    hospital_code: Code | None = None
    person_id: Code | None = None
    visit_id: Code | None = None
    from_: Day | None = field(default=None, name="from")
    to: Day | None = None
    status: Literal["settled", "adjusted", "reversed"] | None = None


class BalanceFilters(Filters, frozen=True):
    """The balances of a state, of a hospital."""

    state: BalanceState | None = None
    hospital_code: Code | None = None


Settled = tuple[datetime, int]


async def _settlements(asked: Asked[SettlementFilters, Settled]) -> Page[SettlementAnswer, Settled]:
    rows = await _entries(asked)
    return await asyncio.to_thread(  # a thousand documents take longer to decode than other requests should wait
        page_of, rows, asked.limit, _shown(asked), _position
    )


async def _entries(asked: Asked[SettlementFilters, Settled], *, oldest_first: bool = False) -> list[EntryRow]:
    wanted = asked.filters
    of = store.Listed(
        hospital_code=wanted.hospital_code,
        person_id=wanted.person_id,
        visit_id=wanted.visit_id,
        first=wanted.from_,
        last=wanted.to,
        status=wanted.status,
    )
    async with asked.service.database.hot() as connection:
        await check_context(asked.service, connection, asked.caller)
        return await store.read_list(connection, of, asked.after, asked.limit + 1, oldest_first=oldest_first)


def _shown(asked: Asked[SettlementFilters, Settled]) -> Callable[[EntryRow], SettlementAnswer]:
    return partial(answer_of_row, detail=False, funds=asked.caller.principal.funds)


def _position(row: EntryRow) -> Settled:
    return row.recorded_at, row.settlement_id


class SettledRows(Struct, frozen=True):
    """Some entries, newest first; the position of the first where newer ones precede it, and of the last where older
    ones follow."""

    rows: list[SettlementAnswer]
    newer: Settled | None
    older: Settled | None


async def settled_rows(asked: Asked[SettlementFilters, Settled], *, back: bool = False) -> SettledRows:
    """The entries behind the position that is asked for (without one the newest); ``back``: those before it (without
    one the oldest)."""
    found = await _entries(asked, oldest_first=back)
    more, rows = len(found) > asked.limit, found[: asked.limit]
    if back:
        rows.reverse()
    known = asked.after is not None and bool(rows)  # the position itself lies beyond the near end
    newer = _position(rows[0]) if rows and (more if back else known) else None
    older = _position(rows[-1]) if rows and (known if back else more) else None
    return SettledRows([_shown(asked)(row) for row in rows], newer, older)


async def _balances(connection: AsyncConnection, wanted: BalanceFilters, day: date) -> Rows:
    columns = patient_balance.c
    found = select(patient_balance)
    if wanted.state is not None:
        found = found.where(columns.state == wanted.state)
    return found if wanted.hospital_code is None else found.where(columns.hospital_code == wanted.hospital_code)


SETTLEMENTS: Final = DeclaredList(
    name="settlements",
    title={"zh": "结算", "en": "Settlements"},
    about="""Settlements and their corrections, newest first, without trace and lines. ``from`` and ``to`` are days of
    settling, both included.""",
    scopes=MONEY_READERS,
    filters=SettlementFilters,
    row=SettlementAnswer,
    columns=columns_of(SettlementAnswer, without=LEFT_OUT),
    position=tuple[datetime, int],
    read=_settlements,
)
_SELECTED: Final[Selected[BalanceFilters, BalanceAnswer, Settled]] = Selected(
    query=_balances,
    order=(patient_balance.c.recorded_at, patient_balance.c.balance_id),
    newest_first=True,
    answer=lambda row, day, service: answer_of(balance_of(row)),
)
BALANCES: Final = DeclaredList(
    name="patient-balances",
    title={"zh": "患者退补款", "en": "Patient balances"},
    about="What corrections leave between patients and hospitals, newest first.",
    scopes=MONEY_READERS,
    filters=BalanceFilters,
    row=BalanceAnswer,
    columns=columns_of(BalanceAnswer),
    position=tuple[datetime, int],
    read=_SELECTED.read,
    selected=_SELECTED,
)
