"""From a visit to a bill: the lines to settle, the days, the medical type and the referral as they are decided here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.basics.days import SHANGHAI, shanghai_day
from app.basics.errors import Fault, Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.money import trimmed, yuan
from app.nhsa.call import Call, day, details_of, refused
from app.nhsa.fees import NATIONAL_NAMES, approved
from app.nhsa.fields import Row, scaled_of
from app.nhsa.visit_store import FeeLine, Visit, VisitRead, VisitSettlement
from app.service.wire import is_code
from app.settlement.bill import BillLine, BillRequest, Diagnosis, VisitRef
from app.tiers.model import OUTPATIENT_TYPES, MedicalType, Referral

NEAR_RANKS: Final = frozenset({"village", "township", "county"})
YES: Final = "1"
MAX_DIAGNOSES: Final = 100
_POINTERS: Final = {
    "total": "medfee_sumamt",
    "insurance_type": "insutype",
    "person_id": "psn_no",
    "medical_type": "med_type",
    "discharged_on": "dscgTime",
}


_OF_VISIT: Final = {"admitted_on": "begntime", "delivery_mode": "matn_type", "disease_code": "dise_codg"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A visit's bill, and the lines in it."""

    visit: Visit
    lines: Sequence[FeeLine]
    bill: BillRequest
    med_type: str


def prepare(call: Call, row: Row, visit: Visit, read: VisitRead, *, final: bool) -> Prepared:
    """The bill that a message asks for, of what was read of the visit. ``final``: it will be settled, so an inpatient
    must have been discharged."""
    settled, lines = read.settled, read.lines
    med_type = row.get("med_type") or visit.med_type or ""
    medical_type = _medical_type(call, visit, med_type)
    if visit.setting == "outpatient":
        chosen = _batch(row, lines, settled)
        since = until = shanghai_day(visit.begins_at)
        interim = False
    else:
        interim = row.get("mid_setl_flag") == YES
        since, until = _stay(row, visit, settled, lines, final=final and not interim)
        chosen = [line for line in lines if line.free and (not interim or shanghai_day(line.charged_at) <= until)]
    if not chosen:
        raise refused("nhsa_no_lines", "/data/0/mdtrt_id")
    referral, source = _referral(call, visit, read, med_type)
    bill = BillRequest(
        hospital_code=call.hospital_code,
        visit_id=visit.visit_id,
        settle_seq=1 + max((item.settle_seq for item in settled), default=0),
        interim=interim,
        person_id=visit.person_id,
        insurance_type=row.get("insutype", visit.insutype),
        medical_type=medical_type,
        admitted_on=since,
        discharged_on=until,
        diagnoses=_diagnoses(call, visit),
        disease_code=visit.disease_code if visit.disease_code and is_code(visit.disease_code) else None,
        delivery_mode=call.dictionary.delivery(med_type, visit.matn_type) if medical_type == "52" else None,
        lines=[_bill_line(call, line) for line in chosen],
        total=yuan(scaled_of(row["medfee_sumamt"], 2)),
        referral=referral,
        transfer_from=source,
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
            raise refused("nhsa_visit_settled", "/data/0/mdtrt_id", setl_id=shown_id(SETTLEMENT, item.settlement_id))
    return [line for line in batch if line.free]


def _stay(
    row: Row, visit: Visit, settled: Sequence[VisitSettlement], lines: Sequence[FeeLine], *, final: bool
) -> tuple[date, date]:
    """First and last day of a bill: after the last interim settlement that stands, until discharge or the cut-off day.
    While neither is known, a quote is until the last day that was charged."""
    since = shanghai_day(visit.begins_at)
    live = [item for item in settled if not item.reversed]
    for item in live:
        if not item.interim:
            raise refused("nhsa_visit_settled", "/data/0/mdtrt_id", setl_id=shown_id(SETTLEMENT, item.settlement_id))
    named = day(row["dscgTime"]) if "dscgTime" in row else None
    ended = None if visit.ends_at is None else shanghai_day(visit.ends_at)
    until = named or ended if row.get("mid_setl_flag") == YES else ended or named
    if until is None and final:
        raise refused("nhsa_not_discharged", "/data/0/mdtrt_id")
    until = until or max([since, *(shanghai_day(line.charged_at) for line in lines if line.free)])
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


def _referral(call: Call, visit: Visit, read: VisitRead, med_type: str) -> tuple[Referral, VisitRef | None]:
    """How the patient came: by a transfer filing of the first day, which also tells the visit before
    (docs/specification/national-interface.md, section 3)."""
    filing, source = read.transfer, None
    if filing is not None and filing.source_visit_id is not None and visit.setting == "inpatient":
        source = VisitRef(filing.hospital_code, filing.source_visit_id) if read.source_settled else None
    referral: Referral = "missing"
    if filing is not None:
        referral = "compliant"
    elif (read.rank or call.hospital.rank) in NEAR_RANKS:
        referral = "not_required"
    elif med_type in call.dictionary.emergencies:
        referral = "emergency"
    return referral, source


def nationally(error: Refused, prepared: Prepared) -> Refused:
    """The faults of a bill, told of the national fields; lines by their place among the lines uploaded, and what only
    the visit says as its own."""
    faults = []
    for fault in error.faults:
        if fault.pointer.startswith("/data/"):
            faults.append(fault)
            continue
        member, *rest = fault.pointer.split("/")[1:]
        if member == "lines" and len(rest) == 2:
            line_no = prepared.lines[int(rest[0])].line_no
            pointer = f"/lines/{line_no - 1}/{NATIONAL_NAMES.get(rest[1], rest[1])}"
        elif member in _OF_VISIT:
            pointer = f"/visit/0/{_OF_VISIT[member]}"
        else:
            pointer = f"/data/0/{_POINTERS[member]}" if member in _POINTERS else ""
        faults.append(Fault(pointer, fault.code, fault.values))
    return Refused(faults)
