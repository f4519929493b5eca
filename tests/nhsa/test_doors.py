"""Both doors lead to the same: a random bill by the national interface and by /v1 gives the same settlement."""

import os
import random
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.basics.money import priced, trimmed, yuan
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World

BILLS = int(os.environ.get("ONESTOP_DOORS_BILLS", "12"))
ADMITTED = date(2018, 5, 2)
SAME = (
    "scope",
    "portions",
    "payables",
    "fund_total",
    "payable_adjustment",
    "year_to_date",
    "trace",
    "benefit_class",
    "lines",
)


class Bill:
    """A random stay: lines in the order of their upload, refunds among them; equal seeds give equal bills."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.days = self.random.randrange(1, 20)
        self.rank = self.random.choice(["township", "county", "province"])
        self.emergency = self.rank == "province" and self.random.random() < 0.5
        self.lines = [self._line(number) for number in range(1, self.random.randrange(2, 15))]
        self._refund()

    def _line(self, number: int) -> dict[str, Any]:
        quantity = self.random.choice([1, 2, 3, 10]) * 10_000 + self.random.choice([0, 0, 5_000, 1])
        price = self.random.choice([1_000_000, 12_340_000, 99_999_999, 333_333, 2_500_000_000])
        return {
            "line_no": number,
            "kind": self.random.choice("AABCR"),
            "quantity": quantity,
            "price": price,
            "amount": priced(price, quantity),
            "day": ADMITTED + timedelta(days=self.random.randrange(self.days + 1)),
            "flag": self.random.choice(["", "0", "1", "2"]),
            "of": None,
        }

    def _refund(self) -> None:
        """Take all or a third of some line back."""
        line = self.random.choice(self.lines)
        part = self.random.choice([line["quantity"], line["quantity"] // 30_000 * 10_000])
        if part:
            left = priced(line["price"], line["quantity"] - part)
            back = {"quantity": -part, "amount": left - line["amount"], "of": line["line_no"], "flag": ""}
            self.lines.append(line | back | {"line_no": len(self.lines) + 1})

    @property
    def total(self) -> str:
        """The sum of the lines."""
        return yuan(sum(line["amount"] for line in self.lines))

    @property
    def discharged(self) -> date:
        """The day of discharge."""
        return ADMITTED + timedelta(days=self.days)


def by_v1(bill: Bill, world: World, hospital_code: str) -> dict[str, Any]:
    """The bill as /v1 takes it."""
    approved = {"1": True, "2": "refused"}
    lines = [
        {
            "line_no": line["line_no"],
            "item_code": world.item(line["kind"]),
            "quantity": trimmed(line["quantity"], 4),
            "unit_price": trimmed(line["price"], 6),
            "amount": yuan(line["amount"]),
            "charged_at": f"{line['day']}T09:30:00+08:00",
            "approved": approved.get(line["flag"], False),
            "refund_of_line_no": line["of"],
        }
        for line in bill.lines
    ]
    referral = "not_required" if bill.rank != "province" else "emergency" if bill.emergency else "missing"
    return world.bill(
        hospital_code=hospital_code,
        admitted_on=ADMITTED.isoformat(),
        discharged_on=bill.discharged.isoformat(),
        referral=referral,
        lines=lines,
        total=bill.total,
    )


async def by_national_interface(bill: Bill, hospital: Hospital) -> str:
    """The bill's settlement by the national interface."""
    mdtrt_id = await hospital.admitted(visit_id(), med_type="24" if bill.emergency else "21")
    rows = [
        hospital.line(
            mdtrt_id,
            f"F{line['line_no']}",
            yuan(line["amount"]),
            line["kind"],
            cnt=trimmed(line["quantity"], 4),
            pric=trimmed(line["price"], 6),
            fee_ocur_time=f"{line['day']} 09:30:00",
            hosp_appr_flag=line["flag"],
            init_feedetl_sn="" if line["of"] is None else f"F{line['of']}",
        )
        for line in bill.lines
    ]
    cut = len(rows) // 2
    for part in (rows[:cut], rows[cut:]):
        if part:
            await hospital.charged(mdtrt_id, *part)
    await hospital.discharged(mdtrt_id, endtime=f"{bill.discharged} 10:00:00")
    return str((await hospital.settled(mdtrt_id, bill.total))["setlinfo"]["setl_id"])


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(BILLS))
async def test_a_random_bill_is_the_same_settlement_by_either_door(client: httpx.AsyncClient, seed: int) -> None:
    """Scope, portions, payables, accumulators, steps and lines are equal, and so are the national interface's own
    sums."""
    bill = Bill(seed)
    one, two = await World(client).build(), await World(client).build()
    expected = await one.settled(by_v1(bill, one, getattr(one, bill.rank)))
    hospital = Hospital(two, getattr(two, bill.rank))
    setl_id = await by_national_interface(bill, hospital)
    found = (await client.get(f"/v1/settlements/{setl_id}")).json()
    assert {name: found[name] for name in SAME} == {name: expected[name] for name in SAME}
