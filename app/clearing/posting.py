"""Transfers of clearing's events, and posting them (docs/decisions/0013-clearing.md has the table of events)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_POST: Final = text("SELECT transfers_post(CAST(:transfers AS jsonb))")
_FISCAL_YEAR: Final = text("SELECT fiscal_year_of(:area, CAST(:year AS smallint), :day)")


class Purse(Struct, frozen=True):
    """One fund's accounts for one hospital, and the year that its movements belong to."""

    area_code: str
    fund: str
    hospital_code: str
    hospital_area: str
    fiscal_year: int

    @property
    def payable(self) -> str:
        """What the fund owes the hospital."""
        return self._own("payable")

    @property
    def deposit(self) -> str:
        """Quality deposit withheld from the hospital."""
        return self._own("deposit")

    @property
    def prepaid(self) -> str:
        """Prepayments that the hospital hasn't earned yet."""
        return self._own("prepaid")

    @property
    def carry(self) -> str:
        """A negative net of one fiscal year on its way to another's order."""
        return self._own("carry")

    @property
    def ordered(self) -> str:
        """Memorandum: what was ordered for the hospital and not confirmed."""
        return self._own("ordered")

    @property
    def committed(self) -> str:
        """Memorandum: the other side of ``ordered``."""
        return f"{self._base}/committed"

    @property
    def cash(self) -> str:
        """The fund's bank account."""
        return f"{self._base}/cash"

    def claim(self, shown: str) -> str:
        """What the fund owes for a person's claim."""
        return f"{self._base}/payable/claim:{shown}"

    @property
    def expense(self) -> str:
        """What the fund's benefits cost."""
        return f"{self._base}/expense"

    @property
    def _base(self) -> str:
        return f"area:{self.area_code}/fund:{self.fund}"

    def _own(self, kind: str) -> str:
        return f"{self._base}/{kind}/hospital:{self.hospital_code}"


class Cause(Struct, frozen=True):
    """Why something is posted: the id of the object, the business day, the statement that it belongs to."""

    shown: str
    day: date
    statement_id: int | None = None


class Posting(Struct, frozen=True):
    """One transfer to post: fen, positive. ``tier``, ``clr_type`` and ``settlement_id`` only where one is meant."""

    event: str
    debit: str
    credit: str
    amount: int
    area_code: str
    fund: str
    hospital_code: str
    hospital_area: str
    business_date: date
    benefit_year: int
    fiscal_year: int
    cause: str
    statement_id: int | None = None
    settlement_id: int | None = None
    tier: str = ""
    clr_type: str = ""


def purse_of(owner: Mapping[str, str], fiscal_year: int) -> Purse:
    """The accounts of a hospital, area and fund in a fiscal year."""
    return Purse(owner["area_code"], owner["fund"], owner["hospital_code"], owner["hospital_area"], fiscal_year)


def posting(purse: Purse, event: str, *, debit: str, credit: str, amount: int, cause: Cause) -> Posting:
    """A transfer between two accounts of a purse."""
    return Posting(
        event=event,
        debit=debit,
        credit=credit,
        amount=amount,
        area_code=purse.area_code,
        fund=purse.fund,
        hospital_code=purse.hospital_code,
        hospital_area=purse.hospital_area,
        business_date=cause.day,
        benefit_year=purse.fiscal_year,
        fiscal_year=purse.fiscal_year,
        cause=cause.shown,
        statement_id=cause.statement_id,
    )


async def post(connection: AsyncConnection, postings: Iterable[Posting]) -> Sequence[int]:
    """Post what moves anything; the ids of the transfers. The database refuses what the caller may not move."""
    moving = [item for item in postings if item.amount]
    if not moving:
        return []
    encoded = msgspec.json.encode(moving).decode()
    result: Sequence[int] = (await connection.execute(_POST, {"transfers": encoded})).scalar_one()
    return result


async def fiscal_year_of(connection: AsyncConnection, area_code: str, year: int, day: date) -> int:
    """The fiscal year of something posted on a day: its benefit year while that is open, else the day's year."""
    values = {"area": area_code, "year": year, "day": day}
    result: int = (await connection.execute(_FISCAL_YEAR, values)).scalar_one()
    return result
