"""Declaring a month, clearing type by clearing type, onto its statement, and taking that back (3203, 3204).

The first part of a month declares the statement of hospital, paying area and month; the others find it. A part is
declared only when the hospital's sums are ours, to the fen.
"""

from collections.abc import Sequence
from typing import Final

from app.basics.areas import pooling_area
from app.basics.days import as_period
from app.basics.errors import Conflict
from app.basics.ids import DECLARATION, STATEMENT, number_of, read_id, shown_id
from app.basics.money import yuan
from app.clearing import statement
from app.clearing.statement import StatementRequest
from app.database.engine import constraint
from app.nhsa import filing_store
from app.nhsa.call import Call, Output, day, refused
from app.nhsa.fields import Row, scaled_of
from app.nhsa.rows import DeclarableEntry

REASON: Final = "医药机构通过国家接口撤销清算申请"
DECLARED: Final = "declared"
WITHDRAWN: Final = "withdrawn"


async def declare(call: Call) -> Output:
    """Declare a clearing type of a month (3203). The paying area is the envelope's ``insuplc_admdvs``, the hospital's
    own without one."""
    row = call.one()
    medical_type = call.dictionary.clr_types.get(row["clr_type"])
    if medical_type is None:
        raise refused("nhsa_clr_type_unsupported", "/data/0/clr_type")
    if "enddate" in row and day(row["enddate"]) < day(row["begndate"]):
        raise refused("interval_empty", "/data/0/enddate")
    period = _period(row["setlym"])
    area = pooling_area(_area(call))
    number = await _statement(call, area, period)
    parts = await filing_store.declarations(call.connection, number)
    if row["clr_type"] in parts:
        event = shown_id(DECLARATION, parts[row["clr_type"]])
        raise Conflict("nhsa_declared_before", values={"event": event})
    ours = await filing_store.declarable(call.connection, number, medical_type, call.hospital_code, area, period)
    _compare(row, ours)
    try:
        declared = await filing_store.add_declaration(call.connection, call.caller, number, row["clr_type"])
    except Exception as error:
        if constraint(error) == "nhsa_declaration_once":  # the same part by another message, at the same moment
            raise Conflict("nhsa_message_running") from error
        raise
    return {"result": call.shown("result", {"clr_appy_evt_id": shown_id(DECLARATION, declared)})}


def _period(setlym: str) -> str:
    """The month of ``setlym``, ``2018-05`` for 201805."""
    digits = setlym.replace("-", "")
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit() or not 1 <= int(digits[4:]) <= 12:
        raise refused("nhsa_month_format", "/data/0/setlym")
    return as_period(f"{digits[:4]}-{digits[4:]}", "/data/0/setlym")


def _area(call: Call) -> str:
    area = call.envelope.fields.get("insuplc_admdvs", "")
    return area if len(area) == 6 and area.isascii() and area.isdigit() else call.hospital.area_code


async def _statement(call: Call, area: str, period: str) -> int:
    """The month's statement, declared now if it wasn't; Conflict once it is being worked on."""
    known = await filing_store.statement_of(call.connection, call.hospital_code, area, period)
    if known is None:
        wanted = StatementRequest(call.hospital_code, period, area)
        answer = await statement.declare(call.service, call.session, call.caller, wanted, period)
        return number_of(STATEMENT, answer.statement_id)
    if known.state != DECLARED:
        raise Conflict("nhsa_declaration_fixed")
    return known.statement_id


def _compare(row: Row, ours: Sequence[DeclarableEntry]) -> None:
    """Refuse sums that aren't ours, with both values of each.

    Two values are right where hospitals count in two ways: settlements with those that were cancelled or without, and
    the funds' portions with the adjustment of a package or without.
    """
    settled = sum(item.kind == "settlement" for item in ours)
    reversed_ = sum(item.kind == "reversal" for item in ours)
    portions = sum(item.fund_total for item in ours)
    adjusted = portions + sum(item.payable_adjustment for item in ours)
    counts = {len(ours), settled - reversed_}
    differences = []
    if int(row["psntime"]) not in counts:
        differences.append(f"清算人次：机构 {int(row['psntime'])}，中心 {settled - reversed_}")
    for field, name, right in (
        ("medfee_sumamt", "医疗费总额", (sum(item.total for item in ours),)),
        ("fund_appy_sum", "基金申报总额", (portions, adjusted)),
        ("cash_payamt", "现金支付金额", (sum(item.patient for item in ours),)),
        ("acct_pay", "个人账户支出", (0,)),
    ):
        theirs = scaled_of(row[field], 2)
        if theirs not in right:
            differences.append(f"{name}：机构 {yuan(theirs)} 元，中心 {yuan(right[0])} 元")
    if differences:
        raise refused("nhsa_totals_differ", "", differences="，".join(differences))


async def withdraw(call: Call) -> Output:
    """Withdraw a declaration (3204), while nothing hangs on its statement. With the last one the statement is
    withdrawn, and its postings join the next one."""
    row = call.one()
    number = read_id(DECLARATION, row["clr_appy_evt_id"])
    part = None if number is None else await filing_store.declaration(call.connection, number, call.hospital_code)
    if number is None or part is None or part.withdrawn_at is not None:
        raise refused("nhsa_declaration_unknown", "/data/0/clr_appy_evt_id")
    if part.state == WITHDRAWN or await filing_store.is_in_progress(call.connection, part.statement_id):
        raise Conflict("nhsa_declaration_fixed")
    await filing_store.withdraw_declaration(call.connection, number)
    if not await filing_store.declarations(call.connection, part.statement_id):
        shown = shown_id(STATEMENT, part.statement_id)
        await statement.withdraw(call.service, call.session, call.caller, shown, REASON)
    return {}
