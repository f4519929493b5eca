"""What a token or a user is let to has to be there: a misspelt hospital, area or fund would let somebody to nothing, or
to what is only registered later. A system that asks by the API may let somebody to a place before it registers it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import area_prefix
from app.basics.errors import Fault, Refused
from app.basics.funds import NATIONAL_FUNDS
from app.tiers.policy import PolicyBook

_KNOWN: Final = text("SELECT hospital, area FROM place_known(:hospital, :area)")
_ALLOWED: Final = "、".join(sorted(NATIONAL_FUNDS))


async def check_rights(
    connection: AsyncConnection,
    book: PolicyBook | None,
    *,
    hospital_code: str | None,
    area_code: str | None,
    funds: Sequence[str] | None,
) -> None:
    """Refused for a hospital that isn't registered, an area that no pack rules and no record names, and funds that
    there aren't; None stands for all of them. Without a book places aren't looked at."""
    faults = []
    if book is not None:
        known = (await connection.execute(_KNOWN, {"hospital": hospital_code, "area": area_code})).one()
        if not known.hospital:
            faults.append(Fault("/hospital_code", "unknown_hospital"))
        if area_code is not None and not known.area and not _is_ruled(book, area_code):
            faults.append(Fault("/area_code", "unknown_area"))
    other = [place for place, fund in enumerate(funds or ()) if fund not in NATIONAL_FUNDS]
    faults += [Fault(f"/funds/{place}", "not_in_list", {"allowed": _ALLOWED}) for place in other]
    if faults:
        raise Refused(faults)


def _is_ruled(book: PolicyBook, area_code: str) -> bool:
    """Whether a pack rules the area, or a part of it where the area is a province."""
    prefixes = [prefix for pack in book.packs.values() for prefix in pack.areas]
    return any(area_code.startswith(prefix) or prefix.startswith(area_prefix(area_code)) for prefix in prefixes)
