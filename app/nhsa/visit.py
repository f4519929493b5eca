"""Visits: registration and admission, their changes, discharge and withdrawals (2201–2203, 2401–2405)."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from app.basics.days import shanghai_day
from app.basics.ids import SETTLEMENT, VISIT, shown_id
from app.database.engine import constraint
from app.nhsa import store, visit_store
from app.nhsa.call import Call, Details, Output, details_of, instant, refused, sealed_details, visit_for
from app.nhsa.fields import Row
from app.nhsa.identity import admit_person
from app.nhsa.visit_store import Visit
from app.service.wire import is_code

CHRONIC = "14"


async def register_outpatient(call: Call) -> Output:
    """Register an outpatient visit (2201)."""
    row = call.one()
    visit_id = row["ipt_otp_no"]
    visit_no = await _new(call, row, visit_id, "/data/0/ipt_otp_no", "outpatient", Details(row))
    values = {"mdtrt_id": shown_id(VISIT, visit_no), "psn_no": row["psn_no"], "ipt_otp_no": visit_id}
    return {"data": call.shown("data", {**values})}


async def admit(call: Call) -> Output:
    """Admit an inpatient (2401)."""
    row = call.one("mdtrtinfo")
    details = Details(row, call.nodes["diseinfo"])
    visit_no = await _new(call, row, row["ipt_no"], "/mdtrtinfo/0/ipt_no", "inpatient", details)
    return {"result": call.shown("result", {"mdtrt_id": shown_id(VISIT, visit_no)})}


async def _new(call: Call, row: Row, visit_id: str, pointer: str, setting: str, details: Details) -> int:
    node = pointer.rpartition("/")[0]
    if not is_code(visit_id):
        raise refused("text_format", pointer)
    begins_at = instant(row["begntime"])
    found = await store.person(call.connection, row["psn_no"], begins_at.date()) if is_code(row["psn_no"]) else None
    if found is None:
        raise refused("unknown_person", f"{node}/psn_no")
    await admit_person(call, row, node, found)
    await store.lock_person(call.connection, row["psn_no"])
    if await visit_store.visit_of(call.connection, call.hospital_code, visit_id) is not None:
        raise refused("nhsa_visit_exists", pointer)
    if begins_at > call.now and shanghai_day(begins_at) > shanghai_day(call.now):
        raise refused("in_the_future", f"{node}/begntime")
    call.person_id = row["psn_no"]
    values = (
        call.hospital_code,
        visit_id,
        row["psn_no"],
        setting,
        row.get("med_type"),
        row.get("insutype", found.insurance_type),
        row.get("matn_type"),
        row.get("dise_codg"),
        begins_at,
        sealed_details(call, visit_id, details),
        call.caller.principal.subject,
        call.caller.request_id,
    )
    try:
        call.visit_no = await visit_store.add_visit(call.connection, *values)
    except Exception as error:
        if constraint(error) == "nhsa_visit_live":  # another person's, at the same moment
            raise refused("nhsa_visit_exists", pointer) from error
        raise
    return call.visit_no


async def describe_outpatient(call: Call) -> Output:
    """Record medical type, disease and diagnoses of an outpatient visit (2203)."""
    row = call.one("mdtrtinfo")
    visit = await visit_for(call, row, "/mdtrtinfo/0", setting="outpatient")
    _same_insurance(row, visit, "/mdtrtinfo/0")
    if call.dictionary.medical_types.get(row["med_type"]) == CHRONIC and not row.get("dise_codg", visit.disease_code):
        raise refused("missing", "/mdtrtinfo/0/dise_codg")
    await _change(call, visit, row, diagnoses=call.nodes["diseinfo"])
    return {}


async def change_admission(call: Call) -> Output:
    """Change an admission (2403). The hospital's own number of the visit stays what it is: settlements are known by
    it."""
    row = call.one("adminfo")
    visit = await visit_for(call, row, "/adminfo/0", setting="inpatient")
    _same_insurance(row, visit, "/adminfo/0")
    if row["ipt_otp_no"] != visit.visit_id:
        raise refused("nhsa_visit_number_fixed", "/adminfo/0/ipt_otp_no")
    await _refuse_settled(call, visit, "/adminfo/0/mdtrt_id")
    changed = structs.replace(
        visit, ends_at=_end(call, row, visit, "/adminfo/0") if visit.state == "discharged" else None
    )
    await _change(call, changed, row, diagnoses=call.nodes["diseinfo"])
    return {}


async def discharge(call: Call) -> Output:
    """Discharge an inpatient (2402)."""
    row = call.one("dscginfo")
    visit = await visit_for(call, row, "/dscginfo/0", setting="inpatient")
    _same_insurance(row, visit, "/dscginfo/0")
    if visit.state == "discharged":
        raise refused("nhsa_discharged_before", "/dscginfo/0/mdtrt_id")
    ended = structs.replace(visit, ends_at=_end(call, row, visit, "/dscginfo/0"), state="discharged")
    await _change(call, ended, row, discharge_diagnoses=call.nodes["diseinfo"])
    return {}


def _same_insurance(row: Row, visit: Visit, pointer: str) -> None:
    """Refuse another insurance than the visit's, where one is sent; settling says for itself what it pays for."""
    if row.get("insutype", visit.insutype) != visit.insutype:
        raise refused("nhsa_person_differs", f"{pointer}/insutype")


def _end(call: Call, row: Row, visit: Visit, pointer: str) -> datetime | None:
    if "endtime" not in row:
        return visit.ends_at
    ends_at = instant(row["endtime"])
    if shanghai_day(ends_at) < shanghai_day(instant(row["begntime"]) if "begntime" in row else visit.begins_at):
        raise refused("discharge_before_admission", f"{pointer}/endtime")
    if shanghai_day(ends_at) > shanghai_day(call.now):
        raise refused("in_the_future", f"{pointer}/endtime")
    return ends_at


async def _change(
    call: Call,
    visit: Visit,
    row: Row,
    *,
    diagnoses: Sequence[Row] = (),
    discharge_diagnoses: Sequence[Row] = (),
) -> None:
    """Store what a message says of a visit; what it doesn't say stays."""
    former = details_of(call, visit)
    details = Details(
        former.fields | row,
        list(diagnoses) or former.diagnoses,
        list(discharge_diagnoses) or former.discharge_diagnoses,
    )
    changed = structs.replace(
        visit,
        med_type=row.get("med_type", visit.med_type),
        matn_type=row.get("matn_type", visit.matn_type),
        disease_code=row.get("dise_codg", visit.disease_code),
        begins_at=instant(row["begntime"]) if "begntime" in row else visit.begins_at,
        details=sealed_details(call, visit.visit_id, details),
    )
    await visit_store.change_visit(call.connection, changed)


async def withdraw_outpatient(call: Call) -> Output:
    """Withdraw an outpatient's registration (2202)."""
    row = call.one()
    visit = await visit_for(call, row, setting="outpatient")
    if row["ipt_otp_no"] != visit.visit_id:
        raise refused("nhsa_visit_unknown", "/data/0/ipt_otp_no")
    await withdraw(call, visit, "/data/0/mdtrt_id")
    return {}


async def withdraw_admission(call: Call) -> Output:
    """Withdraw an admission (2404)."""
    visit = await visit_for(call, call.one(), setting="inpatient")
    await withdraw(call, visit, "/data/0/mdtrt_id")
    return {}


async def withdraw(call: Call, visit: Visit, pointer: str) -> None:
    """Take a visit back that has neither lines nor settlements that stand, and isn't discharged."""
    await _refuse_settled(call, visit, pointer, interim=True)
    if visit.state == "discharged":
        raise refused("nhsa_discharged_before", pointer)
    if any(line.free for line in await visit_store.lines(call.connection, visit.visit_no)):
        raise refused("nhsa_visit_has_lines", pointer)
    await visit_store.change_visit(call.connection, structs.replace(visit, state="withdrawn"))


async def withdraw_discharge(call: Call) -> Output:
    """Withdraw a discharge (2405)."""
    visit = await visit_for(call, call.one(), setting="inpatient")
    if visit.state != "discharged":
        raise refused("nhsa_not_discharged", "/data/0/mdtrt_id")
    await _refuse_settled(call, visit, "/data/0/mdtrt_id")
    await visit_store.change_visit(call.connection, structs.replace(visit, state="open", ends_at=None))
    return {}


async def _refuse_settled(call: Call, visit: Visit, pointer: str, *, interim: bool = False) -> None:
    """Refuse what would pull the ground from under a settlement that stands; interim ones only if asked to."""
    for item in await visit_store.settlements_of(call.connection, call.hospital_code, visit.visit_id):
        if not item.reversed and (interim or not item.interim):
            raise refused("nhsa_visit_settled", pointer, setl_id=shown_id(SETTLEMENT, item.settlement_id))
