"""Quote and settle: read the facts under the person's lock, compute, write. Each is one transaction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, cast
from urllib.parse import quote as quoted_path

import msgspec

from app.basics.errors import Conflict, Fault, Forbidden, NotFound, OnestopError, Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.money import parsed, yuan
from app.database.engine import HotConnection, constraint
from app.service import metrics
from app.service.caller import Caller, Keyed, OpenState, Service
from app.service.idempotency import check_opened
from app.service.security import require, sign, verify
from app.settlement import entry, store
from app.settlement.bill import BillRequest
from app.settlement.computing import Computation, computed
from app.settlement.document import digest, encoded
from app.settlement.entry import Entry
from app.settlement.rows import BillFacts, NewEntry

QUOTE_PURPOSE: Final = "quote"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settling call leaves: what was computed and written now; only the id when the key had been used before."""

    settlement_id: int
    computation: Computation | None = None
    row: NewEntry | None = None


@dataclass(frozen=True, slots=True)
class ReadyToWrite:
    """An entry to write, and what the call leaves once it is written and committed."""

    entry: Entry
    settled: Settled


class QuoteToken(msgspec.Struct, array_like=True):
    """What a quote id carries, signed: when, the patient's portion (fen), a digest of each thing that may change."""

    quoted_at: datetime
    patient: int
    policy: str
    person: str
    year_to_date: str
    lines: str


async def quote(service: Service, caller: Caller, bill: BillRequest) -> tuple[Computation, str, datetime]:
    """Compute a bill without writing; Refused with all faults. Returns it with the quote id and when that expires."""
    _may_settle(caller, bill)
    async with service.database.hot(reserved=True) as connection:
        found = await _read(service, connection, caller, bill)
    _in_reach(caller, found)
    computation = _computed(service, bill, found)
    expires = computation.now + timedelta(seconds=service.settings.quote_seconds)
    return computation, sign(service.keys, QUOTE_PURPOSE, encoded(_quote_token(computation))), expires


async def quote_within(service: Service, connection: HotConnection, caller: Caller, bill: BillRequest) -> Computation:
    """``quote`` inside a transaction that the caller opened, without a quote id."""
    _may_settle(caller, bill)
    found = await _read(service, connection, caller, bill)
    _in_reach(caller, found)
    return _computed(service, bill, found)


async def settle(service: Service, caller: Caller, bill: BillRequest, keyed: Keyed) -> Settled:
    """Settle a bill once. A key used before names the first settlement; whatever is raised leaves nothing."""
    async with service.database.hot(reserved=True) as connection:
        settled = await settle_within(service, connection, caller, bill, keyed)
    observe_settled(settled)
    return settled


async def settle_within(
    service: Service, connection: HotConnection, caller: Caller, bill: BillRequest, keyed: Keyed
) -> Settled:
    """``settle`` inside a transaction that the caller opened and commits; then call ``observe_settled``."""
    made = await ready_within(service, connection, caller, bill, keyed)
    if isinstance(made, Settled):
        return made
    with settled_once(bill):
        await store.write(connection, made.entry, keyed)
    return made.settled


async def ready_within(
    service: Service,
    connection: HotConnection,
    caller: Caller,
    bill: BillRequest,
    keyed: Keyed,
    *,
    check: Callable[[Computation], None] | None = None,
) -> ReadyToWrite | Settled:
    """What the caller, in its own transaction, has still to write within ``settled_once``; what the key stands for when
    it was used before. ``check`` may raise for what was computed."""
    _may_settle(caller, bill)
    found = await store.facts(service, connection, caller, bill, keyed)
    check_opened(found.state, keyed)
    if found.state == OpenState.REPLAYED:
        return Settled(cast(int, found.settlement_id))
    return prepared(service, caller, bill, found, check=check)


@contextmanager
def settled_once(bill: BillRequest) -> Iterator[None]:
    """Tell that the bill is settled already, where writing it finds that out."""
    try:
        yield
    except Exception as error:
        if constraint(error) == "settled_visit_pkey":
            where = f"/v1/settlements/by-visit/{bill.hospital_code}/{bill.visit_id}/{bill.settle_seq}"
            raise Conflict("already_settled", headers={"Location": quoted_path(where)}) from error
        raise


def prepared(
    service: Service,
    caller: Caller,
    bill: BillRequest,
    found: BillFacts,
    *,
    check: Callable[[Computation], None] | None = None,
) -> ReadyToWrite:
    """What settling a bill is to write, by the facts that were read for it under a new key. Raises what refuses it."""
    metrics.lock_wait_seconds.observe(found.lock_wait / 1_000_000)
    _in_reach(caller, found)
    if found.settled is not None:
        raise _already_settled(found.settled)
    computation = _computed(service, bill, found)
    _hold_to_quote(service, computation)
    if check is not None:
        check(computation)
    written = entry.settlement(computation)
    within_funds(caller, [written])
    return ReadyToWrite(written, Settled(written.row.settlement_id, computation, written.row))


def is_plain(caller: Caller, bill: BillRequest) -> bool:
    """Whether a bill is the caller's to settle, paid by the hospital and of one year, as nearly all are."""
    try:
        _may_settle(caller, bill)
    except OnestopError:
        return False
    return bill.paid_by == "hospital" and bill.admitted_on.year == bill.discharged_on.year


def observe_settled(settled: Settled) -> None:
    """Count a settlement, after the commit; a replay isn't counted again."""
    if settled.computation is None:
        return
    bill, portions = settled.computation.bill, settled.computation.outcome.portions
    metrics.observe_settlement(
        kind="settlement",
        medical_type=bill.medical_type,
        paid_by=bill.paid_by,
        portions={tier: getattr(portions, tier) for tier in metrics.PORTIONS},
        funds=settled.computation.inputs.facts.funds,
    )


def _may_settle(caller: Caller, bill: BillRequest) -> None:
    if bill.paid_by == "patient":
        may_claim(caller)
    else:
        require(caller.principal, "hospital")
    own = caller.principal.hospital_code
    if own is not None and own != bill.hospital_code:
        raise NotFound("not_found")


def may_claim(caller: Caller) -> None:
    """Bills paid in cash elsewhere are finance's to enter and to take back."""
    if caller.principal.scopes.isdisjoint({"finance", "admin"}):
        raise Forbidden("paid_by_needs_finance")


def all_funds(caller: Caller, funds: Iterable[str]) -> None:
    """Forbidden ``all_funds_needed`` when one of these funds isn't the caller's."""
    if caller.principal.funds is not None and not caller.principal.funds.issuperset(funds):
        raise Forbidden("all_funds_needed")


def within_funds(caller: Caller, entries: Sequence[Entry]) -> None:
    """Forbidden ``all_funds_needed`` when an entry posts to a fund that isn't the caller's."""
    all_funds(caller, (one.fund for item in entries for one in item.posted))


def _in_reach(caller: Caller, found: BillFacts) -> None:
    """Neither the paying area nor the hospital's is the caller's: not theirs, so it doesn't exist."""
    reach, _, area = caller.reach
    known = [item.area_code for item in (found.person, found.hospital) if item is not None]
    if reach == "area" and known and not any(code.startswith(area) for code in known):
        raise NotFound("not_found")


async def _read(service: Service, connection: HotConnection, caller: Caller, bill: BillRequest) -> BillFacts:
    """The facts of a bill that is only computed."""
    found = await store.facts(service, connection, caller, bill, None)
    check_opened(found.state, None)
    return found


def _already_settled(settlement_id: int) -> OnestopError:
    return Conflict("already_settled", headers={"Location": f"/v1/settlements/{shown_id(SETTLEMENT, settlement_id)}"})


def _computed(service: Service, bill: BillRequest, found: BillFacts) -> Computation:
    started = perf_counter()
    computation = computed(bill, found, service.book)
    metrics.engine_seconds.observe(perf_counter() - started)
    return computation


def _quote_token(computation: Computation) -> QuoteToken:
    inputs, outcome = computation.inputs, computation.outcome
    return QuoteToken(
        computation.now,
        outcome.portions.patient,
        outcome.policy.digest,
        digest(encoded(inputs.facts)),
        digest(encoded([[part.before for part in outcome.years or (outcome,)], inputs.episode])),
        digest(encoded(inputs.bill)),
    )


def _hold_to_quote(service: Service, computation: Computation) -> None:
    """Conflict when the bill names a quote or an amount that no longer holds."""
    bill, patient = computation.bill, computation.outcome.portions.patient
    quoted = None
    if bill.quote_id is not None:
        try:
            quoted = msgspec.json.decode(verify(service.keys, QUOTE_PURPOSE, bill.quote_id), type=QuoteToken)
        except (ValueError, msgspec.MsgspecError):
            raise Refused([Fault("/quote_id", "quote_invalid")]) from None
        if computation.now >= quoted.quoted_at + timedelta(seconds=service.settings.quote_seconds):
            raise Conflict("quote_expired")
    expected = None if bill.expected_patient is None else parsed(bill.expected_patient, 2)
    differs = (expected is not None and expected != patient) or (quoted is not None and quoted.patient != patient)
    if differs:
        changed: list[str] = []
        if quoted is not None:
            now = _quote_token(computation)
            names = ("policy", "person", "year_to_date", "lines")
            changed = [name for name in names if getattr(now, name) != getattr(quoted, name)]
        values = {"patient": yuan(patient)}
        raise Conflict("quote_mismatch", values=values, extra={"changed": changed, "patient": yuan(patient)})
