"""The catalogue from a file: dated versions, compared with what is stored, shown as a difference, accepted or dropped.

A row is a version of an item in ``[valid_from, valid_until)``. It replaces the version of the same first day, ends an
earlier one that reaches into it, and conflicts with a later one. A file that is declared complete also ends, on a day,
whatever it doesn't name. Nothing is overwritten, and nothing is written before the acceptance. A file of an area's
caller is about the entries that the area owns, any other about those that hold everywhere.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import owner_area
from app.basics.days import NO_END, parsed_day, read_day
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.database.locks import Lock, hold
from app.jobs import store
from app.jobs.row import Job
from app.jobs.store import JobRow, NewJob, Run, malformed
from app.registry.facts import CatalogueRequest, catalogue_faults, catalogue_values
from app.registry.service import EVERY_ITEM
from app.service import clock
from app.service.caller import Caller, Service
from app.service.sheet import BadCell, SheetColumn, SheetRefused, SheetRow, rows
from app.service.upload import Upload
from app.service.wire import Code, Day, decode
from app.tiers.model import LEVELS

KIND: Final = "catalogue"
READ_ROWS: Final = 5000
REFUSED: Final = ("malformed", "duplicate", "conflicting")

COLUMNS: Final = (
    SheetColumn("item_code", ("医疗目录编码", "项目编码", "目录编码", "国家编码"), required=True, kind="code"),
    SheetColumn("name", ("项目名称", "名称", "通用名"), required=True),
    SheetColumn("kind", ("项目种类", "目录类别", "种类"), required=True),
    SheetColumn("class", ("甲乙丙类", "收费项目等级", "等级", "类别"), required=True),
    SheetColumn("first_pay_ratio", ("先行自付比例", "自付比例"), kind="rate"),
    *(
        SheetColumn(f"ceiling_{level}", (f"{name}级最高限价", f"{name}级限价"), kind="number")
        for level, name in zip("123", "一二三", strict=True)
    ),
    SheetColumn("restricted", ("限制使用", "限制使用标志")),
    SheetColumn("valid_from", ("生效日期", "开始日期", "起始日期"), required=True),
    SheetColumn(
        "valid_until",
        ("失效日期", "结束日期", "终止日期", "截止日期", "截止"),
        kind="end",
        included=("结束日期", "终止日期", "截止日期", "截止"),
    ),
)
WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "kind": {"药品": "drug", "西药": "drug", "中成药": "drug", "耗材": "material",
             "医用耗材": "material", "材料": "material", "诊疗": "service", "诊疗项目": "service",
             "医疗服务": "service", "医疗服务项目": "service"},
    "class": {"甲": "A", "甲类": "A", "01": "A", "乙": "B", "乙类": "B", "02": "B", "丙": "C", "丙类": "C", "03": "C"},
    "restricted": {"": False, "否": False, "0": False, "false": False, "是": True, "1": True, "true": True},
}  # fmt: skip
DEFAULT_RATIO: Final[Mapping[str, str]] = {"A": "0", "C": "1"}


class CatalogueOptions(Struct, forbid_unknown_fields=True):
    """What is said about a catalogue: whether it is complete, and then the day on which what it lacks ends."""

    kind: Literal["catalogue"] = "catalogue"
    complete: Literal["true", "false"] = "false"
    effective_on: Day | None = None


class _Entry(CatalogueRequest):
    """A version with its code."""

    item_code: Code = ""


def read_row(row: SheetRow) -> JobRow:
    """A row as it is stored: the columns of its version; or why it is malformed."""
    for name, cell in row.cells.items():
        if isinstance(cell, BadCell):
            return malformed(row, name, cell.code)
    texts = {name: str(cell) for name, cell in row.cells.items()}
    wanted = {name: WORDS[name].get(texts.get(name, ""), texts.get(name, "")) for name in WORDS}
    wanted |= {name: texts[name] for name in ("item_code", "name")}
    wanted["first_pay_ratio"] = texts.get("first_pay_ratio") or DEFAULT_RATIO.get(wanted["class"], "")
    for name in ("valid_from", "valid_until"):
        day = parsed_day(texts.get(name, ""))
        endless = name == "valid_until" and read_day(texts.get(name, "")) in NO_END
        if day is None and texts.get(name) and not endless:
            return malformed(row, name, "day_invalid")
        wanted[name] = day
    wanted["ceilings"] = {str(level): texts.get(f"ceiling_{level}") or None for level in LEVELS}
    try:
        entry = decode(msgspec.json.encode(wanted), _Entry)
        if faults := catalogue_faults(entry):
            raise Refused(faults)
    except Refused as refused:
        fault = refused.faults[0]
        field = fault.pointer.removeprefix("/").replace("ceilings/", "ceiling_")
        missing = not texts.get(field) and fault.code not in ("ratio_for_class_a", "interval_empty")
        return malformed(row, field, "value_missing" if missing else fault.code)
    return JobRow(row.number, content=catalogue_values(entry.item_code, entry), reference=entry.item_code)


# ---------------------------------------------------------------- the difference

_FIELDS: Final = (
    "item_code text, name text, kind text, class text, first_pay_ratio smallint, ceiling_1 bigint, ceiling_2 bigint,"
    " ceiling_3 bigint, restricted boolean, valid_from date, valid_until date"
)
_CONTENT: Final = (
    "name, {0}.kind, {0}.class, {0}.first_pay_ratio, {0}.ceiling_1, {0}.ceiling_2, {0}.ceiling_3, {0}.restricted"
)
_SAME: Final = f"(s.{_CONTENT.format('s')}) IS NOT DISTINCT FROM (f.{_CONTENT.format('f')})"
_ELSEWHERE: Final = "e.superseded_at IS NULL AND e.area_code = f.owner AND e.valid_from <> ALL (f.days)"
_OF_FILE: Final = "r.job_id = $1 AND r.outcome IS DISTINCT FROM 'malformed' AND r.reason IS DISTINCT FROM 'not_in_file'"
# A day between two versions on which none is valid is a mistake about the last day: told before anything is accepted.
_GAP: Final = f"""(f.next_from IS NOT DISTINCT FROM f.valid_until + 1 AND f.next_from IS NOT NULL OR EXISTS (
                SELECT FROM catalogue_entry e WHERE e.item_code = f.item_code AND {_ELSEWHERE}
                   AND (e.valid_from = f.valid_until + 1 OR e.valid_until = f.valid_from - 1)))"""
# f: versions of the file; s: the stored one of the same first day; cut: an earlier one that reaches into it.
_COMPARED: Final = f"""
f AS (
  SELECT r.row_no, j.area_code AS owner, v.*, row_number() OVER same_day AS nth,
         lead(v.valid_from) OVER by_day AS next_from,
         array_agg(v.valid_from) OVER (PARTITION BY v.item_code) AS days
    FROM job_row r JOIN job j USING (job_id), jsonb_to_record(r.content) AS v({_FIELDS}) WHERE {_OF_FILE}
  WINDOW same_day AS (PARTITION BY v.item_code, v.valid_from ORDER BY r.row_no),
         by_day AS (PARTITION BY v.item_code ORDER BY v.valid_from, r.row_no)),
compared AS MATERIALIZED (
  SELECT f.*, s.entry_id AS same_id, cut.entry_id AS cut_id, {_GAP} AS gap,
         CASE WHEN f.nth > 1 THEN 'duplicate'
              WHEN (f.next_from > f.valid_from AND f.next_from < coalesce(f.valid_until, 'infinity')) OR EXISTS (
                SELECT FROM catalogue_entry e WHERE e.item_code = f.item_code AND e.valid_from > f.valid_from
                   AND e.valid_from < coalesce(f.valid_until, 'infinity') AND {_ELSEWHERE}) THEN 'conflicting'
              WHEN {_GAP} THEN 'conflicting'
              WHEN s.entry_id IS NULL AND cut.entry_id IS NULL THEN 'added'
              WHEN s.entry_id IS NULL OR NOT {_SAME} THEN 'changed'
              WHEN s.valid_until IS NOT DISTINCT FROM f.valid_until THEN 'unchanged'
              WHEN f.valid_until < coalesce(s.valid_until, 'infinity') THEN 'ended'
              ELSE 'changed' END AS outcome
    FROM f
    LEFT JOIN catalogue_entry s ON s.item_code = f.item_code AND s.area_code = f.owner AND s.valid_from = f.valid_from
                                   AND s.superseded_at IS NULL
    LEFT JOIN LATERAL (
      SELECT e.entry_id FROM catalogue_entry e WHERE e.item_code = f.item_code AND e.valid_from < f.valid_from
         AND coalesce(e.valid_until, 'infinity') > f.valid_from AND {_ELSEWHERE} LIMIT 1) cut ON true)"""
# What is to be written stands in the row from now on: the version that it replaces, and the one that it cuts.
_OUTCOMES: Final = f"""
WITH {_COMPARED}
UPDATE job_row r SET outcome = c.outcome,
       reason = CASE WHEN c.outcome = 'duplicate' THEN 'version_repeated'
                     WHEN c.outcome = 'conflicting' THEN CASE WHEN c.gap THEN 'catalogue_gap'
                                                              ELSE 'catalogue_overlap' END END,
       content = r.content || jsonb_build_object('same_id', c.same_id, 'cut_id', c.cut_id)
  FROM compared c WHERE r.job_id = $1 AND r.row_no = c.row_no"""
_ENDED: Final = """
INSERT INTO job_row (job_id, row_no, content, outcome, reason, reference)
SELECT $1, (SELECT max(row_no) FROM job_row WHERE job_id = $1) + row_number() OVER (ORDER BY e.item_code),
       jsonb_build_object('cut_id', e.entry_id, 'valid_from', $2::date), 'ended', 'not_in_file', e.item_code
  FROM catalogue_entry e
 WHERE e.superseded_at IS NULL AND e.area_code = (SELECT area_code FROM job WHERE job_id = $1)
   AND e.valid_from < $2 AND (e.valid_until IS NULL OR e.valid_until > $2)
   AND NOT EXISTS (SELECT FROM job_row r WHERE r.job_id = $1 AND r.reference = e.item_code)"""


async def queue(
    service: Service, connection: AsyncConnection, caller: Caller, upload: Upload, options: CatalogueOptions
) -> int:
    """Queue the comparison of a catalogue file; returns the job's id. Refused for a complete one without its day."""
    if caller.principal.hospital_code is not None:
        raise NotFound("not_found")
    complete = options.complete == "true"
    if complete != (options.effective_on is not None):
        raise Refused([Fault("/effective_on" if complete else "/complete", "missing")])
    new = NewJob(
        kind=KIND,
        options={"effective_on": None if options.effective_on is None else options.effective_on.isoformat()},
        area_code=owner_area(caller.principal.area_code),
        file_digest=upload.digest,
        received_at=await clock.now(connection, manual=service.manual_clock),
        path=upload.path,
    )
    return await store.add_job(service, connection, caller, new)


async def run(service: Service, run_: Run) -> None:
    """Read the file into rows and compare them, then propose the job. A refused file leaves its faults and no rows."""
    if run_.phase == "reading":
        try:
            await _read(service, run_)
        except SheetRefused as refused:
            await store.finish(service, run_, "failed", faults=refused.faults)
            return
    async with run_.transaction(service) as connection:
        await connection.execute("SET LOCAL statement_timeout = '10min'")
        await connection.execute("DELETE FROM job_row WHERE job_id = $1 AND reason = 'not_in_file'", run_.job_id)
        await connection.execute(_OUTCOMES, run_.job_id)
        if run_.options["effective_on"] is not None:
            await connection.execute(_ENDED, run_.job_id, date.fromisoformat(run_.options["effective_on"]))
        await connection.execute("UPDATE job SET done = total WHERE job_id = $1", run_.job_id)
    await store.finish(service, run_, "proposed")


async def _read(service: Service, run_: Run) -> None:
    await store.forget_rows(service, run_)
    with TemporaryDirectory(prefix="onestop-import-") as folder:
        path = Path(folder) / "file"
        await store.fetch_file(service, run_, path)
        lines: Iterator[JobRow] = map(read_row, rows(path, COLUMNS))
        while batch := list(islice(lines, READ_ROWS)):
            await store.add_rows(service, run_, batch)
    await store.rows_read(service, run_)


# ---------------------------------------------------------------- the acceptance

_MOVED: Final = text(f"""
WITH {_COMPARED.replace("$1", ":job_id")}
SELECT (SELECT count(*) FROM compared c JOIN job_row r ON r.job_id = :job_id AND r.row_no = c.row_no
         WHERE (r.outcome, (r.content ->> 'same_id')::bigint, (r.content ->> 'cut_id')::bigint)
               IS DISTINCT FROM (c.outcome, c.same_id, c.cut_id))
     + (SELECT count(*) FROM job_row r LEFT JOIN catalogue_entry e
            ON e.entry_id = (r.content ->> 'cut_id')::bigint AND e.superseded_at IS NULL
         WHERE r.job_id = :job_id AND r.reason = 'not_in_file' AND e.entry_id IS NULL)""")
_WRITES: Final = "r.job_id = :job_id AND r.outcome IN ('added', 'changed', 'ended')"
_SUPERSEDE: Final = text(f"""
UPDATE catalogue_entry SET superseded_at = clock_timestamp(), superseded_by = :subject
 WHERE entry_id IN (SELECT v.entry_id FROM job_row r, unnest(ARRAY[(r.content ->> 'same_id')::bigint,
                           (r.content ->> 'cut_id')::bigint]) AS v(entry_id) WHERE {_WRITES})""")
_ADD: Final = text(f"""
INSERT INTO catalogue_entry (area_code, item_code, name, kind, class, first_pay_ratio, ceiling_1, ceiling_2, ceiling_3,
                             restricted, valid_from, valid_until, subject, request_id)
SELECT e.area_code, e.item_code, e.name, e.kind, e.class, e.first_pay_ratio, e.ceiling_1, e.ceiling_2, e.ceiling_3,
       e.restricted, e.valid_from, (r.content ->> 'valid_from')::date, :subject, :request_id
  FROM job_row r JOIN catalogue_entry e ON e.entry_id = (r.content ->> 'cut_id')::bigint WHERE {_WRITES}
UNION ALL
SELECT j.area_code, v.*, :subject, :request_id
  FROM job_row r JOIN job j USING (job_id), jsonb_to_record(r.content) AS v({_FIELDS})
 WHERE {_WRITES} AND r.reason IS NULL""")


async def accept(connection: AsyncConnection, caller: Caller, job: Job) -> None:
    """Write a proposed catalogue, whole, in the caller's transaction.

    Conflict ``import_has_faults`` while a row is at fault, ``diff_outdated`` when the catalogue has changed since the
    comparison.
    """
    if any(job.summary.get(outcome) for outcome in REFUSED):
        raise Conflict("import_has_faults")
    names = {"job_id": job.job_id}
    # Alone among the writers of the catalogue: the difference that was shown is the one that is written.
    await hold(connection, Lock.CATALOGUE_ITEM, EVERY_ITEM)
    await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
    if (await connection.execute(_MOVED, names)).scalar_one():
        raise Conflict("diff_outdated")
    written_by = {"subject": caller.principal.subject, "request_id": caller.request_id}
    await connection.execute(_SUPERSEDE, names | {"subject": caller.principal.subject})
    await connection.execute(_ADD, names | written_by)
