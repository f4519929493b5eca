"""Quote, settle, cancel: a visit's bill goes the way of ``/v1`` (2206–2208, 2303–2305)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from app.basics.days import shanghai_day
from app.basics.errors import Conflict, NotFound, Refused
from app.basics.ids import SETTLEMENT, VISIT, read_id, shown_id
from app.basics.money import yuan
from app.nhsa import store, visit_store
from app.nhsa.call import Call, Output, ToSettle, details_of, refused, visit_for, visit_named
from app.nhsa.fields import Row, scaled_of
from app.nhsa.figures import SCOPE_FIELDS, NationalFigures, amounts, fund_rows, of_computation, of_reversal
from app.nhsa.identity import compare, identified_since, is_identified
from app.nhsa.person import known_person, person_for, shown_as_known
from app.nhsa.visit_bill import Prepared, nationally, prepare
from app.nhsa.visit_store import VisitRead
from app.service.caller import Keyed
from app.settlement import correction, settling
from app.settlement.computing import Computation
from app.settlement.rows import NewEntry
from app.settlement.settling import ReadyToWrite

CLEARING_WAY: Final = "1"  # 按项目
CANCEL_REASON: Final = "医药机构通过国家接口撤销结算"


# ---------------------------------------------------------------- quote and settle


async def quote(call: Call) -> Output:
    """Quote (2206, 2303): computed, nothing stored."""
    row = call.one()
    read = await _read(call, row, lock=False)
    prepared = prepare(call, row, visit_named(call, row, read.visit, setting=_setting(call)), read, final=False)
    try:
        computation = await settling.quote_within(call.service, call.connection, call.caller, prepared.bill)
    except Refused as error:
        raise nationally(error, prepared) from None
    _same_scope(row)(computation)
    return _answer(call, row, prepared, read, computation)


async def settle(call: Call) -> Output:
    """Settle (2207, 2304): once, with the lines bound to the settlement. It is written when the message is kept."""
    row = call.one()
    read = await _read(call, row, lock=True)
    visit = visit_named(call, row, read.visit, setting=_setting(call))
    prepared = prepare(call, row, visit, read, final=True)
    bill, keyed = prepared.bill, Keyed(_key(call), call.envelope.input_hash)
    try:
        ready = await settling.ready_within(
            call.service, call.connection, call.caller, bill, keyed, check=_same_scope(row)
        )
    except Refused as error:
        raise nationally(error, prepared) from None
    assert isinstance(ready, ReadyToWrite), "the message's lock comes before its key"
    settled = ready.settled
    assert settled.computation is not None
    call.settlement_id = settled.settlement_id
    call.to_settle = ToSettle(ready.entry, keyed, bill, visit.visit_no, [line.line_no for line in prepared.lines])
    call.after.append(lambda: settling.observe_settled(settled))
    return _answer(call, row, prepared, read, settled.computation)


async def _read(call: Call, row: Row, *, lock: bool) -> VisitRead:
    """The visit that a row names, with all that its bill and the answer are made of."""
    return await visit_store.read(
        call.connection,
        call.hospital_code,
        read_id(VISIT, row["mdtrt_id"]),
        row["psn_no"],
        lock=lock,
        today=shanghai_day(call.now),
        identified_since=identified_since(call),
    )


def _setting(call: Call) -> str:
    return "outpatient" if call.envelope.infno in ("2206", "2207", "2208") else "inpatient"


def _key(call: Call) -> str:
    """The idempotency key that a message stands for."""
    envelope = call.envelope
    named = f"{envelope.hospital_code} {envelope.infno} {envelope.msgid}"
    return f"nhsa-{sha256(named.encode()).hexdigest()}"


def _same_scope(row: Row) -> Callable[[Computation], None]:
    """What the sender says of the scope must be what we say: the first amount that differs is named. All four absent or
    0: the sender doesn't know them."""
    sent = {field: scaled_of(row.get(field, "0"), 2) for field in SCOPE_FIELDS}

    def check(computation: Computation) -> None:
        for field, name in SCOPE_FIELDS.items():
            ours = getattr(computation.outcome.scope, name)
            if any(sent.values()) and sent[field] != ours:
                raise refused("nhsa_scope_differs", f"/data/0/{field}", ours=yuan(ours))

    return check


def _answer(call: Call, row: Row, prepared: Prepared, read: VisitRead, computation: Computation) -> Output:
    figures, found = of_computation(computation), read.person
    if found is None:
        raise refused("unknown_person", "/data/0/psn_no")
    compare(call, row, "/data/0", found)
    bill = prepared.bill
    values = shown_as_known(call, found, identified=read.identified) | {
        "mdtrt_id": shown_id(VISIT, prepared.visit.visit_no),
        "setl_id": None if call.settlement_id is None else shown_id(SETTLEMENT, call.settlement_id),
        "insutype": bill.insurance_type,
        "setl_time": computation.now,
        "mdtrt_cert_type": row.get("mdtrt_cert_type"),
        "med_type": prepared.med_type,
        "medins_setl_id": call.envelope.msgid,
        "clr_optins": computation.paying_area,
        "clr_way": CLEARING_WAY,
        "clr_type": call.dictionary.clr_type(bill.medical_type),
    }
    return _shown(call, values, figures)


def _shown(call: Call, values: dict[str, object], figures: NationalFigures) -> Output:
    return {
        "setlinfo": call.shown("setlinfo", values | amounts(figures)),
        "setldetail": [call.shown("setldetail", item) for item in fund_rows(figures, call.dictionary)],
    }


# ---------------------------------------------------------------- cancel


async def cancel(call: Call) -> Output:
    """Cancel a settlement (2208, 2305): a new one with all amounts negative; its lines are free again."""
    row = call.one()
    visit = await visit_for(call, row, setting=_setting(call))
    settlement_id = read_id(SETTLEMENT, row["setl_id"])
    stored = None if settlement_id is None else await visit_store.settlement(call.connection, settlement_id)
    if (
        settlement_id is None
        or stored is None
        or (stored.hospital_code, stored.visit_id, stored.kind) != (call.hospital_code, visit.visit_id, "settlement")
    ):
        raise refused("nhsa_settlement_unknown", "/data/0/setl_id")
    entry = await reverse(call, settlement_id)
    call.settlement_id = entry.settlement_id
    details, identified = details_of(call, visit), await is_identified(call, visit.person_id)
    values = await known_person(call, await person_for(call, visit.person_id)) | {
        "mdtrt_id": row["mdtrt_id"],
        "setl_id": shown_id(SETTLEMENT, entry.settlement_id),
        "setl_time": entry.settled_at,
        "insutype": visit.insutype,
        "mdtrt_cert_type": details.fields.get("mdtrt_cert_type"),
        "mdtrt_cert_no": details.fields.get("mdtrt_cert_no") if identified else None,
        "med_type": visit.med_type or stored.medical_type,
        "medins_setl_id": call.envelope.msgid,
        "begndate": entry.admitted_on,
        "enddate": entry.discharged_on,
        "clr_optins": entry.paying_area,
        "clr_way": CLEARING_WAY,
        "clr_type": call.dictionary.clr_type(entry.medical_type),
    }
    return _shown(call, values, of_reversal(entry, stored))


async def reverse(call: Call, settlement_id: int) -> NewEntry:
    """Take a settlement back within the call's transaction. Refused in the national interface's own words."""
    keyed = Keyed(f"nhsa-cancel-{settlement_id:020d}", call.envelope.input_hash)
    try:
        entries = await correction.reverse_within(
            call.service, call.connection, call.caller, settlement_id, reason=CANCEL_REASON, keyed=keyed
        )
    except NotFound:
        raise refused("nhsa_settlement_unknown", "/data/0/setl_id") from None
    except Conflict as error:
        raise await _told(call, error, settlement_id) from None
    call.after.append(lambda: correction.observe(entries))
    return entries[0].row


async def _told(call: Call, error: Conflict, settlement_id: int) -> Conflict:
    """A conflict of a reversal with what the hospital can do about it."""
    if error.code == "already_reversed":
        reversal = await store.reversal_of(call.connection, settlement_id)
        return Conflict("nhsa_already_cancelled", values={"setl_id": shown_id(SETTLEMENT, reversal or 0)})
    if error.code == "later_settlements_exist":
        later = error.extra.get("later")
        shown = [str(item) for item in later] if isinstance(later, list) else []
        values = {"later": "、".join(shown) or "无", "others": str(error.extra.get("others", 0))}
        return Conflict("nhsa_later_settlements", values=values)
    return error
