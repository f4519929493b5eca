"""From a list to a file: page behind page is read and written, none is kept in memory.

A file is for people: headings and words are in the reader's language, names stand beside codes, and it has the columns
that they chose. Programs read the list itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import select

from app.basics.classes import ClassWords
from app.basics.days import SHANGHAI
from app.basics.errors import Fault, Language, Refused, TooLarge
from app.exports.lists import LISTS
from app.registry.tables import hospital
from app.service import clock
from app.service.audit import noted
from app.service.caller import Caller, Service
from app.service.columns import BESIDE, ListColumn, filters_text
from app.service.export import Column, CsvList, XlsxList
from app.service.http import open_request
from app.service.lists import AnyList, Filters, every_page
from app.service.wire import decode
from app.service.words import worded

Format = Literal["xlsx", "csv"]
DIRECT_ROWS: Final = 20_000
MOST_ROWS: Final = 1_000_000  # a sheet has 1,048,576

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported: a list, narrowed by filters of its own, in a format; with these members as columns, all
    of the list's without any."""

    name: str
    format: Format
    filters: Filters
    members: tuple[str, ...] = ()

    @property
    def list(self) -> AnyList:
        """The list by its name."""
        return LISTS[self.name]

    @property
    def given(self) -> dict[str, object]:
        """The filters that were given, by their outside names."""
        given: dict[str, object] = msgspec.to_builtins(self.filters)
        return given

    @property
    def columns(self) -> tuple[ListColumn, ...]:
        """The columns that were chosen, in the list's order."""
        return tuple(one for one in self.list.columns if not self.members or one.path in self.members)


def export_of(
    name: str, format_: Format, filters: Mapping[str, object], *, pointer: str, members: Sequence[str] = ()
) -> Export:
    """An export of a known list; Refused with every fault of the filters, each under ``pointer``, and with
    ``not_in_list`` for a column that it hasn't."""
    known = {one.path for one in LISTS[name].columns}
    values = {"allowed": ", ".join(sorted(known))}
    place = pointer.rpartition("/")[0] if pointer == "/filters" else pointer
    faults = [Fault(f"{place}/columns", "not_in_list", values) for one in members if one not in known][:1]
    try:
        found = decode(msgspec.json.encode(filters), LISTS[name].filters)
    except Refused as refused:
        faults += [Fault(pointer + fault.pointer, fault.code, fault.values) for fault in refused.faults]
    if faults:
        raise Refused(faults)
    return Export(name, format_, found, tuple(members))


@dataclass(frozen=True, slots=True)
class Cells:
    """How rows become cells in a language. ``classes``: what packs' own benefit classes are called; ``names`` are the
    hospitals' that were met so far."""

    columns: tuple[ListColumn, ...]
    language: Language
    classes: Mapping[str, ClassWords]
    names: dict[str, str] = field(default_factory=dict)

    def headings(self) -> list[Column]:
        """A heading for each column, and for the names beside codes."""
        found = []
        for one in self.columns:
            found.append(one.file_column(self.language))
            if one.path in BESIDE:
                found.append(Column(BESIDE[one.path][self.language == "en"]))
        return found

    def of(self, row: Struct) -> list[object]:
        """The row's cells."""
        found: list[object] = []
        for one in self.columns:
            found.append(one.cell(row, self.language, self.classes))
            if one.path in BESIDE:
                found.append(self._name(one.path, one.value(row)))
        return found

    def _name(self, member: str, value: object) -> str | None:
        if value is None:
            return None
        code = str(value)
        if member == "hospital_code":
            return self.names.get(code)
        words = worded(member, code, self.language)
        return None if words == code else words

    async def meet(self, service: Service, caller: Caller, rows: Sequence[Struct]) -> None:
        """Read the names of the hospitals of rows that weren't met before, within the caller's reach."""
        if not any(one.path == "hospital_code" for one in self.columns):
            return
        codes = {str(code) for row in rows if (code := getattr(row, "hospital_code", None))} - self.names.keys()
        if not codes:
            return
        async with service.database.transaction() as connection:
            await open_request(service, connection, caller)
            wanted = select(hospital.c.code, hospital.c.name).where(hospital.c.code.in_(codes))
            self.names.update({row.code: row.name for row in await connection.execute(wanted)})


async def write_list(
    service: Service, caller: Caller, export: Export, path: Path, *, most: int, told: Told | None = None
) -> int:
    """Write the list within the caller's reach to a path; how many rows it has. ``told``: after each page, the rows
    so far.

    TooLarge ``export_too_long`` for more rows than ``most``. The title names list, filters and the business time.
    """
    cells, count = Cells(export.columns, caller.language, service.book.classes), 0
    title = _title(export, await _now(service), caller.language)
    with path.open("w+b") as binary:
        kind = CsvList if export.format == "csv" else XlsxList
        file = kind(binary, cells.headings(), title, caller.language)
        try:
            async for rows in every_page(export.list, service, caller, export.filters):
                count += len(rows)
                noted().saw(rows)
                if count > most:
                    raise TooLarge("export_too_long", values={"limit": str(most)})
                await cells.meet(service, caller, rows)
                await asyncio.to_thread(file.add, map(cells.of, rows))
                if told is not None:
                    await told(count)
        finally:
            await asyncio.to_thread(file.close)
    return count


async def _now(service: Service) -> datetime:
    async with service.database.transaction() as connection:
        return await clock.now(connection, manual=service.manual_clock)


def _title(export: Export, now: datetime, language: Language) -> str:
    narrowed, at = filters_text(export.given, language), f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if language == "en":
        return f"{export.list.title['en']}　Filters: {narrowed or 'none'}　Exported: {at}"
    return f"{export.list.title['zh']}　条件：{narrowed or '无'}　导出时间：{at}"
