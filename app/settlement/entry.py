"""The entries of a person-year: the rows, transfers and accumulators that settling and correcting write. Pure.

Each entry moves the year from what it was to what it is; nothing that was written before is changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from msgspec import structs

from app import ENGINE_VERSION
from app.basics.ids import SETTLEMENT, shown_id
from app.ledger.journal import Transfer, creditor, receivable_transfers, transfers_for
from app.settlement.computing import Computation
from app.settlement.document import (
    NOTHING,
    Adjusted,
    Document,
    ReversalInputs,
    Whole,
    decode_inputs,
    digest,
    document_of,
    encoded,
    encoded_inputs,
    less,
    results_of_whole,
    whole_of,
)
from app.settlement.person_year import Recomputed
from app.settlement.rows import EntryKind, NewEntry, Original, PersonYear, Standing
from app.tiers.model import LineScope, Payable, Step
from app.tiers.scope import UNKNOWN_ITEM

_REPEATED: Final = frozenset(Original.__struct_fields__) - {"settlement_id", "entry_no", "digest", "engine_version"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to write, its transfers, and the year's accumulators after it (fen, and a count)."""

    row: NewEntry
    transfers: tuple[Transfer, ...]
    year: dict[str, int]


def settlement(computation: Computation) -> Entry:
    """Settle a bill for the first time, as it was computed. A quote has no id; its entry is only shown, with id 0."""
    bill, found, outcome = computation.bill, computation.found, computation.outcome
    row = NewEntry(
        settlement_id=found.settlement_id or 0,
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
        paying_area=computation.paying_area,
        hospital_area=computation.inputs.facts.hospital_area_code,
        out_of_area=outcome.out_of_area,
        recoverable=outcome.recoverable,
        admitted_on=bill.admitted_on,
        discharged_on=bill.discharged_on,
        settled_at=computation.now,
        total=outcome.total,
        **structs.asdict(outcome.scope),
        **structs.asdict(outcome.portions),
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
        unknown_item=True if any(line.note == UNKNOWN_ITEM for line in outcome.lines) else None,
    )
    return Entry(row, _transfers(row, outcome.payables, "settlement"), outcome.after)


def reversal(found: PersonYear, item: Standing, reason: str, *, evidence: str | None = None) -> Entry:
    """Take back what a settlement and its adjustments took, exactly.

    With ``evidence`` (a recovery) the funds don't ask the hospital for their money but the liable party.
    """
    row, document = item.row, cast(Document, item.document)
    year = found.accumulators or {}
    whole = less(NOTHING, item.whole)
    results = results_of_whole(whole, year, decode_inputs(document).facts)
    inputs = encoded(ReversalInputs(shown_id(SETTLEMENT, row.settlement_id), row.digest, item.digests, year, evidence))
    total = sum(structs.astuple(whole.portions))
    step = Step("reversal", "reversal", "reversal", "撤销结算", whole.portions.patient, {"total": total})
    lines = line_differences((), document.lines)
    stored = document_of(inputs, encoded(results), lines, (step,))
    transfers = _transfers(row, results.payables, "reversal")
    if evidence is not None:
        owed_to = creditor(paid_by=row.paid_by, hospital_code=row.hospital_code)
        transfers += receivable_transfers(
            results.payables,
            paying_area=row.paying_area,
            creditor=owed_to,
            liable=shown_id(SETTLEMENT, row.settlement_id),
            medical_type=row.medical_type,
        )
    change = _Change("reversal", whole, stored, reason, engine_version=row.engine_version)
    return Entry(_entry(found, row, (), change), transfers, results.after)


def adjustment(
    found: PersonYear, again: Recomputed, reason: str, written: Sequence[Entry], *, caused_by: int | None, own: bool
) -> Entry:
    """Carry the difference between a settlement as it stands and as it was computed again.

    ``written``: the entries before this one in the same correction. ``own``: the correction is of a bill of the
    hospital itself; only then it may ask the patient for more.
    """
    difference = again.difference
    year = written[-1].year if written else found.accumulators or {}
    results = results_of_whole(difference, year, again.inputs.facts)
    adjusts = Adjusted(shown_id(SETTLEMENT, again.row.settlement_id), again.former, year)
    inputs = structs.replace(again.inputs, policy_digest=again.outcome.policy.digest, adjusts=adjusts)
    stored = document_of(
        encoded_inputs(inputs),
        encoded(results),
        again.outcome.lines,
        again.outcome.trace,
        former_lines=again.former_document.lines,
        former_trace=again.former_document.trace,
    )
    policy = again.outcome.policy
    row = structs.replace(
        again.row,
        benefit_class=again.outcome.benefit_class,
        policy_pack=policy.pack,
        policy_version=policy.version,
        policy_digest=policy.digest,
        assumed=policy.assumed,
    )
    change = _Change("adjustment", difference, stored, reason, caused_by=caused_by, own=own)
    return Entry(_entry(found, row, written, change), _transfers(row, results.payables, "adjustment"), results.after)


def line_differences(lines: Sequence[LineScope], former: Sequence[LineScope]) -> tuple[LineScope, ...]:
    """By how much each line's scope changes, fen; lines that don't change are left out."""
    now = {line.line_no: line for line in lines}
    result = []
    for before in former:
        after = now.get(before.line_no)
        changes = {
            name: (0 if after is None else getattr(after, name)) - getattr(before, name)
            for name in ("own_expense", "over_limit", "first_pay", "in_scope")
        }
        if any(changes.values()):
            result.append(structs.replace(before if after is None else after, **changes))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a correction changes of a settlement, and why. ``own`` as in ``adjustment``."""

    kind: EntryKind
    whole: Whole
    document: Document
    reason: str
    engine_version: str = ENGINE_VERSION
    caused_by: int | None = None
    own: bool = True


def _entry(found: PersonYear, row: Original, written: Sequence[Entry], change: _Change) -> NewEntry:
    repeated = {name: getattr(row, name) for name in _REPEATED}
    whole, document = change.whole, change.document
    scope, portions = structs.asdict(whole.scope), structs.asdict(whole.portions)
    return NewEntry(
        settlement_id=cast(list[int], found.ids)[len(written)],
        kind=change.kind,
        of_settlement_id=row.settlement_id,
        entry_no=found.entries_before + 1 + len(written),
        settled_at=cast(datetime, found.now),
        total=sum(portions.values()),
        **scope,
        **portions,
        payable_adjustment=whole.payable_adjustment,
        deductible=whole.deductible,
        delta=encoded(whole.delta).decode(),
        engine_version=change.engine_version,
        digest=digest(document.inputs),
        result_digest=digest(document.results),
        warnings=[],
        reason=change.reason,
        document=encoded(document).decode(),
        caused_by=change.caused_by,
        balance_state=None if row.paid_by == "patient" else _balance_state(whole.portions.patient, change.own),
        **repeated,
    )


def _balance_state(patient: int, own: bool) -> str | None:
    """How the patient's balance begins: nobody asks a patient for money because somebody else corrected something."""
    if patient == 0:
        return None
    return "waived" if patient > 0 and not own else "open"


def _transfers(row: Original | NewEntry, payables: Sequence[Payable], event: str) -> tuple[Transfer, ...]:
    owed_to = creditor(paid_by=row.paid_by, hospital_code=row.hospital_code)
    return transfers_for(
        payables, event=event, paying_area=row.paying_area, creditor=owed_to, medical_type=row.medical_type
    )


def year_before(found: PersonYear) -> Mapping[str, int]:
    """The year's accumulators before the first of the standing settlements that were read."""
    year = dict(found.accumulators or {})
    for item in found.standing:
        for name, value in item.whole.delta.items():
            year[name] -= value
    return year
