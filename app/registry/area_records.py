"""Records of areas: what one does otherwise than its code says. Who pools its funds, which pack rules it, its
dictionary for the national interface, and dated figures of its own such as a county's income.

A record counts for the counties below it that say nothing of their own. A settlement keeps the figures that it used.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Fault, NotFound
from app.basics.money import parsed, yuan
from app.database.locks import Lock, hold
from app.registry.dated import correct, current, overlapping
from app.registry.facts import GivenName, interval_faults
from app.registry.service import may_write, refuse
from app.registry.tables import area, area_figure
from app.service.caller import Caller, Service
from app.service.conditions import hold_to
from app.service.http import open_request
from app.service.wire import AreaCode, Code, Day, EndDay, Money
from app.tiers.policy import can_be_own

MAX_FIGURES: Final = 200
RECORD: Final = ("name", "pooling_area", "pack", "dictionary")
Source = Annotated[str, Meta(max_length=200)]


class AreaFigure(Struct, forbid_unknown_fields=True, frozen=True):
    """A figure of an area's own in [from, until), yuan, in the place of a parameter of its pack: ``safety_net.own_cap``
    is the rural per-capita disposable income. ``document`` and ``clause`` say where it stands; ``assumed``: it wasn't
    seen."""

    parameter: Code
    amount: Money
    from_: Day = field(name="from")
    document: Annotated[Source, Meta(min_length=1)]
    until: EndDay | None = None
    clause: Source = ""
    status: Literal["enacted", "assumed"] = "enacted"


class AreaRecordRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/areas/{area_code}``: the state wanted. What isn't sent stays as it is known, at first as
    the code says; null, or an empty list, takes it away."""

    name: GivenName
    pooling_area: AreaCode | UnsetType | None = UNSET
    pack: Code | UnsetType | None = UNSET
    dictionary: Code | UnsetType | None = UNSET
    incomes: Annotated[list[AreaFigure], Meta(max_length=MAX_FIGURES)] | UnsetType = UNSET


class AreaAnswer(Struct):
    """An area's record; its own figures by parameter and first day."""

    area_code: str
    name: str
    pooling_area: str | None
    pack: str | None
    dictionary: str | None
    incomes: list[AreaFigure]


async def put_area(service: Service, caller: Caller, area_code: str, wanted: AreaRecordRequest) -> AreaAnswer:
    """Bring an area's record to the state wanted; what was known before is kept. Refused with every fault; NotFound for
    an area out of reach, whose funds can't be made to pay either. What was settled stays: a readjudication takes other
    packs and figures into account, not another payer."""
    refuse(_faults(service, area_code, wanted))
    key = {"area_code": area_code}
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if not may_write(caller, area_code) or not may_write(caller, wanted.pooling_area or area_code):
            raise NotFound("not_found")
        await hold(connection, Lock.AREA_RECORD, area_code)
        known = await _read(connection, area_code)
        await hold_to(caller.if_match, lambda: _own_record(connection, area_code))
        record = {name: _wanted(getattr(wanted, name), getattr(known, name, None)) for name in RECORD}
        await correct(connection, caller, area, key, [record])
        if not isinstance(wanted.incomes, UnsetType):
            await correct(connection, caller, area_figure, key, [_figure_row(one) for one in wanted.incomes])
        answer = await _read(connection, area_code)
    assert answer is not None
    return answer


def _wanted(sent: str | UnsetType | None, known: str | None) -> str | None:
    """What a member of a record shall be: as it is known where it wasn't sent."""
    return known if isinstance(sent, UnsetType) else sent


async def read_area(service: Service, caller: Caller, area_code: str) -> AreaAnswer:
    """An area's own record, or NotFound."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await _own_record(connection, area_code)


async def _own_record(connection: AsyncConnection, area_code: str) -> AreaAnswer:
    found = await _read(connection, area_code)
    if found is None:
        raise NotFound("not_found")
    return found


async def _read(connection: AsyncConnection, area_code: str) -> AreaAnswer | None:
    key = {"area_code": area_code}
    rows = await current(connection, area, key)
    if not rows:
        return None
    figures = [_figure(row) for row in await current(connection, area_figure, key)]
    figures.sort(key=lambda one: (one.parameter, one.from_))
    return AreaAnswer(area_code=area_code, **{name: rows[0][name] for name in RECORD}, incomes=figures)


def _figure_row(figure: AreaFigure) -> dict[str, object]:
    own = {name: getattr(figure, name) for name in ("parameter", "document", "clause", "status")}
    return own | {"amount": parsed(figure.amount, 2), "valid_from": figure.from_, "valid_until": figure.until}


def _figure(row: RowMapping) -> AreaFigure:
    return AreaFigure(
        row["parameter"],
        yuan(row["amount"]),
        row["valid_from"],
        row["document"],
        row["valid_until"],
        row["clause"],
        row["status"],
    )


def _faults(service: Service, area_code: str, wanted: AreaRecordRequest) -> list[Fault]:
    faults = []
    if len(area_code) != 6 or not area_code.isascii() or not area_code.isdigit():
        faults.append(Fault("/area_code", "text_format"))
    if wanted.pack and wanted.pack not in service.book.packs:
        faults.append(Fault("/pack", "pack_unknown"))
    incomes = wanted.incomes or []
    for index, one in enumerate(incomes):
        packs = service.book.packs.values()
        if not any(can_be_own(pack.parameters[one.parameter]) for pack in packs if one.parameter in pack.parameters):
            faults.append(Fault(f"/incomes/{index}/parameter", "parameter_unknown"))
        faults += interval_faults(one.from_, one.until, f"/incomes/{index}/until")
    return faults + _overlaps(incomes)


def _overlaps(figures: list[AreaFigure]) -> list[Fault]:
    faults = []
    for parameter in sorted({one.parameter for one in figures}):
        indexes = [index for index, one in enumerate(figures) if one.parameter == parameter]
        meeting = overlapping([(figures[index].from_, figures[index].until) for index in indexes])
        faults += [Fault(f"/incomes/{indexes[position]}", "period_overlap") for position in meeting]
    return faults
