"""Messages that change something are remembered with their effects, in one transaction; refused ones in a second one.

A message is known by hospital, transaction and msgid. The same input again gives the stored answer, whatever its
envelope says; other input is refused. Bodies are sealed with a key of their own that the retention setting takes away.
"""

import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from app.basics.errors import Conflict, OnestopError
from app.basics.ids import SETTLEMENT, shown_id
from app.database.engine import HotConnection
from app.nhsa import store, visit_store
from app.nhsa.call import Call
from app.nhsa.envelope import Envelope
from app.nhsa.rows import KeptMessage
from app.nhsa.vault import message_place, opened, sealed
from app.registry.service import raw_connection
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.settlement import store as settlements
from app.settlement.settling import settled_once

REMEMBERED: Final = frozenset(
    [
        "2201",
        "2202",
        "2203",
        "2204",
        "2205",
        "2207",
        "2208",
        "2301",
        "2302",
        "2304",
        "2305",
        "2401",
        "2402",
        "2403",
        "2404",
        "2405",
        "2501",
        "2502",
        "2503",
        "2504",
        "3203",
        "3204",
    ]
)
SETTLES: Final = frozenset({"2207", "2304"})
WITHDRAWN_BY: Final[Mapping[str, str]] = {"2201": "2202", "2401": "2404", "2402": "2405"}
LOGGER: Final = logging.getLogger("onestop.nhsa")


async def replayed(
    service: Service, connection: HotConnection, envelope: Envelope, opened_as: store.Opened
) -> bytes | None:
    """The stored answer of a message that was answered before, None if it is new.

    Conflict while it still runs, when the msgid stands for other input, when it was undone, when what it settled was
    cancelled since, when the answer isn't kept any more.
    """
    known = (envelope.hospital_code, envelope.infno, envelope.msgid)
    # Two deliveries of one message: the second has waited for the first's commit and finds its answer.
    if not opened_as.held:
        raise Conflict("nhsa_message_running")
    found = opened_as.message
    if found is None:
        return None
    if found.outcome == "undone":
        raise Conflict("nhsa_message_undone")
    if found.input_hash != envelope.input_hash:
        raise Conflict("nhsa_msgid_reused")
    if envelope.infno in SETTLES and found.settlement_id is not None:
        cancelled = await store.reversal_of(connection, found.settlement_id)
        if cancelled is not None:
            raise Conflict("nhsa_settlement_cancelled", values={"setl_id": shown_id(SETTLEMENT, cancelled)})
    await _refuse_withdrawn(connection, envelope, found)
    if found.key is None:
        raise Conflict("nhsa_answer_erased")
    await store.confirm(connection)
    return opened(service.keys, message_place(*known), found.key, found.answer, number=1)


async def _refuse_withdrawn(connection: HotConnection, envelope: Envelope, found: KeptMessage) -> None:
    """Refuse the stored answer of a visit's registration or discharge that was withdrawn since, or undone by 2601."""
    by = WITHDRAWN_BY.get(envelope.infno)
    if by is None or found.visit_no is None:
        return
    msgid = await store.later_of_visit(connection, found.visit_no, by, found.message_id)
    if msgid is not None:
        raise Conflict("nhsa_withdrawn_since", values={"by": f"{by}（msgid {msgid}）"})
    visit = await visit_store.visit(connection, found.visit_no, envelope.hospital_code)
    if visit is None or visit.state == "withdrawn":
        raise Conflict("nhsa_withdrawn_since", values={"by": "2601"})


async def keep(call: Call, answer: bytes) -> None:
    """Store a message that changed something, beside what it changed; a settlement that waits is written with it."""
    envelope, wanted = call.envelope, call.to_settle
    if wanted is not None:
        key, bodies = _sealed(call.service, envelope, answer)
        written = settlements.written_values(wanted.entry, wanted.keyed) + settlements.older_values(wanted.entry)
        message = (envelope.infno, envelope.msgid, key, *bodies)
        with settled_once(wanted.bill):
            await store.settle(call.connection, written, wanted.visit_no, wanted.line_nos, message)
        return
    facts = (call.settlement_id, call.visit_no, call.person_id)
    await _insert(call.service, call.connection, call.caller, envelope, "accepted", facts, answer)


async def keep_undone(call: Call, infno: str, msgid: str, person_id: str) -> None:
    """Mark a message that hasn't arrived so that it can't do anything any more."""
    envelope = Envelope(infno, msgid, call.hospital_code, {}, {}, b"")
    await _insert(call.service, call.connection, call.caller, envelope, "undone", (None, None, person_id), b"")


async def _insert(
    service: Service,
    connection: HotConnection,
    caller: Caller,
    envelope: Envelope,
    outcome: str,
    facts: tuple[int | None, int | None, str | None],
    answer: bytes,
) -> None:
    key, bodies = _sealed(service, envelope, answer)
    await store.keep_message(
        connection,
        envelope.hospital_code,
        envelope.infno,
        envelope.msgid,
        envelope.input_hash,
        outcome,
        *facts,
        key,
        *bodies,
        caller.principal.subject,
        caller.request_id,
    )


def _sealed(service: Service, envelope: Envelope, answer: bytes) -> tuple[bytes, list[bytes]]:
    """A message's key, and its request and answer sealed with it."""
    place = message_place(envelope.hospital_code, envelope.infno, envelope.msgid)
    request = msgspec.json.encode(envelope.fields) + b"\n" + envelope.canonical
    return sealed(service.keys, place, request, answer)


async def keep_refused(
    service: Service, caller: Caller, envelope: Envelope, answer: bytes, *, failed_lookup: bool
) -> None:
    """Log a refused message in a transaction of its own, after its own was rolled back, and count a look-up that
    failed. Failing to is only logged."""
    if envelope.infno not in REMEMBERED and not failed_lookup:
        return
    try:
        async with service.database.transaction() as session:
            await open_request(service, session, caller)
            connection = await raw_connection(session)
            if failed_lookup:
                await store.note_failed_lookup(connection, envelope.hospital_code)
            if envelope.infno in REMEMBERED:
                await _insert(service, connection, caller, envelope, "refused", (None, None, None), answer)
    except OnestopError as error:
        LOGGER.warning(
            "a refused message couldn't be kept (%s); nothing was settled by it, see the database", error.code
        )
