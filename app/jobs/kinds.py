"""What a kind of job brings. The packages above this one define theirs; the application is put together with all of
them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.jobs.row import Job
from app.jobs.store import Run
from app.service.caller import Caller, Service

EXPORT: Final = "export"
"""The kind whose jobs are their askers' alone."""
ResultFile = tuple[str, str, AsyncIterator[bytes]]
"""A file's name, its media type, its content."""


@dataclass(frozen=True, slots=True)
class FileOfJob:
    """What a job whose product is a file brings: only its asker may see it, and ``result`` opens the file."""

    check_mine: Callable[[Caller, Job], None]
    result: Callable[[Service, Caller, Job], Awaitable[ResultFile]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """``run`` does a claimed job. ``accept`` writes what a job proposes, where it proposes something."""

    run: Callable[[Service, Run], Awaitable[None]]
    accept: Callable[[AsyncConnection, Caller, Job], Awaitable[None]] | None = None
    export: FileOfJob | None = None


JobKinds = Mapping[str, JobKind]
