"""Whatever is tried with persons' claims in whatever order, by whoever may: a random walk over every move of theirs,
corrections of their bills and a year that is closed among them."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from tests.clearing.claims import claims_desk
from tests.clearing.figures import figures_hold_until
from tests.clearing.office import Office, violations
from tests.clearing.test_random_money import LIKELY, MOVES, SEEDS, WHY, Walk

pytestmark = pytest.mark.thorough

MOST_STATES = 9
OFFICERS = ("li", "wang", "sun")


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which persons' claims are made."""
    async with claims_desk(database_server) as opened:
        yield opened


class ClaimWalk(Walk):
    """A random walk over claims of one person."""

    poor: bool = True
    seen: set[str]
    answerer: ClassVar[str] = "registrar"

    async def later(self) -> None:
        """Some days pass, or half a year."""
        self.day += timedelta(days=self.chance.choice([1, 3, 20, 35, 150]))
        await self.desk.at(str(self.day))

    async def settle(self) -> None:
        """A bill of two lines that its person paid, perhaps one that somebody else is liable for."""
        day, first, second = str(self.day), self.yuan("900.00"), self.yuan("400.00")
        lines = [self.desk.world.line(first, day=day), self.desk.world.line(second, day=day, line_no=2)]
        bill = self.desk.world.bill(f"{Decimal(first) + Decimal(second):.2f}", lines=lines, paid_by="patient")
        bill |= {"admitted_on": day, "discharged_on": day} | self.chance.choice([{}, {"work_injury": "undeterminable"}])
        made = await self.send("/settlements", bill)
        if made:
            self.bills.append(made)
            found = (await self.desk.get("/claims", "li", settlement_id=made["settlement_id"]))["data"]
            self.ids["clm"] += [one["claim_id"] for one in found]

    async def correct(self) -> None:
        """A refund, a reversal, a recovery, or the year computed again after the person's class changed."""
        if not self.bills:
            return
        shown, who = self.chance.choice(self.bills)["settlement_id"], self.chance.choice(OFFICERS)
        refund = {"lines": [{"line_no": self.chance.choice([1, 2]), "quantity": self.chance.choice(["1", "0.5"])}]}
        what, more = self.chance.choice(
            [("reversal", {}), ("refunds", refund), ("refunds", refund), ("recovery", {"document": "认定书"}), ("", {})]
        )
        if what:
            await self.send(f"/settlements/{shown}/{what}", WHY | {"cascade": True} | more, who)
            return
        self.poor = not self.poor
        person = {
            "name": "李某",
            "id_number": self.desk.world.id_number,
            "area_code": "530127",
            "insurance_type": "390",
        }
        poor = [{"class": "registered_poor", "from": "2016-01-01"}] if self.poor else []
        await self.desk.world.put(f"/v1/persons/{self.desk.world.person}", person | {"identities": poor})
        again = f"/persons/{self.desk.world.person}/years/{self.chance.choice([2018, self.day.year])}/readjudication"
        await self.send(again, WHY | {"dry_run": False}, who)

    async def deduct(self) -> None:
        """A deduction of a claim is proposed."""
        body = {"amount": self.yuan("900.00"), "reason_code": "A", "reason": "x"}
        body |= self.chance.choice([{}, {"line_no": self.chance.choice([1, 2])}])
        made = await self.send(f"/claims/{self.pick('clm')}/deductions", body)
        self.ids["ded"] += [made["deduction_id"]] if made else []

    async def move(self) -> None:
        """A step of a claim, allowed or not; then its figures fit its state."""
        path = f"/claims/{self.pick('clm')}"
        found = await self.desk.client.get(f"/v1{path}")
        if found.status_code != 200:
            return
        now: dict[str, Any] = found.json()
        left = now["unpaid"] if Decimal(now["unpaid"]) else now["owed_back"]
        whole = self.chance.choice([left, self.yuan(left if Decimal(left) > 0 else "1.00"), self.yuan("900.00")])
        tries = {
            "approval": None,
            "sending": None,
            "payments": {"amount": whole} | self.bank("paid_on"),
            "returns": WHY | {"amount": self.yuan(now["paid"])} | self.bank("returned_on"),
            "repayments": {"amount": whole} | self.bank("paid_on"),
            "cancellation": WHY,
        }
        step = self.chance.choice(list(tries))
        if self.chance.random() < 0.7:  # what the state lets one expect
            step = LIKELY.get(now["state"], "repayments" if now["state"] == "recoverable_from_person" else step)
        await self.send(f"{path}/{step}", tries[step], self.chance.choice(OFFICERS))
        await self.fits(path)

    async def fits(self, path: str) -> None:
        """A claim's state says what its money says."""
        one = await self.desk.get(path, "li")
        gross, deducted, amount, paid = (Decimal(one[name]) for name in ("gross", "deducted", "amount", "paid"))
        self.seen.add(one["state"])
        assert amount == gross - deducted >= 0, one
        assert (one["state"] == "recoverable_from_person") == (paid > amount), one
        assert one["state"] != "paid" or paid == amount, one
        assert one["state"] != "part_paid" or 0 < paid < amount, one
        assert one["state"] not in ("reversed", "returned", "cancelled") or paid == 0, one
        assert one["state"] != "reversed" or gross == 0, one

    async def change(self) -> None:
        """The person's account is changed, perhaps approved."""
        path = f"/persons/{self.desk.world.person}/bank-account"
        account = {
            "bank_name": "农行",
            "account_name": "某人",
            "account_number": f"62{self.chance.randrange(10**8):08}",
        }
        body = {"bank_account": self.chance.choice([account, account, None])}
        asked = await self.desk.client.put(f"/v1{path}", json=body, headers=self.desk.tokens["sun"])
        assert asked.status_code == 200, asked.text
        if change := asked.json()["bank_account_change"]:
            await self.send(f"/bank-account-changes/{change['change_id']}/approval")


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_move_of_a_claim_makes_money_leave_twice(desk: Office, seed: int) -> None:
    """After every few moves of a random walk, refused ones among them, each invariant of the ledger holds, and each
    claim's state fits its money."""
    walk = ClaimWalk(desk, random.Random(seed))
    walk.ids["clm"], walk.seen = [], set()
    often: dict[Callable[[], Awaitable[None]], int] = {
        walk.later: 4, walk.settle: 10, walk.correct: 14, walk.deduct: 12, walk.answer: 16, walk.move: 60,
        walk.change: 3, walk.close: 3,
    }  # fmt: skip
    for number in range(MOVES):
        move = walk.chance.choices(list(often), weights=list(often.values()))[0]
        await move()
        if number % 10 == 9 or number == MOVES - 1:
            assert await violations(desk.url) == {}, (seed, number, move.__name__, walk.day)
            for shown in walk.ids["clm"]:
                await walk.fits(f"/claims/{shown}")
    await figures_hold_until(desk.url, walk.day)
    assert len(walk.seen) > MOST_STATES / 2, walk.seen
