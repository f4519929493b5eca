"""A message on its way: who sends it, what it asks, its answer. One transaction for the message and all its effects."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound, OnestopError, TooMany, Unauthorized, Unavailable
from app.database.engine import HotConnection
from app.nhsa import (
    declaration,
    directory,
    filing,
    message,
    person,
    query,
    reconciliation,
    session,
    settling,
    store,
    undo,
    visit,
)
from app.nhsa import fees as lines
from app.nhsa.call import Call, FileOutput, Output, refused
from app.nhsa.dictionary import BASELINE, Dictionaries, Dictionary
from app.nhsa.envelope import Envelope, error_text, written
from app.nhsa.fields import TRANSACTIONS, checked
from app.nhsa.gateway import Nonce, verified
from app.nhsa.message import REMEMBERED
from app.nhsa.store import Hospital
from app.registry.hospital_gateway import gateway_credentials
from app.registry.service import raw_connection
from app.service import metrics
from app.service.audit import noted
from app.service.caller import Caller, Credential, Service
from app.service.http import open_request
from app.service.security import Principal, looks_like_id_number
from app.service.spelling import as_sent

LOGGER: Final = logging.getLogger("onestop.nhsa")
LOOKS_UP: Final = frozenset({"1101", "2001", "2201", "2401"})
NOT_THE_PERSON: Final = frozenset({"unknown_person", "nhsa_person_differs", "nhsa_not_identified"})
MOST_FAILURES: Final = 60
HOUR: Final = timedelta(hours=1)
Handler = Callable[[Call], Awaitable[Output | FileOutput]]

CASHIER: Final = frozenset({"2206", "2207", "2208", "2303", "2304", "2305"})
"""Quoting, settling and cancelling: they have a queue and connections of their own instead of a limit, as over the
API."""
HANDLERS: Final[Mapping[str, Handler]] = {
    "9001": session.sign_in,
    "9002": session.sign_out,
    "1101": person.identify,
    "1201": directory.institutions,
    "1312": directory.catalogue,
    "1901": directory.code_list,
    "2001": person.entitlement,
    "2201": visit.register_outpatient,
    "2202": visit.withdraw_outpatient,
    "2203": visit.describe_outpatient,
    "2204": lines.upload,
    "2205": lines.withdraw_batch,
    "2206": settling.quote,
    "2207": settling.settle,
    "2208": settling.cancel,
    "2301": lines.upload,
    "2302": lines.withdraw_lines,
    "2303": settling.quote,
    "2304": settling.settle,
    "2305": settling.cancel,
    "2401": visit.admit,
    "2402": visit.discharge,
    "2403": visit.change_admission,
    "2404": visit.withdraw_admission,
    "2405": visit.withdraw_discharge,
    "2501": filing.file_transfer,
    "2502": filing.withdraw_transfer,
    "2503": filing.file_chronic,
    "2504": filing.withdraw_chronic,
    "2601": undo.undo,
    "3201": reconciliation.totals,
    "3202": reconciliation.details,
    "3203": declaration.declare,
    "3204": declaration.withdraw,
    "5201": query.visits,
    "5202": query.diagnoses,
    "5203": query.settlement,
    "5204": query.lines,
    "5206": person.year_to_date,
    "5301": filing.registrations,
    "5303": query.admitted,
    "9101": reconciliation.upload,
    "9102": reconciliation.download,
}


# ---------------------------------------------------------------- who


class GatewayChanged(Unauthorized):
    """The way of signing by which the sender was let through holds no more."""


async def authenticate(
    service: Service, headers: Mapping[str, str], client: str | None, hospital_code: str | None
) -> Credential:
    """Let the sender through by its hospital's profile, which is answered; Unauthorized otherwise. A nonce is spent
    whatever comes after.

    ``hospital_code`` None: the body couldn't be read, and the default profile decides. A profile is looked up at most
    once in ``token_cache_seconds``, and compared by the database in the message's own transaction.
    """
    known, now, networks = _known(service, hospital_code), datetime.now(UTC), service.settings.nhsa_allowed_networks
    if known is not None:
        try:
            nonce = verified(known, headers, client, now, networks)
        except Unauthorized:
            pass  # perhaps it has changed since: look
        else:
            await _spend(service, nonce)
            return known
    async with service.database.transaction(reserved=True) as session:
        credential = await _credential(service, session, hospital_code)
    await _spend(service, verified(credential, headers, client, now, networks))
    return credential


async def _spend(service: Service, nonce: Nonce | None) -> None:
    if nonce is not None and not await store.spend_nonce(service.database, nonce.key_id, nonce.nonce):
        raise Unauthorized("nhsa_nonce_reused")


def forget(service: Service, hospital_code: str) -> None:
    """Look the hospital's profile up at its next message."""
    service.credentials.pop(hospital_code, None)


def _known(service: Service, hospital_code: str | None) -> Credential | None:
    looked_up, credential = service.credentials.get(hospital_code or "", (0.0, None))
    return credential if monotonic() - looked_up < service.settings.token_cache_seconds else None


async def _credential(service: Service, session: AsyncConnection, hospital_code: str | None) -> Credential:
    default = Credential(service.settings.nhsa_default_profile)
    if hospital_code is None:
        return default
    # As the hospital that the message says it is: its own credential is all that is looked at.
    await open_request(service, session, _as_hospital(hospital_code, "", "authentication"))
    found = await gateway_credentials(service.keys, session, hospital_code)
    if found is None:
        return default  # anybody can name a hospital that there isn't: only what there is is kept in mind
    credential = Credential(found.profile, found.key_id or "", found.secret or "", found.change_id)
    service.credentials[hospital_code] = (monotonic(), credential)
    return credential


def caller_of(envelope: Envelope, request_id: str) -> Caller:
    """The hospital as a caller; its operator's number is part of the subject unless it is somebody's id number."""
    operator = envelope.operator
    return _as_hospital(envelope.hospital_code, "" if looks_like_id_number(operator) else operator, request_id)


def _as_hospital(hospital_code: str, operator: str, request_id: str) -> Caller:
    subject = f"nhsa:{hospital_code}" + (f":{operator}" if operator else "")
    principal = Principal(0, subject, frozenset({"hospital"}), hospital_code, None, None, None)
    return Caller(principal, request_id, "zh")


# ---------------------------------------------------------------- what


async def answered(
    service: Service,
    dictionaries: Dictionaries,
    envelope: Envelope,
    caller: Caller,
    received: datetime,
    credential: Credential,
) -> bytes | FileOutput:
    """The answer to a message; ``err_msg`` tells what can't be done and what must not happen. Unavailable where nobody
    knows what became of it, or nothing could be done; TooMany for a hospital that reads too many strangers;
    GatewayChanged where the sender was let through by what holds no more."""
    infno = envelope.infno
    answer: bytes | FileOutput
    try:
        outcome, answer = await _answered(service, dictionaries, envelope, caller, received, credential)
    except GatewayChanged:
        forget(service, envelope.hospital_code)
        raise
    except (Unavailable, TooMany) as error:
        LOGGER.warning(
            "transaction %s has to be repeated by its sender (%s); see the database if this goes on", infno, error.code
        )
        metrics.nhsa_transactions.labels(infno, "refused").inc()
        raise
    except OnestopError as error:
        outcome, refusal = "refused", written(envelope.fields, received, error=error_text(error, infno))
        answer = refusal
        metrics.observe_rejection([fault.code for fault in error.faults] or [error.code], route=f"nhsa {infno}")
        await message.keep_refused(service, caller, envelope, refusal, failed_lookup=_failed_lookup(infno, error))
    except Exception as error:
        outcome = "failed"
        fields = {"request_id": caller.request_id}
        LOGGER.error(
            "unexpected error in transaction %s; report it with its traceback",
            infno,
            exc_info=error,
            extra={"fields": fields},
        )
        metrics.uncaught_errors.inc()
        answer = written(envelope.fields, received, error=error_text(failure(caller.request_id)))
    metrics.nhsa_transactions.labels(infno, outcome).inc()
    return answer


def _failed_lookup(infno: str, error: OnestopError) -> bool:
    """Whether a refusal says that the person isn't the one whom the message names."""
    return infno in LOOKS_UP and any(fault.code in NOT_THE_PERSON for fault in error.faults)


def failure(request_id: str) -> OnestopError:
    """A defect as it is told to the sender: by its request id, without any of its text."""
    return OnestopError("nhsa_failed", values={"request_id": request_id})


async def _answered(
    service: Service,
    dictionaries: Dictionaries,
    envelope: Envelope,
    caller: Caller,
    received: datetime,
    credential: Credential,
) -> tuple[str, bytes | FileOutput]:
    infno = envelope.infno
    handler = HANDLERS.get(infno)
    if handler is None:
        raise NotFound("nhsa_unknown_transaction")
    async with _transaction(service, infno) as (session, connection):
        manual, wait = service.manual_clock, service.settings.idempotency_wait
        msgid = envelope.msgid if infno in REMEMBERED else None
        opened = await store.opened(session or connection, caller, infno, msgid, manual=manual, wait=wait)
        hospital = opened.hospital
        if opened.gateway != credential.change_id:
            raise GatewayChanged("nhsa_signature_wrong")
        if hospital is None:
            raise refused("unknown_hospital", "/fixmedins_code")
        if infno in LOOKS_UP and await store.failed_lookups(connection, envelope.hospital_code, HOUR) >= MOST_FAILURES:
            raise Conflict("nhsa_too_many_failures", values={"limit": str(MOST_FAILURES)})
        if infno in REMEMBERED:
            stored = await message.replayed(service, connection, envelope, opened)
            if stored is not None:
                return "replayed", stored
        dictionary = _dictionary(dictionaries, hospital)
        nodes = checked(infno, envelope.sent, envelope.fields, dictionary)
        call = Call(service, session, connection, caller, envelope, nodes, dictionary, hospital, opened.now)
        output = await handler(call)
        noted().about(call.person_id)
        if isinstance(output, FileOutput):
            return "accepted", output
        shown = as_sent(output, envelope.spelled) if envelope.spelled else output
        answer = written(envelope.fields, received, output=shown)
        if infno in REMEMBERED:
            await message.keep(call, answer)
    for act in call.after:
        act()
    return "accepted", answer


@asynccontextmanager
async def _transaction(service: Service, infno: str) -> AsyncIterator[tuple[AsyncConnection | None, HotConnection]]:
    """A message's transaction: SQLAlchemy's connection and the driver's under it. What settles and cancels needs only
    the driver's, as over the API."""
    if infno in CASHIER:
        async with service.database.hot(reserved=True) as connection:
            yield None, connection
        return
    async with service.database.transaction() as session:
        yield session, await raw_connection(session)


def _dictionary(dictionaries: Dictionaries, hospital: Hospital) -> Dictionary:
    """The dictionary that the record of the hospital's area names, the baseline without one."""
    found = dictionaries.get(hospital.dictionary or BASELINE)
    if found is None:
        raise Conflict("nhsa_dictionary_unknown")
    return found


def known_infno(infno: str) -> str:
    """A transaction's number as a metric's label; what isn't one is ``other``."""
    return infno if infno in TRANSACTIONS else "other"
