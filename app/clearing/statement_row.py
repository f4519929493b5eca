"""A statement as it is stored, typed, and its difference from the hospital's figures. Amounts in fen.

A statement's state is derived by the database from its parts and from what was recorded of it; nobody writes it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import DIFFERENCE, STATEMENT, number_of, shown_id
from app.clearing.moves import locked
from app.clearing.payment import typed
from app.clearing.tables import difference, statement


class StatementState(StrEnum):
    """How far a statement is."""

    DECLARED = "declared"
    RECONCILED = "reconciled"
    AUDITED = "audited"
    APPROVED = "approved"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"


BEFORE_AUDIT: Final = (StatementState.DECLARED, StatementState.RECONCILED)
BEFORE_APPROVAL: Final = (*BEFORE_AUDIT, StatementState.AUDITED)


class Statement(Struct, frozen=True, kw_only=True):
    """A hospital's month declared to a paying area; ``subject`` is who declared it."""

    statement_id: int
    hospital_code: str
    hospital_area: str
    area_code: str
    period: str
    state: StatementState
    declared_at: datetime
    pay_by: date
    subject: str

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(STATEMENT, self.statement_id)

    @property
    def owner(self) -> dict[str, str]:
        """Whose it is: hospital, the hospital's area, the paying area."""
        return {name: getattr(self, name) for name in ("hospital_code", "hospital_area", "area_code")}


async def read(connection: AsyncConnection, shown: str) -> Statement:
    """A statement within reach, or NotFound."""
    wanted = select(statement).where(statement.c.statement_id == number_of(STATEMENT, shown))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return typed(row, Statement)


async def locked_statement(connection: AsyncConnection, number: int) -> Statement:
    """A statement within reach, locked against other moves; NotFound otherwise."""
    return typed(await locked(connection, statement, number), Statement)


async def moved_statement(connection: AsyncConnection, row: Statement, **values: object) -> Statement:
    """The statement after a move that wrote these columns, with the state that the database derived."""
    changed = update(statement).where(statement.c.statement_id == row.statement_id).values(**values)
    return typed((await connection.execute(changed.returning(*statement.c))).mappings().one(), Statement)


# ---------------------------------------------------------------- differences

DifferenceType = Literal["only_ours", "only_theirs", "amount_mismatch"]
DifferenceState = Literal["open", "resolved"]


class Difference(Struct, frozen=True, kw_only=True):
    """What a comparison found: what we have, what they have, None where a side has nothing. Counts are there for totals
    only; ``settlement_id`` is None for totals and for what we don't know, which ``their_reference`` names."""

    difference_id: int
    reconciliation_id: int
    statement_id: int
    type: DifferenceType
    settlement_id: int | None
    their_reference: str | None
    fund: str
    ours: int | None
    theirs: int | None
    ours_count: int | None
    theirs_count: int | None
    state: DifferenceState
    opened_on: date
    resolution: str | None
    resolved_by: str | None
    resolved_on: date | None
    hospital_code: str
    hospital_area: str
    area_code: str

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(DIFFERENCE, self.difference_id)

    @property
    def owner(self) -> dict[str, str]:
        """Whose it is: hospital, the hospital's area, the paying area, the fund."""
        return {name: getattr(self, name) for name in ("hospital_code", "hospital_area", "area_code", "fund")}


async def locked_difference(connection: AsyncConnection, number: int) -> Difference:
    """A difference within reach, locked against other moves; NotFound otherwise."""
    return typed(await locked(connection, difference, number), Difference)


async def moved_difference(connection: AsyncConnection, row: Difference, **values: object) -> Difference:
    """The difference after a move that wrote these columns."""
    changed = update(difference).where(difference.c.difference_id == row.difference_id).values(**values)
    return typed((await connection.execute(changed.returning(*difference.c))).mappings().one(), Difference)
