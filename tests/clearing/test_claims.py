"""Claims of persons 零星报销: from a bill paid in cash to the money on the person's account, over real HTTP."""

import secrets
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any, Final

import asyncpg
import pytest

from tests.clearing.office import Office, office, violations


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018 in which ``sun`` settles what persons paid in cash."""
    async with office(database_server) as opened:
        await opened.hire("sun", scopes=["finance"])
        await opened.hire("registrar", scopes=["registry"], area_code="530100")
        yield opened
        await opened.balanced()


async def claimed(desk: Office, amount: str = "1000.00", **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A settlement of a bill that the person paid, made by ``sun``, and its claims."""
    bill = desk.world.bill(amount, paid_by="patient", lines=[desk.world.line(amount, day="2018-05-10")])
    bill |= {"admitted_on": "2018-05-10", "discharged_on": "2018-05-10"} | changes
    settled = await desk.do("sun", "/settlements", bill)
    found = await desk.get("/claims", "sun")
    return settled, [one for one in found["data"] if one["settlement_id"] == settled["settlement_id"]]


async def basic(desk: Office, amount: str = "1000.00") -> tuple[dict[str, Any], str]:
    """The claim of the basic fund of a further bill that the person paid, and its path."""
    _, claims = await claimed(desk, amount, visit_id=f"V{secrets.token_hex(4)}")
    found = next(one for one in claims if one["fund"] == "390100")
    return found, f"/claims/{found['claim_id']}"


def cut(amount: str, **body: Any) -> dict[str, Any]:
    """What an auditor proposes to take off a claim."""
    return {"amount": amount, "reason_code": "A03", "reason": "超适应症用药"} | body


async def accepted(desk: Office, path: str, amount: str, **body: Any) -> dict[str, Any]:
    """A deduction of a claim, proposed by ``li`` and accepted by the registering office."""
    made = await desk.do("li", f"{path}/deductions", cut(amount, **body))
    return await desk.do("registrar", f"/clearing/deductions/{made['deduction_id']}/acceptance")


async def refunded(desk: Office, claim: dict[str, Any], quantity: str = "1") -> dict[str, Any]:
    """The only line of a claim's bill, given back in part or whole."""
    body = {"lines": [{"line_no": 1, "quantity": quantity}], "reason": "退药"}
    return await desk.do("sun", f"/settlements/{claim['settlement_id']}/refunds", body)


async def reversed_(desk: Office, claim: dict[str, Any]) -> None:
    """A claim's settlement taken back."""
    body = {"reason": "重复报销", "cascade": True}
    await desk.do("sun", f"/settlements/{claim['settlement_id']}/reversal", body)


def payment(amount: str, day: str = "2018-05-20") -> dict[str, str]:
    """What the bank says of a payment."""
    return {"amount": amount, "paid_on": day, "bank_reference": f"B{secrets.token_hex(6)}"}


def back(amount: str, day: str = "2018-05-20") -> dict[str, str]:
    """What the bank says of a return."""
    return {"amount": amount, "returned_on": day, "bank_reference": f"R{secrets.token_hex(6)}", "reason": "退汇"}


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
    sending = f"/claims/{claim['claim_id']}/sending"
    assert await desk.refused("li", sending) == (409, "payee_account_changed")
    assert (await desk.do("wang", f"/claims/{claim['claim_id']}/approval"))["account_pinned"] is True
    assert (await desk.do("li", sending))["state"] == "sent"


# ---------------------------------------------------------------- deductions


async def test_a_deduction_lowers_a_claim_as_it_lowers_a_hospitals_part(desk: Office) -> None:
    """The registering office agrees for the person; what is approved and paid is the rest, and the payout rate counts
    it."""
    claim, path = await basic(desk)
    made = await desk.do("li", f"{path}/deductions", cut("50.00", line_no=1))
    assert (made["claim_id"], made["statement_id"], made["part_id"]) == (claim["claim_id"], None, None)
    assert (made["settlement_id"], made["fund"], made["state"]) == (claim["settlement_id"], "390100", "proposed")
    assert (made["proposed_on"], made["appeal_by"], made["upheld"]) == ("2018-05-20", "2018-06-04", None)
    assert await desk.refused("wang", f"{path}/approval") == (409, "deductions_open")
    acceptance = f"/clearing/deductions/{made['deduction_id']}/acceptance"
    assert await desk.refused("wang", acceptance) == (403, "forbidden_scope")
    assert await desk.refused("hospital", acceptance) == (404, "not_found")
    done = await desk.do("registrar", acceptance)
    assert (done["state"], done["upheld"]) == ("accepted", "50.00")
    assert await desk.refused("registrar", acceptance) == (409, "invalid_move")
    now = await desk.get(path, "li")
    assert [now[name] for name in ("gross", "deducted", "amount", "state")] == ["950.00", "50.00", "900.00", "draft"]
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    assert await desk.refused("li", f"{path}/payments", payment("900.01")) == (422, "payment_exceeds_order")
    assert (await desk.do("li", f"{path}/payments", payment("900.00")))["state"] == "paid"
    row = (await desk.get("/payout-rates", "li", year=2018, fund="390100"))["data"][0]
    assert [row["persons"][name] for name in ("incurred", "payable", "disbursed")] == ["950.00", "900.00", "900.00"]
    listed = await desk.get("/clearing/deductions", "li", claim_id=claim["claim_id"])
    assert [one["deduction_id"] for one in listed["data"]] == [made["deduction_id"]]
    assert (await desk.get("/clearing/deductions", "hospital"))["data"] == []


async def test_an_appeal_for_a_person_is_decided_by_a_third_one(desk: Office) -> None:
    """Upheld, reduced and dismissed take all, a part and nothing; who proposed or appealed can't decide."""
    _, path = await basic(desk)
    made = [await desk.do("li", f"{path}/deductions", cut(amount)) for amount in ("100.00", "200.00", "300.00")]
    paths = [f"/clearing/deductions/{one['deduction_id']}" for one in made]
    await desk.hire("both", scopes=["registry", "finance"], area_code="530100")
    for one, who in zip(paths, ("registrar", "registrar", "both"), strict=True):
        assert await desk.refused("hospital", f"{one}/appeal", {"reason": "有医嘱"}) == (404, "not_found")
        assert (await desk.do(who, f"{one}/appeal", {"reason": "有医嘱"}))["appealed_by"] == who
    upheld = {"outcome": "upheld", "reason": "复核"}
    assert await desk.refused("li", f"{paths[0]}/decision", upheld) == (403, "maker_is_checker")
    assert await desk.refused("both", f"{paths[2]}/decision", upheld) == (403, "maker_is_checker")
    assert await desk.refused("registrar", f"{paths[0]}/decision", upheld) == (403, "forbidden_scope")
    outcomes = [upheld, upheld | {"outcome": "reduced", "amount": "80.50"}, upheld | {"outcome": "dismissed"}]
    decided = [await desk.do("wang", f"{one}/decision", body) for one, body in zip(paths, outcomes, strict=True)]
    assert [one["upheld"] for one in decided] == ["100.00", "80.50", "0.00"]
    assert (await desk.get(path, "li"))["amount"] == "769.50"


async def test_without_an_appeal_in_time_the_approval_books_a_claims_deduction(desk: Office) -> None:
    """After the appeal days it shows as accepted, an appeal is too late, and the claim is approved for the rest."""
    _, path = await basic(desk)
    made = await desk.do("li", f"{path}/deductions", cut("50.00"))
    await desk.at("2018-06-05")
    shown = await desk.get(f"/clearing/deductions/{made['deduction_id']}", "registrar")
    assert (shown["state"], shown["upheld"]) == ("accepted", "50.00")
    appeal = f"/clearing/deductions/{made['deduction_id']}/appeal"
    assert await desk.refused("registrar", appeal, {"reason": "有医嘱"}) == (409, "appeal_too_late")
    approved = await desk.do("wang", f"{path}/approval")
    assert (approved["state"], approved["deducted"], approved["amount"]) == ("approved", "50.00", "900.00")


async def test_a_deduction_takes_at_most_what_is_left_of_a_claim(desk: Office) -> None:
    """More than the claim, or than its line, is refused with every other fault; what others took counts."""
    claim, path = await basic(desk)
    other, _ = await basic(desk, "200.00")
    deductions = f"{path}/deductions"
    assert await desk.refused("li", deductions, cut("950.01")) == (422, "deduction_exceeds_payable")
    assert await desk.refused("li", deductions, cut("0.00")) == (422, "amount_zero")
    assert await desk.refused("li", deductions, cut("1.00", line_no=2)) == (422, "line_unknown")
    wrong = await desk.send("li", deductions, cut("9999.00", settlement_id=other["settlement_id"], fund="610100"))
    codes = [fault["code"] for fault in wrong.json()["errors"]]
    assert (wrong.status_code, codes) == (422, ["not_of_claim", "not_of_claim", "deduction_exceeds_payable"])
    named = cut("900.00", settlement_id=claim["settlement_id"], fund="390100", line_no=1)
    first = await desk.do("li", deductions, named)
    second = await desk.do("li", deductions, cut("900.00"))
    for one in (first, second):
        await desk.do("registrar", f"/clearing/deductions/{one['deduction_id']}/acceptance")
    assert (await desk.get(f"/clearing/deductions/{second['deduction_id']}", "li"))["upheld"] == "50.00"
    assert await desk.refused("li", deductions, cut("0.01")) == (422, "deduction_exceeds_payable")
    await desk.hire("elsewhere", scopes=["finance"], area_code="530300")
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    for stranger in ("elsewhere", "civil"):
        assert await desk.refused(stranger, deductions, cut("0.01")) == (404, "not_found")
    assert await desk.refused("hospital", deductions, cut("0.01")) == (403, "forbidden_scope")


async def test_a_claim_that_was_wholly_deducted_is_paid_by_its_approval(desk: Office) -> None:
    """Nothing goes to the bank; its settlement taken back makes it reversed."""
    claim, path = await basic(desk)
    await accepted(desk, path, "950.00")
    assert (await desk.get(path, "li"))["state"] == "draft"
    approved = await desk.do("wang", f"{path}/approval")
    assert (approved["state"], approved["amount"], approved["paid"]) == ("paid", "0.00", "0.00")
    assert await desk.refused("li", f"{path}/sending") == (409, "invalid_move")
    await reversed_(desk, claim)
    assert (await desk.get(path, "li"))["state"] == "reversed"


async def test_nothing_is_deducted_and_refunded(desk: Office) -> None:
    """Whatever comes first of a deduction, a refund and the payment, the person nets nothing once all is refunded."""
    for order in permutations(("deduct", "refund", "pay")):
        await _deducted_refunded_paid(desk, order)


async def _deducted_refunded_paid(desk: Office, order: tuple[str, ...]) -> None:
    claim, path = await basic(desk)
    for step in order:
        now = await desk.get(path, "li")
        if step == "refund":
            await refunded(desk, claim, "0.5")
        elif step == "pay" and now["state"] == "draft" and now["amount"] != "0.00":
            for move in ("approval", "sending"):
                await desk.do("wang", f"{path}/{move}")
            await desk.do("wang", f"{path}/payments", payment(now["amount"]))
        elif step == "deduct" and now["state"] == "draft":
            await accepted(desk, path, "400.00", line_no=1)
        assert await violations_of(desk) == {}
    await refunded(desk, claim, "0.5")
    over = await desk.get(path, "li")
    assert (over["gross"], over["deducted"], over["amount"]) == ("0.00", "0.00", "0.00")
    if over["state"] == "recoverable_from_person":
        assert over["owed_back"] == over["paid"]
        assert await desk.refused("wang", f"{path}/repayments", payment("950.01")) == (422, "return_exceeds_payment")
        over = await desk.do("wang", f"{path}/repayments", payment(over["owed_back"]))
    assert (over["state"], over["paid"]) == ("reversed", "0.00")


async def test_what_a_reversal_makes_excessive_comes_back_to_the_claim_and_open_deductions_lapse(desk: Office) -> None:
    """Paid 850 of 950 with 100 deducted, and 1 still proposed of another claim: they give back what they got."""
    claim, path = await basic(desk)
    kept = await accepted(desk, path, "100.00")
    for move in ("approval", "sending"):
        await desk.do("wang", f"{path}/{move}")
    await desk.do("wang", f"{path}/payments", payment("850.00"))
    other, second = await basic(desk)
    waiting = await desk.do("li", f"{second}/deductions", cut("1.00"))
    await reversed_(desk, claim)
    await reversed_(desk, other)
    now = await desk.get(path, "li")
    assert (now["state"], now["owed_back"], now["deducted"]) == ("recoverable_from_person", "850.00", "0.00")
    assert (await desk.get(f"/clearing/deductions/{kept['deduction_id']}", "li"))["given_back"] == "100.00"
    assert (await desk.get(f"/clearing/deductions/{waiting['deduction_id']}", "li"))["state"] == "lapsed"
    assert (await desk.get(second, "li"))["state"] == "reversed"


async def test_a_recovery_leaves_a_person_what_they_are_owed(desk: Office) -> None:
    """The funds ask the liable party; the claim that was sent stays sent, with its deduction of a line, and is paid."""
    settled, claims = await claimed(desk, work_injury="undeterminable")
    claim = next(one for one in claims if one["fund"] == "390100")
    path = f"/claims/{claim['claim_id']}"
    await accepted(desk, path, "50.00", line_no=1)
    for move in ("approval", "sending"):
        await desk.do("li", f"{path}/{move}")
    body = {"reason": "认定为工伤", "document": "工伤认定书 1 号", "cascade": True}
    await desk.do("sun", f"/settlements/{settled['settlement_id']}/recovery", body)
    assert await violations_of(desk) == {}
    now = await desk.get(path, "li")
    assert [now[name] for name in ("state", "gross", "deducted")] == ["sent", claim["gross"], "50.00"]
    assert (await desk.do("li", f"{path}/payments", payment(now["amount"])))["state"] == "paid"


async def violations_of(desk: Office) -> dict[str, int]:
    """Which invariants of the office's ledger are broken."""
    return await violations(desk.url)


# ---------------------------------------------------------------- every state, every move

ALLOWED: Final = {
    "draft": {"approval", "cancellation", "deductions"},
    "approved": {"sending", "cancellation"},
    "sent": {"payments", "cancellation"},
    "part_paid": {"payments", "returns"},
    "paid": {"returns"},
    "returned": {"payments", "cancellation"},
    "cancelled": {"approval", "deductions"},
    "reversed": set(),
    "recoverable_from_person": {"returns", "repayments"},
}
"""What may be done with a claim in each state; everything else is 409 and changes nothing."""
WAY: Final[dict[str, tuple[str, ...]]] = {
    "draft": (),
    "approved": ("approval",),
    "sent": ("approval", "sending"),
    "part_paid": ("approval", "sending", "part"),
    "paid": ("approval", "sending", "payments"),
    "returned": ("approval", "sending", "payments", "returns"),
    "cancelled": ("cancellation",),
    "reversed": ("reversal",),
    "recoverable_from_person": ("approval", "sending", "payments", "reversal"),
}
BODIES: Final = {
    "approval": lambda: None,
    "sending": lambda: None,
    "payments": lambda: payment("950.00"),
    "part": lambda: payment("100.00"),
    "returns": lambda: back("100.00"),
    "repayments": lambda: payment("100.00"),
    "cancellation": lambda: {"reason": "账号待核"},
    "deductions": lambda: cut("1.00"),
}


async def in_state(desk: Office, state: str) -> str:
    """The path of a claim of 950.00 in a state."""
    claim, path = await basic(desk)
    assert claim["amount"] == "950.00"
    for step in WAY[state]:
        if step == "reversal":
            await reversed_(desk, claim)
        elif step == "returns":
            await desk.do("li", f"{path}/returns", back("950.00"))
        else:
            move = "payments" if step == "part" else step
            await desk.do("li", f"{path}/{move}", BODIES[step]())
    assert (await desk.get(path, "li"))["state"] == state
    return path


async def test_a_claim_makes_the_moves_of_its_state_and_no_others(desk: Office) -> None:
    """Each move that its state doesn't allow is 409, leaves no posting and no trace; each that it allows is made."""
    owner = await asyncpg.connect(desk.url)
    for state in ALLOWED:
        await _only_allowed(desk, owner, state)
    await owner.close()
    assert await violations_of(desk) == {}


async def _only_allowed(desk: Office, owner: Any, state: str) -> None:
    path = await in_state(desk, state)
    counted = "SELECT " + ", ".join(
        f"(SELECT count(*) FROM {one})" for one in ("transfer", "clearing_event", "deduction")
    )
    before, stored = await desk.get(path, "li"), await owner.fetchrow(counted)
    for move in BODIES.keys() - ALLOWED[state] - {"part"}:
        assert await desk.refused("li", f"{path}/{move}", BODIES[move]()) == (409, "invalid_move"), move
        assert await desk.get(path, "li") == before, move
    assert await owner.fetchrow(counted) == stored
    for number, move in enumerate(sorted(ALLOWED[state])):
        one = path if number == 0 else await in_state(desk, state)
        body = BODIES["part" if state == "part_paid" and move == "payments" else move]()
        await desk.do("li", f"{one}/{move}", body)


async def test_the_database_derives_a_claims_state_from_whatever_its_money_does(desk: Office) -> None:
    """In every state, every change of gross, deducted and paid that corrections and the bank can make ends in a state
    that fits the money, and is allowed."""
    paths = {state: await in_state(desk, state) for state in ALLOWED}
    owner = await asyncpg.connect(desk.url)
    for state, path in paths.items():
        number = int(path.rpartition("_")[2])
        old = await owner.fetchrow("SELECT gross, deducted, paid FROM claim WHERE claim_id = $1", number)
        for gross in (0, 1, 50_000, 95_000, 120_000):
            cuts = {0, min(gross, 50_000), gross} if state in ("draft", "cancelled") else {0}
            for deducted in cuts:
                await _derived(owner, number, gross, deducted, old["paid"], state)
        for paid in {0, 1, old["paid"]} if old["paid"] else set():
            await _derived(owner, number, old["gross"], old["deducted"], paid, state)
    await owner.close()


async def _derived(owner: Any, number: int, gross: int, deducted: int, paid: int, state: str) -> None:
    """One change in a transaction that is taken back, and what became of the claim."""
    transaction = owner.transaction()
    await transaction.start()
    try:
        row = await owner.fetchrow(
            "UPDATE claim SET gross = $2, deducted = $3, paid = $4 WHERE claim_id = $1 RETURNING state, approved_by",
            *(number, gross, deducted, paid),
        )
    finally:
        await transaction.rollback()
    owed, changed = gross - deducted, (state, gross, deducted, paid, row["state"])
    assert (row["state"] == "recoverable_from_person") == (paid > owed), changed
    if gross == 0 and paid == 0:
        assert row["state"] == "reversed", changed
    if row["state"] == "paid":
        assert paid == owed, changed
    if row["state"] == "part_paid":
        assert 0 < paid < owed, changed


async def test_more_than_was_approved_is_approved_again_and_less_is_not(desk: Office) -> None:
    """A claim that a correction raises above the approved amount is a draft again; one that it lowers goes its way."""
    path = await in_state(desk, "sent")
    number = int(path.rpartition("_")[2])
    owner = await asyncpg.connect(desk.url)
    change = "UPDATE claim SET gross = $2 WHERE claim_id = $1 RETURNING state, approved_by"
    async with Undone(owner):
        assert tuple(await owner.fetchrow(change, number, 50_000)) == ("sent", "li")
        assert tuple(await owner.fetchrow(change, number, 95_000)) == ("sent", "li")
        assert tuple(await owner.fetchrow(change, number, 95_001)) == ("draft", None)
    await owner.close()


class Undone:
    """A transaction that is always taken back."""

    def __init__(self, owner: Any) -> None:
        self._transaction = owner.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()
