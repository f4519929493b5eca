"""The poverty list: rows matched with insured persons, and what a matched row makes of the person's identities.

Three kinds of list. ``list`` says who belongs to a class since when, ``exit`` who has left the list (benefits go on
until a correction, or the pack, ends the class), ``correction`` who should not be on it from a day on. Nothing is
overwritten: identities are superseded and added, with the list as their evidence. A list that was applied before
changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.classes import written_as
from app.basics.days import parsed_day, shanghai_day
from app.basics.errors import Fault, NotFound, Refused, Unavailable
from app.basics.ids import JOB
from app.database.engine import HotConnection
from app.jobs import store
from app.jobs.store import JobRow, NewJob, Run, malformed
from app.registry.facts import name_and_birth, normal_id_number
from app.registry.paying_area import area_on, policy_in
from app.registry.service import may_write, raw_connection
from app.registry.worklists import add_candidates
from app.service import clock
from app.service.caller import Caller, Service
from app.service.security import Keys, birth_date, blind_index_candidates, valid_id_number
from app.service.sheet import BadCell, SheetColumn, SheetRefused, SheetRow, rows
from app.service.upload import Upload
from app.service.wire import AreaCode, Day

KIND: Final = "poverty_list"
ListKind = Literal["list", "exit", "correction"]
READ_ROWS: Final = 5000
APPLY_ROWS: Final = 500  # persons whose lock one transaction may hold
RETRIES: Final = 5
FAR_FUTURE: Final = timedelta(days=366)  # nobody is listed so long before: the year is a slip

MATCH_DAYS: Final = "registry.match_days"
AFTER_EXIT: Final = "registry.benefits_after_exit"  # keep, or end: then the class ends on the day of the exit


class ListOptions(Struct, forbid_unknown_fields=True):
    """What is said about a list: its kind, its area (the token's without one), the day it was received (today)."""

    kind: ListKind = "list"
    area_code: AreaCode | None = None
    received_on: Day | None = None


COLUMNS: Final = (
    SheetColumn(
        "id_number", ("身份证号", "身份证号码", "证件号码", "公民身份号码", "ID number"), required=True, kind="code"
    ),
    SheetColumn("name", ("姓名", "人员姓名", "名字")),
    SheetColumn("birth_date", ("出生日期", "出生年月日", "birth date", "date of birth")),
    SheetColumn("class", ("人员类别", "身份类别", "对象类别", "benefit class", "类别"), required=True),
    SheetColumn("from", ("认定日期", "生效日期", "起始日期", "开始日期", "since")),
    SheetColumn("exited_on", ("退出日期", "脱贫日期", "exited on")),
    SheetColumn(
        "until", ("清退日期", "终止日期", "截止日期", "截止"), kind="end", included=("终止日期", "截止日期", "截止")
    ),
)
DAY_COLUMN: Final[Mapping[str, str]] = {"list": "from", "exit": "exited_on", "correction": "until"}


# ---------------------------------------------------------------- what a row says (pure)


def read_row(keys: Keys, row: SheetRow, kind: str, received_on: date, classes: Mapping[str, str]) -> JobRow:
    """A row as it is stored: keyed digests to match with, class and day; or why it is malformed. ``classes``: the class
    that is meant by what is written."""
    cells = row.cells
    for name, cell in cells.items():
        if isinstance(cell, BadCell):
            return malformed(row, name, cell.code)
    texts = {name: str(cell) for name, cell in cells.items()}
    class_ = classes.get(texts["class"].casefold())
    if class_ is None:
        return malformed(row, "class", "class_unknown" if texts["class"] else "value_missing")
    day_name = DAY_COLUMN[kind]
    day = parsed_day(texts.get(day_name, "")) if texts.get(day_name) else received_on
    if day is None:
        return malformed(row, day_name, "day_invalid")
    if day_name != "until" and day > received_on + FAR_FUTURE:
        return malformed(row, day_name, "day_far_future")
    id_number, name = normal_id_number(texts["id_number"].replace(" ", "")), texts.get("name", "")
    if id_number and not valid_id_number(id_number):
        return malformed(row, "id_number", "digits_lost" if id_number.endswith("000") else "id_number_invalid")
    born = birth_date(id_number) if id_number else parsed_day(texts.get("birth_date", ""))
    if not id_number and not (name and born):
        return malformed(row, "id_number", "value_missing")
    ids = blind_index_candidates(keys, id_number) if id_number else ()
    names = blind_index_candidates(keys, name_and_birth(name, born)) if name and born else ()
    return JobRow(
        row.number,
        ids[0] if ids else None,
        names[0] if names else None,
        {"class": class_, "day": day.isoformat()},
        former_id_numbers=list(ids[1:]) or None,
        former_name_births=list(names[1:]) or None,
    )


# ---------------------------------------------------------------- what becomes of it (pure)


class MatchedRow(NamedTuple):
    """What the registry knows for a row: the person by id number and whether the name agrees, persons by name and birth
    date (at most two), and whether an earlier row of the list has the same id number and class."""

    row_no: int
    class_: str
    day: date
    has_id_number: bool
    by_id_number: str | None
    name_agrees: bool
    by_name: list[str]
    repeated: bool


class HeldIdentity(NamedTuple):
    """A current identity of a person."""

    identity_id: int
    valid_from: date
    valid_until: date | None
    exited_on: date | None


class Change(NamedTuple):
    """What becomes of a person's identities of one class: some are superseded, one may be added; the days that
    change."""

    superseded: tuple[int, ...]
    added: HeldIdentity | None
    since: date | None = None
    until: date | None = None


def outcome_of(found: MatchedRow) -> tuple[str, str | None, str | None]:
    """Outcome, reason and person of a row. Another id number under the same name and birth date is never a match."""
    if found.repeated:
        return "duplicate", "row_repeated", found.by_id_number
    if found.by_id_number is not None:
        if found.name_agrees:
            return "matched", None, found.by_id_number
        return "conflicting", "name_differs", found.by_id_number
    if not found.by_name:
        return "unmatched", "person_not_found", None
    if len(found.by_name) > 1:
        return "conflicting", "several_persons", None
    if found.has_id_number:
        return "conflicting", "id_number_differs", found.by_name[0]
    return "matched", "by_name_and_birth", found.by_name[0]


def change_of(
    kind: str, day: date, held: Sequence[HeldIdentity], *, known: bool, after_exit: str = "keep"
) -> Change | str:
    """The change that a matched row asks for, or the reason why there is none.

    ``held``: the person's current identities of the row's class. ``known``: the person ever had one, also superseded.
    ``after_exit``: what the pack says of benefits, ``keep`` or ``end``.
    """
    if kind == "list":
        return _entry(day, held)
    if kind == "exit" and after_exit == "keep":
        return _exit(day, held)
    return _removal(day, held, known=known)


def _entry(day: date, held: Sequence[HeldIdentity]) -> Change | str:
    overlapping = [one for one in held if one.valid_until is None or one.valid_until > day]
    if any(one.valid_from <= day for one in overlapping):
        return "already_known"
    if any(one.valid_until is not None for one in overlapping):
        return "identity_overlap_list"
    exited_on = next((one.exited_on for one in overlapping), None)
    until = min((one.valid_from for one in overlapping), default=None)
    return Change(tuple(one.identity_id for one in overlapping), HeldIdentity(0, day, None, exited_on), day, until)


def _exit(day: date, held: Sequence[HeldIdentity]) -> Change | str:
    one = next(
        (one for one in held if one.valid_from <= day and (one.valid_until is None or day < one.valid_until)), None
    )
    if one is None:
        return "no_such_identity"
    if one.exited_on == day:
        return "already_known"
    return Change((one.identity_id,), one._replace(exited_on=day))


def _removal(day: date, held: Sequence[HeldIdentity], *, known: bool) -> Change | str:
    later = [one for one in held if one.valid_until is None or one.valid_until > day]
    if not later:
        return "already_known" if known else "no_such_identity"
    first = min(later, key=lambda one: one.valid_from)
    kept = first._replace(valid_until=day) if first.valid_from < day else None
    ends = [one.valid_until for one in later]
    until = None if None in ends else max(end for end in ends if end is not None)
    return Change(tuple(one.identity_id for one in later), kept, max(day, first.valid_from), until)


# ---------------------------------------------------------------- the job


async def queue(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    upload: Upload,
    options: ListOptions,
) -> int:
    """Queue the import of a received list; its due day is that of the pack of its area. Returns the job's id.

    Refused without an area, for a day in the future and a gap of the policy; NotFound for an area out of reach.
    """
    received_at = await clock.now(connection, manual=service.manual_clock)
    today = shanghai_day(received_at)
    area_code, received_on = options.area_code or caller.principal.area_code, options.received_on or today
    if area_code is None:
        raise Refused([Fault("/area_code", "missing")])
    if received_on > today:
        raise Refused([Fault("/received_on", "in_the_future")])
    if not may_write(caller, area_code):
        raise NotFound("not_found")
    area = await area_on(await raw_connection(connection), area_code, received_on)
    policy = policy_in(service.book, received_on, area_code, area)
    due_on = received_on + timedelta(days=policy.figure(MATCH_DAYS, {}).known)
    stored = {"kind": options.kind, "received_on": received_on.isoformat()}
    if options.kind == "exit":
        stored["after_exit"] = policy.figure(AFTER_EXIT, {}).known
    new = NewJob(
        kind=KIND,
        options=stored,
        area_code=area_code,
        due_on=due_on,
        file_digest=upload.digest,
        received_at=received_at,
        path=upload.path,
    )
    return await store.add_job(service, connection, caller, new)


async def run(service: Service, run_: Run) -> None:
    """Read the file into rows, match and apply them chunk by chunk. A refused file leaves its faults and no rows."""
    if run_.phase == "reading":
        try:
            await _read(service, run_)
        except SheetRefused as refused:
            await store.finish(service, run_, "failed", faults=refused.faults)
            return
    evidence = f"{KIND} {JOB}{run_.job_id}"
    after = 0
    while (last := await _applied(service, run_, after, evidence)) is not None:
        after = last
    await store.finish(service, run_, "done")


async def _read(service: Service, run_: Run) -> None:
    await store.forget_rows(service, run_)
    received_on = date.fromisoformat(run_.options["received_on"])
    kind, classes = run_.options["kind"], written_as(service.book.classes)
    with TemporaryDirectory(prefix="onestop-import-") as folder:
        path = Path(folder) / "file"
        await store.fetch_file(service, run_, path)
        lines = (read_row(service.keys, row, kind, received_on, classes) for row in rows(path, COLUMNS))
        while batch := list(islice(lines, READ_ROWS)):
            await store.add_rows(service, run_, batch)
    await store.rows_read(service, run_)


# Persons may still be written with a former secret: whom the current index doesn't find, the former ones may.
_FOUND: Final = """
SELECT r.row_no, r.content ->> 'class' AS class, (r.content ->> 'day')::date AS day,
       r.id_number_index IS NOT NULL AS has_id_number, p.person_id AS by_id_number,
       r.name_birth_index IS NULL OR p.name_birth_index IS NULL
         OR p.name_birth_index = ANY (r.former_name_births || r.name_birth_index) AS name_agrees,
       CASE WHEN p.person_id IS NULL AND r.name_birth_index IS NOT NULL THEN ARRAY(
         SELECT n.person_id FROM person n WHERE n.name_birth_index = r.name_birth_index
         UNION SELECT n.person_id FROM person n WHERE n.name_birth_index = ANY (r.former_name_births)
         LIMIT 2) END AS by_name,
       EXISTS (SELECT FROM job_row e WHERE e.job_id = r.job_id AND e.id_number_index = r.id_number_index
                  AND e.row_no < r.row_no AND e.content ->> 'class' = r.content ->> 'class') AS repeated
  FROM (SELECT * FROM job_row WHERE job_id = $1 AND row_no > $2 AND outcome IS NULL ORDER BY row_no LIMIT $3) r
  LEFT JOIN person o ON o.id_number_index = r.id_number_index
  LEFT JOIN LATERAL (
       SELECT * FROM person WHERE id_number_index = ANY (r.former_id_numbers) LIMIT 1) f ON o.person_id IS NULL
  CROSS JOIN LATERAL (SELECT coalesce(o.person_id, f.person_id) AS person_id,
                             coalesce(o.name_birth_index, f.name_birth_index) AS name_birth_index) p
 ORDER BY r.row_no"""
_HELD: Final = """
SELECT person_id, class, identity_id, valid_from, valid_until, exited_on, true AS current
  FROM identity WHERE person_id = ANY ($1) AND superseded_at IS NULL
UNION ALL
SELECT person_id, class, identity_id, valid_from, valid_until, exited_on, false
  FROM identity WHERE person_id = ANY ($1) AND superseded_at IS NOT NULL"""
# The very lock of settling: facts don't change under a bill. In the order of ids, so that two lists can't deadlock.
_LOCK: Final = """
SELECT person_lock(person_id)
  FROM (SELECT DISTINCT unnest($1::text[]) AS person_id ORDER BY 1) p"""
_SUPERSEDE: Final = """
UPDATE identity SET superseded_at = clock_timestamp(), superseded_by = $2 WHERE identity_id = ANY ($1::bigint[])"""
_ADD: Final = """
INSERT INTO identity (person_id, class, valid_from, valid_until, exited_on, evidence, subject, request_id)
SELECT n.*, $6, $7, $8 FROM unnest($1::text[], $2::text[], $3::date[], $4::date[], $5::date[]) n"""
_OUTCOMES: Final = """
UPDATE job_row r SET outcome = n.outcome, reason = n.reason, reference = n.reference
  FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) n(row_no, outcome, reason, reference)
 WHERE r.job_id = $1 AND r.row_no = n.row_no"""


class _Decided(NamedTuple):
    """A row's end, and for a matched one what it changes for which person and class."""

    row_no: int
    outcome: str
    reason: str | None
    person_id: str | None
    class_: str
    change: Change | None


async def _applied(service: Service, run_: Run, after: int, evidence: str) -> int | None:
    """Match and apply the rows behind a row, in one transaction; the last row's number, None without one."""
    for attempt in range(RETRIES):
        try:
            async with run_.transaction(service) as connection:
                return await _apply_chunk(connection, run_, after, evidence)
        except Unavailable:  # a person was locked for long, or the database is busy: nothing was written
            if attempt == RETRIES - 1:
                raise
    return None


async def _apply_chunk(connection: HotConnection, run_: Run, after: int, evidence: str) -> int | None:
    found = [MatchedRow(*row) for row in await connection.fetch(_FOUND, run_.job_id, after, APPLY_ROWS)]
    if not found:
        return None
    decided = await _decisions(connection, run_.options, found)
    changing = [one.person_id for one in decided if one.change is not None]
    if changing:
        await connection.execute(_LOCK, changing)
        decided = await _decisions(connection, run_.options, found)  # as it stands now that nobody else writes
        await _write(connection, run_, decided, evidence)
    columns = zip(*((one.row_no, one.outcome, one.reason, one.person_id) for one in decided), strict=True)
    await connection.execute(_OUTCOMES, run_.job_id, *map(list, columns))
    await connection.execute("UPDATE job SET done = done + $2 WHERE job_id = $1", run_.job_id, len(found))
    return found[-1].row_no


async def _decisions(
    connection: HotConnection, options: Mapping[str, str], found: Sequence[MatchedRow]
) -> list[_Decided]:
    outcomes = [(row, *outcome_of(row._replace(by_name=row.by_name or []))) for row in found]
    persons = [person_id for _, outcome, _, person_id in outcomes if outcome == "matched"]
    held: dict[tuple[str, str], list[HeldIdentity]] = defaultdict(list)
    known: set[tuple[str, str]] = set()
    for person_id, class_, *values, current in await connection.fetch(_HELD, persons):
        known.add((person_id, class_))
        if current:
            held[person_id, class_].append(HeldIdentity(*values))
    return list(_each_once(options, outcomes, held, known))


def _each_once(
    options: Mapping[str, str],
    outcomes: Sequence[tuple[MatchedRow, str, str | None, str | None]],
    held: Mapping[tuple[str, str], list[HeldIdentity]],
    known: set[tuple[str, str]],
) -> Iterator[_Decided]:
    """The decisions in order; a person's second row for a class is a duplicate, however it was matched."""
    changed: set[tuple[str, str]] = set()
    for row, outcome, reason, person_id in outcomes:
        change: Change | str | None = None
        if outcome == "matched" and person_id is not None:
            key = (person_id, row.class_)
            after_exit = options.get("after_exit", "keep")
            change = change_of(options["kind"], row.day, held.get(key, ()), known=key in known, after_exit=after_exit)
            if key in changed:
                outcome, change = "duplicate", "row_repeated"
            elif change in ("no_such_identity", "identity_overlap_list"):
                outcome = "unmatched" if change == "no_such_identity" else "conflicting"
            changed.add(key)
        if isinstance(change, str):
            reason, change = change, None
        yield _Decided(row.row_no, outcome, reason, person_id, row.class_, change)


async def _write(connection: HotConnection, run_: Run, decided: Sequence[_Decided], evidence: str) -> None:
    changes = [(one.person_id, one.class_, one.change) for one in decided if one.change is not None]
    superseded = [number for _, _, change in changes for number in change.superseded]
    added = [
        (person_id, class_, change.added.valid_from, change.added.valid_until, change.added.exited_on)
        for person_id, class_, change in changes
        if change.added is not None
    ]
    subject, request_id = run_.caller.principal.subject, run_.caller.request_id
    if superseded:
        await connection.execute(_SUPERSEDE, superseded, subject)
    if added:
        await connection.execute(_ADD, *map(list, zip(*added, strict=True)), evidence, subject, request_id)
    intervals = [(str(one), change.since, change.until) for one, _, change in changes if change.since is not None]
    await add_candidates(connection, run_.caller, intervals, reason=f"{KIND}_{run_.options['kind']}")
