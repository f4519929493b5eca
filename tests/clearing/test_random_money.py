"""Whatever is tried in whatever order, by whoever may, no money leaves twice: a random walk over every move of
clearing."""

import os
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from tests.clearing.figures import figures_hold_until
from tests.clearing.office import Office, office, violations

pytestmark = pytest.mark.thorough

SEEDS = [int(seed) for seed in os.environ.get("MONEY_SEEDS", "1").split(",")]
MOVES = int(os.environ.get("MONEY_MOVES", "150"))
WHY = {"reason": "试"}
FUNDS = ("390100", "610100")
LIKELY = {
    "draft": "approval",
    "approved": "sending",
    "sent": "payments",
    "part_paid": "payments",
    "returned": "payments",
}


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018."""
    async with office(database_server) as opened:
        yield opened


@dataclass
class Walk:
    """A random walk: what is known so far, and the moves. A refusal is fine, a failure isn't."""

    desk: Office
    chance: random.Random
    day: date = date(2018, 5, 20)
    bills: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, list[str]] = field(default_factory=lambda: {"stm": [], "dis": [], "ded": [], "pre": [], "rel": []})
    done: int = 0
    answerer: ClassVar[str] = "hospital"

    def pick(self, kind: str) -> str:
        """One of the ids of a kind, the later ones more often; one that nobody has when there are none."""
        known = self.ids[kind]
        return known[-1 - min(int(self.chance.expovariate(0.5)), len(known) - 1)] if known else f"{kind}_999999"

    async def send(self, path: str, body: Any = None, who: str | None = None) -> dict[str, Any]:
        """Try something as somebody; an empty answer when it is refused."""
        answer = await self.desk.send(who or self.chance.choice(["li", "wang"]), path, body)
        assert answer.status_code < 500, (path, body, answer.text)
        self.done += answer.is_success
        return dict(answer.json()) if answer.is_success else {}

    def yuan(self, most: str = "1200.00") -> str:
        """Some amount, often a whole one."""
        return self.chance.choice([most, f"{self.chance.uniform(0.01, float(most) or 1):.2f}"])

    def bank(self, name: str) -> dict[str, str]:
        """A day of the bank in the last weeks and a new reference."""
        back = self.chance.choice([0, 0, 0, 1, 7, 40])
        return {name: str(self.day - timedelta(days=back)), "bank_reference": secrets.token_hex(6)}

    # ------------------------------------------------------------ moves

    async def later(self) -> None:
        """Some days pass."""
        self.day += timedelta(days=self.chance.choice([1, 3, 12, 20, 35]))
        await self.desk.at(str(self.day))

    async def settle(self) -> None:
        """A bill of two lines."""
        day = str(self.day)
        first, second = self.yuan("900.00"), self.yuan("400.00")
        lines = [self.desk.world.line(first, day=day), self.desk.world.line(second, day=day, line_no=2)]
        total = f"{Decimal(first) + Decimal(second):.2f}"
        self.bills.append(await self.desk.settled(total, day, lines=lines))

    async def correct(self) -> None:
        """A refund, a reversal or a recomputation."""
        if self.bills:
            shown = self.chance.choice(self.bills)["settlement_id"]
            refund = {"lines": [{"line_no": self.chance.choice([1, 2]), "quantity": self.chance.choice(["1", "0.5"])}]}
            what, more = self.chance.choice([("reversal", {}), ("refunds", refund), ("refunds", refund)])
            answer = await self.desk.send(None, f"/settlements/{shown}/{what}", WHY | {"cascade": True} | more)
            assert answer.status_code < 500, answer.text

    async def declare(self) -> None:
        """The month before, or the one before that."""
        month = (self.day.replace(day=1) - timedelta(days=self.chance.choice([1, 1, 32]))).strftime("%Y-%m")
        body = {"hospital_code": self.desk.world.township, "period": month}
        made = await self.send("/clearing/statements", body, "li")
        self.ids["stm"] += [made["statement_id"]] if made else []

    async def withdraw(self) -> None:
        """A declaration is taken back."""
        await self.send(
            f"/clearing/statements/{self.pick('stm')}/withdrawal", WHY, self.chance.choice(["hospital", "li"])
        )

    async def deduct(self) -> None:
        """A deduction is proposed."""
        if self.bills:
            body = {"settlement_id": self.chance.choice(self.bills)["settlement_id"], "fund": self.chance.choice(FUNDS)}
            body |= {"amount": self.yuan("900.00"), "reason_code": "A", "reason": "x"}
            body |= self.chance.choice([{}, {"line_no": self.chance.choice([1, 2])}])
            made = await self.send(f"/clearing/statements/{self.pick('stm')}/deductions", body)
            self.ids["ded"] += [made["deduction_id"]] if made else []

    async def answer(self) -> None:
        """The payee's side accepts or appeals, somebody decides."""
        path = f"/clearing/deductions/{self.pick('ded')}"
        outcome = self.chance.choice([{"outcome": "dismissed"}, {"outcome": "upheld"}])
        mine = self.answerer
        tries = [("acceptance", None, mine), ("appeal", WHY, mine), ("decision", WHY | outcome, "wang")]
        step, body, who = self.chance.choice(tries)
        await self.send(f"{path}/{step}", body, who)

    async def approve(self) -> None:
        """A statement, or one fund of it; or the end of its audit."""
        path = f"/clearing/statements/{self.pick('stm')}"
        body = self.chance.choice([{}, {}, {"funds": [self.chance.choice(FUNDS)]}])
        if self.chance.random() < 0.1:
            await self.send(f"{path}/audit")
        await self.send(f"{path}/approval", body, "wang")

    async def order(self) -> None:
        """An order of a fund's parts."""
        body: dict[str, Any] = {"statement_id": self.pick("stm"), "fund": self.chance.choice(FUNDS)}
        body |= self.chance.choice([{}, {"deposit_rate": "0.0000"}])
        made = await self.send("/disbursements", body, "li")
        self.ids["dis"] += [one["disbursement_id"] for one in [made, *made.get("others", [])] if one]

    async def move(self) -> None:
        """A step of an order or a prepayment, allowed or not."""
        path = self.chance.choice([f"/disbursements/{self.pick('dis')}"] * 3 + [f"/prepayments/{self.pick('pre')}"])
        found = await self.desk.client.get(f"/v1{path}")
        if found.status_code != 200:
            return
        left = found.json().get("unpaid") or found.json()["amount"]
        whole = self.chance.choice([left, self.yuan(left if Decimal(left) > 0 else "1.00")])
        tries = {
            "approval": None,
            "sending": None,
            "payments": {"amount": whole} | self.bank("paid_on"),
            "returns": WHY | {"amount": self.yuan(found.json()["paid"])} | self.bank("returned_on"),
            "cancellation": WHY,
        }
        step = self.chance.choice(list(tries))
        if self.chance.random() < 0.7:  # what the state lets one expect
            step = LIKELY.get(found.json()["state"], step)
        await self.send(f"{path}/{step}", tries[step], "wang" if step == "approval" else None)

    async def prepay(self) -> None:
        """A prepayment, often carried through at once."""
        body = {"hospital_code": self.desk.world.township, "area_code": "530100", "fund": "390100"}
        amount = self.yuan("700.00")
        made = await self.send("/prepayments", body | {"amount": amount, "year": self.day.year}, "li")
        if made:
            self.ids["pre"].append(made["prepayment_id"])
            path = f"/prepayments/{made['prepayment_id']}"
            await self.send(f"{path}/approval", None, "wang")
            await self.send(f"{path}/sending", None, "li")
            payment = {"amount": amount, "paid_on": str(self.day), "bank_reference": secrets.token_hex(6)}
            await self.send(f"{path}/payments", payment, "li")

    async def release(self) -> None:
        """A release of last year's deposits, approved or cancelled, or one more step of it."""
        body = {"hospital_code": self.desk.world.township, "area_code": "530100", "fund": "390100"}
        body |= WHY | {"assessed_ratio": self.chance.choice(["1.0000", "0.8000"])}
        made = await self.send("/deposit-releases", body | {"year": self.chance.choice([2018, 2019])}, "li")
        self.ids["rel"] += [made["release_id"]] if made else []
        step = self.chance.choice([("approval", None), ("cancellation", WHY)])
        moved = await self.send(f"/deposit-releases/{self.pick('rel')}/{step[0]}", step[1], "wang")
        self.ids["dis"] += [moved["disbursement_id"]] if moved.get("disbursement_id") else []

    async def repay(self) -> None:
        """Money back of what is carried."""
        carried = (await self.desk.get("/disbursements", state="carried_forward", limit=5))["data"]
        if carried:
            one = self.chance.choice(carried)
            body = {"amount": self.yuan(one["amount"].removeprefix("-"))} | self.bank("paid_on")
            await self.send(f"/carries/{one['disbursement_id']}/repayments", body, "wang")

    async def close(self) -> None:
        """The year that ended is closed, with an exception where it must be."""
        path, body = f"/fiscal-years/{self.day.year - 1}", {"area_code": "530100"}
        if self.chance.random() < 0.3 and self.day.year > 2018:
            for fund in FUNDS:
                made = await self.send(f"{path}/exceptions", body | WHY | {"fund": fund}, "li")
                await self.send(f"/exceptions/{made.get('exception_id', 'exc_9')}/approval", None, "wang")
            await self.send(f"{path}/closing", body, "li")


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_move_makes_money_leave_twice(desk: Office, seed: int) -> None:
    """After every few moves of a random walk, refused ones among them, each invariant of the ledger holds."""
    walk = Walk(desk, random.Random(seed))
    often: dict[Callable[[], Awaitable[None]], int] = {
        walk.later: 6, walk.settle: 12, walk.correct: 6, walk.declare: 9, walk.withdraw: 3, walk.deduct: 6,
        walk.answer: 10, walk.approve: 14,
        walk.order: 14, walk.move: 40, walk.prepay: 2, walk.release: 3, walk.repay: 3, walk.close: 1,
    }  # fmt: skip
    for number in range(MOVES):
        move = walk.chance.choices(list(often), weights=list(often.values()))[0]
        await move()
        if number % 10 == 9 or number == MOVES - 1:
            assert await violations(desk.url) == {}, (seed, number, move.__name__, walk.day)
    await figures_hold_until(desk.url, walk.day)
    assert walk.done > MOVES / 8, "the walk gets nowhere"
