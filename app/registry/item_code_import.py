"""A hospital's own item codes from a file: a row says which catalogue item a code means, from a day on or ever since.

Rows of a good form are applied together, in one transaction; the others are told with their row and column. What a file
doesn't name stays. The same file again changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import parsed_day
from app.basics.errors import NotFound
from app.database.engine import HotConnection
from app.database.locks import Lock, hold_hot
from app.jobs import store
from app.jobs.store import JobRow, NewJob, Run, malformed
from app.registry.dated import Span, stated
from app.registry.service import may_write
from app.registry.tables import hospital
from app.service import clock
from app.service.caller import Caller, Service
from app.service.sheet import BadCell, SheetColumn, SheetRefused, SheetRow, rows
from app.service.upload import Upload
from app.service.wire import Code, code_faults

KIND: Final = "hospital_codes"
READ_ROWS: Final = 5000
COLUMNS: Final = (
    SheetColumn("hospital_item_code", ("院内项目编码", "医院项目编码", "院内编码"), required=True, kind="code"),
    SheetColumn("item_code", ("医疗目录编码", "国家编码", "目录编码"), required=True, kind="code"),
    SheetColumn("valid_from", ("生效日期", "开始日期", "起始日期")),
)


class ItemCodeOptions(Struct, forbid_unknown_fields=True):
    """What is said about a file of own codes: whose they are."""

    kind: Literal["hospital_codes"]
    hospital_code: Code


class Stated(NamedTuple):
    """A row of a file: what it says, None for its day being ever since."""

    row_no: int
    own_code: str
    item_code: str
    since: date | None


class HeldCode(NamedTuple):
    """A mapping as we know it now."""

    mapping_id: int
    span: Span[str]


def read_row(row: SheetRow) -> JobRow:
    """A row as it is stored, or why it is malformed."""
    for name, cell in row.cells.items():
        if isinstance(cell, BadCell):
            return malformed(row, name, cell.code)
    texts = {name: str(cell) for name, cell in row.cells.items()}
    for name in ("hospital_item_code", "item_code"):
        if not texts.get(name):
            return malformed(row, name, "value_missing")
        if faults := code_faults(texts[name], name):
            return malformed(row, name, faults[0].code)
    day = texts.get("valid_from", "")
    if day and parsed_day(day) is None:
        return malformed(row, "valid_from", "day_invalid")
    since = parsed_day(day)
    content = {"item_code": texts["item_code"], "since": None if since is None else since.isoformat()}
    return JobRow(row.number, content=content, reference=texts["hospital_item_code"])


def decided(
    statements: Sequence[Stated], held: Mapping[str, Sequence[HeldCode]]
) -> tuple[list[tuple[int, str, str | None]], dict[str, list[Span[str]]]]:
    """What becomes of each row (outcome and reason), and the spans afterwards of the codes that change."""
    spans = {own: [one.span for one in known] for own, known in held.items()}
    outcomes: list[tuple[int, str, str | None]] = []
    seen: set[tuple[str, date | None]] = set()
    changed: dict[str, list[Span[str]]] = {}
    for row in statements:
        if (row.own_code, row.since) in seen:
            outcomes.append((row.row_no, "duplicate", "version_repeated"))
            continue
        seen.add((row.own_code, row.since))
        before = spans.get(row.own_code, [])
        spans[row.own_code] = after = stated(before, row.since, row.item_code)
        outcome = "unchanged" if after == before else "changed" if before else "added"
        if outcome != "unchanged":
            changed[row.own_code] = after
        outcomes.append((row.row_no, outcome, None))
    return outcomes, changed


# ---------------------------------------------------------------- the job


async def queue(
    service: Service, connection: AsyncConnection, caller: Caller, upload: Upload, options: ItemCodeOptions
) -> int:
    """Queue the import of a hospital's codes; answers the job's id. NotFound for a hospital out of the caller's
    reach."""
    wanted = select(hospital.c.area_code).where(hospital.c.code == options.hospital_code)
    area_code = (await connection.execute(wanted)).scalar_one_or_none()
    if area_code is None or not may_write(caller, area_code):
        raise NotFound("not_found")
    new = NewJob(
        kind=KIND,
        options={"hospital_code": options.hospital_code},
        area_code=area_code,
        file_digest=upload.digest,
        received_at=await clock.now(connection, manual=service.manual_clock),
        path=upload.path,
    )
    return await store.add_job(service, connection, caller, new)


async def run(service: Service, run_: Run) -> None:
    """Read the file into rows, then apply them together. A refused file leaves its faults and no rows."""
    if run_.phase == "reading":
        try:
            await _read(service, run_)
        except SheetRefused as refused:
            await store.finish(service, run_, "failed", faults=refused.faults)
            return
    async with run_.transaction(service) as connection:
        await _apply(connection, run_)
    await store.finish(service, run_, "done")


async def _read(service: Service, run_: Run) -> None:
    await store.forget_rows(service, run_)
    with TemporaryDirectory(prefix="onestop-import-") as folder:
        path = Path(folder) / "file"
        await store.fetch_file(service, run_, path)
        lines: Iterator[JobRow] = map(read_row, rows(path, COLUMNS))
        while batch := list(islice(lines, READ_ROWS)):
            await store.add_rows(service, run_, batch)
    await store.rows_read(service, run_)


_STATED: Final = """
SELECT row_no, reference, content ->> 'item_code', (content ->> 'since')::date FROM job_row
 WHERE job_id = $1 AND outcome IS NULL ORDER BY row_no"""
_HELD: Final = """
SELECT hospital_item_code, mapping_id, valid_from, valid_until, item_code FROM hospital_item
 WHERE hospital_code = $1 AND superseded_at IS NULL ORDER BY valid_from NULLS FIRST"""
_SUPERSEDE: Final = """
UPDATE hospital_item SET superseded_at = clock_timestamp(), superseded_by = $2 WHERE mapping_id = ANY ($1::bigint[])"""
_ADD: Final = """
INSERT INTO hospital_item (hospital_code, hospital_item_code, item_code, valid_from, valid_until, subject, request_id)
SELECT $1, n.*, $6, $7 FROM unnest($2::text[], $3::text[], $4::date[], $5::date[]) n"""
_OUTCOMES: Final = """
UPDATE job_row r SET outcome = n.outcome, reason = n.reason
  FROM unnest($2::int[], $3::text[], $4::text[]) n(row_no, outcome, reason)
 WHERE r.job_id = $1 AND r.row_no = n.row_no"""


async def _apply(connection: HotConnection, run_: Run) -> None:
    code = run_.options["hospital_code"]
    # The very lock of a PUT of the hospital: nobody changes its codes between the look and the writing.
    await hold_hot(connection, Lock.HOSPITAL, code)
    held: dict[str, list[HeldCode]] = {}
    for own, number, since, until, item_code in await connection.fetch(_HELD, code):
        held.setdefault(own, []).append(HeldCode(number, Span(since, until, item_code)))
    statements = [Stated(*row) for row in await connection.fetch(_STATED, run_.job_id)]
    outcomes, changed = decided(statements, held)
    await _write(connection, run_, code, held, changed)
    if outcomes:
        await connection.execute(_OUTCOMES, run_.job_id, *map(list, zip(*outcomes, strict=True)))
    await connection.execute("UPDATE job SET done = total WHERE job_id = $1", run_.job_id)


async def _write(
    connection: HotConnection,
    run_: Run,
    code: str,
    held: Mapping[str, Sequence[HeldCode]],
    changed: Mapping[str, Sequence[Span[str]]],
) -> None:
    subject, request_id = run_.caller.principal.subject, run_.caller.request_id
    ended = [one.mapping_id for own, after in changed.items() for one in held.get(own, ()) if one.span not in after]
    added: list[tuple[str, str, date | None, date | None]] = [
        (own, span.value, span.since, span.until)
        for own, after in changed.items()
        for span in after
        if span not in [one.span for one in held.get(own, ())]
    ]
    if ended:
        await connection.execute(_SUPERSEDE, ended, subject)
    if added:
        await connection.execute(_ADD, code, *map(list, zip(*added, strict=True)), subject, request_id)
