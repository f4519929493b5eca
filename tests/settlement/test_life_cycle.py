"""The life of settlements as a state machine: whatever is quoted, settled, repeated, refunded and reversed in whatever
order, each answer is the one that the state asks for and no fen is lost. ``ONESTOP_LIFE_CYCLES`` says how many."""

import asyncio
import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Final

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.clearing.office import office, violations
from tests.conftest import ADMIN_TOKEN
from tests.world import World, key

LIVES: Final = int(os.environ.get("ONESTOP_LIFE_CYCLES", "25"))
STEPS: Final = 14
PORTIONS: Final = ("basic", "serious_illness", "medical_assistance", "safety_net", "supplement", "hospital", "patient")

Quoted = dict[str, Any]


@dataclass(eq=False)
class Stay:
    """A settled bill: the key that it was settled with, and the units left of each of its lines."""

    bill: dict[str, Any]
    settled_with: dict[str, str]
    settlement_id: str
    left: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """What is left of the bill, yuan."""
        return sum((self.left[one["line_no"]] * Decimal(one["unit_price"]) for one in self.bill["lines"]), Decimal(0))


async def prepared(like: httpx.Client) -> World:
    """A world of its own for one life."""
    async with httpx.AsyncClient(verify=False, base_url=like.base_url, headers=like.headers, timeout=60) as client:
        return await World(client).build()


class LifeCycle(RuleBasedStateMachine):
    """A person's bills at a service."""

    client: ClassVar[httpx.Client]
    quotes: Bundle[Quoted] = Bundle("quotes")
    stays: Bundle[Stay] = Bundle("stays")
    reversed_stays: Bundle[Stay] = Bundle("reversed_stays")

    @initialize()
    def begin(self) -> None:
        """A person who has never been ill."""
        self.world = asyncio.run(prepared(self.client))
        self.all: list[Stay] = []

    def corrected(self, stay: Stay, move: str, **body: Any) -> httpx.Response:
        """Ask for a correction that takes later settlements along."""
        path = f"/v1/settlements/{stay.settlement_id}/{move}"
        return self.client.post(path, json={"reason": "更正", "cascade": True} | body, headers=key())

    @rule(target=quotes, yuan=st.integers(1, 40_000), units=st.integers(1, 3), day=st.integers(1, 28))
    def quote(self, yuan: int, units: int, day: int) -> Quoted:
        """A quote adds up and is no settlement."""
        at = f"2018-05-{day:02d}"
        lines = [
            self.world.line(f"{yuan}.00", day=at) | {"quantity": str(units), "amount": f"{yuan * units}.00"},
            self.world.line("12.34", kind="B", line_no=2, day=at),
        ]
        total = f"{yuan * units + Decimal('12.34')}"
        bill = self.world.bill(total, lines=lines, admitted_on=at, discharged_on=at)
        answer = self.client.post("/v1/quotes", json=bill)
        assert answer.status_code == 200, answer.text
        adds_up(answer.json(), Decimal(total))
        return {"bill": bill, "quote": answer.json()}

    @rule(target=stays, quoted=consumes(quotes))
    def settle(self, quoted: Quoted) -> Stay:
        """What was quoted is settled for the same, unless the year has moved meanwhile: then it says so."""
        bill, with_key = quoted["bill"], key()
        sent = bill | {"quote_id": quoted["quote"]["quote_id"]}
        answer = self.client.post("/v1/settlements", json=sent, headers=with_key)
        if answer.status_code == 409:
            assert answer.json()["code"] == "quote_mismatch"
            assert answer.json()["changed"]
            sent, with_key = bill, key()
            answer = self.client.post("/v1/settlements", json=sent, headers=with_key)
        else:
            assert answer.json()["portions"] == quoted["quote"]["portions"]
        assert answer.status_code == 201, answer.text
        units = {line["line_no"]: int(line["quantity"]) for line in bill["lines"]}
        stay = Stay(sent, with_key, answer.json()["settlement_id"], units)
        adds_up(answer.json(), stay.total)
        self.all.append(stay)
        return stay

    @rule(stay=st.one_of(stays, reversed_stays))
    def settle_again(self, stay: Stay) -> None:
        """The same key gives the same settlement, another one is told that there is one, another bill is refused
        under the used key."""
        again = self.client.post("/v1/settlements", json=stay.bill, headers=stay.settled_with)
        assert again.status_code == 201
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json()["settlement_id"] == stay.settlement_id
        twin = self.client.post("/v1/settlements", json=stay.bill, headers=key())
        assert (twin.status_code, twin.json()["code"]) == (409, "already_settled")
        other = self.client.post("/v1/settlements", json=stay.bill | {"settle_seq": 2}, headers=stay.settled_with)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    @rule(stay=stays, line_no=st.integers(1, 2), quantity=st.integers(1, 4))
    def refund(self, stay: Stay, line_no: int, quantity: int) -> None:
        """Units that are left are taken back, more are refused and nothing changes."""
        answer = self.corrected(stay, "refunds", lines=[{"line_no": line_no, "quantity": str(quantity)}])
        if quantity > stay.left[line_no]:
            assert (answer.status_code, answer.json()["code"]) == (422, "refund_exceeds_line")
        else:
            assert answer.status_code == 201, answer.text
            stay.left[line_no] -= quantity

    @rule(target=reversed_stays, stay=consumes(stays))
    def reverse(self, stay: Stay) -> Stay:
        """All that is left is taken back."""
        answer = self.corrected(stay, "reversal")
        assert answer.status_code == 201, answer.text
        adds_up(answer.json(), -stay.total)
        stay.left = dict.fromkeys(stay.left, 0)
        return stay

    @rule(stay=reversed_stays)
    def correct_what_was_reversed(self, stay: Stay) -> None:
        """A reversed settlement stays as it is."""
        refund = {"lines": [{"line_no": 1, "quantity": "1"}]}
        for answer in (self.corrected(stay, "reversal"), self.corrected(stay, "refunds", **refund)):
            assert (answer.status_code, answer.json()["code"]) == (409, "already_reversed")

    @invariant()
    def the_entries_add_up_to_what_is_left_of_the_bills(self) -> None:
        """Settlements, adjustments and reversals of the person come to the bills less what was taken back."""
        found = self.client.get("/v1/settlements", params={"person_id": self.world.person, "limit": 100}).json()["data"]
        assert sum((Decimal(one["total"]) for one in found), Decimal(0)) == sum(stay.total for stay in self.all)
        if not any(stay.total for stay in self.all):
            for name in PORTIONS:
                assert sum(Decimal(one["portions"][name]) for one in found) == 0


def adds_up(answer: dict[str, Any], total: Decimal) -> None:
    """An answer's total is the one expected, and its portions add up to it."""
    assert Decimal(answer["total"]) == total
    assert sum(Decimal(answer["portions"][name]) for name in PORTIONS) == total


@pytest.mark.thorough
async def test_whatever_order_settlements_are_made_and_taken_back_in_no_fen_is_lost(database_server: str) -> None:
    """Random lives keep to the model at each step, and the ledger's invariants hold at the end."""
    run = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    async with office(database_server, "2018-06-05T10:00:00+08:00") as desk:
        with httpx.Client(verify=False, base_url=desk.client.base_url, headers=headers, timeout=60) as client:
            machine = type("Life", (LifeCycle,), {"client": client})
            await asyncio.to_thread(run_state_machine_as_test, machine, settings=run)
        assert await violations(desk.url) == {}
