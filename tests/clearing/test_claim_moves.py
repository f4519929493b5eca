"""Every state of a claim and every move: what is allowed is made, what isn't changes nothing."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.clearing.claims import Undone, back, basic, claims_desk, cut, payment, reversed_, violations_of
from tests.clearing.office import Office

pytestmark = pytest.mark.thorough


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which persons' claims are made."""
    async with claims_desk(database_server) as opened:
        yield opened


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
    """A claim that a correction raises above the approved amount is a draft again, which keeps who approved what is at
    the bank; one that it lowers goes its way."""
    path = await in_state(desk, "sent")
    number = int(path.rpartition("_")[2])
    owner = await asyncpg.connect(desk.url)
    change = "UPDATE claim SET gross = $2 WHERE claim_id = $1 RETURNING state, approved_by"
    async with Undone(owner):
        assert tuple(await owner.fetchrow(change, number, 50_000)) == ("sent", "li")
        assert tuple(await owner.fetchrow(change, number, 95_000)) == ("sent", "li")
        assert tuple(await owner.fetchrow(change, number, 95_001)) == ("draft", "li")
    path = await in_state(desk, "approved")
    async with Undone(owner):
        assert tuple(await owner.fetchrow(change, int(path.rpartition("_")[2]), 95_001)) == ("draft", None)
    await owner.close()
