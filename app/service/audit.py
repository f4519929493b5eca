"""The audit log: one row per request of somebody known, written when its answer is known.

Personal data wait for their row and are refused (503) where it can't be written; everything else is answered first, and
a row that couldn't be written is said and counted. Quotes and settlements are their own record. Handlers add to the row
what the address doesn't tell, with ``noted()``.
"""

import logging
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, structs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.basics.errors import OnestopError, Unavailable
from app.database.engine import RETRY_SECONDS
from app.service import metrics
from app.service.caller import Caller, Service
from app.service.logs import redacted
from app.service.problem import problem_response
from app.service.requests import RouteTemplates
from app.service.walk import shown_key

Kind = Literal["read", "act", "login", "export"]

OWN_RECORD: Final = frozenset(
    {"POST /v1/quotes", "POST /v1/settlements", *(f"nhsa {n}" for n in (2206, 2207, 2303, 2304))}
)
PERSONAL: Final = frozenset(
    {
        "GET /v1/persons/{person_id}",
        "GET /v1/persons/{person_id}/years/{year}",
        "GET /v1/persons/{person_id}/bank-account",
        "GET /v1/persons/{person_id}/chronic-registrations",
        "GET /v1/persons/{person_id}/chronic-registrations/{disease_code}",
        "GET /v1/family-doctor/contracts/{contract_id}",
        "GET /v1/settlements",
        "GET /v1/settlements/{settlement_id}",
        "GET /v1/settlements/by-visit/{hospital_code}/{visit_id}/{settle_seq}",
        "GET /v1/settlements/{settlement_id}/slip",
        "GET /v1/patient-balances",
        "GET /v1/claims",
        "GET /v1/claims/{claim_id}",
        "GET /v1/claims/{claim_id}/slip",
        "GET /v1/clearing/statements/{statement_id}/items",
        "GET /v1/clearing/statements/{statement_id}/payer-file",
        "GET /v1/clearing/statements/{statement_id}/samples",
        "GET /v1/registry/readjudication-candidates",
        "GET /v1/readjudications/{readjudication_id}",
        "GET /v1/readjudications/{readjudication_id}/rows",
        "GET /v1/registry/uninsured-poor",
        "GET /v1/jobs/{job_id}",
        "GET /v1/jobs/{job_id}/result",
        "GET /v1/exports/{list}",
        "GET /v1/payment-batches",
        "GET /v1/payment-batches/{batch_id}",
        "GET /v1/payment-batches/{batch_id}/file",
        "GET /v1/bank-receipts",
        "GET /v1/bank-receipts/{receipt_id}",
        "GET /v1/audit-log",
        "GET /finance/search",
        "GET /finance/persons/{person_id}",
        "GET /finance/settlements",
        "GET /finance/settlements/{settlement_id}",
        "GET /finance/settlements/{settlement_id}/slip.pdf",
        "GET /finance/settlements/{settlement_id}/reverse",
        "GET /finance/settlements/{settlement_id}/refund",
        "GET /finance/settlements/{settlement_id}/recover",
        "GET /finance/persons/{person_id}/years/{year}/readjudication",
        "GET /finance/claims",
        "GET /finance/claims/{claim_id}",
        "GET /finance/claims/{claim_id}/slip.pdf",
        "GET /finance/accounts",
        "GET /finance/balances",
        "GET /finance/lists",
        "GET /finance/readjudications/{readjudication_id}",
        "GET /finance/readjudications/rows",
        "GET /finance/jobs/{job_id}",
        "GET /finance/jobs/{job_id}/file",
        "GET /finance/payment-batches/new",
        "GET /finance/payment-batches/{batch_id}",
        "GET /finance/bank-receipts",
        "GET /finance/exports/{name}",
        "GET /finance/exports/jobs/{job_id}/file",
        "GET /finance/audit-log",
        *(f"nhsa {number}" for number in (1101, 2001, 3202, 5201, 5202, 5203, 5204, 5206, 5301, 5303, 9102)),
    }
)
"""The reads that answer persons' data: their row is written before they are answered. A test looks for every route."""
EXPORTS: Final = frozenset(
    {
        "GET /v1/exports/{list}",
        "POST /v1/exports",
        "GET /v1/jobs/{job_id}/result",
        "GET /v1/clearing/statements/{statement_id}/payer-file",
        "GET /v1/payment-batches/{batch_id}/file",
        "GET /finance/exports/{name}",
        "GET /finance/exports/jobs/{job_id}/file",
        "GET /finance/jobs/{job_id}/file",
        "GET /finance/reports/{area}/{period}/file",
    }
)
LOGINS: Final = frozenset({"POST /finance/login", "POST /finance/logout", "POST /finance/password"})
MOST_IDS: Final = 1000
MOST_TEXT: Final = 200
UNSAID: Final = {"q": "…", "cursor": "…"}  # what is searched for may be a name
PURPOSE: Final = "purpose"
LOGGER: Final = logging.getLogger("onestop.audit")


@dataclass(slots=True)
class Noted:
    """What a request's handlers know of it: who asks, under which operation where the route doesn't tell, how many rows
    were answered and of whom, why, and whether a hospital asked for somebody whom it has nothing to do with."""

    caller: Caller | None = None
    operation: str | None = None
    subject: str | None = None
    count: int | None = None
    ids: list[str] = field(default_factory=list)
    reason: str | None = None
    other_person: bool = False

    def about(self, person_id: str | None) -> None:
        """A person was answered, or meant, whom the address doesn't name."""
        if person_id is not None and person_id not in self.ids:
            self.ids.append(person_id)

    def saw(self, rows: Iterable[Struct]) -> None:
        """Rows were answered: of whom, by the person's number, or by the row's own id."""
        self.count = self.count or 0
        for row in rows:
            self.count += 1
            if len(self.ids) < MOST_IDS and (of := _id_of(row)) is not None:
                self.ids.append(of)


def _id_of(row: Struct) -> str | None:
    known = row.__struct_fields__
    name = "person_id" if "person_id" in known else next((one for one in known if one.endswith("_id")), None)
    value = None if name is None else getattr(row, name)
    return value if isinstance(value, str) else None


_current: Final[ContextVar[Noted | None]] = ContextVar("audit_noted", default=None)


def noted() -> Noted:
    """What is to be written of the request that runs; something that nobody reads where none does."""
    return _current.get() or Noted()


def asked_by(caller: Caller) -> None:
    """Note who asks. Costs a request that is its own record next to nothing."""
    note = _current.get()
    if note is not None:
        note.caller = caller


def because(body: object) -> None:
    """Note the reason that a writing request gives in its body or form."""
    note = _current.get()
    if note is not None:
        reason = body.get("reason") if isinstance(body, dict) else getattr(body, "reason", None)
        note.reason = reason if isinstance(reason, str) else note.reason


class AuditRow(Struct, frozen=True):
    """A row as it is written; ``query`` is JSON."""

    kind: Kind
    operation: str
    query: str
    status: int
    count: int | None
    ids: list[str]
    reason: str | None
    other_person: bool
    subject: str
    hospital_code: str | None
    area_code: str | None
    request_id: str


# In one trip: the connection is checked by the way.
_WRITE: Final = f"""
INSERT INTO audit_event ({", ".join(AuditRow.__struct_fields__)})
SELECT $1::text, $2::text, $3::jsonb, $4::smallint, $5::integer, $6::text[], $7::text, $8::boolean, $9::text, $10::text,
       $11::text, $12::text FROM service_open(NULL)"""


class AuditLayer:
    """Writes the row of each request. Pure ASGI, around the application and within ``RequestMiddleware``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._templates = RouteTemplates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is its own record passes untouched."""
        if scope["type"] != "http" or f"{scope['method']} {scope['path']}" in OWN_RECORD:
            await self.app(scope, receive, send)
            return
        note = Noted()
        _current.set(note)
        await self.app(scope, receive, _Recorded(scope, send, note, self._templates))


class _Recorded:
    """The ``send`` of one request whose row is written before or after its answer."""

    __slots__ = ("_note", "_replaced", "_row", "_scope", "_send", "_templates")

    def __init__(self, scope: Scope, send: Send, note: Noted, templates: RouteTemplates) -> None:
        self._scope, self._send, self._note, self._templates = scope, send, note, templates
        self._row: AuditRow | None = None
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on, the row written before it or after the last one."""
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            self._row = _row(
                self._scope, self._note, self._templates.of(self._scope, self._scope["app"]), message["status"]
            )
            if self._row is not None and self._row.operation in PERSONAL:
                if not await self._written():
                    self._replaced = True
                    await _refused(self._scope, self._send)
                    return
                self._row = None
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False) and self._row is not None:
            await self._written()

    async def _written(self) -> bool:
        service: Service = self._scope["app"].state.service
        assert self._row is not None
        try:
            async with service.database.transaction() as connection:
                await connection.exec_driver_sql(_WRITE, structs.astuple(self._row))
        except Exception as error:
            code = error.code if isinstance(error, OnestopError) else type(error).__name__
            LOGGER.error(
                "the audit log can't be written (%s); nobody is read meanwhile, see the database's space",
                code,
            )
            metrics.audit_errors.inc()
            return False
        return True


def _row(scope: Scope, note: Noted, template: str, status: int) -> AuditRow | None:
    """The row of a request, None where nobody is known or the request is its own record."""
    operation = note.operation or f"{scope['method']} {template}"
    if operation in OWN_RECORD or (note.caller is None and note.subject is None and operation not in LOGINS):
        return None
    principal = None if note.caller is None else note.caller.principal
    path = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    ids = [*note.ids, *(value for name, value in path.items() if name.endswith("_id") and value not in note.ids)]
    query = path | dict(parse_qsl(scope["query_string"].decode("latin-1")))
    shown = {
        name: UNSAID.get(name, _shown(text)) for name, text in query.items() if name != PURPOSE and shown_key(name)
    }
    return AuditRow(
        kind=_kind(scope["method"], operation),
        operation=operation,
        query=msgspec.json.encode(shown).decode(),
        status=status,
        count=note.count,
        ids=[_shown(one) for one in ids],
        reason=None if note.reason is None else _shown(note.reason),
        other_person=note.other_person,
        subject=note.subject or (principal.subject if principal else ""),
        hospital_code=principal.hospital_code if principal else None,
        area_code=principal.area_code if principal else None,
        request_id=scope["state"]["request_id"],
    )


def _shown(text: str) -> str:
    return redacted(text.replace("\x00", ""))[:MOST_TEXT].encode("utf-8", "replace").decode()


def _kind(method: str, operation: str) -> Kind:
    if operation in LOGINS:
        return "login"
    if operation in EXPORTS:
        return "export"
    return "read" if method in ("GET", "HEAD") or operation in PERSONAL else "act"


async def _refused(scope: Scope, send: Send) -> None:
    error = Unavailable("audit_unavailable", headers={"Retry-After": RETRY_SECONDS})
    response = problem_response(error, request_id=scope["state"]["request_id"], language="zh")
    await response(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
