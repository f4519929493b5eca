"""Claims of persons 零星报销: from a bill paid in cash to the money on the person's account, over real HTTP."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from io import BytesIO

import asyncpg
import pypdf
import pytest

from app.clearing.person_account import PERSONS_ACCOUNTS, masked_account
from app.config import Settings
from app.database.engine import open_database
from app.policies import shipped_book
from app.registry.key_rotation import rotate
from app.service.caller import Caller, Service
from app.service.security import Principal, derive_keys
from tests.clearing.claims import accepted, back, basic, claimed, claims_desk, payment
from tests.clearing.office import Office
from tests.conftest import SECRET, of_app
from tests.world import id_number

pytestmark = pytest.mark.thorough


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which persons' claims are made."""
    async with claims_desk(database_server) as opened:
        yield opened


async def test_a_bill_paid_in_cash_opens_a_claim_for_each_fund_and_pays_it(desk: Office) -> None:
    """One claim per payable, drafted by who settled; approved by another, sent and paid; the payout rate counts it
    apart."""
    settled, claims = await claimed(desk)
    assert {one["fund"]: one["amount"] for one in claims} == {one["fund"]: one["amount"] for one in settled["payables"]}
    basic = next(one for one in claims if one["fund"] == "390100")
    assert (basic["state"], basic["created_by"], basic["due_on"]) == ("draft", "sun", "2018-06-19")
    path = f"/claims/{basic['claim_id']}"
    assert await desk.refused("sun", f"{path}/approval") == (403, "maker_is_checker")
    assert await desk.refused("li", f"{path}/payments", payment("1.00")) == (409, "invalid_move")
    assert (await desk.do("li", f"{path}/approval"))["state"] == "approved"
    assert await desk.refused("li", f"{path}/approval") == (409, "invalid_move")
    assert (await desk.do("li", f"{path}/sending"))["state"] == "sent"
    assert await desk.refused("li", f"{path}/payments", payment("950.01")) == (422, "payment_exceeds_order")
    assert (await desk.do("li", f"{path}/payments", payment("900.00")))["state"] == "part_paid"
    paid = await desk.do("li", f"{path}/payments", payment("50.00"))
    assert (paid["state"], paid["unpaid"]) == ("paid", "0.00")
    rates = await desk.get("/payout-rates", "li", year=2018, fund="390100")
    row = rates["data"][0]
    assert row["persons"] == {
        "incurred": "950.00",
        "payable": "950.00",
        "disbursed": "950.00",
        "incurred_ratio": "1.0000",
    }
    assert (row["hospitals"]["payable"], row["payable"], row["disbursed"]) == ("0.00", "950.00", "950.00")
    by_hospital = await desk.get("/payout-rates", "li", year=2018, group_by="hospital_code", hospital_code="H1")
    assert by_hospital["data"] == []


async def test_a_claim_that_came_back_is_paid_again_and_one_cancelled_is_approved_again(desk: Office) -> None:
    """A return makes the money due again; a cancelled claim can be approved again, since the fund owes it still."""
    _, claims = await claimed(desk)
    path = f"/claims/{next(one for one in claims if one['fund'] == '390100')['claim_id']}"
    await desk.do("li", f"{path}/approval")
    assert (await desk.do("li", f"{path}/cancellation", {"reason": "账号待核"}))["state"] == "cancelled"
    assert (await desk.do("li", f"{path}/approval"))["state"] == "approved"
    await desk.do("li", f"{path}/sending")
    await desk.do("li", f"{path}/payments", payment("950.00"))
    assert await desk.refused("li", f"{path}/returns", back("1.00", "2018-05-19")) == (422, "before_sending")
    returned = await desk.do("li", f"{path}/returns", back("950.00"))
    assert (returned["state"], returned["unpaid"]) == ("returned", "950.00")
    await desk.at("2018-05-21")
    assert (await desk.do("li", f"{path}/payments", payment("950.00", "2018-05-21")))["state"] == "paid"
    assert await desk.refused("li", f"{path}/cancellation", {"reason": "不再需要"}) == (409, "invalid_move")


async def test_a_reversal_takes_a_claim_back_or_asks_the_person_for_the_money(desk: Office) -> None:
    """Before its payment a reversed claim is over; after it the person owes, until the money has come back."""
    settled, claims = await claimed(desk)
    first = next(one for one in claims if one["fund"] == "390100")
    await desk.do("li", f"/claims/{first['claim_id']}/approval")
    reversal = await desk.do("sun", f"/settlements/{settled['settlement_id']}/reversal", {"reason": "重复报销"})
    assert reversal["portions"]["patient"].startswith("-")
    assert (await desk.get(f"/claims/{first['claim_id']}", "li"))["state"] == "reversed"
    assert (await desk.get("/patient-balances", "li"))["data"] == []
    assert await desk.refused("li", f"/claims/{first['claim_id']}/sending") == (409, "invalid_move")

    settled, claims = await claimed(desk, visit_id=f"V{secrets.token_hex(4)}")
    second = next(one for one in claims if one["fund"] == "390100")
    path = f"/claims/{second['claim_id']}"
    for step in ("approval", "sending"):
        await desk.do("li", f"{path}/{step}")
    await desk.do("li", f"{path}/payments", payment(second["amount"]))
    await desk.do("sun", f"/settlements/{settled['settlement_id']}/reversal", {"reason": "重复报销"})
    owing = await desk.get(path, "li")
    assert (owing["state"], owing["owed_back"]) == ("recoverable_from_person", second["amount"])
    assert await desk.refused("sun", f"{path}/repayments", payment("1.00")) == (403, "maker_is_checker")
    assert (await desk.do("li", f"{path}/repayments", payment("100.00")))["state"] == "recoverable_from_person"
    left = f"{float(second['amount']) - 100:.2f}"
    assert (await desk.do("li", f"{path}/repayments", payment(left)))["state"] == "reversed"


async def test_a_hospitals_part_of_a_bill_paid_in_cash_falls_to_the_person(desk: Office) -> None:
    """Childbirth at a township hospital: no fund pays more than the bill, no hospital portion, a step that says so."""
    bill = desk.world.bill("1500.00", paid_by="patient", lines=[desk.world.line("1500.00", day="2018-05-10")])
    bill |= {
        "medical_type": "52",
        "delivery_mode": "vaginal",
        "admitted_on": "2018-05-10",
        "discharged_on": "2018-05-10",
    }
    settled = await desk.do("sun", "/settlements", bill)
    assert (settled["payable_adjustment"], settled["portions"]["hospital"]) == ("0.00", "0.00")
    assert (settled["portions"]["basic"], settled["portions"]["patient"]) == ("1200.00", "300.00")
    assert "paid_by_patient" in [step["rule"] for step in settled["trace"]]


async def test_a_persons_account_changes_by_two_people_and_stops_what_was_approved_for_another(desk: Office) -> None:
    """The account is masked, pinned at the approval, and a changed one has to be approved before the claim is sent."""
    settled, claims = await claimed(desk)
    person, claim = settled["person_id"], next(one for one in claims if one["fund"] == "390100")
    account = {"bank_name": "农行", "account_name": "某人", "account_number": "6228480012345678"}
    put = await desk.client.put(
        f"/v1/persons/{person}/bank-account", json={"bank_account": account}, headers=desk.tokens["sun"]
    )
    assert put.status_code == 200, put.text
    change = put.json()["bank_account_change"]
    assert (put.json()["bank_account"], change["state"]) == (None, "pending")
    await desk.do("li", f"/claims/{claim['claim_id']}/approval")
    approval = f"/bank-account-changes/{change['change_id']}/approval"
    assert await desk.refused("sun", approval) == (403, "maker_is_checker")
    assert (await desk.do("li", approval))["state"] == "approved"
    shown = await desk.get(f"/persons/{person}/bank-account", "li")
    assert shown["bank_account"]["account_number"].endswith("5678")
    assert "62284800" not in shown["bank_account"]["account_number"]
    for asked, waits in ((None, True), (account, False)):  # what holds withdraws the change that waits
        put = await desk.client.put(
            f"/v1/persons/{person}/bank-account", json={"bank_account": asked}, headers=desk.tokens["sun"]
        )
        assert (put.json()["bank_account_change"] is not None) == waits
    sending = f"/claims/{claim['claim_id']}/sending"
    assert await desk.refused("li", sending) == (409, "payee_account_changed")
    assert (await desk.do("wang", f"/claims/{claim['claim_id']}/approval"))["account_pinned"] is True
    assert (await desk.do("li", sending))["state"] == "sent"


async def test_a_claim_is_paid_to_the_account_of_a_person_who_moved_away(desk: Office) -> None:
    """The office that owes the claim reaches the account, though the person is another area's by now; no hospital
    does."""
    body = {"name": "王某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
    body |= {"identities": [{"class": "registered_poor", "from": "2016-01-01"}]}
    person = f"P{secrets.token_hex(4)}"
    await desk.world.put(f"/v1/persons/{person}", body)
    await desk.hire("kunming", scopes=["finance"], area_code="530100")
    _, claims = await claimed(desk, person_id=person)
    path = f"/claims/{claims[0]['claim_id']}"
    address = f"/v1/persons/{person}/bank-account"
    account = {"bank_name": "农行", "account_name": "某人", "account_number": "6228480012345678"}
    asked = [{"bank_account": account | {"bank_name": name}} for name in ("农行", "工行")]
    answers = await asyncio.gather(*(desk.client.put(address, json=one, headers=desk.tokens["sun"]) for one in asked))
    assert [one.status_code for one in answers] == [200, 200]
    (waiting,) = {one["change_id"] for one in [(await desk.get(address[3:], "li"))["bank_account_change"]]}
    await desk.do("li", f"/bank-account-changes/{waiting}/approval")
    assert (await desk.client.get(address, headers=desk.tokens["hospital"])).status_code == 403
    await desk.world.put(f"/v1/persons/{person}", body | {"area_code": "532601", "area_from": "2018-05-15"})
    assert (await desk.client.get(address, headers=desk.tokens["kunming"])).status_code == 404
    assert (await desk.do("kunming", f"{path}/approval"))["account_pinned"] is True
    assert (await desk.do("kunming", f"{path}/sending"))["state"] == "sent"
    slip = await desk.client.get(f"/v1{path}/slip", headers=desk.tokens["kunming"])
    assert slip.status_code == 200


async def test_who_raised_a_claim_does_not_approve_it(desk: Office) -> None:
    """What a readjudication adds was made by who asked for it: neither they nor who settled approve it, and only the
    rest is paid."""
    body = {"name": "王某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
    person = f"P{secrets.token_hex(4)}"
    await desk.world.put(f"/v1/persons/{person}", body | {"identities": []})
    _, claims = await claimed(desk, "3000.00", person_id=person)
    claim = next(one for one in claims if one["fund"] == "390100")
    path = f"/claims/{claim['claim_id']}"
    for move in ("approval", "sending"):
        await desk.do("li", f"{path}/{move}")
    await desk.do("li", f"{path}/payments", payment(claim["amount"]))
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    await desk.world.put(f"/v1/persons/{person}", body | {"identities": poor})
    again = {"reason": "身份补录", "dry_run": False}
    await desk.do("wang", f"/persons/{person}/years/2018/readjudication", again)
    raised = await desk.get(path, "li")
    assert (raised["state"], raised["paid"]) == ("draft", claim["amount"])
    assert Decimal(raised["amount"]) > Decimal(claim["amount"])
    for maker in ("wang", "sun"):
        assert await desk.refused(maker, f"{path}/approval") == (403, "maker_is_checker")
    owner = await asyncpg.connect(desk.url)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(
            "UPDATE claim SET state = 'approved', approved_by = 'wang', approved_on = '2018-05-20' WHERE claim_id = $1",
            int(path.rpartition("_")[2]),
        )
    await owner.close()
    for move in ("approval", "sending"):
        await desk.do("li", f"{path}/{move}")
    assert await desk.refused("li", f"{path}/payments", payment(raised["amount"])) == (422, "payment_exceeds_order")
    assert (await desk.do("li", f"{path}/payments", payment(raised["unpaid"])))["state"] == "paid"


async def test_claims_are_listed_exported_and_printed(desk: Office) -> None:
    """Newest first, page by page, by person, fund and state; the files name the claim of a deduction; the slip says
    what was claimed, deducted and approved, with the account masked."""
    settled, claims = await claimed(desk)
    claim, path = await basic(desk, "200.00")
    first = await desk.get("/claims", "registrar", person_id=settled["person_id"], limit=2)
    rest = await desk.get("/claims", "registrar", cursor=first["next_cursor"], person_id=settled["person_id"], limit=9)
    ids = [one["claim_id"] for one in first["data"] + rest["data"]]
    assert ids == sorted(ids, key=lambda one: -int(one[4:]))
    assert len(ids) == 2 * len(claims)
    narrowed = await desk.get("/claims", "li", settlement_id=claim["settlement_id"], fund="390100", state="draft")
    assert [one["claim_id"] for one in narrowed["data"]] == [claim["claim_id"]]
    account = {"bank_name": "农行", "account_name": "某人", "account_number": "6228480012345678"}
    change = await desk.client.put(
        f"/v1/persons/{claim['person_id']}/bank-account", json={"bank_account": account}, headers=desk.tokens["sun"]
    )
    await desk.do("li", f"/bank-account-changes/{change.json()['bank_account_change']['change_id']}/approval")
    await accepted(desk, path, "40.00", line_no=1)
    for move in ("approval", "sending"):
        await desk.do("wang", f"{path}/{move}")
    await desk.do("wang", f"{path}/payments", payment("150.00") | {"bank_reference": "BANK20180520"})
    for name in ("claims", "deductions"):
        answer = await desk.client.get(f"/v1/exports/{name}?format=csv", headers=desk.tokens["li"])
        assert answer.status_code == 200, answer.text
        assert claim["claim_id"] in answer.text
    slip, again = [await desk.client.get(f"/v1{path}/slip", headers=desk.tokens["registrar"]) for _ in range(2)]
    assert (slip.status_code, slip.headers["content-type"]) == (200, "application/pdf")
    assert slip.content == again.content
    text = "".join(re.sub(r"\s", "", page.extract_text()) for page in pypdf.PdfReader(BytesIO(slip.content)).pages)
    for part in (
        "零星报销拨付单",
        claim["claim_id"],
        "190.00",
        "40.00",
        "壹佰伍拾元整",
        "农行",
        "5678",
        "BANK20180520",
        "wang",
    ):
        assert part in text, part
    assert "62284800" not in text
    for stranger, status in (("hospital", 403), ("elsewhere", 404)):
        if stranger == "elsewhere":
            await desk.hire(stranger, scopes=["finance"], area_code="530300")
        answer = await desk.client.get(f"/v1{path}/slip", headers=desk.tokens[stranger])
        assert answer.status_code == status, answer.text


async def test_a_new_secret_writes_accounts_anew_and_what_claims_pinned_of_them(desk: Office) -> None:
    """After a rotation the account is read with the new secret alone, and an approved claim still pins it."""
    claim, path = await basic(desk)
    person = claim["person_id"]
    body = {"bank_account": {"bank_name": "农行", "account_name": "某人", "account_number": "6228480012340018"}}
    put = await desk.client.put(f"/v1/persons/{person}/bank-account", json=body, headers=desk.tokens["sun"])
    await desk.do("li", f"/bank-account-changes/{put.json()['bank_account_change']['change_id']}/approval")
    await desk.do("wang", f"{path}/approval")
    old, new = bytes.fromhex(SECRET), secrets.token_bytes(32)
    database = await open_database(of_app(desk.url), Settings())
    caller = Caller(Principal(0, "cli", frozenset({"admin"}), None, None, None, None), "cli", "zh")
    try:
        service = Service(Settings(), database, shipped_book(None), derive_keys(new, [old]), True)
        found = await rotate(service, caller, lambda so_far: None, (PERSONS_ACCOUNTS,))
    finally:
        await database.close()
    assert found.unreadable == []
    owner = await asyncpg.connect(desk.url)
    try:
        stored = await owner.fetchval("SELECT account FROM person_account WHERE state = 'approved'")
        assert await owner.fetchval("SELECT account FROM claim WHERE state = 'approved'") == stored
    finally:
        await owner.close()
    shown = masked_account(derive_keys(new), person, stored)
    assert shown is not None
    assert shown.account_number.endswith("0018")
