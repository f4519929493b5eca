"""Hospitals: level, rank and area by date, contracts, bank account, own item codes.

Level, rank and area hold from a day on until the next change that is known. Settling takes what held on the admission
day. Account numbers are encrypted, and answered masked.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import UNSET
from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day
from app.basics.errors import NotFound
from app.database.locks import Lock, hold
from app.registry import change, hospital_account
from app.registry.dated import Span, correct, current, span_on, stated, written_by
from app.registry.facts import Level, Period
from app.registry.hospital_facts import (
    HospitalAnswer,
    HospitalRequest,
    ItemCodeAnswer,
    ItemCodeRequest,
    hospital_faults,
    masked,
    shown_day,
)
from app.registry.service import may_write, refuse, sent_code
from app.registry.tables import (
    hospital,
    hospital_contract,
    hospital_item,
    hospital_period,
)
from app.service import clock
from app.service.caller import Caller, Service
from app.service.conditions import hold_to
from app.service.http import open_request
from app.service.security import Keys
from app.service.wire import is_code
from app.tiers.model import Rank

FACTS: Final = ("level", "rank", "area_code")
Facts = tuple[Level, Rank, str]  # in the order of their columns


async def put_hospital(service: Service, caller: Caller, code: str, wanted: HospitalRequest) -> HospitalAnswer:
    """Create a hospital, or say what holds from a day on. Answers what holds on that day.

    Without ``valid_from``: ever since for a new one, else from the business day on. Contracts and account are left as
    they are when they aren't given; the account of a new one holds at once, a later change waits for another person.
    Refused with every fault; NotFound when it was, or would come to lie, out of the caller's area.
    """
    refuse(sent_code(code, "/code") + hospital_faults(wanted))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        known = await locked_hospital(connection, caller, code)
        if not may_write(caller, wanted.area_code):
            raise NotFound("not_found")
        await hold_to(caller.if_match, lambda: _read(service, connection, code, wanted.valid_from))
        since = wanted.valid_from or (None if known is None else await _today(service, connection))
        value: Facts = (wanted.level, wanted.rank, wanted.area_code)
        spans = stated(await _spans(connection, known), since, value)
        last = dict(zip(FACTS, spans[-1].value, strict=True))
        await _write_row(connection, caller, code, {"name": wanted.name, **last})
        rows = [_row(span) for span in spans]
        await correct(connection, caller, hospital_period, {"hospital_code": code}, rows)
        if wanted.contracts is not None:
            contracts = [{"valid_from": one.from_, "valid_until": one.until} for one in wanted.contracts]
            await correct(connection, caller, hospital_contract, {"hospital_code": code}, contracts)
        if wanted.bank_account is not UNSET:
            at_once = known is None
            await hospital_account.ask(service.keys, connection, caller, code, wanted.bank_account, at_once=at_once)
        on = since or await _today(service, connection)
        return await _answer(service.keys, connection, code, wanted.name, spans, on)


async def read_hospital(service: Service, caller: Caller, code: str, on: date | None) -> HospitalAnswer:
    """A hospital as it was on a day (the business day without one), or NotFound: also for a day before its first."""
    if not is_code(code):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await _read(service, connection, code, on)


async def _read(service: Service, connection: AsyncConnection, code: str, on: date | None) -> HospitalAnswer:
    row = (await connection.execute(select(hospital).where(hospital.c.code == code))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    day = on or await _today(service, connection)
    return await _answer(service.keys, connection, code, row["name"], await _spans(connection, row), day)


async def list_hospitals(
    service: Service, caller: Caller, *, area_code: str | None, after: str | None, limit: int
) -> list[HospitalAnswer]:
    """Hospitals by code, with what holds on the business day: those of an area (its prefix), or all."""
    wanted = select(hospital).order_by(hospital.c.code).limit(limit)
    if area_code is not None:
        wanted = wanted.where(hospital.c.area_code.startswith(area_code, autoescape=True))
    if after is not None:
        wanted = wanted.where(hospital.c.code > after)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        rows = list((await connection.execute(wanted)).mappings())
        today = await _today(service, connection)
        periods = hospital_period.c
        held = select(hospital_period).where(
            periods.hospital_code.in_([row["code"] for row in rows]),
            periods.superseded_at.is_(None),
            periods.valid_from.is_(None) | (periods.valid_from <= today),
            periods.valid_until.is_(None) | (periods.valid_until > today),
        )
        today_ = {row["hospital_code"]: row for row in (await connection.execute(held)).mappings()}
    return [_shown(row["code"], row["name"], _span(today_.get(row["code"], row))) for row in rows]


async def locked_hospital(connection: AsyncConnection, caller: Caller, code: str) -> RowMapping | None:
    """A hospital under its lock: the second of two PUTs sees what the first wrote. NotFound for another area's."""
    await hold(connection, Lock.HOSPITAL, code)
    row = (await connection.execute(select(hospital).where(hospital.c.code == code))).mappings().first()
    if row is not None and not may_write(caller, row["area_code"]):
        raise NotFound("not_found")
    return row


async def _today(service: Service, connection: AsyncConnection) -> date:
    return shanghai_day(await clock.now(connection, manual=service.manual_clock))


async def _spans(connection: AsyncConnection, row: RowMapping | None) -> list[Span[Facts]]:
    """What is known of a hospital by date. The row alone stands for ever where the former release wrote it."""
    if row is None:
        return []
    periods = await current(connection, hospital_period, {"hospital_code": row["code"]})
    return [_span(period) for period in periods] or [_span(row)]


def _span(row: RowMapping) -> Span[Facts]:
    return Span(row.get("valid_from"), row.get("valid_until"), (row["level"], row["rank"], row["area_code"]))


def _row(span: Span[Facts]) -> dict[str, object]:
    return {"valid_from": span.since, "valid_until": span.until} | dict(zip(FACTS, span.value, strict=True))


async def _write_row(connection: AsyncConnection, caller: Caller, code: str, values: Mapping[str, object]) -> None:
    statement = upsert(hospital).values(code=code, **values, **written_by(caller))
    changed: dict[str, object] = {name: statement.excluded[name] for name in (*values, "subject", "request_id")}
    changed["recorded_at"] = func.clock_timestamp()
    await connection.execute(statement.on_conflict_do_update(index_elements=[hospital.c.code], set_=changed))


async def _answer(
    keys: Keys, connection: AsyncConnection, code: str, name: str, spans: Sequence[Span[Facts]], on: date
) -> HospitalAnswer:
    span = span_on(spans, on)
    if span is None:
        raise NotFound("not_found")
    contracts = await current(connection, hospital_contract, {"hospital_code": code})
    account = await hospital_account.holding(keys, connection, code)
    waits = await change.pending(connection, hospital_account.ACCOUNTS, code)
    answer = _shown(code, name, span)
    if contracts:
        answer.contracts = [Period(one["valid_from"], one["valid_until"]) for one in contracts]
    if account is not None:
        answer.bank_account = masked(account)
    if waits is not None:
        answer.bank_account_change = waits
    return answer


def _shown(code: str, name: str, span: Span[Facts]) -> HospitalAnswer:
    level, rank, area_code = span.value
    since, until = shown_day(span.since), shown_day(span.until)
    return HospitalAnswer(code, name, level, rank, area_code, valid_from=since, valid_until=until)


# ---------------------------------------------------------------- own item codes


async def put_item_code(
    service: Service, caller: Caller, code: str, own_code: str, wanted: ItemCodeRequest
) -> ItemCodeAnswer:
    """Say which item a hospital's own code means from a day on (None: ever since), until the next change known."""
    refuse(sent_code(code, "/code") + sent_code(own_code, "/hospital_item_code"))
    key = {"hospital_code": code, "hospital_item_code": own_code}
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if await locked_hospital(connection, caller, code) is None:
            raise NotFound("not_found")
        await hold_to(caller.if_match, lambda: _item_on(service, connection, key, wanted.valid_from))
        held = await current(connection, hospital_item, key)
        spans = stated([_item_span(row) for row in held], wanted.valid_from, wanted.item_code)
        rows = [{"valid_from": one.since, "valid_until": one.until, "item_code": one.value} for one in spans]
        await correct(connection, caller, hospital_item, key, rows, held)
    return _item_answer(code, own_code, span_on(spans, wanted.valid_from or date.min) or spans[0])


async def read_item_code(service: Service, caller: Caller, code: str, own_code: str, on: date | None) -> ItemCodeAnswer:
    """Which item an own code means on a day (the business day without one), or NotFound."""
    if not is_code(code) or not is_code(own_code):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await _item_on(service, connection, {"hospital_code": code, "hospital_item_code": own_code}, on)


async def _item_on(
    service: Service, connection: AsyncConnection, key: Mapping[str, str], on: date | None
) -> ItemCodeAnswer:
    spans = [_item_span(row) for row in await current(connection, hospital_item, key)]
    span = span_on(spans, on or await _today(service, connection))
    if span is None:
        raise NotFound("not_found")
    return _item_answer(key["hospital_code"], key["hospital_item_code"], span)


def _item_span(row: RowMapping) -> Span[str]:
    return Span(row["valid_from"], row["valid_until"], row["item_code"])


def _item_answer(code: str, own_code: str, span: Span[str]) -> ItemCodeAnswer:
    return ItemCodeAnswer(code, own_code, span.value, span.since, span.until)
