"""What the registry knows that every page shows: hospitals by name, the areas that pay."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import pooling_area
from app.registry.tables import hospital


async def hospital_names(connection: AsyncConnection, codes: Iterable[str | None]) -> dict[str | None, str]:
    """The names of these hospitals, by code."""
    wanted = select(hospital.c.code, hospital.c.name).where(hospital.c.code.in_({code for code in codes if code}))
    return {row.code: row.name for row in await connection.execute(wanted)}


MOST_OFFERED: Final = 200


async def every_hospital(connection: AsyncConnection) -> list[tuple[str, str]]:
    """Code and name of the hospitals that a form offers, by name: the first ``MOST_OFFERED``."""
    wanted = select(hospital.c.code, hospital.c.name).order_by(hospital.c.name).limit(MOST_OFFERED)
    return [(row.code, row.name) for row in await connection.execute(wanted)]


async def paying_areas(connection: AsyncConnection) -> list[str]:
    """The pooling areas of the registered hospitals."""
    areas = (await connection.execute(select(hospital.c.area_code).distinct())).scalars()
    return sorted({pooling_area(area) for area in areas})
