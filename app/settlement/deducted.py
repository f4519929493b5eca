"""What corrections make of deductions: a deduction never takes more than the fund still owes for the bill, or for its
line.

``line_worth`` says what refunding the rest of a line now would take off each fund. ``fit_deductions`` gives back, in a
correction's own transaction, what the correction made excessive. Amounts in fen."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import HotConnection
from app.service.caller import Caller, OpenState, Service
from app.settlement import entry, store
from app.settlement.bill import core_bill
from app.settlement.document import Inputs, owed_of
from app.settlement.entry import Entry
from app.settlement.person_year import computed_again, laws_kept
from app.settlement.rows import Standing, YearPart
from app.tiers.model import FUNDS
from app.tiers.scope import netted

_LINES: Final = "SELECT settlement_id, line_no FROM deducted_lines($1)"
_FIT: Final = "SELECT deductions_fit($1, $2)"


async def line_worth(
    service: Service, connection: AsyncConnection, caller: Caller, settlement_id: int, line_no: int
) -> dict[str, int]:
    """What each fund would owe less for a settlement if the whole rest of a line were refunded now."""
    driver: HotConnection = (await connection.get_raw_connection()).driver_connection
    return await _line_worth(service, driver, caller, settlement_id, line_no) or {}


async def _line_worth(
    service: Service, connection: HotConnection, caller: Caller, settlement_id: int, line_no: int
) -> dict[str, int] | None:
    """None of a settlement that was taken back, of which no line can be refunded any more."""
    found = await store.person_year(service, connection, caller, None, YearPart(settlement_id, whole=False))
    if found.state != OpenState.NEW or found.reversed or not found.standing:
        return None
    target = found.standing[0]
    policy_of = await store.policies_of(service, connection, laws_kept([target]))

    def revised(_: Standing, inputs: Inputs) -> Inputs:
        return _without_line(inputs, line_no)

    (again,) = computed_again([target], found.stays, entry.years_before(found), policy_of, revised)
    worth: dict[str, int] = {}
    for payable in owed_of(again.difference, again.inputs):
        worth[payable.fund] = worth.get(payable.fund, 0) - payable.amount
    return worth


def _without_line(inputs: Inputs, line_no: int) -> Inputs:
    """The inputs of a bill whose line is refunded whole."""
    refunds = dict(inputs.refunds)
    refunds |= {line.line_no: line.quantity for line in netted(core_bill(inputs.bill).lines) if line.line_no == line_no}
    return structs.replace(inputs, refunds=tuple(sorted(refunds.items())))


async def fit_deductions(service: Service, connection: HotConnection, caller: Caller, entries: Sequence[Entry]) -> None:
    """After corrections were written: give back what they made excessive of the deductions of their settlements.

    Of a settlement that was taken back the whole counts, not its lines: a recovery leaves owed what it takes back."""
    corrections = {
        item.row.settlement_id: item.row.of_settlement_id for item in entries if item.row.of_settlement_id is not None
    }
    if not corrections:
        return
    worths = [
        {"settlement_id": row["settlement_id"], "line_no": row["line_no"], "fund": fund, "owed": worth.get(fund, 0)}
        for row in await connection.fetch(_LINES, list(corrections.values()))
        for worth in [await _line_worth(service, connection, caller, row["settlement_id"], row["line_no"])]
        if worth is not None
        for fund in dict.fromkeys((*FUNDS.values(), *worth))
    ]
    await connection.execute(_FIT, list(corrections), msgspec.json.encode(worths).decode())
