"""From a list to a file: page behind page is read and written, none is kept in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from app.basics.days import SHANGHAI
from app.basics.errors import Fault, Refused, TooLarge
from app.exports.lists import LISTS
from app.service import clock
from app.service.audit import noted
from app.service.caller import Caller, Service
from app.service.columns import ListColumn, filters_text
from app.service.export import CsvList, XlsxList
from app.service.lists import AnyList, Filters, every_page
from app.service.wire import decode

Format = Literal["xlsx", "csv"]
DIRECT_ROWS: Final = 20_000
MOST_ROWS: Final = 1_000_000  # a sheet has 1,048,576

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported: a list, narrowed by filters of its own, in a format."""

    name: str
    format: Format
    filters: Filters

    @property
    def list(self) -> AnyList:
        """The list by its name."""
        return LISTS[self.name]

    @property
    def given(self) -> dict[str, object]:
        """The filters that were given, by their outside names."""
        given: dict[str, object] = msgspec.to_builtins(self.filters)
        return given


def export_of(name: str, format_: Format, filters: Mapping[str, object], *, pointer: str) -> Export:
    """An export of a known list; Refused with every fault of the filters, each under ``pointer``."""
    try:
        return Export(name, format_, decode(msgspec.json.encode(filters), LISTS[name].filters))
    except Refused as refused:
        faults = [Fault(pointer + fault.pointer, fault.code, fault.values) for fault in refused.faults]
        raise Refused(faults) from None


async def write_list(
    service: Service, caller: Caller, export: Export, path: Path, *, most: int, told: Told | None = None
) -> int:
    """Write the list within the caller's reach to a path; how many rows it has. ``told``: after each page, the rows
    so far.

    TooLarge ``export_too_long`` for more rows than ``most``. The title names list, filters and the business time.
    """
    columns, count = export.list.columns, 0
    headings = [column.file_column for column in columns]
    with path.open("w+b") as binary:
        file = (CsvList if export.format == "csv" else XlsxList)(binary, headings, _title(export, await _now(service)))
        try:
            async for rows in every_page(export.list, service, caller, export.filters):
                count += len(rows)
                noted().saw(rows)
                if count > most:
                    raise TooLarge("export_too_long", values={"limit": str(most)})
                await asyncio.to_thread(_add, file, rows, columns)
                if told is not None:
                    await told(count)
        finally:
            await asyncio.to_thread(file.close)
    return count


def _add(file: CsvList | XlsxList, rows: Sequence[Struct], columns: Sequence[ListColumn]) -> None:
    file.add([column.cell(row) for column in columns] for row in rows)


async def _now(service: Service) -> datetime:
    async with service.database.transaction() as connection:
        return await clock.now(connection, manual=service.manual_clock)


def _title(export: Export, now: datetime) -> str:
    narrowed = filters_text(export.given) or "无"
    return f"{export.list.title['zh']}　条件：{narrowed}　导出时间：{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
