"""The audit log as a list, for auditors: who saw or did what, when, why."""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from msgspec import Struct, field
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import SHANGHAI, shown_instant
from app.basics.ids import AUDIT, shown_id
from app.service.audit import Kind
from app.service.caller import Service
from app.service.columns import ListColumn, columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.tables import audit_event
from app.service.wire import Code, Day, Reference


class AuditFilters(Filters, frozen=True):
    """Rows of a subject, of a kind, about an id (a person's number, a settlement), of days by the real clock, both
    included; ``other_person``: reads by hospitals of persons whom they have nothing to do with."""

    subject: Reference | None = None
    kind: Literal["read", "act", "login", "export"] | None = None
    about: Code | None = None
    other_person: bool | None = None
    from_: Day | None = field(default=None, name="from")
    to: Day | None = None


class AuditLogAnswer(Struct):
    """One request: who, when, what it asked, with which status, how many rows it was answered, about whom, and why."""

    audit_id: str
    recorded_at: str
    subject: str
    kind: Kind
    operation: str
    query: dict[str, str]
    status_code: int
    count: int | None
    about: list[str]
    reason: str | None
    other_person: bool
    hospital_code: str | None
    area_code: str | None
    request_id: str


async def _events(connection: AsyncConnection, wanted: AuditFilters, day: date) -> Rows:
    columns = audit_event.c
    found = select(audit_event)
    for column in (columns.subject, columns.kind, columns.other_person):
        value = getattr(wanted, column.name)
        if value is not None:
            found = found.where(column == value)
    if wanted.about is not None:
        found = found.where(columns.ids.contains([wanted.about]))
    if wanted.from_ is not None:
        found = found.where(columns.recorded_at >= _begin(wanted.from_))
    if wanted.to is not None:
        found = found.where(columns.recorded_at < _begin(wanted.to) + timedelta(days=1))
    return found


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, SHANGHAI)


def _answer(row: RowMapping, day: date, service: Service) -> AuditLogAnswer:
    return AuditLogAnswer(
        audit_id=shown_id(AUDIT, row["event_id"]),
        recorded_at=shown_instant(row["recorded_at"]),
        subject=row["subject"],
        kind=row["kind"],
        operation=row["operation"],
        query=row["query"],
        status_code=row["status"],
        count=row["count"],
        about=row["ids"],
        reason=row["reason"],
        other_person=row["other_person"],
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        request_id=row["request_id"],
    )


_EVENTS: Final[Selected[AuditFilters, AuditLogAnswer, int]] = Selected(
    query=_events, order=(audit_event.c.event_id,), newest_first=True, answer=_answer
)
AUDIT_LOG: Final = DeclaredList(
    name="audit-log",
    title={"zh": "审计日志", "en": "Audit log"},
    about="""Who saw or did what, newest first: reads, acts, logins and exports within the caller's reach. Quotes and
    settlements are their own record.""",
    scopes=("auditor",),
    filters=AuditFilters,
    row=AuditLogAnswer,
    columns=columns_of(
        AuditLogAnswer,
        own=(
            ListColumn("subject", "text", {"zh": "操作人", "en": "Who"}),
            ListColumn("reason", "text", {"zh": "事由", "en": "Why"}),
        ),
    ),
    position=int,
    read=_EVENTS.read,
    selected=_EVENTS,
)
