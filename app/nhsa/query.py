"""Queries: visits, diagnoses, settlements and their lines (5201–5204). A hospital sees its own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.basics.areas import pooling_area
from app.basics.days import shanghai_day
from app.basics.ids import SETTLEMENT, VISIT, read_id, shown_id
from app.basics.money import parsed
from app.nhsa import store, visit_store
from app.nhsa.call import Call, Output, details_of, instant, refused, visit_for
from app.nhsa.fees import Versions, catalogue_values, version_on, versions_of
from app.nhsa.fields import TRANSACTIONS, Row, stored_shown
from app.nhsa.figures import amounts, fund_rows, of_row
from app.nhsa.person import known_person, person_asked, person_for
from app.nhsa.rows import SettledDocument
from app.nhsa.settling import CLEARING_WAY
from app.nhsa.vault import fee_line_place
from app.nhsa.visit_store import Visit
from app.service.security import decrypt
from app.settlement.bill import BillLine
from app.settlement.document import decode_document, decode_inputs
from app.tiers.model import LineScope

MAX_VISITS: Final = 500
NATIONAL_LEVELS: Final = {3: "2", 2: "5", 1: "8"}  # 三级甲等, 二级甲等, 一级甲等: the registry knows the level only


async def visits(call: Call) -> Output:
    """List visits that began in the time asked for (5201); of one medical type, and only one visit when it is named."""
    row = call.one()
    found = await known_person(call, await person_asked(call, row["psn_no"]))
    known = await _begun(call, row)
    return {
        "mdtrtinfo": [
            _visit(call, visit, found)
            for visit in known
            if visit.med_type in (None, row["med_type"])
            and row.get("mdtrt_id") in (None, shown_id(VISIT, visit.visit_no))
        ]
    }


async def admitted(call: Call) -> Output:
    """List the inpatient visits (5303), of a person or of all, that began in the time asked for and aren't
    discharged."""
    rows: list[dict[str, object]] = []
    for visit in await _begun(call, call.one()):
        if visit.setting == "inpatient" and visit.ends_at is None:
            found = await known_person(call, await person_for(call, visit.person_id))
            values = found | {
                "mdtrt_id": shown_id(VISIT, visit.visit_no),
                "begndate": visit.begins_at,
                "med_type": visit.med_type,
                "ipt_otp_no": visit.visit_id,
                "out_flag": "0",
            }
            rows.append(call.shown("data", values))
    return {"data": rows}


async def _begun(call: Call, row: Row) -> list[Visit]:
    """Visits here, of a person if one is named, that began in the time of a message; a day means the whole day."""
    since, until = instant(row["begntime"]), instant(row["endtime"])
    if until.time() == datetime.min.time():
        until += timedelta(days=1) - timedelta(microseconds=1)
    return await visit_store.visits(call.connection, row.get("psn_no"), call.hospital_code, since, until, MAX_VISITS)


def _visit(call: Call, visit: Visit, found: dict[str, object]) -> dict[str, object]:
    sent = details_of(call, visit).fields
    ours = found | {
        "mdtrt_id": shown_id(VISIT, visit.visit_no),
        "ipt_otp_no": visit.visit_id,
        "begntime": visit.begins_at,
        "endtime": visit.ends_at,
        "med_type": visit.med_type,
        "inhosp_stas": "1" if visit.setting == "inpatient" and visit.ends_at is None else "0",
        "ipt_days": 0 if visit.ends_at is None else (shanghai_day(visit.ends_at) - shanghai_day(visit.begins_at)).days,
        "opter_name": None,
    }
    shown = call.shown("mdtrtinfo", ours)
    for field in TRANSACTIONS[call.envelope.infno].output["mdtrtinfo"]:
        if field.name not in ours and field.name in sent:
            shown[field.name] = stored_shown(field, sent[field.name])
    return shown


async def diagnoses(call: Call) -> Output:
    """List the diagnoses of a visit (5202)."""
    visit = await visit_for(call, call.one(), lock=False)
    details = details_of(call, visit)
    rows = [("1", row) for row in details.diagnoses] + [("2", row) for row in details.discharge_diagnoses]
    return {"diseinfo": [_diagnosis(call, visit, kind, row, number) for number, (kind, row) in enumerate(rows, 1)]}


def _diagnosis(call: Call, visit: Visit, kind: str, row: Row, number: int) -> dict[str, object]:
    mdtrt_id = shown_id(VISIT, visit.visit_no)
    ours = {
        "diag_info_id": f"{mdtrt_id}_{number}",
        "mdtrt_id": mdtrt_id,
        "psn_no": visit.person_id,
        "inout_diag_type": kind,
    }
    sent = {"maindiag_flag": "0"} | row
    return {
        field.name: ours[field.name] if field.name in ours else stored_shown(field, sent.get(field.name))
        for field in TRANSACTIONS[call.envelope.infno].output["diseinfo"]
    }


async def _settlement(call: Call) -> tuple[SettledDocument, Visit]:
    """The settlement or reversal that a query names by its id, or by the msgid that made it."""
    row = call.one()
    visit = await visit_for(call, row, lock=False)
    settlement_id = read_id(SETTLEMENT, row["setl_id"])
    if settlement_id is None:
        settlement_id = await store.settled_by_msgid(call.connection, call.hospital_code, row["setl_id"])
    stored = None if settlement_id is None else await visit_store.settlement(call.connection, settlement_id)
    if stored is None or (stored.hospital_code, stored.visit_id) != (call.hospital_code, visit.visit_id):
        raise refused("nhsa_settlement_unknown", "/data/0/setl_id")
    return stored, visit


async def settlement(call: Call) -> Output:
    """Show a settlement (5203): with the message's own number (``medins_setl_id``) in place of ``setl_id``, what became
    of a settle. A cancelled one names its cancellation in ``refd_setl_id``."""
    stored, visit = await _settlement(call)
    figures = of_row(stored)
    sent = details_of(call, visit).fields
    cancelled = await store.reversal_of(call.connection, stored.settlement_id)
    values = await known_person(call, await person_for(call, visit.person_id)) | {
        "setl_id": shown_id(SETTLEMENT, stored.settlement_id),
        "mdtrt_id": shown_id(VISIT, visit.visit_no),
        "pay_loc": "2",
        "fixmedins_code": call.hospital_code,
        "fixmedins_name": call.hospital.name,
        "hosp_lv": NATIONAL_LEVELS[call.hospital.level],
        "lmtpric_hosp_lv": str(call.hospital.level),
        "dedc_hosp_lv": str(call.hospital.level),
        "fixmedins_poolarea": pooling_area(call.hospital.area_code),
        "begndate": stored.admitted_on,
        "enddate": stored.discharged_on,
        "setl_time": stored.settled_at,
        "mdtrt_cert_type": sent.get("mdtrt_cert_type"),
        "med_type": visit.med_type or stored.medical_type,
        "clr_type": call.dictionary.clr_type(stored.medical_type),
        "clr_way": CLEARING_WAY,
        "clr_optins": stored.paying_area,
        "medins_setl_id": await store.msgid_of(call.connection, stored.settlement_id),
        "refd_setl_flag": "1" if stored.kind == "reversal" or cancelled is not None else "0",
        "refd_setl_id": None if cancelled is None else shown_id(SETTLEMENT, cancelled),
        "year": stored.benefit_year,
        "dise_codg": visit.disease_code,
        "dise_name": sent.get("dise_name"),
    }
    return {
        "setlinfo": call.shown("setlinfo", values | amounts(figures)),
        "setldetail": [call.shown("setldetail", item) for item in fund_rows(figures, call.dictionary)],
    }


async def lines(call: Call) -> Output:
    """List the bill's lines as they were settled (5204), each with its net scope; a refund line has none of its own."""
    stored, visit = await _settlement(call)
    if stored.kind != "settlement":
        return []
    document = decode_document(stored.document)
    bill = decode_inputs(document).bill
    scopes = {scope.line_no: scope for scope in document.lines}
    uploaded = await visit_store.line_details(call.connection, visit.visit_no)
    versions = await versions_of(call, (line.item_code for line in bill.lines), stored.paying_area)
    return [_line(call, stored, visit, line, scopes.get(line.line_no), uploaded, versions) for line in bill.lines]


def _line(
    call: Call,
    stored: SettledDocument,
    visit: Visit,
    line: BillLine,
    scope: LineScope | None,
    uploaded: Mapping[int, bytes],
    versions: Versions,
) -> dict[str, object]:
    version = version_on(versions, line.item_code, shanghai_day(line.charged_at))
    sent: Row = {}
    if line.line_no in uploaded:
        place = fee_line_place(visit.visit_no, line.line_no)
        sent = msgspec.json.decode(decrypt(call.service.keys, uploaded[line.line_no], associated=place))
    if sent.get("med_list_codg") != line.item_code:  # the number was given to another line after a cancellation
        sent = {}
    ours: dict[str, object] = {
        "mdtrt_id": shown_id(VISIT, visit.visit_no),
        "setl_id": shown_id(SETTLEMENT, stored.settlement_id),
        "feedetl_sn": sent.get("feedetl_sn", str(line.line_no)),
        "rx_drord_no": sent.get("rxno", sent.get("drord_no")),
        "med_type": visit.med_type or stored.medical_type,
        "fee_ocur_time": line.charged_at,
        "cnt": parsed(line.quantity, 4),
        "pric": parsed(line.unit_price, 6),
        "det_item_fee_sumamt": parsed(line.amount, 2),
        "hilist_code": line.item_code,
        "hilist_name": None if version is None else version.name,
        "med_list_codg": line.item_code,
        "medins_list_codg": line.hospital_item_code or sent.get("medins_list_codg"),
        "medins_list_name": None if version is None else version.name,
        **catalogue_values(call.dictionary, version, call.hospital.level),
    }
    if scope is not None:
        ours |= {
            "fulamt_ownpay_amt": scope.own_expense,
            "overlmt_amt": scope.over_limit,
            "preselfpay_amt": scope.first_pay,
            "inscp_scp_amt": scope.in_scope,
        }
    shown = call.shown("", ours)
    for field in TRANSACTIONS[call.envelope.infno].output[""]:
        if field.name not in ours and field.name in sent:
            shown[field.name] = stored_shown(field, sent[field.name])
    return shown
