"""What a statement declares, compared with the hospital's figures: totals and detail files over real HTTP on real
PostgreSQL."""

import base64
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from tests.clearing.office import Office, office
from tests.world import key

pytestmark = pytest.mark.thorough

HEADINGS = ("settlement_id", "fund", "amount")
Rows = list[tuple[object, ...]]


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018."""
    async with office(database_server) as opened:
        yield opened
        await opened.balanced()


def text_file(rows: Rows, *, headings: tuple[str, ...] = HEADINGS, delimiter: str = ",") -> str:
    """The rows below their headings, as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([headings, *rows])
    return text.getvalue()


def workbook(rows: Rows, headings: tuple[str, ...] = HEADINGS) -> bytes:
    """The rows below their headings, as XLSX."""
    book = Workbook()
    for row in (headings, *rows):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def rows_of(*settled: dict[str, Any]) -> Rows:
    """What a right file says of settlements: a row per payable."""
    return [
        (one["settlement_id"], payable["fund"], payable["amount"]) for one in settled for payable in one["payables"]
    ]


def totals_of(statement: dict[str, Any]) -> list[dict[str, Any]]:
    """What the statement itself says per fund."""
    return [{name: part[name] for name in ("fund", "count", "amount")} for part in statement["funds"]]


async def compared(desk: Office, statement: dict[str, Any], rows: Rows, who: str = "li", **form: Any) -> dict[str, Any]:
    """The comparison with a CSV of these rows."""
    answer = await uploaded(desk, statement, text_file(rows, **form).encode(), who=who)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def uploaded(desk: Office, statement: dict[str, Any], content: bytes, *, who: str = "li") -> httpx.Response:
    """Send a file in a form."""
    return await desk.client.post(
        "/v1/clearing/reconciliations",
        data={"statement_id": statement["statement_id"]},
        files={"file": ("detail", content, "application/octet-stream")},
        headers=key() | desk.tokens[who],
    )


async def with_totals(
    desk: Office, statement: dict[str, Any], totals: list[dict[str, Any]], who: str = "li"
) -> dict[str, Any]:
    """The comparison with totals."""
    body = {"statement_id": statement["statement_id"], "totals": totals}
    return await desk.do(who, "/clearing/reconciliations", body)


async def state(desk: Office, statement: dict[str, Any]) -> str:
    """The statement's state now."""
    shown: str = (await desk.get(f"/clearing/statements/{statement['statement_id']}"))["state"]
    return shown


def told(comparison: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Type, settlement, fund and both values of each difference."""
    return [
        tuple(one[name] for name in ("type", "settlement_id", "fund", "ours", "theirs"))
        for one in comparison["differences"]
    ]


async def test_the_hospitals_own_totals_make_a_statement_reconciled(desk: Office) -> None:
    """Counts and sums per fund as the statement shows them, a corrected bill's entries included, are no difference."""
    await desk.settled("1000.00", "2018-05-10")
    taken_back = await desk.settled("2000.00", "2018-05-11")
    await desk.do(None, f"/settlements/{taken_back['settlement_id']}/reversal", {"reason": "x"})
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    comparison = await with_totals(desk, statement, totals_of(statement), who="hospital")
    assert (comparison["result"], comparison["differences"], comparison["basis"]) == ("matched", [], "totals")
    assert await state(desk, statement) == "reconciled"
    assert await desk.get(f"/clearing/reconciliations/{comparison['reconciliation_id']}", "hospital") == comparison
    listed = await desk.get("/clearing/reconciliations", "li", statement_id=statement["statement_id"])
    assert [one["result"] for one in listed["data"]] == ["matched"]


async def test_totals_differ_by_fund_with_both_values(desk: Office) -> None:
    """A fund they leave out, one they add and one of another sum or count are told apart, and stop the approval until
    resolved."""
    settled = await desk.settled("1000.00", "2018-05-10")
    ours = {payable["fund"]: payable["amount"] for payable in settled["payables"]}
    assert set(ours) == {"390100", "610100"}
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    theirs = [
        {"fund": "390100", "count": 2, "amount": ours["390100"]},
        {"fund": "390200", "count": 1, "amount": "7.00"},
        {"fund": "640100", "count": 0, "amount": "0.00"},
    ]
    comparison = await with_totals(desk, statement, theirs, who="hospital")
    assert comparison["result"] == "different"
    assert told(comparison) == [
        ("amount_mismatch", None, "390100", ours["390100"], ours["390100"]),
        ("only_theirs", None, "390200", None, "7.00"),
        ("only_ours", None, "610100", ours["610100"], None),
    ]
    assert [(one["ours_count"], one["theirs_count"]) for one in comparison["differences"]] == [
        (1, 2),
        (None, 1),
        (1, None),
    ]
    assert await state(desk, statement) == "declared"
    approval = f"/clearing/statements/{statement['statement_id']}/approval"
    assert await desk.refused("wang", approval, {}) == (409, "differences_open")

    await desk.at("2018-06-08")
    await _resolved_one_by_one(desk, statement, comparison)
    assert (await desk.do("wang", approval, {}))["state"] == "approved"


async def _resolved_one_by_one(desk: Office, statement: dict[str, Any], comparison: dict[str, Any]) -> None:
    first, second, third = (one["difference_id"] for one in comparison["differences"])
    work = await desk.get("/clearing/differences", "li", state="open", hospital_code=desk.world.township)
    assert [(one["difference_id"], one["age_days"]) for one in work["data"]] == [(first, 3), (second, 3), (third, 3)]
    plain = f"/clearing/differences/{first}/resolution"
    assert await desk.refused("hospital", plain, {"reason": "核对无误"}) == (403, "forbidden_scope")
    done = await desk.do("li", plain, {"reason": "核对无误"})
    assert (done["state"], done["resolution"], done["resolved_by"]) == ("resolved", "核对无误", "li")
    assert await desk.refused("wang", plain, {"reason": "again"}) == (409, "invalid_move")
    assert await desk.refused("li", "/clearing/differences/dif_999/resolution", {"reason": "x"}) == (404, "not_found")
    under = f"/clearing/reconciliations/{comparison['reconciliation_id']}/differences"
    other = f"/clearing/reconciliations/rec_999/differences/{second}/resolution"
    assert await desk.refused("li", other, {"reason": "x"}) == (404, "not_found")
    await desk.do("li", f"{under}/{second}/resolution", {"reason": "x"})
    assert await state(desk, statement) == "declared"
    await desk.do("li", f"{under}/{third}/resolution", {"reason": "x"})
    assert await state(desk, statement) == "reconciled"
    shown = await desk.get(f"/clearing/reconciliations/{comparison['reconciliation_id']}")
    assert {one["state"] for one in shown["differences"]} == {"resolved"}


async def test_a_file_is_read_however_it_was_saved(desk: Office) -> None:
    """CSV in UTF-8, with a mark, in GB18030, tab-separated text, XLSX, text and Base64 in JSON, by id or by visit: all
    match."""
    settled = [await desk.settled("1000.00", "2018-05-10"), await desk.settled("2000.00", "2018-05-11")]
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    rows = rows_of(*settled)
    chinese = ("结算编号", "基金", "金额")
    contents = [
        text_file(rows).encode(),
        text_file(rows, headings=chinese).encode("utf-8-sig"),
        text_file(rows, headings=chinese).encode("gb18030"),
        text_file(rows, delimiter="\t").encode(),
        workbook([(name, fund, float(amount)) for name, fund, amount in rows], chinese),
    ]
    for content in contents:
        answer = await uploaded(desk, statement, content, who="hospital")
        assert (answer.status_code, answer.json().get("result")) == (201, "matched"), answer.text
    body = {"statement_id": statement["statement_id"]}
    for text in (text_file(rows), base64.b64encode(contents[2]).decode()):
        answered = await desk.do("li", "/clearing/reconciliations", body | {"file": text})
        assert (answered["result"], answered["basis"]) == ("matched", "file")
    visits = {one["settlement_id"]: one["visit_id"] for one in settled}
    by_visit: Rows = [(visits[str(name)], 1, fund, amount) for name, fund, amount in rows]
    matched = await compared(desk, statement, by_visit, headings=("住院号", "结算序号", "基金", "金额"))
    assert matched["result"] == "matched"
    bare = await desk.client.post(
        "/v1/clearing/reconciliations",
        params=body,
        content=text_file(rows, delimiter="\t"),
        headers=key() | {"Content-Type": "text/tab-separated-values"},
    )
    assert bare.json()["result"] == "matched", bare.text


async def test_a_file_shows_each_difference_by_settlement_and_fund(desk: Office) -> None:
    """Left out, unknown and other amounts are told apart with both values; equal amounts of two funds stay two."""
    first, second, third = [await desk.settled(amount, "2018-05-10") for amount in ("1000.00", "2000.00", "3000.00")]
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    name, other, last = (one["settlement_id"] for one in (first, second, third))
    same = first["payables"][0]["amount"]
    theirs: Rows = [
        (name, "基本医保", same),
        (name, "医疗救助", same),
        (other, "390100", "1,900.00"),
        (other, "390200", "0.00"),
        ("set_999999999", "390100", "5.00"),
        ("HIS-77", "640100", "6.00"),
    ]
    amounts = {
        (one["settlement_id"], payable["fund"]): payable["amount"]
        for one in (first, second, third)
        for payable in one["payables"]
    }
    assert amounts[other, "390100"] == "1900.00"
    comparison = await compared(desk, statement, theirs)
    expected = [
        ("amount_mismatch", name, "610100", amounts[name, "610100"], same),
        ("only_ours", other, "610100", amounts[other, "610100"], None),
        ("only_ours", last, "390100", amounts[last, "390100"], None),
        ("only_ours", last, "610100", amounts[last, "610100"], None),
        ("only_theirs", "HIS-77", "640100", None, "6.00"),
        ("only_theirs", "set_999999999", "390100", None, "5.00"),
    ]
    assert told(comparison) == expected
    assert (comparison["result"], comparison["difference_count"]) == ("different", 6)
    listed = await desk.get("/clearing/differences", reconciliation_id=comparison["reconciliation_id"], limit=4)
    assert (len(listed["data"]), listed["has_more"]) == (4, True)


async def test_a_corrected_bill_is_one_row_by_visit_and_its_entries_by_id(desk: Office) -> None:
    """By visit the net of bill and refund counts; by id each entry has its own row, the refund's negative."""
    line = desk.world.line("1000.00", day="2018-05-10", quantity="5", unit_price="200.00")
    bill = await desk.settled("1000.00", "2018-05-10", lines=[line])
    path = f"/settlements/{bill['settlement_id']}/refunds"
    refund = await desk.do(None, path, {"lines": [{"line_no": 1, "quantity": "2"}], "reason": "退药"})
    gone = await desk.settled("500.00", "2018-05-12")
    await desk.do(None, f"/settlements/{gone['settlement_id']}/reversal", {"reason": "x"})
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    net: dict[str, float] = {}
    for entry in (bill, refund):
        for payable in entry["payables"]:
            net[payable["fund"]] = net.get(payable["fund"], 0) + float(payable["amount"])
    rows: Rows = [(bill["visit_id"], fund, f"{amount:.2f}") for fund, amount in net.items()]
    by_visit = await compared(desk, statement, rows, headings=("visit_id", "fund", "amount"))
    assert (by_visit["result"], told(by_visit)) == ("matched", [])
    by_id = await compared(desk, statement, rows_of(bill, refund))
    assert {one["settlement_id"] for one in by_id["differences"]} != {gone["settlement_id"]}
    assert gone["settlement_id"] in {one["settlement_id"] for one in by_id["differences"]}
    assert bill["settlement_id"] not in {one["settlement_id"] for one in by_id["differences"]}


async def test_a_later_comparison_replaces_what_former_ones_left_open(desk: Office) -> None:
    """A file stands above totals: it resolves their differences, agreeing totals don't resolve a file's."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    await with_totals(desk, statement, [])
    wrong = await compared(desk, statement, rows_of(settled)[:1])
    work = await desk.get("/clearing/differences", state="open", statement_id=statement["statement_id"])
    assert {one["reconciliation_id"] for one in work["data"]} == {wrong["reconciliation_id"]}
    replaced = await desk.get("/clearing/differences", state="resolved", statement_id=statement["statement_id"])
    assert {one["resolution"] for one in replaced["data"]} == {f"superseded by {wrong['reconciliation_id']}"}
    assert (await with_totals(desk, statement, totals_of(statement)))["result"] == "matched"
    assert await state(desk, statement) == "declared"
    assert (await compared(desk, statement, rows_of(settled)))["result"] == "matched"
    assert await state(desk, statement) == "reconciled"
    assert (await with_totals(desk, statement, []))["result"] == "different"
    assert await state(desk, statement) == "declared"


async def test_what_lies_in_the_grace_window_is_no_difference(desk: Office) -> None:
    """A bill settled minutes before or after midnight may stand in the file of either month, with its right amount
    only."""
    plain = await desk.settled("100.00", "2018-05-10")
    await desk.at("2018-05-31T23:45:00+08:00")
    late = await desk.settled("200.00", "2018-05-31")
    await desk.at("2018-06-01T00:20:00+08:00")
    early = await desk.settled("300.00", "2018-05-31")
    await desk.at("2018-06-01T02:00:00+08:00")
    outside = await desk.settled("400.00", "2018-06-01")
    await desk.at("2018-07-05")
    may, june = await desk.declared("2018-05"), await desk.declared("2018-06")
    funds = len(plain["payables"])
    without = await compared(desk, may, rows_of(plain))
    assert (without["result"], without["within_grace"]) == ("matched", funds)
    beyond = await compared(desk, may, rows_of(plain, late, early))
    assert (beyond["result"], beyond["within_grace"]) == ("matched", funds)
    assert (await compared(desk, june, rows_of(late, outside)))["result"] == "matched"
    wrong = [(early["settlement_id"], "390100", "1.00"), *rows_of(plain, late)]
    assert told(await compared(desk, may, wrong)) == [("only_theirs", early["settlement_id"], "390100", None, "1.00")]
    far = await compared(desk, may, rows_of(plain, late, outside))
    assert {one["settlement_id"] for one in far["differences"]} == {outside["settlement_id"]}
    (short,) = {one["settlement_id"] for one in (await compared(desk, june, rows_of(early)))["differences"]}
    assert short == outside["settlement_id"]


async def test_bad_input_is_refused_with_every_fault_and_changes_nothing(desk: Office) -> None:
    """Broken rows name row and column; neither, both, doubled funds, unknown statements and wrong states are
    refused."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    name = settled["settlement_id"]
    rows: Rows = [(name, "390100", "950.00"), (name, "390100", "1.00"), ("", "999999", "many"), (name, "640100", "")]
    answer = await uploaded(desk, statement, text_file(rows).encode())
    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/file/3", "settlement_repeated"),
        ("/file/4/settlement_id", "cell_missing"),
        ("/file/4/fund", "not_in_list"),
        ("/file/4/amount", "cell_amount"),
        ("/file/5/amount", "cell_missing"),
    ]
    odd = text_file(
        [("V1", "x", "390100", "1.00"), ("V2", "0", "390100", "1.00")],
        headings=("visit_id", "settle_seq", "fund", "amount"),
    )
    answer = await uploaded(desk, statement, odd.encode())
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/file/2/settle_seq", "number_out_of_range"),
        ("/file/3/settle_seq", "number_out_of_range"),
    ]
    for content, code in (
        (b"settlement_id,amount\nset_1,1.00\n", "column_missing"),
        (b"fund,amount\n390100,1.00\n", "column_missing"),
        (b"settlement_id,fund,amount\n", "no_rows"),
        (b'settlement_id,fund,amount\n=A1,390100,"1.00"\n', "cell_formula"),
        (b"\x00\xff\x00\xff", "encoding_unknown"),
    ):
        answer = await uploaded(desk, statement, content)
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    path, body = "/clearing/reconciliations", {"statement_id": statement["statement_id"]}
    total = {"fund": "390100", "count": 1, "amount": "1.00"}
    assert await desk.refused("li", path, body) == (422, "totals_or_file")
    assert await desk.refused("li", path, body | {"totals": [total], "file": "x"}) == (422, "totals_or_file")
    assert await desk.refused("li", path, body | {"totals": [total, total]}) == (422, "fund_repeated")
    assert await desk.refused("li", path, body | {"totals": [total | {"fund": "1"}]}) == (422, "not_in_list")
    assert await desk.refused("li", path, body | {"totals": [total | {"amount": 1}]}) == (422, "money_not_string")
    assert await desk.refused("li", path, {"statement_id": "stm_999", "totals": []}) == (404, "not_found")
    assert (await desk.get("/clearing/reconciliations"))["data"] == []
    assert await state(desk, statement) == "declared"
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    assert await desk.refused("li", path, body | {"totals": totals_of(statement)}) == (409, "invalid_move")


async def test_each_sees_and_compares_what_is_theirs(desk: Office) -> None:
    """Another hospital finds nothing, an auditor only reads, a fund's owner sees what differs of its own fund."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    await desk.hire("stranger", scopes=["hospital"], hospital_code=desk.world.county)
    await desk.hire("elsewhere", scopes=["finance"], area_code="530300")
    await desk.hire("auditor", scopes=["auditor"])
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    path, body = "/clearing/reconciliations", {"statement_id": statement["statement_id"], "totals": []}
    for who in ("stranger", "elsewhere"):
        assert await desk.refused(who, path, body) == (404, "not_found")
    assert await desk.refused("auditor", path, body) == (403, "forbidden_scope")
    assert await desk.refused("civil", path, body) == (403, "statement_needs_all_funds")
    own = await with_totals(desk, statement, totals_of(statement)[:1])
    assert [(one["type"], one["fund"]) for one in own["differences"]] == [("only_ours", "610100")]
    (one,) = own["differences"]
    for who in ("stranger", "elsewhere"):
        assert (await desk.get("/clearing/differences", who))["data"] == []
        resolution = f"/clearing/differences/{one['difference_id']}/resolution"
        expected = (403, "forbidden_scope") if who == "stranger" else (404, "not_found")
        assert await desk.refused(who, resolution, {"reason": "x"}) == expected
    assert len((await desk.get("/clearing/differences", "auditor"))["data"]) == 1
    assert len((await desk.get("/clearing/differences", "civil"))["data"]) == 1
    matched = await compared(desk, statement, rows_of(settled))
    assert (matched["result"], await state(desk, statement)) == ("matched", "reconciled")


async def test_a_comparison_is_made_once_per_key(desk: Office) -> None:
    """The same key answers the same comparison; with another file it is refused."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    headers = key() | desk.tokens["li"]

    async def send(rows: Rows) -> httpx.Response:
        return await desk.client.post(
            "/v1/clearing/reconciliations",
            data={"statement_id": statement["statement_id"]},
            files={"file": ("detail.csv", text_file(rows).encode(), "text/csv")},
            headers=headers,
        )

    first, again, other = await send(rows_of(settled)), await send(rows_of(settled)), await send(rows_of(settled)[:1])
    assert (first.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
