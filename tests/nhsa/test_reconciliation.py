"""Reconciling with a hospital by the national interface, and its declarations onto statements."""

import base64
import io
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.basics.days import SHANGHAI
from app.nhsa.api import CALL_SERVICE
from app.nhsa.client import filled
from app.nhsa.fields import TRANSACTIONS
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.nhsa.test_message import msgid
from tests.nhsa.test_stay import visit_id
from tests.world import World

COLUMNS = TRANSACTIONS["3202"].file
TODAY = "2027-06-30"


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def totals(**changes: Any) -> dict[str, Any]:
    """The input of 3201: today's inpatients, no sums."""
    values = {
        "insutype": "390",
        "clr_type": "21",
        "stmt_begndate": TODAY,
        "stmt_enddate": TODAY,
        "setl_optins": "530100",
    }
    sums = {"medfee_sumamt": "0", "fund_pay_sumamt": "0", "acct_pay": "0", "fixmedins_setl_cnt": "0"}
    return {"data": filled("3201", "data", **values, **sums) | changes}


async def result_of(hospital: Hospital, **changes: Any) -> tuple[str, str]:
    """The result of 3201 and its words."""
    info = (await hospital.done("3201", totals(**changes)))["stmtinfo"]
    return info["stmt_rslt"], info["stmt_rslt_dscr"]


async def test_totals_are_compared_to_the_fen(hospital: Hospital) -> None:
    """3201 is even with the right sums, and names both values of each that differs."""
    info = (await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"]
    right = {"fixmedins_setl_cnt": "1", "medfee_sumamt": "12000.00", "fund_pay_sumamt": str(info["fund_pay_sumamt"])}
    assert await result_of(hospital, **right) == ("0", "平")
    result, words = await result_of(hospital, **(right | {"medfee_sumamt": "12000.01", "fixmedins_setl_cnt": "2"}))
    assert result == "1"
    assert "医疗费总额：机构 12000.01 元，中心 12000.00 元" in words
    assert "定点医药机构结算笔数：机构 2，中心 1" in words
    assert "基金" not in words
    assert (await result_of(hospital, **(right | {"acct_pay": "0.01"})))[0] == "1"


async def test_totals_are_of_a_type_a_time_and_a_hospital(hospital: Hospital) -> None:
    """Another clearing type, insurance, day or hospital has its own sums; an interval that is none is refused."""
    await hospital.settled(await hospital.stay(visit_id()), "12000.00")
    assert await result_of(hospital, clr_type="11") == ("0", "平")
    assert await result_of(hospital, clr_type="9914") == ("0", "平")
    assert await result_of(hospital, insutype="310") == ("0", "平")
    assert await result_of(hospital, stmt_begndate="2027-06-01", stmt_enddate="2027-06-29") == ("0", "平")
    assert (await result_of(hospital, stmt_begndate="2027-06-01"))[0] == "1"
    assert await result_of(Hospital(hospital.world, hospital.world.county)) == ("0", "平")
    await hospital.refused("3201", totals(stmt_begndate="2027-07-01"), "interval_empty")
    await hospital.refused("3201", totals(stmt_begndate="2020-01-01"), "nhsa_time_too_long")
    await hospital.refused("3201", totals(stmt_enddate="9999-12-31"), "nhsa_time_too_long")


async def test_cancelled_pairs_count_or_are_left_out(hospital: Hospital) -> None:
    """``refd_setl_flag`` absent, empty, null or 1 counts both rows of a pair, 0 neither; the hospitals' own flag means
    the same where the first is absent. Details follow the same rule."""
    mdtrt_id = await hospital.stay(visit_id())
    info = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    two, none = {"fixmedins_setl_cnt": "2"}, {"fixmedins_setl_cnt": "0"}
    for flag in ({}, {"refd_setl_flag": ""}, {"refd_setl_flag": "null"}, {"REFD_SETL_FLAG": "1"}):
        assert (await result_of(hospital, **two, **flag))[0] == "0", flag
    assert (await result_of(hospital, **two, fixmedins_refd_setl_flag="1"))[0] == "0"
    assert (await result_of(hospital, **two, refd_setl_flag="1", fixmedins_refd_setl_flag="0"))[0] == "0"
    for flag in ({"refd_setl_flag": "0"}, {"fixmedins_refd_setl_flag": "0"}):
        assert (await result_of(hospital, **none, **flag))[0] == "0", flag
    assert [row["memo"].split()[0] for row in await compared(hospital, packed([]))] == ["only_ours"] * 2
    assert await compared(hospital, packed([]), refd_setl_flag="0") == []


async def test_half_a_pair_counts_in_its_own_days(office: httpx.AsyncClient) -> None:
    """A settlement whose cancellation lies behind the days asked for counts there, also without pairs."""
    hospital = Hospital(await World(office).build())
    mdtrt_id = await hospital.stay(visit_id())
    info = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    await office.put("/v1/clock", json={"now": "2018-05-21T10:00:00+08:00"})
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    fund = str(info["fund_pay_sumamt"])
    first = {"stmt_begndate": "2018-05-20", "stmt_enddate": "2018-05-20", "refd_setl_flag": "0"}
    sums = {"fixmedins_setl_cnt": "1", "medfee_sumamt": "12000.00", "fund_pay_sumamt": fund}
    assert (await result_of(hospital, **first, **sums))[0] == "0"
    second = first | {"stmt_begndate": "2018-05-21", "stmt_enddate": "2018-05-21"}
    negative = sums | {"medfee_sumamt": "-12000.00", "fund_pay_sumamt": f"-{fund}"}
    assert (await result_of(hospital, **second, **negative))[0] == "0"
    both = first | {"stmt_enddate": "2018-05-21"}
    assert (await result_of(hospital, **both, fixmedins_setl_cnt="0"))[0] == "0"


async def test_totals_are_a_payers(hospital: Hospital) -> None:
    """With another area in ``setl_optins`` the sums are that payer's; the hospital's own is even with its own payer's
    or with all."""
    away = await World(hospital.world.client).build(area_code="530300")
    local = (await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"]
    hospital.world.tag, own_tag, own_number = away.tag, hospital.world.tag, hospital.world.id_number
    hospital.world.id_number = away.id_number
    stranger = (await hospital.settled(await hospital.stay(visit_id(), "300.00"), "300.00"))["setlinfo"]
    hospital.world.tag, hospital.world.id_number = own_tag, own_number

    def sums(*infos: dict[str, Any]) -> dict[str, str]:
        totals = {name: f"{sum(info[name] for info in infos):.2f}" for name in ("medfee_sumamt", "fund_pay_sumamt")}
        return {"fixmedins_setl_cnt": str(len(infos))} | totals

    assert (await result_of(hospital, setl_optins="530100", **sums(local)))[0] == "0"
    assert (await result_of(hospital, setl_optins="530100", **sums(local, stranger)))[0] == "0"
    assert (await result_of(hospital, setl_optins="530300", **sums(stranger)))[0] == "0"
    assert (await result_of(hospital, setl_optins="530300", **sums(local, stranger)))[0] == "1"


# ---------------------------------------------------------------- files


def packed(rows: list[list[str]], *, header: bool = False, name: str = "detail.txt") -> bytes:
    """A ZIP of tab-separated rows."""
    lines = ["\t".join(cells) for cells in ([list(COLUMNS)] if header else []) + rows]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "\r\n".join(lines))
    return content.getvalue()


def row_of(info: dict[str, Any], **changes: str) -> list[str]:
    """A hospital's row of a settlement."""
    values = {name: str(info.get(name, "")) for name in COLUMNS} | {"acct_pay": "0", "refd_setl_flag": "0"}
    return list((values | changes).values())


async def uploaded(hospital: Hospital, content: Any) -> str:
    """Upload a file: its number."""
    sent = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    row = {"in": sent, "filename": "detail.zip", "fixmedins_code": hospital.sender.hospital_code}
    return str((await hospital.done("9101", {"fsUploadIn": row}))["file_qury_no"])


def detail(number: str) -> dict[str, Any]:
    """The input of 3202: today's inpatients."""
    values = {"file_qury_no": number, "stmt_begndate": TODAY, "stmt_enddate": TODAY, "clr_type": "21"}
    return {"data": filled("3202", "data", **values, setl_optins="530100")}


async def compared(hospital: Hospital, content: Any, **changes: str) -> list[dict[str, str]]:
    """The rows of the answer's file, by column."""
    asked = detail(await uploaded(hospital, content))
    info = (await hospital.done("3202", {"data": asked["data"] | changes}))["fileinfo"]
    assert datetime.fromisoformat(info["dld_endtime"]) - datetime.now(SHANGHAI).replace(tzinfo=None) > timedelta(days=5)
    content = await hospital.downloaded(info["file_qury_no"], info["filename"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["result.txt"]
        text = archive.read("result.txt").decode()
    names = TRANSACTIONS["3202"].result_file
    cells = [["" if cell == "null" else cell for cell in line.split("\t")] for line in text.splitlines()]
    assert "\t\t" not in text
    return [dict(zip(names, line, strict=True)) for line in cells]


async def test_details_are_compared_row_by_row(hospital: Hospital) -> None:
    """What only one side has, or has with another amount, comes back typed and with both values; what is even
    doesn't."""
    even = (await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"]
    other = (await hospital.settled(await hospital.stay(visit_id(), "300.00"), "300.00"))["setlinfo"]
    number = msgid()
    ours = (await hospital.settled(await hospital.stay(visit_id(), "100.00"), "100.00", number))["setlinfo"]
    theirs = row_of(even, setl_id="set_999999999999", psn_no="P9")
    rows = [row_of(even), row_of(other, medfee_sumamt="300.01"), theirs]
    found = await compared(hospital, packed(rows))
    assert [row["memo"].split()[0] for row in found] == ["amount_mismatch", "only_theirs", "only_ours"]
    assert "医疗费总额 机构 300.01 中心 300.00" in found[0]["memo"]
    assert found[0]["setl_id"] == other["setl_id"]
    assert (found[1]["psn_no"], found[1]["setl_id"]) == ("P9", "set_999999999999")
    assert (found[2]["setl_id"], found[2]["mdtrt_id"]) == (ours["setl_id"], ours["mdtrt_id"])
    assert (found[2]["msgid"], found[2]["medfee_sumamt"], found[2]["stmt_rslt"]) == (number, "100.00", "1")
    assert await compared(hospital, packed([row_of(even), row_of(other), row_of(ours)], header=True)) == []


async def test_a_settlement_named_twice_is_theirs_alone_the_second_time(hospital: Hospital) -> None:
    """Equal rows aren't one row: a hospital that has a settlement twice is told."""
    info = (await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"]
    (row,) = await compared(hospital, packed([row_of(info), row_of(info)]))
    assert row["memo"].startswith("only_theirs")


async def test_a_file_may_come_in_parts(hospital: Hospital) -> None:
    """9101 takes multipart/form-data: the message in ``jsonStr``, the file in ``file`` or ``in``, whatever bytes it
    holds."""
    content = packed([["set_9", "null", "P9", "1.00", "NULL", "0", "null"]]) + b"\r\n--x\r\n\r\n"
    for part in ("file", "in"):
        row = {"filename": "d.zip", "fixmedins_code": hospital.sender.hospital_code, "in": ""}
        message = hospital.sender.envelope("9101", {"fsUploadIn": row})
        answer = await hospital.world.client.post(
            CALL_SERVICE, data={"jsonStr": json.dumps(message)}, files={part: ("d.zip", content)}
        )
        assert answer.json()["infcode"] == 0, answer.text
        number = answer.json()["output"]["file_qury_no"]
        assert await hospital.downloaded(number, "d.zip") == content
    await hospital.refused("3202", detail(number), "nhsa_file_amount")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_a_file_may_have_any_encoding_of_its_system(hospital: Hospital, encoding: str) -> None:
    """UTF-8 with or without a mark, GB 18030 and UTF-16 are read; ``null`` is an empty value."""
    line = "\t".join(["set_9", "null", "某人", "1.00", "1.00", "0", "NULL"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("detail.txt", line.encode(encoding))
    (row,) = await compared(hospital, content.getvalue())
    assert (row["psn_no"], row["mdtrt_id"], row["refd_setl_flag"]) == ("某人", "", "")


async def test_a_file_may_be_an_array_of_bytes(hospital: Hospital) -> None:
    """Octets as Java writes them, signed or not, are a file; empty lines don't matter."""
    content = packed([])
    signed = [octet - 256 if octet > 127 else octet for octet in content]
    assert await compared(hospital, signed) == await compared(hospital, list(content)) == []


@pytest.mark.parametrize(
    ("rows", "cut", "code"),
    [
        ([["a", "b"]], 0, "nhsa_file_row"),
        ([["a", "b", "c", "x", "1", "1", "0"]], 0, "nhsa_file_amount"),
        ([["set_1", "", "", "1", "1", "1", "0"]], 40, "nhsa_file_unreadable"),
        ([["set_1", "", "", "1", "1", "1", "0"]], 1, "nhsa_file_unreadable"),
    ],
)
async def test_a_file_that_cant_be_read_is_told(hospital: Hospital, rows: list[list[str]], cut: int, code: str) -> None:
    """No ZIP, a broken one, rows with too few cells or without amounts: told, with the row."""
    content = packed(rows)
    number = await uploaded(hospital, content[:cut] if cut else content)
    await hospital.refused("3202", detail(number), code)


async def test_a_zip_of_endless_zeros_is_not_unpacked(hospital: Hospital) -> None:
    """A file that would unpack to more than the limit, or holds several texts, is refused by what it says of itself."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("detail.txt", b"0" * (65 * 1024 * 1024))
    await hospital.refused("3202", detail(await uploaded(hospital, content.getvalue())), "nhsa_file_unreadable")
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.txt", b"")
        archive.writestr("b.txt", b"")
    await hospital.refused("3202", detail(await uploaded(hospital, two.getvalue())), "nhsa_file_unreadable")


async def test_files_are_a_hospitals_own(hospital: Hospital, connection: asyncpg.Connection) -> None:
    """Another hospital can't fetch a file; a wrong name, a wrong code and an erased file are told."""
    file = packed([])
    number = await uploaded(hospital, file)
    code = hospital.sender.hospital_code
    row = {"file_qury_no": number, "filename": "detail.zip", "fixmedins_code": code}
    county = Hospital(hospital.world, hospital.world.county)
    await county.refused("9102", {"fsDownloadIn": row | {"fixmedins_code": hospital.world.county}}, "nhsa_file_unknown")
    await county.refused("9102", {"fsDownloadIn": row}, "nhsa_hospital_differs")
    await county.refused("9101", {"fsUploadIn": row | {"in": "AA=="}}, "nhsa_hospital_differs")
    await hospital.refused("9102", {"fsDownloadIn": row | {"filename": "x"}}, "nhsa_file_unknown")
    await hospital.refused("9101", {"fsUploadIn": row | {"in": "%%%"}}, "nhsa_file_unreadable")
    assert await hospital.downloaded(number, "detail.zip") == file
    await connection.execute("UPDATE nhsa_file SET key = NULL WHERE file_no = $1", int(number.removeprefix("fil_")))
    await hospital.refused("9102", {"fsDownloadIn": row}, "nhsa_file_unknown")
    await hospital.refused("3202", detail(number), "nhsa_file_unknown")


# ---------------------------------------------------------------- declaring


@pytest.fixture
async def office(database_server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service of its own, whose clock begins in May 2018 and can be moved."""
    url = await migrated_database(database_server)
    with tempfile.TemporaryDirectory() as folder:
        start = "manual:2018-05-20T10:00:00+08:00"
        process, base_url = start_service(url, Path(folder), ONESTOP_CLOCK=start)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as opened:
            yield opened
        process.terminate()
        assert process.wait(30) == 0


def declaring(infos: list[dict[str, Any]], clr_type: str = "21", **changes: Any) -> dict[str, Any]:
    """The input of 3203 for settlements of May."""

    def total(name: str) -> str:
        return f"{sum(info[name] for info in infos):.2f}"

    values = {"clr_type": clr_type, "setlym": "201805", "psntime": str(len(infos)), "acct_pay": "0"}
    values |= {"medfee_sumamt": total("medfee_sumamt"), "fund_appy_sum": total("fund_pay_sumamt")}
    values |= {"cash_payamt": total("psn_cash_pay"), "med_sumfee": total("inscp_scp_amt")}
    return {"data": filled("3203", "data", **values, begndate="2018-05-01") | {"enddate": "2018-05-31"} | changes}


async def test_a_month_is_declared_type_by_type_onto_one_statement(office: httpx.AsyncClient) -> None:
    """3203 declares each clearing type when the sums are ours; both are parts of one statement, which 3204
    withdraws."""
    hospital = Hospital(await World(office).build())
    stays = [(await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"] for _ in range(2)]
    mdtrt_id = await hospital.registered(visit_id())
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    quoted = (await hospital.done("2206", hospital.settling("2206", mdtrt_id, "25.00")))["setlinfo"]
    scope = {name: quoted[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")}
    seen = (await hospital.done("2207", hospital.settling("2207", mdtrt_id, "25.00", **scope)))["setlinfo"]
    await hospital.refused("3203", declaring(stays), "period_not_ended")
    await office.put("/v1/clock", json={"now": "2018-06-02T10:00:00+08:00"})
    words = await hospital.refused("3203", declaring(stays, fund_appy_sum="1.00"), "nhsa_totals_differ")
    assert "基金申报总额：机构 1.00 元，中心 " in words
    statements = "/v1/clearing/statements"
    params = {"hospital_code": hospital.sender.hospital_code, "period": "2018-05"}
    assert (await office.get(statements, params=params)).json()["data"] == []
    first = (await hospital.done("3203", declaring(stays)))["result"]["clr_appy_evt_id"]
    assert first in await hospital.refused("3203", declaring(stays), "nhsa_declared_before")
    second = (await hospital.done("3203", declaring([seen], "11")))["result"]["clr_appy_evt_id"]
    (row,) = (await office.get(statements, params=params)).json()["data"]
    funds = sum(round(info["fund_pay_sumamt"] * 100) for info in [*stays, seen])
    assert round(float(row["amount"]) * 100) == funds
    await hospital.done("3204", {"data": {"clr_appy_evt_id": first}})
    await hospital.refused("3204", {"data": {"clr_appy_evt_id": first}}, "nhsa_declaration_unknown")
    (row,) = (await office.get(statements, params=params)).json()["data"]
    assert row["state"] == "declared"
    await hospital.done("3204", {"data": {"clr_appy_evt_id": second}})
    assert (await office.get(f"{statements}/{row['statement_id']}")).json()["state"] == "withdrawn"
    again = (await hospital.done("3203", declaring(stays)))["result"]["clr_appy_evt_id"]
    await _settle_a_statement(office, hospital, again)


async def _settle_a_statement(office: httpx.AsyncClient, hospital: Hospital, event: str) -> None:
    """A statement that is approved by now isn't the hospital's to withdraw, and takes no further part."""
    params = {"hospital_code": hospital.sender.hospital_code, "period": "2018-05", "state": "declared"}
    (row,) = (await office.get("/v1/clearing/statements", params=params)).json()["data"]
    path = f"/v1/clearing/statements/{row['statement_id']}/approval"
    one = await office.post(path, json={"funds": ["390100"]}, headers={"Idempotency-Key": "b" * 20})
    assert (one.status_code, one.json()["state"]) == (200, "declared"), one.text
    await hospital.refused("3204", {"data": {"clr_appy_evt_id": event}}, "nhsa_declaration_fixed")
    answer = await office.post(path, json={}, headers={"Idempotency-Key": "a" * 20})
    assert answer.status_code == 201 or answer.status_code == 200, answer.text
    await hospital.refused("3204", {"data": {"clr_appy_evt_id": event}}, "nhsa_declaration_fixed")
    await hospital.refused("3203", declaring([], "14", psntime="0"), "nhsa_declaration_fixed")


async def test_a_cancelled_settlement_counts_with_its_cancellation(office: httpx.AsyncClient) -> None:
    """A hospital may count both entries or neither; a cancel after the declaration joins the next month."""
    hospital = Hospital(await World(office).build())
    mdtrt_id = await hospital.stay(visit_id())
    gone = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=gone["setl_id"]))
    kept = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    await office.put("/v1/clock", json={"now": "2018-06-02T10:00:00+08:00"})
    await hospital.refused("3203", declaring([kept], psntime="2"), "nhsa_totals_differ")
    event = (await hospital.done("3203", declaring([kept], psntime="3")))["result"]["clr_appy_evt_id"]
    await hospital.done("3204", {"data": {"clr_appy_evt_id": event}})
    await hospital.done("3203", declaring([kept]))
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=kept["setl_id"]))
    await office.put("/v1/clock", json={"now": "2018-07-02T10:00:00+08:00"})
    june = declaring([kept], setlym="201806", psntime="-1")
    for name in ("medfee_sumamt", "fund_appy_sum", "cash_payamt"):
        june["data"][name] = f"-{june['data'][name]}"
    await hospital.done("3203", june)


async def test_a_declaration_that_cant_be_is_told(hospital: Hospital) -> None:
    """A type that isn't declared here, a month that is none, days the wrong way round, another's event."""
    await hospital.refused("3203", declaring([], "9914"), "nhsa_clr_type_unsupported")
    await hospital.refused("3203", declaring([], setlym="1805"), "nhsa_month_format")
    await hospital.refused("3203", declaring([], enddate="2018-04-30"), "interval_empty")
    await hospital.refused("3204", {"data": {"clr_appy_evt_id": "clr_0"}}, "nhsa_declaration_unknown")
    await hospital.refused("3204", {"data": {"clr_appy_evt_id": "x"}}, "nhsa_declaration_unknown")
