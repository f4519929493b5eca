"""A run of readjudication: many person-years corrected together, by two people.

computing → computed → approved → running → done, stopped between and taken up again, or cancelled. One person has the
dry run computed, another approves it; each person-year is then a correction of its own (``posting.py``). Every move is
written into clearing's record, which is sealed.
"""

from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import owner_area
from app.basics.errors import Fault, Forbidden, NotFound, Refused
from app.basics.ids import READJUDICATION, number_of, shown_id
from app.clearing.machine import Act
from app.clearing.moves import Event, Row, StoredRow, check_move, locked, may_pay, move, record, written_by
from app.clearing.payment import typed
from app.jobs import store
from app.jobs.asker import asker_of
from app.jobs.kinds import READJUDICATION as KIND
from app.jobs.store import NewJob
from app.readjudication.change import DryRun
from app.readjudication.tables import readjudication_run
from app.service.second_person import by_another
from app.service.wire import AreaCode, LongReason

Source = Literal["worklist", "policy", "all"]
Step = Literal["compute", "post"]


class RunState(StrEnum):
    """The states of a run."""

    COMPUTING = "computing"
    COMPUTED = "computed"
    APPROVED = "approved"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


class ReadjudicationRunRequest(Struct, forbid_unknown_fields=True):
    """Which person-years are to be computed again, and why. ``worklist``: those that wait to be readjudicated;
    ``policy``: those settled under a text of a pack that isn't in use any more, or before a figure or record of their
    area changed; ``all``: every one of ``year``. A county is read as its pooling area; without ``area_code`` it is
    the caller's."""

    reason: LongReason
    source: Source = "worklist"
    year: Annotated[int, Meta(ge=2000, le=2999)] | None = None
    area_code: AreaCode | None = None


class ReadjudicationRun(Struct, frozen=True, kw_only=True):
    """A run as it is stored; an empty area is every one."""

    run_id: int
    area_code: str
    benefit_year: int | None
    source: Source
    reason: str
    state: RunState
    job_id: int | None
    summary: DryRun | None
    fund_total: int | None
    subject: str
    created_on: date
    approved_by: str | None
    approved_on: date | None
    ended_on: date | None

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(READJUDICATION, self.run_id)


def run_of(row: Row) -> ReadjudicationRun:
    """A row of the table, typed."""
    return typed(row, ReadjudicationRun)


async def make(act: Act, wanted: ReadjudicationRunRequest) -> ReadjudicationRun:
    """Begin a run: a job computes the dry run. Forbidden ``all_funds_needed`` for who acts for some funds only;
    NotFound for an area out of reach."""
    principal = act.caller.principal
    if principal.funds is not None:
        raise Forbidden("all_funds_needed")
    wide = wanted.area_code or principal.area_code
    area = "" if wide is None else owner_area(wide)
    may_pay(act.caller, area)
    if wanted.source == "all" and wanted.year is None:
        raise Refused([Fault("/year", "missing")])
    values = {
        "area_code": area,
        "benefit_year": wanted.year,
        "source": wanted.source,
        "reason": wanted.reason,
        "created_on": act.day,
    }
    made = insert(readjudication_run).values(values | written_by(act.caller)).returning(*readjudication_run.c)
    row = dict((await act.connection.execute(made)).mappings().one())
    return await _moved(act, row, "draft", job_id=await _queued(act, row, "compute"), reason=wanted.reason)


async def approve(act: Act, shown: str) -> ReadjudicationRun:
    """Approve a dry run that another had computed; a job begins to post. Forbidden ``maker_is_checker``, Conflict
    ``invalid_move``."""
    row = await _locked(act, shown)
    check_move(row["state"], (RunState.COMPUTED,), "approved")
    await by_another(act.connection, act.caller, row["subject"])
    job_id = await _queued(act, row, "post")
    return await _moved(
        act, row, "approved", state=RunState.APPROVED, approved_by=act.subject, approved_on=act.day, job_id=job_id
    )


async def stop(act: Act, shown: str, reason: str) -> ReadjudicationRun:
    """Stop posting. It waits for the person-year that is being posted; nothing is posted once this has answered."""
    row = await _locked(act, shown)
    check_move(row["state"], (RunState.APPROVED, RunState.RUNNING), "stopped")
    return await _moved(act, row, "stopped", reason=reason, state=RunState.STOPPED)


async def resume(act: Act, shown: str) -> ReadjudicationRun:
    """Go on posting what is left of a stopped run, on behalf of who resumes it; its approval stands."""
    row = await _locked(act, shown)
    check_move(row["state"], (RunState.STOPPED,), "approved")
    return await _moved(act, row, "resumed", state=RunState.APPROVED, job_id=await _queued(act, row, "post"))


async def cancel(act: Act, shown: str, reason: str) -> ReadjudicationRun:
    """Give a run up: a dry run, or what is left of a stopped run. What was posted stays."""
    row = await _locked(act, shown)
    check_move(row["state"], (RunState.COMPUTING, RunState.COMPUTED, RunState.STOPPED), "cancelled")
    return await _moved(act, row, "cancelled", reason=reason, state=RunState.CANCELLED, ended_on=act.day)


async def computed(act: Act, shown: str, found: DryRun) -> None:
    """Keep what the dry run came to; another person may approve it from now on."""
    row = await _locked(act, shown)
    check_move(row["state"], (RunState.COMPUTING,), "computed")
    total, summary = found.fund_total, msgspec.to_builtins(found)
    await _moved(act, row, "computed", amount=total, state=RunState.COMPUTED, summary=summary, fund_total=total)


async def begun(act: Act, shown: str) -> ReadjudicationRun | None:
    """The run, which a job goes on posting; None when there is nothing to go on with: it was stopped, or is done."""
    row = await _locked(act, shown)
    if row["state"] == RunState.APPROVED:
        return await _moved(act, row, "running", state=RunState.RUNNING)
    return run_of(row) if row["state"] == RunState.RUNNING else None


async def ended(act: Act, shown: str, *, fund_total: int) -> None:
    """Every person-year has its outcome."""
    row = await _locked(act, shown)
    if row["state"] == RunState.RUNNING:
        await _moved(act, row, "done", amount=fund_total, state=RunState.DONE, ended_on=act.day)


async def broken_off(act: Act, shown: str, code: str) -> None:
    """Its job can't go on, such as because its asker's token has ended: posting is stopped, a dry run cancelled."""
    row = await _locked(act, shown)
    if row["state"] == RunState.COMPUTING:
        await _moved(act, row, "cancelled", reason=code, state=RunState.CANCELLED, ended_on=act.day)
    elif row["state"] in (RunState.APPROVED, RunState.RUNNING):
        await _moved(act, row, "stopped", reason=code, state=RunState.STOPPED)


async def read(connection: AsyncConnection, shown: str) -> ReadjudicationRun:
    """A run within reach, or NotFound."""
    wanted = select(readjudication_run).where(readjudication_run.c.run_id == number_of(READJUDICATION, shown))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return run_of(row)


async def _locked(act: Act, shown: str) -> StoredRow:
    return await locked(act.connection, readjudication_run, number_of(READJUDICATION, shown))


async def _moved(
    act: Act, row: StoredRow, name: str, *, reason: str | None = None, amount: int | None = None, **values: object
) -> ReadjudicationRun:
    """The run after a move that was written down."""
    await move(act.connection, readjudication_run, row, **values)
    run = run_of(row)
    await record(
        act.connection, act.caller, act.now, row, Event(object_id=run.shown, move=name, reason=reason, amount=amount)
    )
    return run


async def _queued(act: Act, row: Row, step: Step) -> int:
    """Queue the job that computes or posts a run, on behalf of the caller."""
    options = {
        "readjudication_id": shown_id(READJUDICATION, row["run_id"]),
        "step": step,
        "asker": msgspec.to_builtins(asker_of(act.caller.principal)),
    }
    new = NewJob(
        kind=KIND,
        options=options,
        area_code=row["area_code"],
        received_at=act.now,
        file_digest=sha256(msgspec.json.encode(options, order="deterministic")).digest(),
    )
    return await store.add_job(act.service, act.connection, act.caller, new)
