"""The job of a run: it computes the dry run, or posts what was approved, on behalf of whoever asked for it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from app.basics.errors import OnestopError
from app.clearing.machine import Act, acting
from app.jobs import store
from app.jobs.asker import caller_of_run
from app.jobs.kinds import READJUDICATION
from app.jobs.store import Run
from app.policies import shipped_book
from app.readjudication import run as runs
from app.readjudication.computing import compute
from app.readjudication.posting import post
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.service.sheet import FileFault

T = TypeVar("T")
KIND: Final = READJUDICATION


async def run(service: Service, job: Run) -> None:
    """Do what the job is for. When its asker's token has ended posting is stopped, so that somebody can resume it, and
    a dry run is cancelled; what can't be done just now is left to the next attempt."""
    service = replace(service, book=shipped_book(service.settings.policy_dir))
    shown: str = job.options["readjudication_id"]
    mine = replace(job, caller=caller_of_run(job))
    try:
        await (_computed if job.options["step"] == "compute" else _posted)(service, mine, shown)
    except OnestopError as error:
        if error.retryable:
            raise
        code = error.code
        await _act(service, job.caller, lambda act: runs.broken_off(act, shown, code))
        await store.finish(service, job, "failed", faults=[FileFault(error.code, values=dict(error.values))])
        return
    await store.finish(service, job, "done")


async def _computed(service: Service, job: Run, shown: str) -> None:
    run_ = await _act(service, job.caller, lambda act: runs.read(act.connection, shown))
    if run_.state is not runs.RunState.COMPUTING:  # cancelled, or kept by an earlier attempt
        return
    found = await compute(service, job, run_)
    if found is not None:
        await _act(service, job.caller, lambda act: runs.computed(act, shown, found))


async def _posted(service: Service, job: Run, shown: str) -> None:
    run_ = await _act(service, job.caller, lambda act: runs.begun(act, shown))
    total = None if run_ is None else await post(service, job, run_)
    if total is not None:
        await _act(service, job.caller, lambda act: runs.ended(act, shown, fund_total=total))


async def _act(service: Service, caller: Caller, act: Callable[[Act], Awaitable[T]]) -> T:
    """One transaction on behalf of somebody."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await act(await acting(service, connection, caller))
