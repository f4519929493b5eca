"""On whose behalf a job reads or acts, where it does so as whoever asked for it: an export, a batch."""

from dataclasses import replace

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import JOB, number_of
from app.jobs.row import Job, job_of
from app.jobs.store import Run
from app.jobs.tables import job as table
from app.service.caller import Caller
from app.service.security import Principal


class Asker(Struct, frozen=True):
    """Who asked for a job: the token, whose end ends the job, its scopes and its funds. Its area is the job's own
    column. It stands in the job's options as ``asker``."""

    token_id: int
    scopes: list[str]
    funds: list[str] | None


def asker_of(principal: Principal) -> Asker:
    """The asker that a principal is."""
    funds = None if principal.funds is None else sorted(principal.funds)
    return Asker(principal.token_id, sorted(principal.scopes), funds)


def caller_of_run(run: Run) -> Caller:
    """A run's caller with everything that its asker may."""
    asker = msgspec.convert(run.options["asker"], Asker)
    funds = None if asker.funds is None else frozenset(asker.funds)
    principal = replace(run.caller.principal, token_id=asker.token_id, scopes=frozenset(asker.scopes), funds=funds)
    return replace(run.caller, principal=principal)


def check_mine(caller: Caller, job: Job) -> None:
    """NotFound unless the caller is who asked for the job, with the same reach: it holds what that reach saw."""
    asker = msgspec.convert(job.options["asker"], Asker)
    mine, principal = asker_of(caller.principal), caller.principal
    same = (job.subject, job.reach_area, asker.funds) == (principal.subject, principal.area_code, mine.funds)
    if not same or principal.hospital_code is not None:
        raise NotFound("not_found")


async def own_job(caller: Caller, connection: AsyncConnection, shown: str, kind: str) -> Job:
    """A job of a kind that the caller asked for. NotFound."""
    mine = (table.c.job_id == number_of(JOB, shown)) & (table.c.kind == kind)
    row = (await connection.execute(select(table).where(mine))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    found = job_of(row)
    check_mine(caller, found)
    return found
