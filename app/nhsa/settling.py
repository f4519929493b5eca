"""Quote, settle, cancel: a visit's lines become a bill, and the bill goes the way of ``/v1`` (2206–2208, 2303–2305)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

from app.errors import Conflict, Fault, NotFound, Refused
from app.money import trimmed, yuan
from app.nhsa import store
from app.nhsa.call import VISIT_PREFIX, Call, Output, day, details_of, refused, shown_number, visit_for
from app.nhsa.fees import NATIONAL_NAMES, approved, hospital_at
from app.nhsa.fields import Row, scaled_of
from app.nhsa.figures import SCOPE_FIELDS, Figures, amounts, fund_rows, of_computation, of_entry
from app.nhsa.person import person_for, shown_person
from app.nhsa.store import FeeLine, Visit, VisitSettlement
from app.settlement import correction, service
from app.settlement.answer import read_id, shown_id
from app.settlement.bill import SHANGHAI, BillLine, BillRequest, Diagnosis, VisitRef, shanghai_day
from app.settlement.correction import Keyed
from app.settlement.service import Computation
from app.settlement.store import NewEntry
from app.tiers.model import OUTPATIENT_TYPES, MedicalType, Referral
from app.wire import is_code

NEAR_RANKS: Final = frozenset({"village", "township", "county"})
YES: Final = "1"
CLEARING_WAY: Final = "1"  # 按项目
CANCEL_REASON: Final = "医药机构通过国家接口撤销结算"
MAX_DIAGNOSES: Final = 100
_POINTERS: Final = {
    "total": "medfee_sumamt",
    "insurance_type": "insutype",
    "person_id": "psn_no",
    "medical_type": "med_type",
    "discharged_on": "dscgTime",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A visit's bill, and the lines in it."""

    visit: Visit
    lines: Sequence[FeeLine]
    bill: BillRequest
    med_type: str


# ---------------------------------------------------------------- from a visit to a bill


async def _prepared(call: Call, row: Row, visit: Visit, *, final: bool) -> Prepared:
    """The bill that a message asks for. ``final``: it will be settled, so an inpatient must have been discharged."""
    settled = await store.settlements_of(call.connection, call.hospital_code, visit.visit_id)
    lines = await store.lines(call.connection, visit.visit_no)
    med_type = row.get("med_type") or visit.med_type or ""
    medical_type = _medical_type(call, visit, med_type)
    if visit.setting == "outpatient":
        chosen = _batch(row, lines, settled)
        since = until = shanghai_day(visit.begins_at)
        interim = False
    else:
        interim = row.get("mid_setl_flag") == YES
        since, until = _stay(call, row, visit, settled, final=final and not interim)
        chosen = [line for line in lines if line.free and (not interim or shanghai_day(line.charged_at) <= until)]
    if not chosen:
        raise refused("nhsa_no_lines", "/data/0/mdtrt_id")
    bill = BillRequest(
        hospital_code=call.hospital_code,
        visit_id=visit.visit_id,
        settle_seq=1 + max((item.settle_seq for item in settled), default=0),
        interim=interim,
        person_id=visit.person_id,
        insurance_type=row["insutype"],
        medical_type=medical_type,
        admitted_on=since,
        discharged_on=until,
        diagnoses=_diagnoses(call, visit),
        disease_code=visit.disease_code if visit.disease_code and is_code(visit.disease_code) else None,
        delivery_mode=call.dictionary.delivery(med_type, visit.matn_type) if medical_type == "52" else None,
        lines=[_bill_line(call, line) for line in chosen],
        total=yuan(scaled_of(row["medfee_sumamt"], 2)),
        **await _referral(call, visit, med_type, shanghai_day(visit.begins_at)),
    )
    return Prepared(visit, chosen, bill, med_type)


def _medical_type(call: Call, visit: Visit, med_type: str) -> MedicalType:
    found = call.dictionary.medical_types.get(med_type)
    if found is None or (found in OUTPATIENT_TYPES) != (visit.setting == "outpatient"):
        raise refused("nhsa_med_type_unsupported", "/data/0/med_type")
    return found


def _batch(row: Row, lines: Sequence[FeeLine], settled: Sequence[VisitSettlement]) -> list[FeeLine]:
    """The free lines of an outpatient batch. What another door settled of the visit isn't settled here again."""
    own = {line.settlement_id for line in lines}
    batch = [line for line in lines if line.batch_no == row["chrg_bchno"]]
    for item in settled:
        if not item.reversed and (
            item.settlement_id not in own
            or any(line.settlement_id == item.settlement_id for line in batch if not line.free)
        ):
            raise refused("nhsa_visit_settled", "/data/0/mdtrt_id", setl_id=shown_id(item.settlement_id))
    return [line for line in batch if line.free]


def _stay(call: Call, row: Row, visit: Visit, settled: Sequence[VisitSettlement], *, final: bool) -> tuple[date, date]:
    """First and last day of a bill: after the last interim settlement that stands, until discharge or the cut-off day."""
    since, today = shanghai_day(visit.begins_at), shanghai_day(call.now)
    live = [item for item in settled if not item.reversed]
    for item in live:
        if not item.interim:
            raise refused("nhsa_visit_settled", "/data/0/mdtrt_id", setl_id=shown_id(item.settlement_id))
    named = day(row["dscgTime"]) if "dscgTime" in row else None
    ended = None if visit.ends_at is None else shanghai_day(visit.ends_at)
    until = named or ended if row.get("mid_setl_flag") == YES else ended or named
    if until is None and final:
        raise refused("nhsa_not_discharged", "/data/0/mdtrt_id")
    until = until or max(today, since)
    if live:
        since = min(max(item.discharged_on for item in live) + timedelta(days=1), until)
    return since, until


def _bill_line(call: Call, line: FeeLine) -> BillLine:
    code = line.hospital_item_code
    return BillLine(
        line_no=line.line_no,
        item_code=line.item_code,
        quantity=trimmed(line.quantity, 4),
        unit_price=trimmed(line.unit_price, 6),
        amount=yuan(line.amount),
        charged_at=line.charged_at.astimezone(SHANGHAI),
        hospital_item_code=code if code is not None and is_code(code) else None,
        approved=approved(call.dictionary, line.approval),
        refund_of_line_no=line.refund_of_line_no,
    )


def _diagnoses(call: Call, visit: Visit) -> list[Diagnosis]:
    """The diagnoses of the discharge, or those of the admission; the first is the main one unless another is marked."""
    details = details_of(call, visit)
    rows = details.discharge_diagnoses or details.diagnoses
    main = next((row for row in rows if row.get("maindiag_flag") == YES), rows[0] if rows else None)
    return [
        Diagnosis(row["diag_code"], row["diag_name"][:200], row is main)
        for row in rows[:MAX_DIAGNOSES]
        if is_code(row["diag_code"])
    ]


async def _referral(call: Call, visit: Visit, med_type: str, on: date) -> dict[str, Any]:
    """How the patient came: by a transfer filing of that day, which also tells the visit before; nhsa.md, Envelope."""
    filing = await store.transfer_on(call.connection, visit.person_id, call.hospital_code, on)
    source = None
    if filing is not None and filing["source_visit_id"] is not None and visit.setting == "inpatient":
        before = VisitRef(filing["hospital_code"], filing["source_visit_id"])
        if await store.has_settled(call.connection, before.hospital_code, before.visit_id):
            source = before
    referral: Referral = "missing"
    if filing is not None:
        referral = "compliant"
    elif (await hospital_at(call, visit)).rank in NEAR_RANKS:
        referral = "not_required"
    elif med_type in call.dictionary.emergencies:
        referral = "emergency"
    return {"referral": referral, "transfer_from": source}


# ---------------------------------------------------------------- quote and settle


async def quote(call: Call) -> Output:
    """2206 and 2303: computed, nothing stored."""
    row = call.one()
    visit = await visit_for(call, row, setting=_setting(call), lock=False)
    prepared = await _prepared(call, row, visit, final=False)
    try:
        computation = await service.quote_within(call.service, call.connection, call.caller, prepared.bill)
    except Refused as error:
        raise _nationally(error, prepared) from None
    return await _answer(call, row, prepared, computation)


async def settle(call: Call) -> Output:
    """2207 and 2304: the bill settled once, its lines bound to the settlement."""
    row = call.one()
    visit = await visit_for(call, row, setting=_setting(call))
    prepared = await _prepared(call, row, visit, final=True)
    try:
        settled = await service.settle_within(
            call.service,
            call.connection,
            call.caller,
            prepared.bill,
            key=_key(call),
            request_hash=call.envelope.input_hash,
            check=_same_scope(row),
        )
    except Refused as error:
        raise _nationally(error, prepared) from None
    assert settled.computation is not None, "the message's lock comes before its key"
    call.settlement_id = settled.settlement_id
    await store.settle_lines(
        call.connection, visit.visit_no, settled.settlement_id, [line.line_no for line in prepared.lines]
    )
    call.after.append(lambda: service.observe_settled(settled))
    return await _answer(call, row, prepared, settled.computation)


def _setting(call: Call) -> str:
    return "outpatient" if call.envelope.infno in ("2206", "2207", "2208") else "inpatient"


def _key(call: Call) -> str:
    """The idempotency key that a message stands for."""
    envelope = call.envelope
    named = f"{envelope.hospital_code} {envelope.infno} {envelope.msgid}"
    return f"nhsa-{sha256(named.encode()).hexdigest()}"


def _same_scope(row: Row) -> Callable[[Computation], None]:
    """What the sender says of the scope must be what we say: the first amount that differs is named."""

    def check(computation: Computation) -> None:
        for field, name in SCOPE_FIELDS.items():
            ours = getattr(computation.outcome.scope, name)
            if field in row and scaled_of(row[field], 2) != ours:
                raise refused("nhsa_scope_differs", f"/data/0/{field}", ours=yuan(ours))

    return check


def _nationally(error: Refused, prepared: Prepared) -> Refused:
    """The faults of a bill, told of the national fields; lines by their place among the lines uploaded."""
    faults = []
    for fault in error.faults:
        if fault.pointer.startswith("/data/"):
            faults.append(fault)
            continue
        member, *rest = fault.pointer.split("/")[1:]
        if member == "lines" and len(rest) == 2:
            line_no = prepared.lines[int(rest[0])].line_no
            pointer = f"/lines/{line_no - 1}/{NATIONAL_NAMES.get(rest[1], rest[1])}"
        else:
            pointer = f"/data/0/{_POINTERS[member]}" if member in _POINTERS else ""
        faults.append(Fault(pointer, fault.code, fault.values))
    return Refused(faults)


async def _answer(call: Call, row: Row, prepared: Prepared, computation: Computation) -> Output:
    figures, found = of_computation(computation), await person_for(call, prepared.visit.person_id)
    bill = prepared.bill
    values = shown_person(call, found) | {
        "mdtrt_id": shown_number(VISIT_PREFIX, prepared.visit.visit_no),
        "setl_id": None if call.settlement_id is None else shown_id(call.settlement_id),
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


def _shown(call: Call, values: dict[str, object], figures: Figures) -> Output:
    return {
        "setlinfo": call.shown("setlinfo", values | amounts(figures)),
        "setldetail": [call.shown("setldetail", item) for item in fund_rows(figures, call.dictionary)],
    }


# ---------------------------------------------------------------- cancel


async def cancel(call: Call) -> Output:
    """2208 and 2305: a new settlement with all amounts negative; the lines are free again."""
    row = call.one()
    visit = await visit_for(call, row, setting=_setting(call))
    settlement_id = read_id(row["setl_id"])
    stored = None if settlement_id is None else await store.settlement(call.connection, settlement_id)
    if (
        settlement_id is None
        or stored is None
        or (stored["hospital_code"], stored["visit_id"], stored["kind"])
        != (call.hospital_code, visit.visit_id, "settlement")
    ):
        raise refused("nhsa_settlement_unknown", "/data/0/setl_id")
    entry = await reverse(call, settlement_id)
    call.settlement_id = entry.settlement_id
    details = details_of(call, visit)
    values = shown_person(call, await person_for(call, visit.person_id)) | {
        "mdtrt_id": row["mdtrt_id"],
        "setl_id": shown_id(entry.settlement_id),
        "setl_time": entry.settled_at,
        "insutype": visit.insutype,
        "mdtrt_cert_type": details.fields.get("mdtrt_cert_type"),
        "mdtrt_cert_no": details.fields.get("mdtrt_cert_no"),
        "med_type": visit.med_type or stored["medical_type"],
        "medins_setl_id": call.envelope.msgid,
        "begndate": entry.admitted_on,
        "enddate": entry.discharged_on,
        "clr_optins": entry.paying_area,
        "clr_way": CLEARING_WAY,
        "clr_type": call.dictionary.clr_type(entry.medical_type),
    }
    return _shown(call, values, of_entry(entry))


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
        return Conflict("nhsa_already_cancelled", values={"setl_id": shown_id(reversal or 0)})
    if error.code == "later_settlements_exist":
        later = error.extra.get("later")
        shown = [str(item) for item in later] if isinstance(later, list) else []
        values = {"later": "、".join(shown) or "无", "others": str(error.extra.get("others", 0))}
        return Conflict("nhsa_later_settlements", values=values)
    return error
