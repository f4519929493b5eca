"""What the registry knows that every page shows: hospitals by name, the areas that pay."""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import pooling_area
from app.basics.errors import Fault, Refused
from app.registry.tables import area, hospital


async def hospital_names(connection: AsyncConnection, codes: Iterable[str | None]) -> dict[str | None, str]:
    """The names of these hospitals, by code."""
    wanted = select(hospital.c.code, hospital.c.name).where(hospital.c.code.in_({code for code in codes if code}))
    return {row.code: row.name for row in await connection.execute(wanted)}


MOST_ALIKE: Final = 20


async def hospitals_like(connection: AsyncConnection, typed: str) -> list[tuple[str, str]]:
    """Code and name of the one hospital with this code or name; else of those that have it as a part of their name,
    by name: at most ``MOST_ALIKE``."""
    text = typed.strip()
    codes, names = hospital.c.code, hospital.c.name
    either = or_(codes == text, names.contains(text, autoescape=True))
    wanted = select(codes, names).where(either).order_by((codes == text).desc(), (names == text).desc(), names)
    found = [(row.code, row.name) for row in await connection.execute(wanted.limit(MOST_ALIKE))]
    return found[:1] if found and text in found[0] else found


async def hospital_meant(connection: AsyncConnection, typed: str) -> str:
    """The code of the one hospital that has this name, or whose name has it as a part; else what was typed, as a code
    that the service takes or refuses."""
    found = await hospitals_like(connection, typed)
    return found[0][0] if len(found) == 1 else typed.strip()


async def hospital_typed(connection: AsyncConnection, form: Mapping[str, str]) -> dict[str, str]:
    """A form with the code of the hospital whose name or code was typed. Refused ``unknown_hospital`` when none or
    several have it; what was left empty stays so."""
    typed = form.get("hospital_code", "")
    if not typed:
        return dict(form)
    code = await hospital_meant(connection, typed)
    if (await connection.execute(select(hospital.c.code).where(hospital.c.code == code))).first() is None:
        raise Refused([Fault("/hospital_code", "unknown_hospital")])
    return {**form, "hospital_code": code}


MOST_OFFERED: Final = 200
MOST_AREAS: Final = 1000


async def every_hospital(connection: AsyncConnection) -> list[tuple[str, str]]:
    """Code and name of the hospitals that a form offers, by name: the first ``MOST_OFFERED``."""
    wanted = select(hospital.c.code, hospital.c.name).order_by(hospital.c.name).limit(MOST_OFFERED)
    return [(row.code, row.name) for row in await connection.execute(wanted)]


async def area_names(connection: AsyncConnection) -> dict[str, str]:
    """The names of the areas that are registered, by code: the first ``MOST_AREAS``."""
    wanted = select(area.c.area_code, area.c.name).where(area.c.superseded_at.is_(None)).order_by(area.c.area_code)
    return {row.area_code: row.name for row in await connection.execute(wanted.limit(MOST_AREAS))}


async def paying_areas(connection: AsyncConnection) -> list[str]:
    """The pooling areas of the registered hospitals."""
    areas = (await connection.execute(select(hospital.c.area_code).distinct())).scalars()
    return sorted({pooling_area(one) for one in areas})
