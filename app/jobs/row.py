"""A job as it is stored, typed, and the outcome of a row of its file."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping

from app.basics.ids import JOB, shown_id
from app.service.sheet import FileFault

_JSON: Final = ("options", "summary", "faults")


class Job(Struct, frozen=True, kw_only=True):
    """A job: what is asked for and by whom, how far it is, and at its end rows by outcome, or why its file was refused.

    ``options`` are the kind's own; ``reach_area`` is the area of whoever asked, None for all of them."""

    job_id: int
    kind: str
    state: str
    phase: str
    done: int
    total: int | None
    options: dict[str, Any]
    summary: dict[str, int]
    faults: list[FileFault]
    due_on: date | None
    reach_area: str | None
    subject: str
    received_at: datetime
    ended_at: datetime | None

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(JOB, self.job_id)


def job_of(row: Mapping[str, object] | RowMapping) -> Job:
    """A job's row, as either driver gives it: JSON as a text, or read already."""
    values: dict[str, object] = {str(name): value for name, value in row.items()}
    for name in _JSON:
        if isinstance(text := values[name], str):
            values[name] = msgspec.json.decode(text)
    return msgspec.convert(values, Job)


class RowOutcome(Struct, frozen=True):
    """What became of a row of the file, as it is stored; ``field`` is the column at fault, ``heading`` how the file
    heads it."""

    row_no: int
    outcome: str
    reason: str | None
    field: str | None
    reference: str | None
    heading: str | None = None
