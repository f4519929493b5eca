"""Fee lines: uploaded in calls of at most 300, refunded by negative counts, withdrawn until they are settled (2204,
2205, 2301, 2302). What the catalogue makes of each line is answered at once; whether the bill holds is seen again when
settling."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec
from msgspec import structs

from app.basics.days import shanghai_day
from app.basics.errors import Fault, Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.nhsa import store, visit_store
from app.nhsa.call import Call, Output, instant, refused, visit_for
from app.nhsa.dictionary import Dictionary
from app.nhsa.fields import Row, scaled_of
from app.nhsa.rows import CatalogueVersion
from app.nhsa.store import Hospital
from app.nhsa.vault import fee_line_place
from app.nhsa.visit_store import FeeLine, Visit
from app.service.security import encrypt
from app.settlement.bill import MAX_LINES
from app.tiers.explain import LINE_NOTES
from app.tiers.model import Approved, CatalogueEntry, Line
from app.tiers.scope import line_faults, line_scope

ALL: str = "0000"
NO_CEILING: int = 999_999 * 10**6  # millionths of a yuan: what the standard writes where there is none
NATIONAL_NAMES: dict[str, str] = {
    "line_no": "feedetl_sn",
    "item_code": "med_list_codg",
    "quantity": "cnt",
    "unit_price": "pric",
    "amount": "det_item_fee_sumamt",
    "charged_at": "fee_ocur_time",
    "refund_of_line_no": "init_feedetl_sn",
}

Versions = Mapping[str, Sequence[CatalogueVersion]]
"""Versions of the catalogue by their items."""


async def upload(call: Call) -> Output:
    """Upload fee lines of an outpatient (2204) or an inpatient (2301)."""
    rows = call.nodes["feedetail"]
    setting = "outpatient" if call.envelope.infno == "2204" else "inpatient"
    visit = await visit_for(call, rows[0], "/feedetail/0", setting=setting)
    await _refuse_closed(call, visit)
    known = await visit_store.lines(call.connection, visit.visit_no)
    added = _lines(call, visit, rows, known)
    _check(visit, known, added)
    await _refuse_settled_days(call, visit, added)
    await visit_store.add_lines(call.connection, visit.visit_no, added)
    person = await store.person(call.connection, visit.person_id, shanghai_day(visit.begins_at))
    area = call.hospital.area_code if person is None else person.area_code
    versions = await versions_of(call, (line.item_code for line in added), area)
    level = (await hospital_at(call, visit)).level
    return {"result": [call.shown("result", _result(call, line, versions, level)) for line in added]}


async def _refuse_closed(call: Call, visit: Visit) -> None:
    """An inpatient's final settlement closes the visit until it is cancelled."""
    for item in await visit_store.settlements_of(call.connection, call.hospital_code, visit.visit_id):
        if visit.setting == "inpatient" and not item.reversed and not item.interim:
            raise refused(
                "nhsa_visit_settled", "/feedetail/0/mdtrt_id", setl_id=shown_id(SETTLEMENT, item.settlement_id)
            )


async def _refuse_settled_days(call: Call, visit: Visit, added: Sequence[FeeLine]) -> None:
    """Days of an interim settlement that stands are settled: a line of one of them would belong to no bill."""
    interim = [
        item
        for item in await visit_store.settlements_of(call.connection, call.hospital_code, visit.visit_id)
        if item.interim and not item.reversed
    ]
    if not interim:
        return
    last = max(interim, key=lambda item: item.discharged_on)
    values = {"until": last.discharged_on.isoformat(), "setl_id": shown_id(SETTLEMENT, last.settlement_id)}
    faults = [
        Fault(f"/feedetail/{index}/fee_ocur_time", "nhsa_day_settled", values)
        for index, line in enumerate(added)
        if shanghai_day(line.charged_at) <= last.discharged_on
    ]
    if faults:
        raise Refused(faults)


def _lines(call: Call, visit: Visit, rows: Sequence[Row], known: Sequence[FeeLine]) -> list[FeeLine]:
    """The rows as lines, numbered after those that are there. Refused with every fault of how they hang together.

    A refund line may stand before its original.
    """
    faults, lines = [], list[FeeLine]()
    next_no = max((line.line_no for line in known), default=0) + 1
    refundable = {row["feedetl_sn"]: next_no + index for index, row in enumerate(rows)}
    refundable |= {line.serial_no: line.line_no for line in known if line.free}
    settled = {line.serial_no for line in known if not line.free}
    taken = {line.serial_no for line in known}
    for index, row in enumerate(rows):
        pointer = f"/feedetail/{index}"
        if (row["psn_no"], row["mdtrt_id"]) != (rows[0]["psn_no"], rows[0]["mdtrt_id"]):
            faults.append(Fault(f"{pointer}/mdtrt_id", "nhsa_rows_of_visits"))
        original = refundable.get(row.get("init_feedetl_sn", ""))
        if "init_feedetl_sn" in row and (original is None or row["init_feedetl_sn"] in settled):
            faults.append(Fault(f"{pointer}/init_feedetl_sn", "refund_line_unknown"))
        if row["feedetl_sn"] in taken:
            faults.append(Fault(f"{pointer}/feedetl_sn", "nhsa_serial_repeated"))
        taken.add(row["feedetl_sn"])
        lines.append(_line(call, visit, row, next_no + index, original))
    if next_no - 1 + len(rows) > MAX_LINES:
        faults.append(Fault("/feedetail", "too_many_lines", {"limit": str(MAX_LINES)}))
    if faults:
        raise Refused(faults)
    return lines


def _line(call: Call, visit: Visit, row: Row, line_no: int, refund_of: int | None) -> FeeLine:
    place = fee_line_place(visit.visit_no, line_no)
    return FeeLine(
        line_no=line_no,
        serial_no=row["feedetl_sn"],
        batch_no=row.get("chrg_bchno"),
        refund_of_line_no=refund_of,
        item_code=row["med_list_codg"],
        hospital_item_code=row["medins_list_codg"],
        quantity=scaled_of(row["cnt"], 4),
        unit_price=scaled_of(row["pric"], 6),
        amount=scaled_of(row["det_item_fee_sumamt"], 2),
        charged_at=instant(row["fee_ocur_time"]),
        approval=row.get("hosp_appr_flag"),
        details=encrypt(call.service.keys, msgspec.json.encode(row).decode(), associated=place),
    )


def approved(dictionary: Dictionary, approval: str | None) -> Approved:
    """What the hospital said of a restricted item."""
    match dictionary.approvals.get(approval or ""):
        case "approved":
            return True
        case "refused":
            return "refused"
    return False


def core_line(line: FeeLine) -> Line:
    """A line as the core checks it; its approval doesn't matter there."""
    return Line(
        line.line_no,
        line.item_code,
        line.quantity,
        line.unit_price,
        line.amount,
        shanghai_day(line.charged_at),
        False,
        line.refund_of_line_no,
    )


def _check(visit: Visit, known: Sequence[FeeLine], added: Sequence[FeeLine]) -> None:
    """Refuse lines that no bill of the visit could have: the rules of settling, told of the lines of this call."""
    free = [line for line in known if line.free] + list(added)
    first = len(free) - len(added)
    refunds = {line.refund_of_line_no: index for index, line in enumerate(free)}  # the last one of each line
    faults = []
    for fault in line_faults([core_line(line) for line in free]):
        index, member = int(fault.pointer.split("/")[2]), fault.pointer.split("/")[3]
        if index < first:  # an earlier line that was in order until one of these refunds
            index = refunds[free[index].line_no]
        faults.append(Fault(f"/feedetail/{index - first}/{NATIONAL_NAMES[member]}", fault.code, fault.values))
    for index, line in enumerate(added):
        if line.unit_price < 0:
            faults.append(Fault(f"/feedetail/{index}/pric", "price_format"))
        if not _within(visit, shanghai_day(line.charged_at)):
            faults.append(Fault(f"/feedetail/{index}/fee_ocur_time", "charged_outside_stay"))
    if faults:
        raise Refused(faults)


def _within(visit: Visit, charged_on: date) -> bool:
    """Whether a line may be of that day, as far as the visit is known by now."""
    last = date.max if visit.ends_at is None else shanghai_day(visit.ends_at)
    return shanghai_day(visit.begins_at) <= charged_on <= last


async def hospital_at(call: Call, visit: Visit) -> Hospital:
    """The hospital as it was when the visit began."""
    return await store.hospital(call.connection, call.hospital_code, shanghai_day(visit.begins_at)) or call.hospital


def _result(call: Call, line: FeeLine, versions: Versions, level: int) -> dict[str, object]:
    """What the catalogue makes of a line, fen; a refund's amounts are negative."""
    charged_on = shanghai_day(line.charged_at)
    version = version_on(versions, line.item_code, charged_on)
    sign = -1 if line.quantity < 0 else 1
    core = structs.replace(
        core_line(line),
        quantity=sign * line.quantity,
        amount=sign * line.amount,
        approved=approved(call.dictionary, line.approval),
    )
    scope = line_scope(core, None if version is None else _entry_of(version), level)
    return {
        "feedetl_sn": line.serial_no,
        "det_item_fee_sumamt": line.amount,
        "cnt": line.quantity,
        "pric": line.unit_price,
        "fulamt_ownpay_amt": sign * scope.own_expense,
        "overlmt_amt": sign * scope.over_limit,
        "preselfpay_amt": sign * scope.first_pay,
        "inscp_scp_amt": sign * scope.in_scope,
        "memo": None if scope.note is None else LINE_NOTES[scope.note],
        **catalogue_values(call.dictionary, version, level),
    }


async def versions_of(call: Call, item_codes: Iterable[str], area: str) -> Versions:
    """The versions of these items that count in an area, its own first."""
    found: dict[str, list[CatalogueVersion]] = {}
    for version in await store.catalogue(call.connection, list(set(item_codes)), area):
        found.setdefault(version.item_code, []).append(version)
    return found


def version_on(versions: Versions, item_code: str, day: date) -> CatalogueVersion | None:
    """The catalogue row of an item on a day, None for an unknown code."""
    for row in versions.get(item_code, ()):
        if row.valid_from <= day and (row.valid_until is None or day < row.valid_until):
            return row
    return None


def _entry_of(version: CatalogueVersion) -> CatalogueEntry:
    """A catalogue row as the core takes it."""
    return CatalogueEntry(
        version.item_code,
        version.class_,
        version.first_pay_ratio,
        version.ceilings,
        version.restricted,
        version.valid_from,
        version.valid_until,
    )


def catalogue_values(dictionary: Dictionary, version: CatalogueVersion | None, level: int) -> dict[str, object]:
    """The catalogue's side of a line in national codes; an unknown code is own expense, like class C."""
    class_ = "C" if version is None else version.class_
    kind = "service" if version is None else version.kind
    ceiling = None if version is None else version.ceilings[level - 1]
    return {
        "pric_uplmt_amt": NO_CEILING if ceiling is None else ceiling,
        "selfpay_prop": 10000 if version is None or class_ == "C" else version.first_pay_ratio,
        "chrgitm_lv": dictionary.chrgitm_lv[class_],
        "med_chrgitm_type": dictionary.med_chrgitm_type[kind],
        "list_type": dictionary.list_type[kind],
        "lmt_used_flag": "1" if version is not None and version.restricted else "0",
    }


# ---------------------------------------------------------------- withdrawal


async def withdraw_batch(call: Call) -> Output:
    """Withdraw an outpatient's lines (2205): those of a batch, or all (``0000``), as far as they aren't settled."""
    row = call.one()
    visit = await visit_for(call, row, setting="outpatient")
    lines = await visit_store.lines(call.connection, visit.visit_no)
    batch = row["chrg_bchno"]
    wanted = [line for line in lines if batch in (ALL, line.batch_no)]
    if batch != ALL and not wanted:
        raise refused("nhsa_line_unknown", "/data/0/chrg_bchno")
    if batch != ALL and not all(line.free for line in wanted):
        raise refused("nhsa_line_settled", "/data/0/chrg_bchno")
    await _drop(call, visit, lines, {line.line_no for line in wanted if line.free}, "/data/0/chrg_bchno")
    return {}


async def withdraw_lines(call: Call) -> Output:
    """Withdraw an inpatient's lines (2302): by their serial numbers, or all (``0000``) that aren't settled."""
    rows = call.nodes["data"]
    visit = await visit_for(call, rows[0], setting="inpatient")
    lines = await visit_store.lines(call.connection, visit.visit_no)
    by_serial = {line.serial_no: line for line in lines}
    dropped: set[int] = set()
    for index, row in enumerate(rows):
        pointer = f"/data/{index}/feedetl_sn"
        line = by_serial.get(row["feedetl_sn"])
        if (row["psn_no"], row["mdtrt_id"]) != (rows[0]["psn_no"], rows[0]["mdtrt_id"]):
            raise refused("nhsa_rows_of_visits", f"/data/{index}/mdtrt_id")
        if row["feedetl_sn"] == ALL:
            dropped |= {item.line_no for item in lines if item.free}
        elif line is None:
            raise refused("nhsa_line_unknown", pointer)
        elif not line.free:
            raise refused("nhsa_line_settled", pointer)
        else:
            dropped.add(line.line_no)
    await _drop(call, visit, lines, dropped, "/data/0/feedetl_sn")
    return {}


async def _drop(call: Call, visit: Visit, lines: Sequence[FeeLine], dropped: set[int], pointer: str) -> None:
    """A line can't go while a refund of it stays."""
    if any(line.free and line.refund_of_line_no in dropped and line.line_no not in dropped for line in lines):
        raise refused("nhsa_line_refunded", pointer)
    await visit_store.drop_lines(call.connection, visit.visit_no, sorted(dropped))
