"""Reading the ledger, and its proof from source rows."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.ledger.proof import CHECKS
from app.ledger.words import CHECK_WORDS
from tests.clearing.office import Office, office, violations
from tests.served import commanded

BASIC = "area:530100/fund:390100"


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office at the end of July 2018: a deduction, an adjustment, a reversal, a prepayment, a partial payment that
    came back."""
    async with office(database_server) as opened:
        await opened.hire("zhao", scopes=["finance"], funds=["610100"])
        await opened.hire("audit", scopes=["auditor"], area_code="530100")
        await opened.hire("elsewhere", scopes=["finance"], area_code="532600")
        await busy_months(opened)
        yield opened


async def busy_months(desk: Office) -> None:
    """May and June of a hospital, with everything that moves money until the end of July."""
    prepaid = await desk.do(
        "li",
        "/prepayments",
        {
            "hospital_code": desk.world.township,
            "area_code": "530100",
            "fund": "390100",
            "amount": "100.00",
            "year": 2018,
        },
    )
    path = f"/prepayments/{prepaid['prepayment_id']}"
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    await desk.do("li", f"{path}/payments", {"amount": "100.00", "paid_on": "2018-05-20", "bank_reference": "P1"})
    await desk.settled("1000.00", "2018-05-10")
    await desk.settled("3000.00", "2018-05-12")
    await desk.at("2018-06-05")
    taken_back = await desk.settled("500.00", "2018-06-02")
    await desk.do("hospital", f"/settlements/{taken_back['settlement_id']}/reversal", {"reason": "重复结算"})
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    await desk.paid(order, "2018-06-05", "1000.00")
    back = {"amount": "400.00", "returned_on": "2018-06-05", "bank_reference": "R1", "reason": "户名不符"}
    await desk.do("li", f"/disbursements/{order['disbursement_id']}/returns", back)
    await desk.settled("800.00", "2018-06-05")
    await desk.at("2018-07-31")
    await desk.approved("2018-06")


async def test_the_trial_balance_is_that_of_its_day(desk: Office) -> None:
    """Both sums are equal on any day; before the first posting there is nothing, and a later day holds what an earlier
    one does."""
    empty = await desk.get("/ledger/trial-balance", as_of="2018-05-19")
    assert (empty["accounts"], empty["total_debit"], empty["difference"]) == ([], "0.00", "0.00")
    may = await desk.get("/ledger/trial-balance", as_of="2018-05-31")
    now = await desk.get("/ledger/trial-balance")
    assert now["as_of"] == "2018-07-31"
    for book in (may, now):
        assert (book["difference"], book["total_debit"]) == ("0.00", book["total_credit"])
        assert book["omitted"] == 0
    assert {row["account"] for row in may["accounts"]} < {row["account"] for row in now["accounts"]}
    cash = next(row for row in now["accounts"] if row["account"] == f"{BASIC}/cash")
    assert cash == {"account": f"{BASIC}/cash", "debit": "400.00", "credit": "1100.00", "balance": "-700.00"}
    one_fund = await desk.get("/ledger/trial-balance", area_code="530127", fund="610100")
    assert {row["account"].split("/")[1] for row in one_fund["accounts"]} == {"fund:610100"}
    assert (await desk.get("/ledger/trial-balance", area_code="532600"))["accounts"] == []


async def test_an_account_is_read_entry_by_entry(desk: Office) -> None:
    """Oldest first, with the balance behind each entry; pages join, and the last balance is that of the trial
    balance."""
    account = f"{BASIC}/payable/hospital:{desk.world.township}"
    whole = await desk.get("/ledger/entries", account=account, limit=100)
    assert [entry["event"] for entry in whole["data"]][:2] == ["settlement", "settlement"]
    assert {"reversal", "payment", "payment_returned", "deposit_withheld", "offset"} <= {
        e["event"] for e in whole["data"]
    }
    balance, paged, cursor = Decimal(0), [], None
    for entry in whole["data"]:
        balance += Decimal(entry["debit"]) - Decimal(entry["credit"])
        assert Decimal(entry["balance"]) == balance
    while True:
        page = await desk.get("/ledger/entries", account=account, limit=2, **({"cursor": cursor} if cursor else {}))
        paged += page["data"]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    assert paged == whole["data"]
    book = await desk.get("/ledger/trial-balance")
    assert next(row for row in book["accounts"] if row["account"] == account)["balance"] == whole["data"][-1]["balance"]
    may = await desk.get("/ledger/entries", account=account, as_of="2018-05-31")
    assert {entry["period"] for entry in may["data"]} == {"2018-05"}


async def test_the_chart_of_accounts_is_a_list(desk: Office) -> None:
    """Accounts by path; a prefix narrows them, pages join."""
    accounts = (await desk.get("/ledger/accounts", prefix=f"{BASIC}/", limit=100))["data"]
    assert [row["account"] for row in accounts] == sorted(row["account"] for row in accounts)
    assert {row["kind"] for row in accounts} >= {
        "cash",
        "expense",
        "payable",
        "deposit",
        "prepaid",
        "committed",
        "ordered",
    }
    first = await desk.get("/ledger/accounts", prefix=f"{BASIC}/", limit=1)
    second = await desk.get("/ledger/accounts", prefix=f"{BASIC}/", limit=1, cursor=first["next_cursor"])
    assert [*first["data"], *second["data"]] == accounts[:2]


async def test_everybody_sees_the_own_part_of_the_books(desk: Office) -> None:
    """A fund's owner sees its fund, an auditor reads, another area sees nothing, a hospital isn't let in."""
    own = await desk.get("/ledger/trial-balance", who="zhao")
    assert {row["account"].split("/")[1] for row in own["accounts"]} == {"fund:610100"}
    assert {row["account"].split("/")[1] for row in (await desk.get("/ledger/accounts", who="zhao"))["data"]} == {
        "fund:610100"
    }
    assert (await desk.get("/ledger/trial-balance", who="audit"))["accounts"] != []
    assert (await desk.get("/ledger/trial-balance", who="elsewhere"))["accounts"] == []
    for who, account in (("zhao", f"{BASIC}/cash"), ("elsewhere", f"{BASIC}/cash"), ("audit", "area:530100/nothing")):
        answer = await desk.client.get("/v1/ledger/entries", params={"account": account}, headers=desk.tokens[who])
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    refused = await desk.client.get("/v1/ledger/trial-balance", headers=desk.tokens["hospital"])
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_scope")


@pytest.mark.parametrize("query", ["as_of=2018-02-30", "as_of=yesterday", "area_code=5301", "area_code=x"])
async def test_a_nonsense_query_is_refused(desk: Office, query: str) -> None:
    """A day that isn't in the calendar and an area that isn't one are 4xx."""
    answer = await desk.client.get(f"/v1/ledger/trial-balance?{query}")
    assert answer.status_code == 422, answer.text
    assert (await desk.client.get("/v1/ledger/entries")).status_code == 422


LAST = "(SELECT max(part_id) FROM statement_part)"
TAMPERED: dict[str, tuple[str, set[str]]] = {
    "bill": (
        "ALTER TABLE settlement DROP CONSTRAINT settlement_conserves_portions;"
        "UPDATE settlement SET patient = patient + 1 WHERE settlement_id = (SELECT min(settlement_id) FROM settlement)",
        set(),
    ),
    "split": (
        "INSERT INTO settlement_older SELECT settlement_id, person_id, benefit_year - 2, 1, total, own_expense, "
        "over_limit, first_pay, in_scope, basic, serious_illness, supplement, medical_assistance, safety_net, "
        "hospital, patient, payable_adjustment, deductible, '{}' FROM settlement WHERE settlement_id = "
        "(SELECT min(settlement_id) FROM settlement)",
        {"year_to_date", "payable"},
    ),
    "year_to_date": ("UPDATE person_year SET entries = entries + 1", set()),
    "undeclared": (
        "UPDATE statement SET recorded_at = recorded_at + interval '1 hour';"
        "UPDATE statement_item SET withdrawn = true WHERE statement_id = 1",
        {"declared_own"},
    ),
    "payable": (
        "UPDATE settlement SET basic = basic + 1, patient = patient - 1 WHERE kind = 'settlement'",
        {"settlement_transfers"},
    ),
    "settlement_transfers": (
        "UPDATE transfer SET amount = amount + 1 WHERE event = 'reversal'",
        {"payable", "statement_total", "rollup"},
    ),
    "rollup": ("UPDATE statement_sum SET amount = amount + 1 WHERE fund = '390100'", set()),
    "cash": ("UPDATE bank_movement SET amount = amount + 1 WHERE bank_reference = 'R1'", {"payable", "order_paid"}),
    "deposit": ("UPDATE transfer SET amount = amount + 1 WHERE event = 'deposit_withheld'", {"payable"}),
    "prepaid": ("UPDATE transfer SET amount = amount + 1 WHERE event = 'prepayment'", {"cash"}),
    "ordered": ("UPDATE transfer SET amount = amount + 1 WHERE event = 'order_sent'", set()),
    "statement_total": ("UPDATE statement_total SET amount = amount + 1 WHERE tier = 'basic'", {"part_total"}),
    "part_total": (f"UPDATE statement_part SET amount = amount + 1 WHERE part_id = {LAST}", set()),
    "part_state": (f"UPDATE statement_part SET state = 'audited' WHERE part_id = {LAST}", set()),
    "withdrawn": (
        "UPDATE statement SET withdrawn_on = '2018-07-31', state = 'withdrawn' WHERE statement_id = 1",
        {"declared_own"},
    ),
    "deducted": (
        f"""INSERT INTO deduction (statement_id, part_id, settlement_id, fund, fiscal_year, amount, reason_code,
          reason, state, upheld,
              proposed_on, appeal_by, hospital_code, hospital_area, area_code, subject, request_id)
            SELECT p.statement_id, p.part_id, s.settlement_id, p.fund, p.fiscal_year, 900000, 'x', 'x', 'accepted',
              900000,
                   '2018-07-31', '2018-08-15', p.hospital_code, p.hospital_area, p.area_code, 'li', 'r'
              FROM statement_part p, settlement s WHERE p.part_id = {LAST} LIMIT 1""",
        set(),
    ),
    "unexplained": (
        "UPDATE transfer SET amount = amount + 1000000 WHERE event = 'payment'",
        {"payable", "cash"},
    ),
    "posted_to_known": (
        "UPDATE transfer SET settlement_id = 0 WHERE transfer_id = (SELECT min(transfer_id) FROM transfer"
        " WHERE event = 'settlement')",
        {"settlement_transfers"},
    ),
    "deposit_positive": (
        "UPDATE transfer SET debit_account = credit_account, credit_account = debit_account WHERE event = "
        "'deposit_withheld'",
        {"payable", "deposit"},
    ),
    "stuck_draft": (
        """INSERT INTO deposit_release (hospital_code, hospital_area, area_code, fund, year, deposit, assessed_ratio,
          amount, reason,
             created_on, subject, request_id, recorded_at)
           VALUES ('H', '530127', '530100', '390100', 2018, 1, 10000, 1, 'x', '2018-07-31', 'li', 'r', '2018-07-31')""",
        set(),
    ),
    "prepayment_state": ("UPDATE prepayment SET state = 'paid'", set()),
    "declared_once": (
        "INSERT INTO statement_item SELECT 9, transfer_id, true FROM statement_item WHERE statement_id = 1 LIMIT 1;"
        "INSERT INTO statement (statement_id, hospital_code, hospital_area, area_code, period, declared_at, "
        "pay_by, subject, request_id)"
        " OVERRIDING SYSTEM VALUE SELECT 9, hospital_code, hospital_area, area_code, '2018-09', "
        "declared_at, pay_by, subject, request_id"
        " FROM statement WHERE statement_id = 1",
        {"declared_own", "statement_total", "rollup"},
    ),
    "declared_own": ("UPDATE statement SET period = '2018-04' WHERE statement_id = 1", set()),
    "claim": (
        "INSERT INTO claim (settlement_id, person_id, hospital_code, hospital_area, area_code, fund, fiscal_year, "
        "gross, created_on, subject, request_id) SELECT settlement_id, 'P', 'H', '530127', '530100', '390100', 2018, "
        "100, '2018-07-31', 's', 'r' FROM settlement LIMIT 1",
        set(),
    ),
    "payment_batch": (
        "INSERT INTO payment_batch (batch_id, area_code, funds, paying_account, state, control_sum, digest, "
        "approved_by, subject, request_id, created_on) OVERRIDING SYSTEM VALUE"
        " VALUES (9, '530100', '{390100}', '{}', 'answered', 100, 'x', 'wang', 'li', 'r', '2018-07-31');"
        "INSERT INTO payment_batch_item (batch_id, item_no, disbursement_id, fund, amount, live, result)"
        " SELECT 9, 1, disbursement_id, fund, 100, false, 'paid' FROM disbursement WHERE fund = '390100' LIMIT 1",
        set(),
    ),
    "order_paid": ("UPDATE disbursement SET paid = paid + 1 WHERE state = 'part_paid'", {"ordered"}),
    "order_offset": ("UPDATE prepayment_offset SET amount = amount + 1", {"prepayment", "prepayment_state"}),
    "order_approved": (
        "UPDATE disbursement SET gross = gross + 1, carried = carried + 1 WHERE state = 'part_paid'",
        set(),
    ),
    "prepayment": ("UPDATE prepayment SET returned = 0, offset_amount = offset_amount - 1", set()),
    "closed_year": (
        "INSERT INTO fiscal_year_closing VALUES ('530100', 2018, '2019-01-20',"
        """ '[{"fund": "390100", "payable": "0.01", "cash": "0.00", "offset": "0.00"}]', 's', 'r')""",
        set(),
    ),
}


@pytest.mark.parametrize("check", CHECKS)
async def test_each_invariant_is_seen_to_break(desk: Office, check: str) -> None:
    """The ledger holds; behind the service's back, with triggers off, one changed row is found by its invariant."""
    statements, others = TAMPERED[check]
    assert await violations(desk.url) == {}
    owner = await asyncpg.connect(desk.url)
    await owner.execute("SET session_replication_role = replica")
    try:
        async with RolledBack(owner):
            await owner.execute(statements)
            found = await broken(owner)
    finally:
        await owner.close()
    assert found == {check} | others
    assert CHECK_WORDS[check]


class RolledBack:
    """A transaction that leaves nothing."""

    def __init__(self, connection: Any) -> None:
        self.transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self.transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self.transaction.rollback()


async def broken(connection: Any) -> set[str]:
    """The invariants that a connection sees broken."""
    return {name for name, query in CHECKS.items() if await connection.fetch(query)}


@pytest.mark.parametrize("words", [("check",), ("ledger", "check")])
async def test_the_command_proves_the_ledger_in_words(desk: Office, words: tuple[str, ...]) -> None:
    """``onestop check``, beside the running service, says of each invariant that it holds, and of the seals too;
    ``onestop ledger check`` of the ledger alone."""

    def run() -> subprocess.CompletedProcess[str]:
        return commanded(words, os.environ | {"ONESTOP_DATABASE_URL": desk.url})

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("没有问题") == len(CHECKS) + (words == ("check",))
