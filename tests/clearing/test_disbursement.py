"""From a declared month to money in the hospital's account, over real HTTP on real PostgreSQL."""

import asyncio
import csv
import io
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import openpyxl
import pytest

from app.clearing.remittance import allocated
from tests.clearing.office import Office, office
from tests.conftest import of_app

pytestmark = pytest.mark.thorough


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018."""
    async with office(database_server) as opened:
        yield opened
        await opened.balanced()


def fund_of(statement: dict[str, Any], fund: str = "390100") -> dict[str, Any]:
    """One fund's part of a statement."""
    part: dict[str, Any] = next(item for item in statement["funds"] if item["fund"] == fund)
    return part


async def test_one_bill_from_the_cashiers_window_to_the_hospitals_account(desk: Office) -> None:
    """Settled in May, declared and approved in June by two people, ordered less 5 % deposit, paid, explained to the
    fen."""
    settled = await desk.settled("1000.00", "2018-05-10")
    assert await desk.refused(
        "li", "/clearing/statements", {"hospital_code": desk.world.township, "period": "2018-05"}
    ) == (
        409,
        "period_not_ended",
    )
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    assert statement["state"] == "declared"
    assert statement["amount"] == settled["fund_total"]
    assert statement["pay_by"] == "2018-06-25"
    basic = next(item["amount"] for item in settled["payables"] if item["fund"] == "390100")
    assert fund_of(statement)["amount"] == basic == "950.00"
    assert [total["clr_type"] for total in statement["totals"]] == ["21"] * len(statement["totals"])

    path = f"/clearing/statements/{statement['statement_id']}"
    assert await desk.refused("li", f"{path}/approval", {}) == (403, "maker_is_checker")
    assert await desk.refused(
        "li", "/disbursements", {"statement_id": statement["statement_id"], "fund": "390100"}
    ) == (
        409,
        "statement_not_approved",
    )
    assert (await desk.do("wang", f"{path}/approval", {}))["state"] == "approved"

    order = await desk.ordered(statement)
    assert (order["gross"], order["deposit"], order["amount"]) == ("950.00", "47.50", "902.50")
    assert (order["state"], order["due_on"], order["overdue"]) == ("draft", "2018-06-25", False)
    assert await desk.refused("li", f"/disbursements/{order['disbursement_id']}/approval") == (403, "maker_is_checker")
    order = await desk.sent(order)
    assert order["state"] == "sent"
    part = await desk.paid(order, "2018-06-05", "900.00")
    assert (part["state"], part["unpaid"]) == ("part_paid", "2.50")
    whole = await desk.paid(order, "2018-06-05", "2.50")
    assert (whole["state"], whole["paid"], whole["unpaid"]) == ("paid", "902.50", "0.00")

    advice = await desk.get(f"/disbursements/{order['disbursement_id']}/remittance-advice")
    (line,) = advice["settlements"]
    assert line["settlement_id"] == settled["settlement_id"]
    assert (line["declared"], line["deposit"], line["paid"], line["unpaid"]) == ("950.00", "47.50", "902.50", "0.00")
    await desk.balanced()


async def test_every_refusal_leaves_everything_as_it_was(desk: Office) -> None:
    """Payments above the order, before sending, on impossible days, twice the same reference; a deposit of 20 %."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.approved("2018-05")
    assert await desk.refused(
        "li", "/clearing/statements", {"hospital_code": desk.world.township, "period": "2018-05"}
    ) == (
        409,
        "already_declared",
    )
    wanted = {"statement_id": statement["statement_id"], "fund": "390100", "deposit_rate": "0.2000"}
    assert await desk.refused("li", "/disbursements", wanted) == (422, "deposit_too_high")
    assert await desk.refused("li", "/disbursements", wanted | {"fund": "390200", "deposit_rate": "0.0000"}) == (
        422,
        "fund_not_in_statement",
    )
    order = await desk.ordered(statement)
    path = f"/disbursements/{order['disbursement_id']}"
    payment = {"amount": "10.00", "paid_on": "2018-06-05", "bank_reference": "B1"}
    assert await desk.refused("li", "/disbursements", wanted | {"deposit_rate": "0.0500"}) == (409, "order_exists")
    assert await desk.refused("li", f"{path}/payments", payment) == (409, "invalid_move")
    assert await desk.refused("li", f"{path}/sending") == (409, "invalid_move")
    await desk.sent(order)
    before = await desk.get("/ledger/trial-balance")
    for change, code in (
        ({"amount": "902.51"}, "payment_exceeds_order"),
        ({"amount": "0.00"}, "amount_not_positive"),
        ({"paid_on": "2018-06-06"}, "in_the_future"),
        ({"paid_on": "2018-06-04"}, "before_sending"),
        ({"paid_on": "2018-02-30"}, "date_format"),
    ):
        assert await desk.refused("li", f"{path}/payments", payment | change) == (422, code)
    assert await desk.get("/ledger/trial-balance") == before
    await desk.do("li", f"{path}/payments", payment)
    for reference in ("B1", "b1", " ｂ１"):  # in whatever case and width
        again = payment | {"bank_reference": reference}
        assert await desk.refused("li", f"{path}/payments", again) == (409, "bank_reference_used")
    assert await desk.refused("li", f"{path}/cancellation", {"reason": "x"}) == (409, "invalid_move")
    assert await desk.refused("li", "/disbursements/dis_999999/approval") == (404, "not_found")
    assert await desk.refused("hospital", "/disbursements", wanted) == (403, "forbidden_scope")
    await desk.balanced()


async def test_money_that_comes_back_is_due_again(desk: Office) -> None:
    """A return re-opens the order and its statement; a second payment closes both again."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.approved("2018-05")
    others = [part["fund"] for part in statement["funds"] if part["fund"] != "390100"]
    for fund in others:
        await desk.paid(await desk.sent(await desk.ordered(statement, fund)), "2018-06-05")
    order = await desk.sent(await desk.ordered(statement, deposit_rate="0.0000"))
    await desk.paid(order, "2018-06-05")
    assert (await desk.get(f"/clearing/statements/{statement['statement_id']}"))["state"] == "settled"
    path = f"/disbursements/{order['disbursement_id']}"
    back = {"amount": "950.00", "returned_on": "2018-06-05", "bank_reference": "R1", "reason": "账号有误"}
    assert await desk.refused("li", f"{path}/returns", back | {"amount": "950.01"}) == (422, "return_exceeds_payment")
    returned = await desk.do("li", f"{path}/returns", back)
    assert (returned["state"], returned["unpaid"]) == ("returned", "950.00")
    assert (await desk.get(f"/clearing/statements/{statement['statement_id']}"))["state"] == "approved"
    await desk.balanced()
    assert (await desk.paid(order, "2018-06-05"))["state"] == "paid"
    assert (await desk.get(f"/clearing/statements/{statement['statement_id']}"))["state"] == "settled"
    await desk.balanced()


async def test_a_prepayment_is_taken_off_the_next_order(desk: Office) -> None:
    """Granted by two people, offset whole at the order's approval; a net of 0 is paid without a bank reference."""
    await desk.settled("1000.00", "2018-05-10")
    wanted = {
        "hospital_code": desk.world.township,
        "area_code": "530127",
        "fund": "390100",
        "amount": "1000.00",
        "year": 2018,
    }
    made = await desk.do("li", "/prepayments", wanted)
    path = f"/prepayments/{made['prepayment_id']}"
    assert (made["state"], made["area_code"]) == ("draft", "530100")
    assert await desk.refused("li", f"{path}/approval") == (403, "maker_is_checker")
    payment = {"amount": "1000.00", "paid_on": "2018-05-20", "bank_reference": "P1"}
    assert await desk.refused("li", f"{path}/payments", payment) == (409, "invalid_move")
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    assert (await desk.do("li", f"{path}/payments", payment))["state"] == "paid"

    await desk.at("2018-06-05")
    statement = await desk.approved("2018-05")
    order = await desk.ordered(statement)
    assert (order["deposit"], order["offset"], order["amount"]) == ("47.50", "902.50", "0.00")
    order = await desk.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
    assert order["state"] == "paid"
    assert (await desk.get(path))["outstanding"] == "97.50"
    back = {"amount": "97.50", "returned_on": "2018-06-05", "bank_reference": "P2", "reason": "多余退回"}
    assert (await desk.do("li", f"{path}/returns", back))["state"] == "returned"
    await desk.balanced()


async def test_a_negative_month_is_carried_to_the_next_order(desk: Office) -> None:
    """A reversal after payment makes the month's net negative: no order, and the next order is smaller by it."""
    first = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    paid = await desk.sent(await desk.ordered(await desk.approved("2018-05"), deposit_rate="0.0000"))
    await desk.paid(paid, "2018-06-05")
    await desk.do(None, f"/settlements/{first['settlement_id']}/reversal", {"reason": "误结"})
    await desk.at("2018-07-05")
    negative = await desk.approved("2018-06")
    assert fund_of(negative)["amount"] == "-950.00"
    carried = await desk.ordered(negative)
    assert (carried["state"], carried["amount"], carried["unpaid"]) == ("carried_forward", "-950.00", "0.00")

    await desk.settled("2000.00", "2018-07-04")
    await desk.at("2018-08-05")
    order = await desk.ordered(await desk.approved("2018-07"), deposit_rate="0.0000")
    assert (order["gross"], order["carried"], order["amount"]) == ("1900.00", "950.00", "950.00")
    await desk.do("li", f"/disbursements/{order['disbursement_id']}/cancellation", {"reason": "重开"})
    order = await desk.ordered(await desk.get(f"/clearing/statements/{order['statement_id']}"), deposit_rate="0.0000")
    assert order["carried"] == "950.00"
    await desk.paid(await desk.sent(order), "2018-08-05")
    await desk.balanced()


async def test_a_late_posting_joins_the_next_statement_and_a_withdrawn_one_lets_go(desk: Office) -> None:
    """Nothing is in two statements or in none."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    first = await desk.declared("2018-05")
    withdrawn = await desk.do(
        "hospital", f"/clearing/statements/{first['statement_id']}/withdrawal", {"reason": "漏报"}
    )
    assert withdrawn["state"] == "withdrawn"
    again = await desk.declared("2018-05")
    assert again["amount"] == first["amount"]
    late = await desk.settled("500.00", "2018-05-11")
    await desk.at("2018-07-05")
    second = await desk.declared("2018-06")
    assert second["amount"] == late["fund_total"]
    items = await desk.get(f"/clearing/statements/{second['statement_id']}/items", limit=100)
    assert {item["settlement_id"] for item in items["data"]} == {late["settlement_id"]}
    assert await desk.refused("li", f"/clearing/statements/{first['statement_id']}/withdrawal", {"reason": "再撤"}) == (
        409,
        "invalid_move",
    )


async def test_declaring_while_bills_are_settled_loses_and_doubles_nothing(desk: Office) -> None:
    """Ten bills settle while the same month is declared five times at once: one statement, and the next takes the
    rest."""
    await desk.at("2018-06-01T00:00:01+08:00")
    body = {"hospital_code": desk.world.township, "period": "2018-05"}
    bills = [desk.settled("100.00", f"2018-05-{day:02d}") for day in range(1, 11)]
    answers = await asyncio.gather(*(desk.send("li", "/clearing/statements", body) for _ in range(5)), *bills)
    statuses = sorted(answer.status_code for answer in answers[:5])
    assert statuses == [201, 409, 409, 409, 409]
    await desk.at("2018-07-01")
    await desk.declared("2018-06")
    connection = await asyncpg.connect(desk.url)
    try:
        rows = await connection.fetchrow(
            "SELECT count(*) AS items, count(DISTINCT i.transfer_id) AS postings, (SELECT count(*) FROM "
            "transfer) AS transfers"
            " FROM statement_item i WHERE NOT i.withdrawn"
        )
    finally:
        await connection.close()
    assert rows["items"] == rows["postings"] == rows["transfers"] > 0


async def test_four_funds_have_four_owners(desk: Office) -> None:
    """An officer of one fund approves and orders its part only, and sees no other's orders."""
    await desk.hire("assistance", scopes=["finance"], funds=["610100"])
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}/approval"
    assert await desk.refused("assistance", path, {"funds": ["390100"]}) == (404, "not_found")
    assert (await desk.do("assistance", path, {}))["state"] == "declared"
    wanted = {"statement_id": statement["statement_id"], "fund": "390100"}
    assert await desk.refused("assistance", "/disbursements", wanted) == (404, "not_found")
    assert (await desk.do("wang", path, {}))["state"] == "approved"
    basic = await desk.ordered(statement)
    assert (await desk.get("/disbursements", "assistance"))["data"] == []
    assert (await desk.get("/disbursements", "hospital"))["data"][0]["disbursement_id"] == basic["disbursement_id"]
    assert await desk.refused("assistance", f"/disbursements/{basic['disbursement_id']}/approval") == (404, "not_found")
    await desk.do("assistance", "/disbursements", wanted | {"fund": "610100"})


async def test_the_database_refuses_what_the_service_would(desk: Office) -> None:
    """Forbidden moves, a maker who checks, deleted rows: refused below the service too."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.approved("2018-05")
    order = await desk.ordered(statement)
    number = int(order["disbursement_id"].removeprefix("dis_"))
    connection = await asyncpg.connect(desk.url)
    try:
        for command, error in (
            (
                f"UPDATE disbursement SET state = 'sent' WHERE disbursement_id = {number}",
                asyncpg.RestrictViolationError,
            ),
            (f"UPDATE disbursement SET amount = 1 WHERE disbursement_id = {number}", asyncpg.RestrictViolationError),
            (
                f"UPDATE disbursement SET state = 'approved', approved_by = subject WHERE disbursement_id = {number}",
                asyncpg.CheckViolationError,
            ),
            ("DELETE FROM disbursement", asyncpg.RestrictViolationError),
            ("UPDATE statement_total SET amount = 0", asyncpg.RestrictViolationError),
            ("DELETE FROM statement_item", asyncpg.RestrictViolationError),
            ("DELETE FROM clearing_event", asyncpg.RestrictViolationError),
            (
                "INSERT INTO statement_item SELECT statement_id + 1, transfer_id FROM statement_item LIMIT 1",
                asyncpg.IntegrityConstraintViolationError,
            ),
        ):
            with pytest.raises(error):
                await connection.execute(command)
    finally:
        await connection.close()


async def test_deposits_are_released_by_the_assessment(desk: Office) -> None:
    """90 % of the year's deposit is released by two people and paid, the rest is a deduction."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    await desk.paid(await desk.sent(await desk.ordered(await desk.approved("2018-05"))), "2018-06-05")
    wanted = {
        "hospital_code": desk.world.township,
        "area_code": "530100",
        "fund": "390100",
        "year": 2018,
        "assessed_ratio": "0.9000",
        "reason": "年度考核",
    }
    assert await desk.refused("li", "/deposit-releases", wanted) == (409, "period_not_ended")
    await desk.at("2019-01-15")
    made = await desk.do("li", "/deposit-releases", wanted)
    assert (made["deposit"], made["amount"], made["forfeited"]) == ("47.50", "42.75", "4.75")
    assert await desk.refused("li", "/deposit-releases", wanted) == (409, "already_released")
    path = f"/deposit-releases/{made['release_id']}/approval"
    assert await desk.refused("li", path) == (403, "maker_is_checker")
    approved = await desk.do("wang", path)
    order = f"/disbursements/{approved['disbursement_id']}"
    await desk.do("li", f"{order}/sending")
    body = {"amount": "42.75", "paid_on": "2019-01-15", "bank_reference": secrets.token_hex(4)}
    assert (await desk.do("li", f"{order}/payments", body))["state"] == "paid"
    advice = await desk.get(f"{order}/remittance-advice")
    assert [line["paid"] for line in advice["settlements"]] == ["42.75"]
    await desk.balanced()


async def test_a_payer_gets_its_own_file(desk: Office) -> None:
    """One row for each settlement with the fund's amount, as XLSX with a sum, or as CSV that Excel reads."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/v1/clearing/statements/{statement['statement_id']}/payer-file"
    answer = await desk.client.get(path, params={"fund": "390100"})
    assert answer.status_code == 200
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True))
    assert rows[2][0] == settled["settlement_id"]
    assert (rows[2][-1], rows[3][0], rows[3][-1]) == (950, "合计", 950)
    answer = await desk.client.get(path, params={"fund": "390100"}, headers={"Accept": "text/csv"})
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (lines[1][0], lines[1][-1]) == (settled["settlement_id"], "950.00")
    assert (await desk.client.get(path, params={"fund": "390200"})).status_code == 404


def test_allocations_sum_to_the_fen() -> None:
    """Largest remainder: three equal settlements share a yuan as 34, 33, 33; negative ones take their part away."""
    assert allocated(100, [1, 1, 1]) == [34, 33, 33]
    assert allocated(100, [300, -100]) == [150, -50]
    assert sum(allocated(99_999, [7, 11, 13, -3])) == 99_999
    assert allocated(0, [5, 7]) == [0, 0]


def test_the_sums_of_an_advice_are_exact() -> None:
    """Shares of deposit, offset and payment of one settlement sum to what was approved for it."""
    from app.clearing.remittance import _columns

    weights = [33_333, 66_667, 12_345]
    amounts = (5_617, 20_000, 0, 50_000, 36_728)
    columns = _columns(amounts, weights)
    assert [sum(column) for column in columns] == list(amounts)
    assert [sum(row) for row in zip(*columns, strict=True)] == weights
    assert Decimal(sum(weights)) == sum(amounts)


async def as_the_service(connection: Any, commands: list[str]) -> None:
    """Run commands in one transaction that reaches everything, and commit it."""
    async with connection.transaction():
        await connection.execute("SELECT service_open(NULL)")
        for name, value in (("finance", "true"), ("subject", "x"), ("request_id", "x")):
            await connection.execute("SELECT set_config($1, $2, true)", f"onestop.{name}", value)
        for command in commands:
            await connection.execute(command)


async def test_an_order_is_not_paid_without_its_transfer(desk: Office) -> None:
    """As the service's login: a state alone, a bank movement alone, or a posting alone is refused when it commits."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    number = int(order["disbursement_id"].removeprefix("dis_"))
    amount = int(order["amount"].replace(".", ""))
    paid = f"UPDATE disbursement SET state = 'paid', paid = amount WHERE disbursement_id = {number}"
    moved = (
        "INSERT INTO bank_movement (bank_reference, kind, disbursement_id, amount, value_on, subject, request_id)"
        f" VALUES ('BANK-ALONE', 'payment', {number}, {amount}, '2018-06-05', 'x', 'x')"
    )
    again = (
        "SELECT transfers_post(jsonb_build_array(to_jsonb(t) || jsonb_build_object('event', 'payment', 'debit', c.path,"
        " 'credit', d.path))) FROM transfer t JOIN account d ON d.account_id = t.debit_account"
        f" JOIN account c ON c.account_id = t.credit_account WHERE t.cause = 'dis_{number}' AND t.event = 'order_sent'"
    )
    connection = await asyncpg.connect(of_app(desk.url))
    try:
        for alone in ([paid], [moved], [again], [moved, paid]):
            with pytest.raises(asyncpg.RestrictViolationError, match=f"dis_{number} says"):
                await as_the_service(connection, alone)
        async with connection.transaction():
            await connection.execute("SELECT set_config('onestop.reach', 'hospital', true)")
            await connection.execute("SELECT set_config('onestop.hospital', 'another', true)")
            for table in ("disbursement", "bank_movement", "settled_visit"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            others = await connection.fetchval("SELECT count(*) FROM account WHERE party LIKE 'hospital:%'")
            assert others == 0
    finally:
        await connection.close()
    await desk.paid(order, "2018-06-05")
