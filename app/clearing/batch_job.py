"""A long batch as a job: row by row on behalf of whoever asked for it."""

from dataclasses import replace
from typing import Final

import msgspec

from app.basics.errors import OnestopError
from app.basics.ids import JOB, shown_id
from app.clearing.batch import BatchRow, row_done
from app.jobs import store
from app.jobs.asker import caller_of_run
from app.jobs.kinds import BATCH
from app.jobs.row import RowOutcome
from app.jobs.store import Run
from app.policies import shipped_book
from app.service.caller import Service
from app.service.sheet import FileFault

KIND: Final = BATCH


async def run(service: Service, run_: Run) -> None:
    """Do the rows that are left. Failed when the asker's token has ended; what can't be done now is left to the next
    attempt, which finds the rows that were moved by their keys."""
    service = replace(service, book=shipped_book(service.settings.policy_dir))
    caller, batch = caller_of_run(run_), shown_id(JOB, run_.job_id)
    try:
        for number, content in await store.contents_left(service, run_):
            async with run_.transaction(service):
                pass  # JobLost when it was cancelled: the row isn't moved
            row = msgspec.convert(content, BatchRow)
            done = await row_done(service, caller, batch, run_.options["step"], number, row)
            outcome = RowOutcome(number, done.outcome, done.reason, done.field, done.reference)
            await store.row_ended(service, run_, outcome)
    except OnestopError as error:
        if error.retryable:
            raise
        await store.finish(service, run_, "failed", faults=[FileFault(error.code, values=dict(error.values))])
        return
    await store.finish(service, run_, "done")
