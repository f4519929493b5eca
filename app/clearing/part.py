"""Parts: statement × fund × fiscal year, the unit that has a state. Deductions, approval and orders hang on parts. Fen.

A part's state, and its statement's, is derived by the database from what hangs on it (``part_state``,
``statement_state``); nobody writes it."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Forbidden
from app.basics.ids import DISBURSEMENT, PART, shown_id
from app.basics.money import yuan
from app.clearing.payment import typed


class PartState(StrEnum):
    """How far a part is. ``declared``, ``reconciled`` and ``audited`` follow what was recorded of its statement."""

    DECLARED = "declared"
    RECONCILED = "reconciled"
    AUDITED = "audited"
    APPROVED = "approved"
    ORDERED = "ordered"
    SETTLED = "settled"
    CARRIED_FORWARD = "carried_forward"


class PartAnswer(Struct):
    """A part of a statement: what it declares, what was deducted of it, how far it is, its order. Yuan."""

    part_id: str
    fund: str
    fiscal_year: int
    amount: str
    deducted: str
    state: str
    order: str | None


class Part(Struct, frozen=True):
    """A part with what was upheld of its deductions and the number of its order, if one isn't cancelled."""

    part_id: int
    statement_id: int
    fund: str
    fiscal_year: int
    amount: int
    state: PartState
    approved_by: str | None
    approved_on: date | None
    upheld: int
    order: int | None

    @property
    def gross(self) -> int:
        """What is approved of it."""
        return self.amount - self.upheld


_PARTS: Final = text("""
SELECT p.part_id, p.statement_id, p.fund, p.fiscal_year, p.amount, p.state, p.approved_by, p.approved_on,
       part_deducted(p.part_id) AS upheld,
       (SELECT o.disbursement_id FROM disbursement o WHERE o.part_id = p.part_id AND o.state <> 'cancelled') AS "order"
  FROM statement_part p
 WHERE p.statement_id = :statement AND (CAST(:fund AS text) IS NULL OR p.fund = :fund)
 ORDER BY p.fund, p.fiscal_year""")
_IN_PROGRESS: Final = text("SELECT fund, fiscal_year, state, reason FROM parts_in_progress(:statement)")
_BEYOND: Final = text("SELECT statement_beyond(:statement)")


async def whole_in_reach(connection: AsyncConnection, statement_id: int) -> bool:
    """Whether every fund of which a statement declares something is the caller's."""
    return not (await connection.execute(_BEYOND, {"statement": statement_id})).scalar_one()


async def check_whole(connection: AsyncConnection, statement_id: int) -> None:
    """Forbidden ``statement_needs_all_funds`` unless the caller may act on every fund of a statement: declaring,
    comparing and taking back concern them all."""
    if not await whole_in_reach(connection, statement_id):
        raise Forbidden("statement_needs_all_funds")


async def parts_of(connection: AsyncConnection, statement_id: int, fund: str | None = None) -> list[Part]:
    """The parts of a statement within the caller's funds, of one fund or of all, by fund and year."""
    rows = await connection.execute(_PARTS, {"statement": statement_id, "fund": fund})
    return [typed(row, Part) for row in rows.mappings()]


async def check_untouched(connection: AsyncConnection, statement_id: int) -> None:
    """Conflict ``parts_in_progress`` with each part of a statement on which an approval, a deduction or an order hangs,
    and why."""
    found = (await connection.execute(_IN_PROGRESS, {"statement": statement_id})).mappings().all()
    if found:
        raise Conflict("parts_in_progress", extra={"parts": [dict(row) for row in found]})


def part_answers(parts: Sequence[Part]) -> list[PartAnswer]:
    """Parts as they are shown."""
    return [
        PartAnswer(
            part_id=shown_id(PART, part.part_id),
            fund=part.fund,
            fiscal_year=part.fiscal_year,
            amount=yuan(part.amount),
            deducted=yuan(part.upheld),
            state=part.state.value,
            order=None if part.order is None else shown_id(DISBURSEMENT, part.order),
        )
        for part in parts
    ]
