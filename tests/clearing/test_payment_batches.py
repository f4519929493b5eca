"""Payment batches: to the bank in one file and back, with a bank that exists only here."""

import io
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import asyncpg
import pytest
from openpyxl import Workbook, load_workbook

from app.basics.days import next_month
from app.ledger.proof import CHECKS
from tests.clearing.bank import Booking, asked, camt053
from tests.clearing.office import Office, office, violations
from tests.people import browser, person
from tests.world import key

PAYING: Final = {"bank_name": "富滇银行", "account_name": "昆明市医疗保障基金", "account_number": "530100001"}
PAYEE: Final = {"bank_name": "农业银行", "account_name": "城关镇卫生院", "account_number": "6228480012345678"}
XML: Final = {"Content-Type": "application/xml"}


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office whose hospital has an account."""
    async with office(database_server, "2018-02-20T10:00:00+08:00") as opened:
        await opened.at("2018-02-20")
        await opened.hire("zhao", scopes=["finance"])
        await opened.hire("qian", scopes=["registry"])
        await opened.hire("elsewhere", scopes=["finance"], area_code="532600")
        path = f"/v1/hospitals/{opened.world.township}"
        hospital = {"name": "城关镇卫生院", "level": 1, "rank": "township", "area_code": "530127"}
        asked_for = await opened.client.put(
            path, json=hospital | {"bank_account": PAYEE}, headers=opened.tokens["qian"]
        )
        assert asked_for.status_code == 200, asked_for.text
        change = asked_for.json()["bank_account_change"]["change_id"]
        await opened.do("li", f"/bank-account-changes/{change}/approval")
        yield opened


async def sent_orders(desk: Office, count: int, amount: str = "800.00") -> list[dict[str, Any]]:
    """Sent orders of as many months."""
    made = []
    for _ in range(count):
        period = desk.day[:7]
        await desk.settled(amount, desk.day)
        await desk.at(next_month(period).isoformat())
        order = await desk.ordered(await desk.approved(period))
        made.append(await desk.sent(order))
    return made


async def at_bank(desk: Office, orders: list[dict[str, Any]]) -> tuple[dict[str, Any], bytes]:
    """A batch of these orders, drafted by ``li``, approved by ``wang``, and its file."""
    body = {"order_ids": [one["disbursement_id"] for one in orders], "paying_account": PAYING}
    batch = await desk.do("li", "/payment-batches", body)
    path = f"/payment-batches/{batch['payment_batch_id']}"
    await desk.do("wang", f"{path}/approval")
    file = await desk.client.get(f"/v1{path}/file", headers=desk.tokens["li"])
    assert file.status_code == 200, file.text
    return await desk.get(path, "li"), file.content


async def answered(desk: Office, content: bytes, **headers: str) -> list[tuple[str, str | None]]:
    """Result and order of each row of the bank's file."""
    answer = await desk.client.post(
        "/v1/bank-receipts", content=content, headers=key() | desk.tokens["li"] | (headers or XML)
    )
    assert answer.status_code == 200, answer.text
    return [(row["result"], row["order_id"]) for row in answer.json()["rows"]]


async def state(desk: Office, order: dict[str, Any]) -> tuple[str, str]:
    """State and paid of an order."""
    found = await desk.get(f"/disbursements/{order['disbursement_id']}")
    return found["state"], found["paid"]


async def test_money_goes_to_the_bank_and_back(desk: Office) -> None:
    """The bank pays some, returns some, changes an amount and sends its file twice: each row has its result, nothing
    is booked twice, and the books balance."""
    orders = await sent_orders(desk, count=4)
    names = [one["disbursement_id"] for one in orders]
    batch, file = await at_bank(desk, orders)
    assert (batch["state"], batch["count"]) == ("sent", 4)
    assert Decimal(batch["control_sum"]) == sum(Decimal(one["amount"]) for one in orders)
    rows = asked(file)
    assert {one.account for one in rows} == {PAYEE["account_number"]}
    bookings = [
        Booking("E1", rows[0].amount, rows[0].reference),
        Booking("E2", rows[1].amount, rows[1].reference),
        Booking("E3", rows[1].amount, rows[1].reference, direction="CRDT"),
        Booking("E4", rows[2].amount, rows[2].reference, direction="CRDT"),
        Booking("E5", "1.00", rows[3].reference),
        Booking("E6", "7.77", "somebody else's"),
    ]
    first = await answered(desk, camt053(bookings, desk.day))
    assert first == [
        ("paid", names[0]),
        ("paid", names[1]),
        ("returned", names[1]),
        ("returned", names[2]),
        ("amount_differs", names[3]),
        ("unknown", None),
    ]
    assert [await state(desk, one) for one in orders] == [
        ("paid", orders[0]["amount"]),
        ("returned", "0.00"),
        ("sent", "0.00"),
        ("sent", "0.00"),
    ]
    again = await answered(desk, camt053(bookings, desk.day))
    assert [result for result, _ in again] == ["already_booked"] * 4 + ["amount_differs", "unknown"]
    waiting = await desk.get("/bank-receipts", "li", result="amount_differs")
    assert {row["order_id"] for row in waiting["data"]} == {names[3]}
    assert await desk.refused("li", f"/disbursements/{names[3]}/cancellation", {"reason": "x"}) == (
        409,
        "in_payment_batch",
    )
    path, why = f"/payment-batches/{batch['payment_batch_id']}", {"order_id": names[3], "reason": "银行未执行"}
    assert (await desk.do("li", f"{path}/not-executed", why))["state"] == "sent"
    assert await desk.refused("li", f"{path}/not-executed", why) == (403, "maker_is_checker")
    ended = await desk.do("zhao", f"{path}/not-executed", why)
    assert ended["state"] == "answered"
    assert [row["result"] for row in ended["rows"]] == ["paid", "paid", "returned", "not_executed"]
    second, file = await at_bank(desk, orders[1:])
    rows = asked(file)
    paid = await answered(
        desk, camt053([Booking(f"F{i}", one.amount, one.reference) for i, one in enumerate(rows)], desk.day)
    )
    assert paid == [("paid", name) for name in names[1:]]
    assert (await desk.get(f"/payment-batches/{second['payment_batch_id']}"))["state"] == "answered"
    assert {await state(desk, one) for one in orders} == {("paid", one["amount"]) for one in orders}
    await desk.balanced()


DAMAGE: Final = {
    "an amount paid that wasn't asked for": "UPDATE bank_movement SET amount = amount + 1 WHERE bank_reference = 'K1'",
    "a payment of another order": "UPDATE bank_movement SET disbursement_id = 1 WHERE bank_reference = 'K1'",
    "a payment that is gone": "DELETE FROM bank_movement WHERE bank_reference = 'K1'",
    "a row that ended without its answer": "DELETE FROM bank_receipt_row WHERE bank_reference = 'K1'",
    "a payment of a row that wasn't executed": (
        "UPDATE payment_batch_item SET result = 'not_executed', asked_by = 'x', reason = 'x' WHERE batch_id = {0}"
        " AND result = 'paid'"
    ),
    "a return that no answer says": "UPDATE bank_receipt_row SET result = 'unknown' WHERE bank_reference = 'K2'",
    "an order that was paid while its row waits": (
        "UPDATE disbursement SET state = 'paid', paid = amount WHERE disbursement_id ="
        " (SELECT disbursement_id FROM payment_batch_item WHERE batch_id = {0} AND live)"
    ),
    "a sum that isn't the rows'": "UPDATE payment_batch SET control_sum = control_sum - 1 WHERE batch_id = {0}",
    "a batch that ended before its rows": "UPDATE payment_batch SET state = 'answered' WHERE batch_id = {0}",
    "a row of another fund": "UPDATE payment_batch_item SET fund = '610100' WHERE batch_id = {0} AND live",
}


async def test_what_a_batch_came_to_is_proven(desk: Office) -> None:
    """The proof of the ledger finds each difference between rows, the bank's answers, its movements and the orders."""
    orders = await sent_orders(desk, count=3)
    batch, file = await at_bank(desk, orders)
    rows = asked(file)
    paid = Booking("K1", rows[0].amount, rows[0].reference)
    back = Booking("K2", rows[1].amount, rows[1].reference, direction="CRDT")
    assert [result for result, _ in await answered(desk, camt053([paid, back], desk.day))] == ["paid", "returned"]
    owner = await asyncpg.connect(desk.url)
    try:
        await owner.execute("SET session_replication_role = replica")
        assert await owner.fetch(CHECKS["payment_batch"]) == []
        for what, statement in DAMAGE.items():
            transaction = owner.transaction()
            await transaction.start()
            done = await owner.execute(statement.format(batch["payment_batch_id"].removeprefix("pay_")))
            assert done.endswith(" 1"), what
            assert await owner.fetch(CHECKS["payment_batch"]) != [], what
            await transaction.rollback()
    finally:
        await owner.close()


async def test_an_order_is_in_one_batch_until_it_ends(desk: Office) -> None:
    """While a batch is live, its orders are in no other, nor paid, returned or cancelled by hand; a cancelled batch
    lets them go; makers and strangers don't approve."""
    orders = await sent_orders(desk, count=1)
    name = orders[0]["disbursement_id"]
    body = {"order_ids": [name], "paying_account": PAYING}
    batch = await desk.do("li", "/payment-batches", body)
    path = f"/payment-batches/{batch['payment_batch_id']}"
    assert await desk.refused("zhao", "/payment-batches", body) == (409, "in_payment_batch")
    paid = {"amount": "1.00", "paid_on": desk.day, "bank_reference": "by-hand"}
    assert await desk.refused("li", f"/disbursements/{name}/payments", paid) == (409, "in_payment_batch")
    assert await desk.refused("li", f"{path}/approval") == (403, "maker_is_checker")
    assert await desk.refused("elsewhere", f"{path}/approval") == (404, "not_found")
    early = await desk.client.get(f"/v1{path}/file", headers=desk.tokens["li"])
    assert (early.status_code, early.json()["code"]) == (409, "invalid_move")
    assert (await desk.do("li", f"{path}/cancellation", {"reason": "x"}))["state"] == "cancelled"
    batch, _ = await at_bank(desk, orders)
    path = f"/payment-batches/{batch['payment_batch_id']}"
    assert await desk.refused("li", f"{path}/cancellation", {"reason": "x"}) == (409, "invalid_move")
    again = await desk.client.get(f"/v1{path}/file?format=csv", headers=desk.tokens["li"])
    assert again.headers["Payment-File"] == "resend"
    assert f"{batch['payment_batch_id']}-1" in again.text
    assert PAYEE["account_number"] in again.text
    assert (await desk.get(path))["files"] == 2


@pytest.mark.thorough
async def test_a_sheet_answers_too_and_proposes_but_never_guesses(desk: Office) -> None:
    """A workbook in the bank's columns is booked like a statement; a row without our reference is only proposed, where
    amount and account fit exactly one order; rows that can't be read are named, and nothing is booked."""
    orders = await sent_orders(desk, count=2, amount="900.00")
    names = [one["disbursement_id"] for one in orders]
    batch, _ = await at_bank(desk, orders)
    path = f"/payment-batches/{batch['payment_batch_id']}"
    xlsx = await desk.client.get(f"/v1{path}/file?format=xlsx", headers=desk.tokens["li"])
    sheet = load_workbook(io.BytesIO(xlsx.content)).active
    assert sheet is not None
    assert "业务参考号" in [cell.value for row in sheet.iter_rows(max_row=3) for cell in row]
    heads = ["流水号", "客户参考号", "交易金额", "交易日期", "交易状态", "对方账号"]
    bad = [["", f"{batch['payment_batch_id']}-1", "a lot", "soon", "maybe", ""]]
    refused = await desk.client.post(
        "/v1/bank-receipts", content=workbook(heads, bad), headers=key() | desk.tokens["li"] | SHEET
    )
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [
        f"/file/2/{name}" for name in ("bank_reference", "result", "amount", "value_on")
    ]
    rows = [
        ["X1", f"{batch['payment_batch_id']}-1", orders[0]["amount"], desk.day, "成功", ""],
        ["X2", "", orders[1]["amount"], desk.day, "成功", PAYEE["account_number"]],
        ["X3", "", "0.01", desk.day, "成功", PAYEE["account_number"]],
    ]
    answer = await desk.client.post(
        "/v1/bank-receipts", content=workbook(heads, rows), headers=key() | desk.tokens["li"] | SHEET
    )
    found = answer.json()["rows"]
    assert [(row["result"], row["order_id"], row["proposed"]) for row in found] == [
        ("paid", names[0], None),
        ("unknown", None, names[1]),
        ("unknown", None, None),
    ]
    assert [await state(desk, one) for one in orders] == [("paid", orders[0]["amount"]), ("sent", "0.00")]
    assert await violations(desk.url) == {}


SHEET: Final = {"Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def workbook(heads: list[str], rows: list[list[str]]) -> bytes:
    """A workbook of texts."""
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for row in (heads, *rows):
        sheet.append(row)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


async def test_a_damaged_file_books_nothing(desk: Office) -> None:
    """A file that is cut, is no answer of a bank, or declares a document type is refused whole."""
    orders = await sent_orders(desk, count=1)
    batch, file = await at_bank(desk, orders)
    whole = camt053([Booking("G1", one.amount, one.reference) for one in asked(file)], desk.day)
    bomb = whole.replace(b"<Document", b'<!DOCTYPE d [<!ENTITY a "b">]><Document', 1)
    for content, code in ((whole[:-40], "xml_damaged"), (bomb, "xml_damaged"), (file, "not_a_receipt")):
        answer = await desk.client.post("/v1/bank-receipts", content=content, headers=key() | desk.tokens["li"] | XML)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await state(desk, orders[0]) == ("sent", "0.00")
    assert await answered(desk, whole) == [("paid", orders[0]["disbursement_id"])]
    assert (await desk.get(f"/payment-batches/{batch['payment_batch_id']}"))["state"] == "answered"


@pytest.mark.thorough
async def test_a_claim_is_paid_to_the_persons_account(desk: Office) -> None:
    """A claim stands in a batch like an order, is paid to the person's pinned account, and answered once, also by the
    bank's notification of another kind."""
    world, account = desk.world, PAYEE | {"account_name": "李某", "account_number": "6217000012345678"}
    put = await desk.client.put(
        f"/v1/persons/{world.person}/bank-account", json={"bank_account": account}, headers=desk.tokens["zhao"]
    )
    await desk.do("wang", f"/bank-account-changes/{put.json()['bank_account_change']['change_id']}/approval")
    bill = world.bill("600.00", paid_by="patient", lines=[world.line("600.00", day=desk.day)])
    settled = await desk.do("zhao", "/settlements", bill | {"admitted_on": desk.day, "discharged_on": desk.day})
    found = (await desk.get("/claims", "li", settlement_id=settled["settlement_id"], fund="390100"))["data"]
    name = found[0]["claim_id"]
    await desk.do("wang", f"/claims/{name}/approval")
    await desk.do("li", f"/claims/{name}/sending")
    _, file = await at_bank(desk, [{"disbursement_id": name}])
    (row,) = asked(file)
    assert (row.account, row.amount, row.name) == ("6217000012345678", found[0]["amount"], "李某")
    assert await desk.refused("li", f"/claims/{name}/cancellation", {"reason": "x"}) == (409, "in_payment_batch")
    statement = camt053([Booking("H1", row.amount, row.reference)], desk.day)
    notified = statement.replace(b"camt.053", b"camt.054").replace(b"BkToCstmrStmt", b"BkToCstmrDbtCdtNtfctn")
    assert await answered(desk, notified) == [("paid", name)]
    assert await answered(desk, statement) == [("already_booked", name)]
    assert (await desk.get(f"/claims/{name}", "li"))["state"] == "paid"
    await desk.balanced()


@pytest.mark.thorough
async def test_the_pages_take_a_batch_to_the_bank_and_back(desk: Office) -> None:
    """Ticked orders become a batch that another person approves; its file is given out and the bank's answer uploaded
    on pages, which show every result."""
    orders = await sent_orders(desk, count=1, amount="1100.00")
    name, url = orders[0]["disbursement_id"], str(desk.client.base_url)
    async with browser(url) as maker, browser(url) as checker:
        await person(desk.client, maker)
        await person(desk.client, checker)
        page = (await maker.get(f"/finance/payment-batches/new?id={name}")).text
        form = {one: hidden(page, one) for one in ("csrf", "key", "ids")}
        assert (await maker.post("/finance/payment-batches/new", data=form | PAYING)).status_code == 303
        batch = (await desk.get("/payment-batches", state="draft"))["data"][0]["payment_batch_id"]
        path = f"/finance/payment-batches/{batch}"
        assert "须由另一位经办人批准" in (await maker.get(path)).text
        page = (await checker.get(path)).text
        form = {one: hidden(page, one) for one in ("csrf", "key")}
        assert (await checker.post(f"{path}/approve", data=form)).status_code == 303
        file = await checker.post(f"{path}/send", data=form | {"format": "pain001"})
        (row,) = asked(file.content)
        assert "等待银行回盘" in (await checker.get(path)).text
        page = (await checker.get("/finance/bank-receipts")).text
        form = {one: hidden(page, one) for one in ("csrf", "key")}
        content = camt053([Booking("P1", row.amount, row.reference)], desk.day)
        for sent, status in ((content[:-30], 422), (content, 303)):
            upload = {"file": ("answer.xml", sent, "application/xml")}
            answer = await checker.post("/finance/bank-receipts", data=form, files=upload)
            assert answer.status_code == status, answer.text
        page = (await checker.get("/finance/bank-receipts?result=paid")).text
        assert name in page
        assert "P1" in page
        assert "银行已回盘" in (await checker.get(path)).text
        assert batch in (await checker.get("/finance/payment-batches?state=answered")).text
    assert await state(desk, orders[0]) == ("paid", orders[0]["amount"])


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of the page's last form."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page)[-1]


@pytest.mark.thorough
async def test_a_payee_needs_an_account(desk: Office) -> None:
    """An order whose approval pinned no account is paid by no file; nor is a draft; one named twice is refused."""
    period = desk.day[:7]
    await desk.settled("800.00", desk.day)
    await desk.at(next_month(period).isoformat())
    draft = await desk.ordered(await desk.approved(period))
    body = {"order_ids": [draft["disbursement_id"]], "paying_account": PAYING}
    assert await desk.refused("li", "/payment-batches", body) == (409, "invalid_move")
    twice = body | {"order_ids": [draft["disbursement_id"]] * 2}
    assert await desk.refused("li", "/payment-batches", twice) == (422, "order_repeated")
    world = desk.world
    bare = {"name": "无账户医院", "level": 2, "rank": "county", "area_code": "530127"}
    await world.put(f"/v1/hospitals/{world.county}", bare)
    bill = world.bill(
        "900.00",
        hospital_code=world.county,
        admitted_on=desk.day,
        discharged_on=desk.day,
        lines=[world.line("900.00", day=desk.day)],
    )
    await world.settled(bill)
    period = desk.day[:7]
    await desk.at(next_month(period).isoformat())
    statement = await desk.declared(period, hospital_code=world.county)
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    order = await desk.sent(await desk.ordered(statement))
    answer = await desk.send(
        "li", "/payment-batches", {"order_ids": [order["disbursement_id"]], "paying_account": PAYING}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "payee_account_missing")
    assert answer.json()["errors"][0]["pointer"] == "/order_ids/0"
