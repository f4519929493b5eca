"""Deductions of persons' claims: cut once, never cut and refunded, in code and in the database."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import permutations

import asyncpg
import pytest

from tests.clearing.claims import (
    Undone,
    accepted,
    basic,
    claimed,
    claims_desk,
    cut,
    payment,
    refunded,
    reversed_,
    violations_of,
)
from tests.clearing.office import Office

pytestmark = pytest.mark.thorough


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which persons' claims are made."""
    async with claims_desk(database_server) as opened:
        yield opened


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


async def test_the_database_holds_to_a_claims_deductions_by_itself(desk: Office) -> None:
    """As the service's role: no deduction of an approved claim or of another fund's, none that takes more than the
    claim, no posting from another account, no touching what a claim owes."""
    _, path = await basic(desk)
    made = await accepted(desk, path, "50.00")
    number, deduction = int(path.rpartition("_")[2]), int(made["deduction_id"].removeprefix("ded_"))
    copied = (
        "INSERT INTO deduction (claim_id, settlement_id, fund, fiscal_year, amount, reason_code, reason, proposed_on,"
        " appeal_by, hospital_code, hospital_area, area_code, subject, request_id) SELECT claim_id, settlement_id,"
        " {fund}, fiscal_year, amount, reason_code, reason, proposed_on, appeal_by, hospital_code, hospital_area,"
        f" area_code, subject, request_id FROM deduction WHERE deduction_id = {deduction}"
    )
    refused = [
        (copied.format(fund="'610100'"), asyncpg.ForeignKeyViolationError),
        (f"UPDATE claim SET deducted = 0 WHERE claim_id = {number}", asyncpg.InsufficientPrivilegeError),
        (f"UPDATE claim SET gross = 1 WHERE claim_id = {number}", asyncpg.InsufficientPrivilegeError),
        (f"UPDATE deduction SET upheld = 1 WHERE deduction_id = {deduction}", asyncpg.RestrictViolationError),
        (f"UPDATE deduction SET claim_id = NULL WHERE deduction_id = {deduction}", asyncpg.InsufficientPrivilegeError),
    ]
    await _refused_by_the_database(desk, refused)
    for move in ("approval", "sending"):
        await desk.do("wang", f"{path}/{move}")
    await _refused_by_the_database(desk, [(copied.format(fund="fund"), asyncpg.RestrictViolationError)])
    waiting, second = await basic(desk)
    open_ = await desk.do("li", f"{second}/deductions", cut("50.00"))
    hospital = f"area:530100/fund:390100/payable/hospital:{desk.world.township}"
    posting = {"event": "deduction", "debit": hospital, "credit": "area:530100/fund:390100/expense", "amount": 5000}
    posting |= {
        "area_code": "530100",
        "hospital_code": desk.world.township,
        "hospital_area": "530127",
        "fund": "390100",
    }
    posting |= {"settlement_id": int(waiting["settlement_id"].removeprefix("set_")), "cause": open_["deduction_id"]}
    upheld = "UPDATE deduction SET state = 'accepted', upheld = 5000 WHERE deduction_id = " + open_["deduction_id"][4:]
    post = f"{upheld}; SELECT transfers_post('{json.dumps([posting])}')"
    await _refused_by_the_database(desk, [(post, asyncpg.InsufficientPrivilegeError)])


async def _refused_by_the_database(desk: Office, refused: list[tuple[str, type[Exception]]]) -> None:
    owner = await asyncpg.connect(desk.url)
    for statement, error in refused:
        async with Undone(owner):
            await owner.execute("SET LOCAL ROLE onestop_app")
            await owner.execute("SELECT set_config('onestop.reach', 'all', true)")
            await owner.execute("SELECT set_config('onestop.finance', 'true', true)")
            with pytest.raises(error):
                await owner.execute(statement)
    await owner.close()


async def test_at_the_same_time_nothing_is_deducted_refunded_and_paid_twice(desk: Office) -> None:
    """Two acceptances, a refund, an approval and a cancellation of one claim sent at once: whatever wins, the ledger
    holds and the person gets at most what is owed."""
    for _ in range(4):
        claim, path = await basic(desk)
        made = [await desk.do("li", f"{path}/deductions", cut("600.00", line_no=1)) for _ in range(2)]
        acceptances = [f"/clearing/deductions/{one['deduction_id']}/acceptance" for one in made]
        refund = {"lines": [{"line_no": 1, "quantity": "0.5"}], "reason": "退药"}
        answers = await asyncio.gather(
            *(desk.send("registrar", one) for one in acceptances),
            desk.send("sun", f"/settlements/{claim['settlement_id']}/refunds", refund),
            desk.send("wang", f"{path}/approval"),
            desk.send("li", f"{path}/cancellation", {"reason": "账号待核"}),
        )
        assert all(one.status_code < 500 for one in answers), [one.text for one in answers]
        assert await violations_of(desk) == {}
        now = await desk.get(path, "li")
        taken = [
            Decimal((await desk.get(f"/clearing/deductions/{one['deduction_id']}", "li"))["upheld"]) for one in made
        ]
        assert Decimal(now["deducted"]) <= min(Decimal(now["gross"]), sum(taken))
