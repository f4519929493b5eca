"""What a kind of job brings. The packages above this one define theirs; the application is put together with all of
them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Raw
from sqlalchemy.ext.asyncio import AsyncConnection

from app.jobs.row import Job
from app.jobs.store import Run
from app.service.caller import Caller, Service

EXPORT: Final = "export"
BATCH: Final = "batch"
READJUDICATION: Final = "readjudication"
SIMULATION: Final = "simulation"
PRIVATE: Final = (EXPORT, BATCH, READJUDICATION, SIMULATION)
"""The kinds whose jobs are their askers' alone."""
ResultFile = tuple[str, str, AsyncIterator[bytes]]
"""A file's name, its media type, its content."""
Form = Literal["json", "xlsx", "html"]
"""In which a simulation is read."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """``run`` does a claimed job. ``accept`` writes what a job proposes, where it proposes something. ``check_mine`` is
    there when only its asker may see a job, and ``result`` when its product is a file, which it opens. ``answered`` is
    there when what a job came to stands in its answer; ``formed`` gives that as a file."""

    run: Callable[[Service, Run], Awaitable[None]]
    accept: Callable[[AsyncConnection, Caller, Job], Awaitable[None]] | None = None
    check_mine: Callable[[Caller, Job], None] | None = None
    result: Callable[[Service, Caller, Job], Awaitable[ResultFile]] | None = None
    answered: Callable[[Service, Caller, Job], Awaitable[Raw | None]] | None = None
    formed: Callable[[Service, Caller, Job, Form], Awaitable[ResultFile]] | None = None


JobKinds = Mapping[str, JobKind]
