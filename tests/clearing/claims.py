"""An office in which persons claim what they paid in cash, and what its officers do with a claim."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.clearing.office import Office, office, violations


@asynccontextmanager
async def claims_desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018 in which ``sun`` settles what persons paid in cash, ``li`` and ``wang`` check, and
    ``registrar`` answers for the persons. In the end its ledger holds."""
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


async def violations_of(desk: Office) -> dict[str, int]:
    """Which invariants of the office's ledger are broken."""
    return await violations(desk.url)


class Undone:
    """A transaction that is always taken back."""

    def __init__(self, owner: Any) -> None:
        self._transaction = owner.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()
