"""Which rules an area's people are under: what the area's dated records say, and the policy of a day."""

from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from app.database.engine import HotConnection
from app.tiers.model import RESIDENTS, OwnFigure
from app.tiers.policy import Policy, PolicyBook

_AREA: Final = "SELECT area_on($1, $2)::text"


class FoundArea(Struct, frozen=True):
    """What the records of the person's area say otherwise than its code; the figures are of the discharge day."""

    pooling_area: str | None = None
    pack: str | None = None
    dictionary: str | None = None
    figures: tuple[OwnFigure, ...] = ()


NO_RECORDS: Final = FoundArea()


_area = msgspec.json.Decoder(FoundArea)


async def area_on(connection: HotConnection, area_code: str, day: date) -> FoundArea:
    """What the records of an area say on a day."""
    return _area.decode(await connection.fetchval(_AREA, area_code, day))


def policy_in(book: PolicyBook, day: date, area_code: str, area: FoundArea, insurance_type: str = RESIDENTS) -> Policy:
    """The policy of an area for an insurance type on a day: of the pack that its record names, if that one covers the
    type, else of the pack that covers its code."""
    named = None if area.pack is None else book.packs.get(area.pack)
    if named is not None and insurance_type in named.insurance_types:
        return book.policy(named.name, day)
    return book.on(day, area_code, insurance_type)
