"""What a fund owes a hospital for a settlement, and for one line of it: at most that may be deducted. Amounts in fen.

*Owed* is the sum of the fund's postings for the settlement and its corrections, less what other deductions took;
whether it was paid doesn't matter. *Owed for a line* is what refunding its whole remainder now would take off the fund,
less deductions on that line."""

from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.machine import Act
from app.database.locks import Lock, hold
from app.settlement.deducted import line_worth

_PERSON: Final = text("SELECT person_id FROM settlement WHERE settlement_id = :settlement")
_LEFT: Final = text(
    """SELECT settlement_owed(:settlement, :fund) - coalesce(sum(x.taken), 0)::bigint AS whole,
              coalesce(sum(x.taken) FILTER (WHERE x.line_no = CAST(:line AS integer)), 0)::bigint AS on_line
         FROM (SELECT d.line_no, CASE WHEN d.upheld IS NOT NULL THEN d.upheld - d.given_back WHEN :proposing
           THEN d.amount ELSE 0
                      END AS taken
                 FROM deduction d
                WHERE d.settlement_id = :settlement AND d.fund = :fund AND d.deduction_id <> :apart_from) x"""
)


async def lock_person(connection: AsyncConnection, settlement_id: int) -> None:
    """Keep corrections of a settlement's person away until the transaction ends: they change what is owed."""
    person = (await connection.execute(_PERSON, {"settlement": settlement_id})).scalar_one_or_none()
    await hold(connection, Lock.PERSON, person or "")


class Claim(NamedTuple):
    """Of what a deduction takes: a settlement's fund, perhaps of one line. ``deduction_id`` is its own, 0 before it is
    made."""

    settlement_id: int
    fund: str
    line_no: int | None
    deduction_id: int = 0


async def left_of(act: Act, claim: Claim, *, proposing: bool = False) -> int:
    """What a deduction may still take, at least 0. ``proposing``: what others only propose counts as taken too. The
    person must be locked."""
    given = {
        "settlement": claim.settlement_id,
        "fund": claim.fund,
        "line": claim.line_no,
        "proposing": proposing,
        "apart_from": claim.deduction_id,
    }
    found = (await act.connection.execute(_LEFT, given)).one()
    left = found.whole
    if claim.line_no is not None and left > 0:
        worth = await line_worth(act.service, act.connection, act.caller, claim.settlement_id, claim.line_no)
        left = min(left, worth.get(claim.fund, 0) - found.on_line)
    return max(0, int(left))
