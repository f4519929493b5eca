"""Corrections: a settlement is never changed, another entry takes back what it took. One transaction each."""

from datetime import datetime
from typing import Any, cast

import msgspec

from app import telemetry
from app.context import Caller, Service
from app.errors import Conflict
from app.ledger.journal import Transfer, creditor, transfers_for
from app.security import require
from app.settlement import store
from app.settlement.answer import shown_id
from app.settlement.document import Document, Results, digest, encoded
from app.settlement.service import Settled, check_opened, may_claim
from app.settlement.store import NewSettlement, Reversible
from app.tiers.model import FUND_TIERS, FUNDS, Payable, Portions, Scope, Step


async def reverse(
    service: Service, caller: Caller, settlement_id: int, reason: str, *, key: str, request_hash: bytes
) -> Settled:
    """Reverse the last live settlement of its person-year; Conflict with the list when there are later ones."""
    require(caller.principal, "hospital", "finance")
    async with service.database.hot() as connection:
        found = await store.reversible(
            connection,
            caller,
            settlement_id,
            key=key,
            request_hash=request_hash,
            wait=service.settings.idempotency_wait,
            manual_clock=service.manual_clock,
        )
        check_opened(found.state)
        if found.state == "replayed":
            return Settled(cast(int, found.settlement_id), True)
        _may_reverse(caller, found)
        row, transfers, after = _new_reversal(found, reason)
        await store.write(connection, row, transfers, after, key=key, request_hash=request_hash)
    portions = {tier: getattr(row, tier) for tier in telemetry.PORTIONS}
    telemetry.observe_settlement(kind="reversal", medical_type=row.medical_type, paid_by=row.paid_by, portions=portions)
    return Settled(row.settlement_id, False)


def _may_reverse(caller: Caller, found: Reversible) -> None:
    if found.kind != "settlement":
        raise Conflict("not_a_settlement")
    if found.row is not None and found.row.paid_by == "patient":
        may_claim(caller)
    if found.reversed:
        raise Conflict("already_reversed")
    if found.later or found.later_others:
        extra = {"later": [shown_id(later) for later in found.later], "others": found.later_others}
        raise Conflict("later_settlements_exist", extra=extra)


def _new_reversal(found: Reversible, reason: str) -> tuple[NewSettlement, tuple[Transfer, ...], str]:
    """The row that takes back exactly what a settlement and its adjustments took."""
    original, document = cast(store.Original, found.row), cast(Document, found.document)
    negative = {key: -value for key, value in found.amounts.items()}
    delta = {key: -value for key, value in found.delta.items() if value and key != "inpatient_count"}
    if original.medical_type == "21" and not found.episode_still_counted:
        delta["inpatient_count"] = -1
    after = {key: value + delta.get(key, 0) for key, value in found.accumulators.items()}
    scope = Scope(**{key: negative[key] for key in Scope.__struct_fields__})
    portions = Portions(**{key: negative[key] for key in Portions.__struct_fields__})
    payables = _owed(portions, negative["payable_adjustment"])
    results = encoded(Results(scope, portions, payables, after))
    inputs = encoded({"of": shown_id(original.settlement_id), "digest": original.digest, "before": found.accumulators})
    step = Step("reversal", "reversal", "reversal", "撤销结算", negative["patient"], {"total": negative["total"]})
    lines = tuple(
        msgspec.structs.replace(
            line,
            own_expense=-line.own_expense,
            over_limit=-line.over_limit,
            first_pay=-line.first_pay,
            in_scope=-line.in_scope,
        )
        for line in document.lines
    )
    stored = Document(msgspec.Raw(inputs), msgspec.Raw(results), lines, (step,))
    repeated: dict[str, Any] = {
        key: value for key, value in msgspec.structs.asdict(original).items() if key not in ("settlement_id", "digest")
    }
    row = NewSettlement(
        settlement_id=found.reversal_id,
        kind="reversal",
        of_settlement_id=original.settlement_id,
        entry_no=found.entries_before + 1,
        settled_at=cast(datetime, found.now),
        **cast(dict[str, Any], negative),
        delta=encoded(delta).decode(),
        digest=digest(inputs),
        result_digest=digest(results),
        warnings=[],
        reason=reason,
        document=encoded(stored).decode(),
        **repeated,
    )
    owed_to = creditor(paid_by=original.paid_by, hospital_code=original.hospital_code, person_id=original.person_id)
    transfers = transfers_for(
        payables,
        event="reversal",
        paying_area=original.paying_area,
        creditor=owed_to,
        medical_type=original.medical_type,
    )
    return row, transfers, encoded(after).decode()


def _owed(portions: Portions, adjustment: int) -> tuple[Payable, ...]:
    """What each fund owes by its portion; the adjustment is the basic fund's."""
    amounts = {tier: getattr(portions, tier) + (adjustment if tier == "basic" else 0) for tier in FUND_TIERS}
    return tuple(Payable(FUNDS[tier], tier, amount) for tier, amount in amounts.items() if amount)
