"""The SQL of jobs: made by a request, claimed by one process at a time, carried on from the last committed chunk.

A claim is a lease in real time with a number, ``attempt``. Every write of a run names its attempt: a run that lost its
lease, or whose job was cancelled, is told so by ``JobLost`` and writes nothing more.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound
from app.database.engine import HotConnection
from app.jobs.row import Job, RowOutcome, job_of
from app.jobs.tables import job, job_file, job_row
from app.service.caller import Caller, Service
from app.service.http import check_context
from app.service.security import Principal, decrypt_bytes, encrypt_bytes
from app.service.sheet import FileFault, SheetRow

PART_BYTES: Final = 1024 * 1024
LEASE_SECONDS: Final = 30
MAX_CRASHES: Final = 3

_CLAIM: Final = f"""
UPDATE job SET state = 'running', attempts = attempts + 1, crashes = crashes + (state = 'running')::integer,
               started_at = coalesce(started_at, clock_timestamp()),
               lease_until = clock_timestamp() + interval '{LEASE_SECONDS} seconds'
 WHERE job_id = (SELECT job_id FROM job
                  WHERE state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())
                  ORDER BY job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING job_id, attempts, crashes"""
_RENEW: Final = f"""
UPDATE job SET lease_until = clock_timestamp() + interval '{LEASE_SECONDS} seconds'
 WHERE job_id = $1 AND attempts = $2 AND state = 'running'"""
_RENEW_UNLOCKED: Final = f"""
UPDATE job SET lease_until = clock_timestamp() + interval '{LEASE_SECONDS} seconds'
 WHERE job_id = (SELECT job_id FROM job
                  WHERE job_id = $1 AND attempts = $2 AND state = 'running' FOR UPDATE SKIP LOCKED)"""
_RELEASE: Final = f"""
UPDATE job SET crashes = crashes + $3,
               state = CASE WHEN crashes + $3 < {MAX_CRASHES} THEN 'queued' ELSE 'failed' END,
               ended_at = CASE WHEN crashes + $3 < {MAX_CRASHES} THEN NULL ELSE clock_timestamp() END,
               faults = CASE WHEN crashes + $3 < {MAX_CRASHES} THEN faults ELSE '[{{"code": "job_crashed"}}]' END
 WHERE job_id = $1 AND attempts = $2 AND state = 'running'"""
_MINE: Final = "SELECT * FROM job WHERE job_id = $1 AND attempts = $2 AND state = 'running'"
_ADD_PART: Final = "INSERT INTO job_file (job_id, part_no, content) VALUES ($1, $2, $3)"
_PART: Final = "SELECT content FROM job_file WHERE job_id = $1 AND part_no = $2"
# Other jobs drop their file when they end; one that is done has it as its result.
_DROP_RESULTS: Final = """
DELETE FROM job_file WHERE job_id IN (
  SELECT job_id FROM job WHERE state = 'done' AND ended_at < clock_timestamp() - $1::integer * interval '1 day')"""
_ADD_ROWS: Final = """
INSERT INTO job_row (job_id, row_no, id_number_index, name_birth_index, content, outcome, reason, field, reference,
                     heading)
SELECT $1, * FROM unnest(
  $2::int[], $3::bytea[], $4::bytea[], $5::jsonb[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::text[])"""
_CONTENTS_LEFT: Final = "SELECT row_no, content FROM job_row WHERE job_id = $1 AND outcome IS NULL ORDER BY row_no"
_ADD_FORMER: Final = """
UPDATE job_row SET former_id_numbers = $3, former_name_births = $4 WHERE job_id = $1 AND row_no = $2"""


_FIGURES: Final = text("""
SELECT count(*) FILTER (WHERE state = 'failed'),
       coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at) FILTER (WHERE state IN ('queued', 'running'))),
                0)::double precision
  FROM job
 WHERE state IN ('queued', 'running') OR (state = 'failed' AND ended_at > clock_timestamp() - interval '1 day')
""")
_EXPIRED: Final = """
DELETE FROM job_row WHERE ctid = ANY (ARRAY(
  SELECT r.ctid FROM job j JOIN job_row r ON r.job_id = j.job_id
   WHERE j.ended_at < clock_timestamp() - make_interval(days => $1) LIMIT $2))"""
EXPIRE_ROWS: Final = 10_000  # in one statement


class JobLost(Exception):
    """Another process has the job by now, or it was cancelled: stop, and write nothing."""


class JobRow(msgspec.Struct):
    """A row as it is stored while its file is read; ``outcome`` stands already when nothing more can come of it."""

    row_no: int
    id_number_index: bytes | None = None
    name_birth_index: bytes | None = None
    content: dict[str, Any] | None = None
    outcome: str | None = None
    reason: str | None = None
    field: str | None = None
    reference: str | None = None
    heading: str | None = None
    former_id_numbers: list[bytes] | None = None
    former_name_births: list[bytes] | None = None


def malformed(row: SheetRow, field: str, reason: str) -> JobRow:
    """A row of which a column can't be used, with that column's heading in the file."""
    return JobRow(row.number, outcome="malformed", reason=reason, field=field, heading=row.headings.get(field))


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a job: what was asked, by whom, and how far it has come."""

    job_id: int
    attempt: int
    kind: str
    options: Mapping[str, Any]
    phase: str
    total: int | None
    caller: Caller

    @asynccontextmanager
    async def transaction(self, service: Service) -> AsyncIterator[HotConnection]:
        """One transaction within the reach of whoever asked for the job. JobLost when the job isn't ours any more."""
        async with service.database.hot() as connection:
            await check_context(service, connection, self.caller)
            if await connection.execute(_RENEW, self.job_id, self.attempt) != "UPDATE 1":
                raise JobLost
            yield connection


# ---------------------------------------------------------------- a request's side


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for: of which kind, with which options, for which area (whose it is), received when in business
    time, and due on a day where there is one. ``file_digest`` is that of the file at ``path``, or of the options of a
    job without one."""

    kind: str
    options: Mapping[str, object]
    area_code: str
    received_at: datetime
    file_digest: bytes
    path: Path | None = None
    due_on: date | None = None


async def add_job(service: Service, connection: AsyncConnection, caller: Caller, new: NewJob) -> int:
    """Queue a job, with its file where there is one, encrypted part by part, and return its id."""
    values = {
        "kind": new.kind,
        "options": new.options,
        "area_code": new.area_code,
        "due_on": new.due_on,
        "file_digest": new.file_digest,
        "reach_area": caller.principal.area_code,
        "subject": caller.principal.subject,
        "request_id": caller.request_id,
        "received_at": new.received_at,
    }
    job_id: int = (await connection.execute(insert(job).values(values).returning(job.c.job_id))).scalar_one()
    for part_no, sealed in _sealed(service, job_id, new.path):
        await connection.execute(insert(job_file).values(job_id=job_id, part_no=part_no, content=sealed))
    return job_id


async def add_contents(connection: AsyncConnection, job_id: int, contents: Sequence[Mapping[str, object]]) -> None:
    """Give a new job its rows, which no file has to be read for: it begins by applying them."""
    rows = [{"job_id": job_id, "row_no": i, "content": content} for i, content in enumerate(contents, 1)]
    await connection.execute(insert(job_row), rows)
    values = {"phase": "applying", "total": len(rows)}
    await connection.execute(update(job).where(job.c.job_id == job_id).values(values))


def _sealed(service: Service, job_id: int, path: Path | None) -> Iterator[tuple[int, bytes]]:
    """A file's parts with their numbers, encrypted."""
    if path is None:
        return
    with path.open("rb") as file:
        part_no = 0
        while content := file.read(PART_BYTES):
            yield part_no, encrypt_bytes(service.keys, content, associated=_place(job_id, part_no))
            part_no += 1


def _place(job_id: int, part_no: int) -> bytes:
    return f"job_file {job_id} {part_no}".encode()


async def read(connection: HotConnection, job_id: int) -> Job:
    """A job within reach, or NotFound."""
    row = await connection.fetchrow("SELECT * FROM job WHERE job_id = $1", job_id)
    if row is None:
        raise NotFound("not_found")
    return job_of(row)


async def read_rows(
    connection: HotConnection, job_id: int, *, outcome: str | None, after: int, limit: int
) -> list[RowOutcome]:
    """Rows that have their outcome, in the order of the file."""
    statement = """SELECT row_no, outcome, reason, field, reference, heading FROM job_row
                    WHERE job_id = $1 AND row_no > $2 AND outcome IS NOT NULL AND ($3::text IS NULL OR outcome = $3)
                    ORDER BY row_no LIMIT $4"""
    return [RowOutcome(*row) for row in await connection.fetch(statement, job_id, after, outcome, limit)]


async def file_parts(service: Service, caller: Caller, job_id: int) -> AsyncIterator[bytes]:
    """The parts of a file within reach, decrypted, each read by itself; none when it was dropped."""
    part_no = 0
    while True:
        async with service.database.hot() as connection:
            await check_context(service, connection, caller)
            content = await connection.fetchval(_PART, job_id, part_no)
        if content is None:
            return
        yield decrypt_bytes(service.keys, content, associated=_place(job_id, part_no))
        part_no += 1


async def locked(connection: AsyncConnection, job_id: int, *states: str) -> Job:
    """A job in one of the states, held until the transaction ends: its process, or another person, may be about to
    end it. NotFound, or Conflict ``job_state``."""
    row = (await connection.execute(select(job).where(job.c.job_id == job_id).with_for_update())).mappings().first()
    if row is None:
        raise NotFound("not_found")
    if row["state"] not in states:
        raise Conflict("job_state")
    return job_of(row)


async def end(connection: AsyncConnection, job_id: int, state: str) -> Job:
    """End a locked job by a person's decision, drop its file, and return it."""
    await connection.execute(delete(job_file).where(job_file.c.job_id == job_id))
    values = {"state": state, "ended_at": func.clock_timestamp()}
    statement = update(job).where(job.c.job_id == job_id).values(values)
    return job_of((await connection.execute(statement.returning(*job.c))).mappings().one())


# ---------------------------------------------------------------- the worker's side


async def _everywhere(connection: HotConnection) -> None:
    """Jobs of every area are the worker's to find; what a run reaches is set by ``Run.transaction``."""
    await connection.execute("SELECT service_open(NULL)")


async def claim(service: Service) -> tuple[int, int] | None:
    """Take the oldest job that waits, or whose process died, for a lease: its id and attempt; None when there is none,
    or when it died too often and has failed now."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        row = await connection.fetchrow(_CLAIM)
        if row is not None and row["crashes"] >= MAX_CRASHES:
            await connection.execute(_RELEASE, row["job_id"], row["attempts"], 0)
            return None
    return None if row is None else (row["job_id"], row["attempts"])


async def renew(service: Service, job_id: int, attempt: int) -> bool:
    """Hold the lease longer; False when the job isn't this attempt's any more. A row that its run has locked needs no
    lease: a claim passes it by."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        await connection.execute(_RENEW_UNLOCKED, job_id, attempt)
        return await connection.fetchrow(_MINE, job_id, attempt) is not None


async def release(service: Service, job_id: int, attempt: int, *, crashed: bool) -> None:
    """Give a job back whose process ended without a result: after too many crashes it has failed, otherwise it waits to
    be carried on. A finished one stays."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        await connection.execute(_RELEASE, job_id, attempt, int(crashed))


class JobFigures(msgspec.Struct, frozen=True):
    """How many jobs failed within a day, and for how many seconds the oldest that hasn't ended is there; real time."""

    failed: int
    oldest_seconds: float


async def figures(connection: AsyncConnection) -> JobFigures:
    """Look at all jobs within reach."""
    return JobFigures(*(await connection.execute(_FIGURES)).one())


async def expire_rows(service: Service) -> int:
    """Delete some rows of jobs that ended longer ago than they are kept, in real time; how many. The jobs and their
    summaries stay."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        status: str = await connection.execute(_EXPIRED, service.settings.job_row_days, EXPIRE_ROWS)
    return int(status.removeprefix("DELETE "))


async def begin(service: Service, job_id: int, attempt: int) -> Run:
    """The run of a claimed job. JobLost when it isn't this attempt's any more."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        row = await connection.fetchrow(_MINE, job_id, attempt)
    if row is None:
        raise JobLost
    principal = Principal(0, row["subject"], frozenset({"registry"}), None, row["reach_area"], None, None)
    caller = Caller(principal, row["request_id"], "zh")
    options = msgspec.json.decode(row["options"])
    return Run(job_id, attempt, row["kind"], options, row["phase"], row["total"], caller)


async def fetch_file(service: Service, run: Run, path: Path) -> None:
    """Write a job's file, decrypted, to a path."""
    part_no = 0
    with path.open("wb") as file:
        while True:
            async with run.transaction(service) as connection:
                content = await connection.fetchval(_PART, run.job_id, part_no)
            if content is None:
                return
            file.write(decrypt_bytes(service.keys, content, associated=_place(run.job_id, part_no)))
            part_no += 1


async def forget_rows(service: Service, run: Run) -> None:
    """Drop what an earlier attempt read: a file is read from its beginning."""
    async with run.transaction(service) as connection:
        await connection.execute("DELETE FROM job_row WHERE job_id = $1", run.job_id)
        await connection.execute("UPDATE job SET done = 0 WHERE job_id = $1", run.job_id)


async def add_rows(service: Service, run: Run, rows: Sequence[JobRow]) -> None:
    """Store rows that were read, in one transaction. Not COPY: PostgreSQL refuses it under row-level security."""
    columns = zip(*(msgspec.structs.astuple(row) for row in rows), strict=True)
    numbers, ids, names, contents, *rest, former_ids, former_names = map(list, columns)
    former = [row for row in zip(numbers, former_ids, former_names, strict=True) if row[1] or row[2]]
    encoded = [None if content is None else msgspec.json.encode(content).decode() for content in contents]
    async with run.transaction(service) as connection:
        await connection.execute(_ADD_ROWS, run.job_id, numbers, ids, names, encoded, *rest)
        if former:  # only while a former secret is set: arrays of arrays don't unnest
            await connection.executemany(_ADD_FORMER, [(run.job_id, *row) for row in former])
        await connection.execute("UPDATE job SET done = done + $2 WHERE job_id = $1", run.job_id, len(rows))


async def rows_read(service: Service, run: Run) -> None:
    """The whole file was read: go on to apply it. Rows that have their outcome already count as done."""
    async with run.transaction(service) as connection:
        await connection.execute(
            """UPDATE job SET phase = 'applying', total = done,
                      done = (SELECT count(*) FROM job_row WHERE job_id = $1 AND outcome IS NOT NULL)
                WHERE job_id = $1""",
            run.job_id,
        )
        await connection.execute("ANALYZE job_row")  # as many new rows as this are news to the planner


async def contents_left(service: Service, run: Run) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a job that have no outcome yet, by their numbers."""
    async with run.transaction(service) as connection:
        found = await connection.fetch(_CONTENTS_LEFT, run.job_id)
    return [(row["row_no"], msgspec.json.decode(row["content"])) for row in found]


async def row_ended(service: Service, run: Run, row: RowOutcome) -> None:
    """Write what became of one row. JobLost when the job isn't ours any more."""
    async with run.transaction(service) as connection:
        await connection.execute(
            """UPDATE job_row SET outcome = $3, reason = $4, field = $5, reference = $6
                WHERE job_id = $1 AND row_no = $2""",
            *(run.job_id, row.row_no, row.outcome, row.reason, row.field, row.reference),
        )
        await connection.execute("UPDATE job SET done = done + 1 WHERE job_id = $1", run.job_id)


async def progress(service: Service, run: Run, done: int) -> None:
    """Say how many rows there are so far. JobLost when the job isn't ours any more."""
    async with run.transaction(service) as connection:
        await connection.execute("UPDATE job SET done = $2 WHERE job_id = $1", run.job_id, done)


async def expect(connection: HotConnection, run: Run, total: int) -> None:
    """Say how many rows there will be, as far as is known."""
    await connection.execute("UPDATE job SET total = greatest($2, done) WHERE job_id = $1", run.job_id, total)


async def keep_part(service: Service, run: Run, part_no: int, content: bytes, *, further: int) -> None:
    """Keep what a run has found of so many further rows, encrypted, for itself or the next attempt."""
    sealed = encrypt_bytes(service.keys, content, associated=_place(run.job_id, part_no))
    async with run.transaction(service) as connection:
        await connection.execute(_ADD_PART, run.job_id, part_no, sealed)
        await connection.execute(
            "UPDATE job SET done = done + $2, total = greatest(total, done + $2) WHERE job_id = $1", run.job_id, further
        )


async def parts_kept(service: Service, run: Run) -> AsyncIterator[bytes]:
    """What earlier attempts kept, decrypted, part by part."""
    async for content in file_parts(service, run.caller, run.job_id):
        yield content


async def forget_parts(service: Service, run: Run) -> None:
    """Drop what earlier attempts kept: the run begins anew."""
    async with run.transaction(service) as connection:
        await connection.execute("DELETE FROM job_file WHERE job_id = $1", run.job_id)
        await connection.execute("UPDATE job SET done = 0 WHERE job_id = $1", run.job_id)


async def finish_with_file(service: Service, run: Run, path: Path) -> None:
    """End a run whose result is a file: it is kept, encrypted, until ``drop_results``, in the place of what the run
    kept on its way."""
    async with run.transaction(service) as connection:
        await connection.execute("DELETE FROM job_file WHERE job_id = $1", run.job_id)
        for part_no, sealed in _sealed(service, run.job_id, path):
            await connection.execute(_ADD_PART, run.job_id, part_no, sealed)
        await connection.execute(
            "UPDATE job SET state = 'done', total = done, ended_at = clock_timestamp() WHERE job_id = $1", run.job_id
        )


async def drop_results(service: Service) -> None:
    """Drop the results that are older than they are kept. Real time."""
    async with service.database.hot() as connection:
        await _everywhere(connection)
        await connection.execute(_DROP_RESULTS, service.settings.export_days)


async def finish(service: Service, run: Run, state: str, *, faults: Sequence[FileFault] = ()) -> None:
    """End a run: ``done``, ``proposed`` or ``failed``. Counts the outcomes, drops the file and, of a refused one, all
    rows."""
    async with run.transaction(service) as connection:
        if faults:
            await connection.execute("DELETE FROM job_row WHERE job_id = $1", run.job_id)
        await connection.execute("DELETE FROM job_file WHERE job_id = $1", run.job_id)
        await connection.execute(
            """UPDATE job SET state = $2, faults = $3, ended_at = CASE WHEN $2 <> 'proposed' THEN clock_timestamp() END,
                      summary = (SELECT coalesce(jsonb_object_agg(o.outcome, o.rows), '{}') FROM (
                         SELECT outcome, count(*) AS rows FROM job_row WHERE job_id = $1 GROUP BY outcome) o)
                WHERE job_id = $1""",
            run.job_id,
            state,
            msgspec.json.encode(faults).decode(),
        )
