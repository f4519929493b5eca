"""Quote and settle: one transaction each, the pure core in the middle.

Lock, read the facts of the day, compute, write, answer. Raising rolls everything back. Nothing here knows a policy's number.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final, cast
from urllib.parse import quote as quoted_path

import msgspec

from app import ENGINE_VERSION
from app.basics.areas import pooling_area
from app.basics.days import shanghai_day
from app.basics.errors import Conflict, Fault, Forbidden, NotFound, OnestopError, Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.money import parsed, yuan
from app.database.engine import HotConnection, constraint
from app.ledger.journal import creditor, transfers_for
from app.registry.paying_area import policy_in
from app.service import metrics
from app.service.caller import Caller, Service
from app.service.http import check_opened
from app.service.security import require, sign, verify
from app.settlement import store
from app.settlement.bill import BillRequest, core_bill, essential
from app.settlement.document import Document, Inputs, digest, document_of, encoded, results_of, whole_of
from app.settlement.store import Found, NewEntry
from app.tiers.episode import episode_of, episode_visits, stay_warnings, visit_name
from app.tiers.model import BenefitClass, Episode, Facts, Outcome, empty_year
from app.tiers.policy import Policy
from app.tiers.scope import Catalogue
from app.tiers.waterfall import bill_faults, policy_faults, run

INSURANCE_TYPE: Final = "390"
QUOTE_PURPOSE: Final = "quote"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settling call leaves: the id, whether it had been there before under the same key, what was computed now."""

    settlement_id: int
    replayed: bool
    computation: "Computation | None" = None


@dataclass(frozen=True, slots=True)
class Computation:
    """One bill computed: everything that a quote shows and a settlement stores."""

    bill: BillRequest
    found: Found
    visits: tuple[str, ...]
    warnings: list[str]
    facts: Facts
    episode: Episode
    outcome: Outcome
    document: Document
    digest: str
    result_digest: str

    @property
    def paying_area(self) -> str:
        """The area whose funds pay: that of the area's record, else the pooling area of the code."""
        return self.found.area.pooling_area or pooling_area(self.facts.area_code)

    @property
    def now(self) -> datetime:
        """The business instant at which the facts were read."""
        return cast(datetime, self.found.now)


class QuoteToken(msgspec.Struct, array_like=True):
    """What a quote id carries, signed: when, the patient's portion (fen), and a digest of each thing that may change."""

    quoted_at: datetime
    patient: int
    policy: str
    person: str
    year_to_date: str
    lines: str


async def quote(service: Service, caller: Caller, bill: BillRequest) -> tuple[Computation, str, datetime]:
    """Compute a bill without writing. Returns it with the quote id and the instant it expires. Refused with all faults."""
    _may_settle(caller, bill)
    async with service.database.hot() as connection:
        found = await _read(service, connection, caller, bill, key=None, request_hash=None)
    _in_reach(caller, found)
    computation = _computed(service, bill, found)
    expires = computation.now + timedelta(seconds=service.settings.quote_seconds)
    return computation, sign(service.keys, QUOTE_PURPOSE, encoded(_quote_token(computation))), expires


async def quote_within(service: Service, connection: HotConnection, caller: Caller, bill: BillRequest) -> Computation:
    """``quote`` inside a transaction that the caller opened, without a quote id."""
    _may_settle(caller, bill)
    found = await _read(service, connection, caller, bill, key=None, request_hash=None)
    _in_reach(caller, found)
    return _computed(service, bill, found)


async def settle(service: Service, caller: Caller, bill: BillRequest, *, key: str, request_hash: bytes) -> Settled:
    """Settle a bill once. A replay of the key names the first settlement; Conflict, Refused and the rest leave nothing."""
    async with service.database.hot() as connection:
        settled = await settle_within(service, connection, caller, bill, key=key, request_hash=request_hash)
    observe_settled(settled)
    return settled


async def settle_within(
    service: Service,
    connection: HotConnection,
    caller: Caller,
    bill: BillRequest,
    *,
    key: str,
    request_hash: bytes,
    check: Callable[[Computation], None] | None = None,
) -> Settled:
    """``settle`` inside a transaction that the caller opened and commits; then call ``observe_settled``.

    ``check`` may raise for what was computed, before anything is written.
    """
    _may_settle(caller, bill)
    found = await _read(service, connection, caller, bill, key=key, request_hash=request_hash)
    if found.state == "replayed":
        return Settled(cast(int, found.settlement_id), True)
    _in_reach(caller, found)
    if found.settled is not None:
        raise _already_settled(found.settled)
    computation = _computed(service, bill, found)
    _hold_to_quote(service, computation)
    if check is not None:
        check(computation)
    row, transfers, after = _new_entry(computation)
    try:
        await store.write(connection, row, transfers, after, key=key, request_hash=request_hash)
    except Exception as error:
        if constraint(error) == "settled_visit_pkey":
            where = f"/v1/settlements/by-visit/{bill.hospital_code}/{bill.visit_id}/{bill.settle_seq}"
            raise Conflict("already_settled", headers={"Location": quoted_path(where)}) from error
        raise
    return Settled(row.settlement_id, False, computation)


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


def _in_reach(caller: Caller, found: Found) -> None:
    """Neither the paying area nor the hospital's is the caller's: not theirs, so it doesn't exist."""
    reach, _, area = caller.reach
    known = [item.area_code for item in (found.person, found.hospital) if item is not None]
    if reach == "area" and known and not any(code.startswith(area) for code in known):
        raise NotFound("not_found")


async def _read(
    service: Service, connection: Any, caller: Caller, bill: BillRequest, *, key: str | None, request_hash: bytes | None
) -> Found:
    found = await store.facts(
        connection,
        caller,
        bill,
        key=key,
        request_hash=request_hash,
        wait=service.settings.idempotency_wait,
        manual_clock=service.manual_clock,
    )
    check_opened(found.state, keyed=key is not None)
    if key is not None:
        metrics.lock_wait_seconds.observe(found.lock_wait / 1_000_000)
    return found


def _already_settled(settlement_id: int) -> OnestopError:
    return Conflict("already_settled", headers={"Location": f"/v1/settlements/{shown_id(SETTLEMENT, settlement_id)}"})


def _computed(service: Service, request: BillRequest, found: Found) -> Computation:
    """The pure part: faults of bill, facts and policy together, then the engine."""
    bill = core_bill(request)
    visit, source = visit_name(request.hospital_code, request.visit_id), _source(request)
    visits = episode_visits(found.stays, visit, source)
    faults = bill_faults(bill) + _fact_faults(request, found)
    if visits is None:
        faults.append(Fault("/transfer_from", "transfer_visit_unknown"))
    policy, policy_found = _policy(service, request, found)
    faults += policy_found
    if policy is None or found.person is None or found.hospital is None or visits is None:
        raise Refused(_in_request_order(faults))
    facts = _facts(request, found, policy)
    faults += policy_faults(bill, facts, policy)
    if faults:
        raise Refused(_in_request_order(faults))
    episode = episode_of(found.stays, visits, benefit_year=request.discharged_on.year)
    before = empty_year() | (found.accumulators or {})
    started = perf_counter()
    computed = _located(lambda: run(bill, _catalogue(found), facts, before, episode, policy))
    metrics.engine_seconds.observe(perf_counter() - started)
    outcome = computed.outcome
    inputs = encoded(
        Inputs(
            outcome.policy.digest, request.discharged_on, computed.entries, facts, before, episode, essential(request)
        )
    )
    results = encoded(results_of(outcome))
    document = document_of(inputs, results, outcome.lines, outcome.trace)
    warnings = stay_warnings(found.stays, visit, request.admitted_on, request.discharged_on, source)
    if found.settled_later_stay:
        warnings.append("out_of_date_order")
    return Computation(
        request, found, visits, warnings, facts, episode, outcome, document, digest(inputs), digest(results)
    )


def _source(request: BillRequest) -> str | None:
    """The visit that the person was transferred from."""
    source = request.transfer_from
    return None if source is None else visit_name(source.hospital_code, source.visit_id)


def _in_request_order(faults: list[Fault]) -> list[Fault]:
    """Faults as their members stand in a bill, lines by their position; the first one's code is the problem's."""
    members = {f"/{name}": position for position, name in enumerate(BillRequest.__struct_fields__)}

    def position(fault: Fault) -> tuple[int, int]:
        parts = fault.pointer.split("/")
        return members.get("/".join(parts[:2]), -1), int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else -1

    return sorted(faults, key=position)


def _located(engine: Callable[[], Any]) -> Any:
    """Run the engine; a policy gap met on the way is a fault of the discharge day."""
    try:
        return engine()
    except Refused as refused:
        raise Refused([Fault(f.pointer or "/discharged_on", f.code, f.values) for f in refused.faults]) from None


def _catalogue(found: Found) -> Catalogue:
    catalogue: dict[str, list[Any]] = {}
    for entry in found.entries:
        catalogue.setdefault(entry.item_code, []).append(entry)
    return catalogue


def _fact_faults(request: BillRequest, found: Found) -> list[Fault]:
    """Faults that only the registry and the clock can tell."""
    faults = []
    if request.insurance_type != INSURANCE_TYPE:
        faults.append(Fault("/insurance_type", "insurance_type_unsupported"))
    if found.hospital is None:
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    elif not found.hospital.contracted and request.paid_by == "hospital":
        faults.append(Fault("/hospital_code", "hospital_not_contracted"))
    if found.person is None:
        faults.append(Fault("/person_id", "unknown_person"))
    elif not found.person.insured or found.person.insurance_type != INSURANCE_TYPE:
        faults.append(Fault("/person_id", "not_insured"))
    today = shanghai_day(cast(datetime, found.now))
    if request.discharged_on > today:
        faults.append(Fault("/discharged_on", "in_the_future"))
    return faults


def _policy(service: Service, request: BillRequest, found: Found) -> tuple[Policy | None, list[Fault]]:
    """The policy of the person's area on the discharge day, with the area's own figures, or why there is none."""
    if found.person is None:
        return None, []
    try:
        policy = policy_in(service, request.discharged_on, found.person.area_code, found.area)
        return policy.with_own(found.area.figures), []
    except Refused as refused:
        return None, [Fault("/discharged_on", fault.code, fault.values) for fault in refused.faults]


def _facts(request: BillRequest, found: Found, policy: Policy) -> Facts:
    person, hospital = cast(store.FoundPerson, found.person), cast(store.FoundHospital, found.hospital)
    return Facts(
        person_id=request.person_id,
        area_code=person.area_code,
        benefit_class=class_on(found.classes, policy),
        hospital_code=request.hospital_code,
        hospital_level=hospital.level,
        hospital_rank=cast(Any, hospital.rank),
        hospital_area_code=hospital.area_code,
        disease_registered=request.disease_code in found.registrations,
        own_figures=found.area.figures,
    )


def class_on(classes: Collection[str], policy: Policy) -> BenefitClass:
    """The class that counts among those that a person has: the first in the pack's precedence."""
    return cast(BenefitClass, next((name for name in policy.version.precedence if name in classes), "ordinary"))


def _quote_token(computation: Computation) -> QuoteToken:
    outcome = computation.outcome
    return QuoteToken(
        computation.now,
        outcome.portions.patient,
        outcome.policy.digest,
        digest(encoded(computation.facts)),
        digest(encoded([outcome.before, computation.episode])),
        digest(encoded(essential(computation.bill))),
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


def _new_entry(computation: Computation) -> tuple[NewEntry, Any, str]:
    """The row, its transfers and the year afterwards."""
    bill, found, facts, outcome = computation.bill, computation.found, computation.facts, computation.outcome
    paying_area = computation.paying_area
    row = NewEntry(
        settlement_id=cast(int, found.settlement_id),
        kind="settlement",
        of_settlement_id=None,
        person_id=bill.person_id,
        benefit_year=outcome.benefit_year,
        entry_no=found.entries_before + 1,
        hospital_code=bill.hospital_code,
        visit_id=bill.visit_id,
        settle_seq=bill.settle_seq,
        interim=bill.interim,
        medical_type=bill.medical_type,
        benefit_class=outcome.benefit_class,
        paid_by=bill.paid_by,
        paying_area=paying_area,
        hospital_area=facts.hospital_area_code,
        out_of_area=outcome.out_of_area,
        recoverable=outcome.recoverable,
        admitted_on=bill.admitted_on,
        discharged_on=bill.discharged_on,
        settled_at=computation.now,
        total=outcome.total,
        **msgspec.structs.asdict(outcome.scope),
        **msgspec.structs.asdict(outcome.portions),
        payable_adjustment=outcome.payable_adjustment,
        deductible=outcome.deductible,
        delta=encoded(whole_of(outcome).delta).decode(),
        episode=list(computation.visits),
        policy_pack=outcome.policy.pack,
        policy_version=outcome.policy.version,
        policy_digest=outcome.policy.digest,
        assumed=outcome.policy.assumed,
        engine_version=ENGINE_VERSION,
        digest=computation.digest,
        result_digest=computation.result_digest,
        warnings=computation.warnings,
        reason=None,
        document=encoded(computation.document).decode(),
    )
    owed_to = creditor(paid_by=bill.paid_by, hospital_code=bill.hospital_code, person_id=bill.person_id)
    transfers = transfers_for(
        outcome.payables, event="settlement", paying_area=paying_area, creditor=owed_to, medical_type=bill.medical_type
    )
    return row, transfers, encoded(outcome.after).decode()
