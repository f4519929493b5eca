"""The declared list of persons' claims."""

from datetime import date
from typing import Final, Literal

from msgspec.structs import asdict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import SETTLEMENT, number_of
from app.clearing.claim import ClaimAnswer, answer_of_row
from app.clearing.moves import pooling_area_of
from app.clearing.tables import claim
from app.service.columns import columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.security import REGISTRY_READERS
from app.service.wire import AreaCode, Code

ClaimState = Literal[
    "draft",
    "approved",
    "sent",
    "paid",
    "part_paid",
    "returned",
    "cancelled",
    "reversed",
    "recoverable_from_person",
]


class ClaimFilters(Filters, frozen=True):
    """The claims of a state, an area (a county is read as its pooling area), a fund, a person, a settlement."""

    state: ClaimState | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    person_id: Code | None = None
    settlement_id: Code | None = None


async def claims_where(connection: AsyncConnection, wanted: Filters, day: date) -> Rows:
    """The claims within reach that filters of their list find."""
    found = select(claim)
    for name, value in asdict(wanted).items():
        match name:
            case _ if value is None:
                continue
            case "area_code":
                value = await pooling_area_of(connection, value)
            case "settlement_id":
                value = number_of(SETTLEMENT, value)
        found = found.where(claim.c[name] == value)
    return found


_CLAIMS: Final[Selected[ClaimFilters, ClaimAnswer, int]] = Selected(
    query=claims_where,
    order=(claim.c.claim_id,),
    newest_first=True,
    answer=lambda row, day, service: answer_of_row(service.book, row, day),
)
CLAIM_LIST: Final = DeclaredList(
    name="claims",
    title={"zh": "零星报销单", "en": "Claims of persons"},
    about="Claims of persons, newest first.",
    scopes=REGISTRY_READERS,
    filters=ClaimFilters,
    row=ClaimAnswer,
    columns=columns_of(ClaimAnswer),
    position=int,
    read=_CLAIMS.read,
    selected=_CLAIMS,
)
