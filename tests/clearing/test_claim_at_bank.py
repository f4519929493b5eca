"""A claim that is at the bank while its settlement is corrected: what the bank pays all the same is recorded."""

import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.clearing.claims import back, basic, claimed, claims_desk, payment, refunded, reversed_
from tests.clearing.office import Office
from tests.world import id_number


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which persons' claims are made."""
    async with claims_desk(database_server) as opened:
        yield opened


async def sent(desk: Office) -> tuple[dict[str, Any], str]:
    """A claim of 950.00 that was given to the bank today, and its path."""
    claim, path = await basic(desk)
    for step in ("approval", "sending"):
        await desk.do("li", f"{path}/{step}")
    return claim, path


async def test_what_was_sent_and_then_lowered_may_be_paid_whole_and_the_rest_is_owed_back(desk: Office) -> None:
    """Up to what was sent, and no fen more; the person repays what is above the lowered claim, which is then paid."""
    claim, path = await sent(desk)
    await refunded(desk, claim, "0.5")
    lowered = await desk.get(path, "li")
    assert (lowered["state"], lowered["amount"]) == ("sent", "475.00")
    assert await desk.refused("li", f"{path}/payments", payment("950.01")) == (422, "payment_exceeds_order")
    paid = await desk.do("li", f"{path}/payments", payment("950.00"))
    assert (paid["state"], paid["owed_back"], paid["unpaid"]) == ("recoverable_from_person", "475.00", "0.00")
    assert await desk.refused("li", f"{path}/payments", payment("0.01")) == (409, "invalid_move")
    assert await desk.refused("li", f"{path}/repayments", payment("475.01")) == (422, "return_exceeds_payment")
    assert (await desk.do("wang", f"{path}/repayments", payment("475.00")))["state"] == "paid"
    assert await desk.refused("li", f"{path}/payments", payment("0.01")) == (409, "invalid_move")


@pytest.mark.parametrize("way", ["repayments", "returns"])
async def test_what_was_sent_and_then_reversed_may_be_paid_and_comes_back(desk: Office, way: str) -> None:
    """The reversed claim becomes recoverable; a repayment or the bank's return closes it."""
    claim, path = await sent(desk)
    await reversed_(desk, claim)
    assert (await desk.get(path, "li"))["state"] == "reversed"
    assert await desk.refused("li", f"{path}/payments", payment("950.00", "2018-05-19")) == (422, "before_sending")
    first = await desk.do("li", f"{path}/payments", payment("300.00"))
    assert (first["state"], first["owed_back"]) == ("recoverable_from_person", "300.00")
    if way == "repayments":  # the bank's next payment may bear an earlier day than what the person gave back
        await desk.at("2018-05-21")
        assert (await desk.do("li", f"{path}/repayments", payment("300.00", "2018-05-21")))["state"] == "reversed"
    owing = await desk.do("li", f"{path}/payments", payment("650.00"))
    assert owing["state"] == "recoverable_from_person"
    body = payment(owing["owed_back"]) if way == "repayments" else back(owing["owed_back"])
    assert (await desk.do("li", f"{path}/{way}", body))["state"] == "reversed"
    for move in ("payments", "returns"):
        body = payment("1.00") if move == "payments" else back("1.00")
        assert await desk.refused("li", f"{path}/{move}", body) == (409, "invalid_move")


async def test_a_reversed_claim_that_was_never_sent_or_was_called_back_is_not_paid(desk: Office) -> None:
    """Only money that is at the bank can still go out; cancelling calls it back."""
    claim, path = await sent(desk)
    await desk.do("li", f"{path}/cancellation", {"reason": "已撤回"})
    await reversed_(desk, claim)
    assert await desk.refused("li", f"{path}/payments", payment("1.00")) == (409, "invalid_move")
    claim, path = await basic(desk)
    await desk.do("li", f"{path}/approval")
    await reversed_(desk, claim)
    assert await desk.refused("li", f"{path}/payments", payment("1.00")) == (409, "invalid_move")


async def raised(desk: Office, *, paid: bool = False) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A claim that was sent on 20 May, perhaps paid, and that a correction of 21 May raised: a draft again. As it was,
    as it is, and its path."""
    body = {"name": "王某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
    person = f"P{secrets.token_hex(4)}"
    await desk.world.put(f"/v1/persons/{person}", body | {"identities": []})
    _, claims = await claimed(desk, "3000.00", person_id=person, visit_id=f"V{secrets.token_hex(4)}")
    claim = next(one for one in claims if one["fund"] == "390100")
    path = f"/claims/{claim['claim_id']}"
    for step in ("approval", "sending"):
        await desk.do("li", f"{path}/{step}")
    if paid:
        await desk.do("li", f"{path}/payments", payment(claim["amount"]))
    await desk.at("2018-05-21")
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    await desk.world.put(f"/v1/persons/{person}", body | {"identities": poor})
    again = {"reason": "身份补录", "dry_run": False}
    await desk.do("wang", f"/persons/{person}/years/2018/readjudication", again)
    now = await desk.get(path, "li")
    assert now["state"] == "draft"
    assert Decimal(now["amount"]) > Decimal(claim["amount"])
    return claim, now, path


STEPS: Final = ("approval", "sending")


@pytest.mark.parametrize(("waits", "state"), [(0, "draft"), (1, "approved"), (2, "part_paid")])
async def test_what_was_sent_before_a_claim_was_raised_is_recorded_while_the_rest_waits(
    desk: Office, waits: int, state: str
) -> None:
    """Whether the rest waits for its approval, its sending or the bank, the former amount has its own day; then the
    rest is sent and paid."""
    claim, now, path = await raised(desk)
    for step in STEPS[:waits]:
        await desk.do("li", f"{path}/{step}")
    early = await desk.refused("li", f"{path}/payments", payment(claim["amount"], "2018-05-19"))
    assert early == (422, "before_sending")
    assert (await desk.do("li", f"{path}/payments", payment(claim["amount"], "2018-05-20")))["state"] == state
    for step in STEPS[waits:]:
        await desk.do("li", f"{path}/{step}")
    rest = f"{Decimal(now['amount']) - Decimal(claim['amount']):.2f}"
    assert (await desk.do("li", f"{path}/payments", payment(rest, "2018-05-21")))["state"] == "paid"


@pytest.mark.parametrize(("waits", "state"), [(0, "draft"), (1, "approved"), (2, "returned")])
async def test_what_was_paid_before_a_claim_was_raised_may_come_back_meanwhile(
    desk: Office, waits: int, state: str
) -> None:
    """The bank's return of the former payment is recorded as a draft, approved and sent, with the day that it has."""
    claim, _, path = await raised(desk, paid=True)
    await desk.at("2018-05-22")
    for step in STEPS[:waits]:
        await desk.do("li", f"{path}/{step}")
    came = await desk.do("li", f"{path}/returns", back(claim["amount"], "2018-05-21"))
    assert (came["state"], came["paid"]) == (state, "0.00")


async def test_an_approved_claim_of_which_a_part_is_paid_can_be_lowered(desk: Office) -> None:
    """The refund is made, and the claim stays approved for what is left."""
    claim, now, path = await raised(desk, paid=True)
    await desk.do("li", f"{path}/approval")
    await refunded(desk, claim, "0.01")
    lowered = await desk.get(path, "li")
    assert Decimal(claim["amount"]) < Decimal(lowered["amount"]) < Decimal(now["amount"])
    assert lowered["state"] == "approved"
    await desk.do("li", f"{path}/sending")
    assert (await desk.do("li", f"{path}/payments", payment(lowered["unpaid"], "2018-05-21")))["state"] == "paid"
