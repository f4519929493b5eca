"""Prepayments 预付金: money a fund gives a hospital before it is earned, taken off the next orders of the same year.

draft → approved → sent → paid → offset | returned; the moves of orders, the same two people.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.errors import Fault, NotFound, Refused
from app.basics.ids import PREPAYMENT, number_of, shown_id
from app.basics.money import fen, yuan
from app.clearing.moves import (
    business_now,
    by_another,
    check_move,
    locked,
    may_pay,
    move,
    pooling_area_of,
    record,
    today,
    written_by,
)
from app.clearing.plan import FUNDS
from app.clearing.tables import prepayment, prepayment_offset
from app.registry.tables import hospital
from app.service.caller import Caller, Service
from app.service.wire import AreaCode, Code, Money

YEARS_AHEAD: Final = 1
FIRST_YEAR: Final = 2000


class PrepaymentRequest(Struct, forbid_unknown_fields=True):
    """Prepay a hospital from a fund for a year; yuan."""

    hospital_code: Code
    area_code: AreaCode
    fund: Code
    amount: Money
    year: int


class PrepaymentAnswer(Struct):
    """A prepayment. ``outstanding`` = paid − offset − returned: what orders still take off. Yuan."""

    prepayment_id: str
    state: str
    hospital_code: str
    area_code: str
    fund: str
    year: int
    amount: str
    paid: str
    offset: str
    returned: str
    outstanding: str
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    sent_by: str | None
    sent_on: str | None


async def make(
    service: Service, connection: AsyncConnection, caller: Caller, wanted: PrepaymentRequest
) -> PrepaymentAnswer:
    """Draft a prepayment."""
    area = await pooling_area_of(connection, wanted.area_code)
    may_pay(caller, area)
    if caller.principal.funds is not None and wanted.fund not in caller.principal.funds:
        raise NotFound("not_found")
    now = await business_now(service, connection)
    mine = select(hospital.c.area_code).where(hospital.c.code == wanted.hospital_code)
    place = (await connection.execute(mine)).scalar_one_or_none()
    faults = []
    if place is None:
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    if wanted.fund not in FUNDS:
        faults.append(Fault("/fund", "not_in_list", {"allowed": "、".join(FUNDS)}))
    if fen(wanted.amount) == 0:
        faults.append(Fault("/amount", "amount_not_positive"))
    if not FIRST_YEAR <= wanted.year <= today(now).year + YEARS_AHEAD:
        faults.append(Fault("/year", "year_out_of_range"))
    if faults:
        raise Refused(faults)
    values = {
        "hospital_code": wanted.hospital_code,
        "hospital_area": place,
        "area_code": area,
        "fund": wanted.fund,
        "year": wanted.year,
        "amount": fen(wanted.amount),
        "created_on": today(now),
    }
    made = insert(prepayment).values(values | written_by(caller)).returning(*prepayment.c)
    row = dict((await connection.execute(made)).mappings().one())
    shown = shown_id(PREPAYMENT, row["prepayment_id"])
    await record(connection, caller, now, row, object_id=shown, move="draft", amount=row["amount"])
    return answer_of(row)


async def opened(connection: AsyncConnection, caller: Caller, shown: str) -> dict[str, Any]:
    """A prepayment's row, locked, when its area is the caller's to pay for."""
    row = await locked(connection, prepayment, number_of(PREPAYMENT, shown))
    may_pay(caller, row["area_code"])
    return row


async def approve(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> PrepaymentAnswer:
    """Approve a draft made by another."""
    row = await opened(connection, caller, shown)
    by_another(caller, row["subject"])
    check_move(row, ("draft",), "approved")
    return await _moved(service, connection, caller, row, "approved", approved_by=caller.principal.subject)


async def send(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> PrepaymentAnswer:
    """Give an approved prepayment to the bank."""
    row = await opened(connection, caller, shown)
    check_move(row, ("approved",), "sent")
    return await _moved(service, connection, caller, row, "sent", sent_by=caller.principal.subject)


async def cancel(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, reason: str
) -> PrepaymentAnswer:
    """Cancel a prepayment that was not paid."""
    row = await opened(connection, caller, shown)
    check_move(row, ("draft", "approved", "sent"), "cancelled")
    return await _moved(service, connection, caller, row, "cancelled", reason)


async def _moved(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    row: dict[str, Any],
    state: str,
    reason: str | None = None,
    **values: Any,
) -> PrepaymentAnswer:
    now = await business_now(service, connection)
    if values:
        values[f"{state}_on"] = today(now)
    await move(connection, prepayment, row, state=state, **values)
    shown = shown_id(PREPAYMENT, row["prepayment_id"])
    await record(connection, caller, now, row, object_id=shown, move=state, reason=reason, amount=row["amount"])
    return answer_of(row)


# ---------------------------------------------------------------- taken off orders


async def to_offset(
    connection: AsyncConnection, owner: Mapping[str, str], year: int, most: int
) -> list[tuple[int, int]]:
    """Which prepayments an order may take, oldest first, and how much of each; fen, together at most ``most``."""
    if most <= 0:
        return []
    columns = prepayment.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    wanted = select(prepayment).where(
        *same, columns.year == year, columns.paid > columns.offset_amount + columns.returned
    )
    rows = (await connection.execute(wanted.order_by(columns.prepayment_id).with_for_update())).mappings().all()
    taken = []
    for row in rows:
        amount = min(most, row["paid"] - row["offset_amount"] - row["returned"])
        if amount:
            taken.append((row["prepayment_id"], amount))
            most -= amount
    return taken


async def reserve(connection: AsyncConnection, disbursement_id: int, offsets: Sequence[tuple[int, int]]) -> None:
    """Keep what an order takes from being taken by another."""
    for prepayment_id, amount in offsets:
        values = {"prepayment_id": prepayment_id, "disbursement_id": disbursement_id, "amount": amount}
        await connection.execute(insert(prepayment_offset).values(values))
        mine = prepayment.c.prepayment_id == prepayment_id
        more = {"offset_amount": prepayment.c.offset_amount + amount}
        await connection.execute(update(prepayment).where(mine).values(more))


async def used(connection: AsyncConnection, disbursement_id: int) -> None:
    """Call the prepayments that an approved order used up ``offset``."""
    columns = prepayment.c
    mine = columns.prepayment_id.in_(
        select(prepayment_offset.c.prepayment_id).where(prepayment_offset.c.disbursement_id == disbursement_id)
    )
    spent = columns.paid == columns.offset_amount + columns.returned
    await connection.execute(update(prepayment).where(mine, columns.state == "paid", spent).values(state="offset"))


async def release(connection: AsyncConnection, disbursement_id: int) -> None:
    """Give back what a cancelled order had taken."""
    columns = prepayment_offset.c
    wanted = select(columns.prepayment_id, func.sum(columns.amount)).where(columns.disbursement_id == disbursement_id)
    for prepayment_id, amount in (await connection.execute(wanted.group_by(columns.prepayment_id))).all():
        if amount:
            await reserve(connection, disbursement_id, [(prepayment_id, -int(amount))])
            mine = prepayment.c.prepayment_id == prepayment_id
            await connection.execute(
                update(prepayment).where(mine, prepayment.c.state == "offset").values(state="paid")
            )


def answer_of(row: Any) -> PrepaymentAnswer:
    """A prepayment as it is shown."""
    return PrepaymentAnswer(
        prepayment_id=shown_id(PREPAYMENT, row["prepayment_id"]),
        state=row["state"],
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        fund=row["fund"],
        year=row["year"],
        amount=yuan(row["amount"]),
        paid=yuan(row["paid"]),
        offset=yuan(row["offset_amount"]),
        returned=yuan(row["returned"]),
        outstanding=yuan(row["paid"] - row["offset_amount"] - row["returned"]),
        created_by=row["subject"],
        created_on=row["created_on"].isoformat(),
        approved_by=row["approved_by"],
        approved_on=iso(row["approved_on"]),
        sent_by=row["sent_by"],
        sent_on=iso(row["sent_on"]),
    )
