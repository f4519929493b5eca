"""What a fund owes for a settlement, to the hospital or to the person who paid in cash, and for one line of it: at most
that may be deducted. Amounts in fen.

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
    """SELECT least(settlement_owed(:settlement, :fund) - coalesce(sum(d.upheld - d.given_back), 0)::bigint,
                (SELECT k.gross - k.deducted FROM claim k WHERE k.claim_id = CAST(:claim AS bigint))) AS whole,
              coalesce(sum(d.upheld - d.given_back) FILTER (WHERE d.line_no = CAST(:line AS integer)),
                0)::bigint AS on_line
         FROM deduction d
        WHERE d.settlement_id = :settlement AND d.fund = :fund AND d.deduction_id <> :apart_from AND d.upheld > 0"""
)


async def lock_person(connection: AsyncConnection, settlement_id: int) -> None:
    """Keep corrections of a settlement's person away until the transaction ends: they change what is owed."""
    person = (await connection.execute(_PERSON, {"settlement": settlement_id})).scalar_one_or_none()
    await hold(connection, Lock.PERSON, person or "")


class OwedOf(NamedTuple):
    """Of what a deduction takes: a settlement's fund, perhaps of one line, of a claim where it is a person's.
    ``deduction_id`` is its own, 0 before it is made."""

    settlement_id: int
    fund: str
    line_no: int | None
    claim_id: int | None = None
    deduction_id: int = 0


async def left_of(act: Act, of: OwedOf) -> int:
    """What a deduction may still take, at least 0. What others only propose has taken nothing yet. The person must be
    locked."""
    given = {
        "settlement": of.settlement_id,
        "fund": of.fund,
        "line": of.line_no,
        "claim": of.claim_id,
        "apart_from": of.deduction_id,
    }
    found = (await act.connection.execute(_LEFT, given)).one()
    left = found.whole
    if of.line_no is not None and left > 0:
        worth = await line_worth(act.service, act.connection, act.caller, of.settlement_id, of.line_no)
        left = min(left, worth.get(of.fund, 0) - found.on_line)
    return max(0, int(left))
