"""The entries of a person-year: the rows, transfers and accumulators that settling and correcting write. Pure.

Each entry moves the year from what it was to what it is; nothing that was written before is changed. Those of a bill
that is split at the turn of the year are entries of both years.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

from msgspec import UNSET, structs

from app import ENGINE_VERSION
from app.basics.ids import SETTLEMENT, shown_id
from app.ledger.journal import Transfer, creditor, receivable_transfers, transfers_for
from app.settlement.computing import Computation
from app.settlement.document import (
    NOTHING,
    Adjusted,
    Document,
    Inputs,
    Results,
    ReversalInputs,
    Whole,
    YearResults,
    decode_inputs,
    digest,
    document_of,
    encoded,
    encoded_inputs,
    less,
    results_of,
    results_of_whole,
    whole_of,
)
from app.settlement.person_year import Recomputed
from app.settlement.rows import (
    NO_OLDER,
    EntryKind,
    NewEntry,
    OlderPart,
    Original,
    PersonYear,
    Standing,
    YearStanding,
)
from app.tiers.episode import moved_of
from app.tiers.model import LineScope, Payable, Step
from app.tiers.scope import UNKNOWN_ITEM

_OWN: Final = {"settlement_id", "entry_no", "older_entry_no", "digest", "engine_version"}
_REPEATED: Final = frozenset(Original.__struct_fields__) - _OWN


@dataclass(frozen=True, slots=True)
class Older:
    """What of an entry belongs to the benefit year before its own: the row, its transfers, and that year's accumulators
    after it."""

    row: OlderPart
    transfers: tuple[Transfer, ...]
    year: dict[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to write, its transfers, and the year's accumulators after it (fen, and a count). The row's amounts are
    those of both years where there is an ``older`` part, the transfers its own year's. ``at_stake``: what a correction
    changes on which later years of the stay relied, fen."""

    row: NewEntry
    transfers: tuple[Transfer, ...]
    year: dict[str, int]
    older: Older | None = None
    at_stake: int = 0

    @property
    def posted(self) -> tuple[Transfer, ...]:
        """The transfers of all years."""
        return self.transfers if self.older is None else self.older.transfers + self.transfers


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
    if not outcome.years:
        return Entry(row, _transfers(row, outcome.payables, "settlement"), outcome.after)
    older, newer = outcome.years
    whole, results = cast(Whole, whole_of(outcome).older), results_of(outcome).years
    number = (found.older or NO_OLDER).entries_before + 1
    split = Older(_older_row(whole, number, results[0]), _transfers(row, older.payables, "settlement"), older.after)
    return Entry(row, _transfers(row, newer.payables, "settlement"), newer.after, split)


def reversal(found: PersonYear, item: Standing, reason: str, *, evidence: str | None = None) -> Entry:
    """Take back what a settlement and its adjustments took, exactly.

    With ``evidence`` (a recovery) the funds don't ask the hospital for their money but the liable party.
    """
    row, document = item.row, cast(Document, item.document)
    years = years_now(found, ())
    year, older_year = (_accumulators(years, number) for number in (row.benefit_year, row.benefit_year - 1))
    whole = less(NOTHING, item.whole)
    results = results_of_whole(whole, year, decode_inputs(document), older_year)
    taken = ReversalInputs(shown_id(SETTLEMENT, row.settlement_id), row.digest, item.digests, year, evidence)
    if results.years:
        taken = structs.replace(taken, older_before=older_year)
    inputs = encoded(taken)
    total = sum(structs.astuple(whole.portions))
    step = Step("reversal", "reversal", "reversal", "撤销结算", whole.portions.patient, {"total": total})
    lines = line_differences((), document.lines)
    stored = document_of(inputs, encoded(results), lines, (step,), split=bool(results.years))

    def posted(payables: Sequence[Payable]) -> tuple[Transfer, ...]:
        transfers = _transfers(row, payables, "reversal")
        return transfers if evidence is None else transfers + _receivable(row, payables)

    change = _Change("reversal", whole, stored, reason, engine_version=row.engine_version)
    entry = _with_years(_entry(found, row, (), change), whole, results, years, posted)
    return replace(entry, at_stake=_at_stake(whole, decode_inputs(document)))


def adjustment(
    found: PersonYear, again: Recomputed, reason: str, written: Sequence[Entry], *, caused_by: int | None, own: bool
) -> Entry:
    """Carry the difference between a settlement as it stands and as it was computed again.

    ``written``: the entries before this one in the same correction. ``own``: the correction is of a bill of the
    hospital itself; only then it may ask the patient for more.
    """
    difference, years = again.difference, years_now(found, written)
    year, older_year = (_accumulators(years, again.row.benefit_year - back) for back in (0, 1))
    results = results_of_whole(difference, year, again.inputs, older_year)
    adjusts = Adjusted(shown_id(SETTLEMENT, again.row.settlement_id), again.former, year)
    if results.years:
        adjusts = structs.replace(adjusts, older_year=older_year)
    inputs = structs.replace(again.inputs, policy_digest=again.outcome.policy.digest, adjusts=adjusts)
    stored = document_of(
        encoded_inputs(inputs),
        encoded(results),
        again.outcome.lines,
        again.outcome.trace,
        former_lines=again.former_document.lines,
        former_trace=again.former_document.trace,
        split=bool(results.years),
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
    entry = _with_years(
        _entry(found, row, written, change),
        difference,
        results,
        years,
        lambda payables: _transfers(row, payables, "adjustment"),
    )
    return replace(entry, at_stake=_at_stake(difference, again.inputs))


def _at_stake(change: Whole, inputs: Inputs) -> int:
    """What of a change later years of the stay relied on, fen: its deductible, and what the law counts by stay."""
    counted = {} if inputs.episode.counted is UNSET else inputs.episode.counted
    names = {name.partition("/")[0] for name in counted}
    parts = (change,) if change.older is None else (change, change.older)
    moved = [moved_of(part.delta, names, inputs.facts.insurance_type) for part in parts]
    return max(abs(change.deductible), *(abs(amount) for part in moved for amount in part.values()), 0)


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


def _with_years(
    row: NewEntry,
    whole: Whole,
    results: Results,
    years: Mapping[int, YearStanding],
    posted: Callable[[Sequence[Payable]], tuple[Transfer, ...]],
) -> Entry:
    """The entry of a correction, which moves one year, or both of a split settlement."""
    if whole.older is None:
        return Entry(row, posted(results.payables), results.after)
    older, newer = results.years
    standing = years.get(older.benefit_year)
    part = _older_row(whole.older, 1 if standing is None else standing.entries + 1, older)
    split = Older(part, posted(older.payables), older.after)
    return Entry(row, posted(newer.payables), newer.after, split)


def _older_row(whole: Whole, entry_no: int, results: YearResults) -> OlderPart:
    return OlderPart(
        benefit_year=results.benefit_year,
        entry_no=entry_no,
        total=sum(structs.astuple(whole.portions)),
        **structs.asdict(whole.scope),
        **structs.asdict(whole.portions),
        payable_adjustment=whole.payable_adjustment,
        deductible=whole.deductible,
        delta=encoded(whole.delta).decode(),
        after=encoded(results.after).decode(),
    )


def _entry(found: PersonYear, row: Original, written: Sequence[Entry], change: _Change) -> NewEntry:
    repeated = {name: getattr(row, name) for name in _REPEATED}
    whole, document = change.whole, change.document
    scope, portions = structs.asdict(whole.scope), structs.asdict(whole.portions)
    return NewEntry(
        settlement_id=cast(list[int], found.ids)[len(written)],
        kind=change.kind,
        of_settlement_id=row.settlement_id,
        entry_no=years_now(found, written)[row.benefit_year].entries + 1,
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


def _receivable(row: Original, payables: Sequence[Payable]) -> tuple[Transfer, ...]:
    return receivable_transfers(
        payables,
        paying_area=row.paying_area,
        creditor=creditor(paid_by=row.paid_by, hospital_code=row.hospital_code),
        liable=shown_id(SETTLEMENT, row.settlement_id),
        medical_type=row.medical_type,
    )


def years_now(found: PersonYear, written: Sequence[Entry]) -> dict[int, YearStanding]:
    """How the benefit years stand that a correction may move, after what it has ``written`` so far."""
    years = dict(found.years)
    for item in written:
        years[item.row.benefit_year] = YearStanding(item.row.entry_no, item.year)
        if item.older is not None:
            years[item.older.row.benefit_year] = YearStanding(item.older.row.entry_no, item.older.year)
    return years


def _accumulators(years: Mapping[int, YearStanding], year: int) -> dict[str, int]:
    standing = years.get(year)
    return {} if standing is None else standing.accumulators


def years_before(found: PersonYear) -> dict[int, Mapping[str, int]]:
    """The years' accumulators before the first of the standing settlements that were read."""
    years = {number: dict(standing.accumulators) for number, standing in found.years.items()}
    for item in found.standing:
        for number, delta in item.whole.deltas(item.row.benefit_year).items():
            for name, value in delta.items():
                years[number][name] -= value
    return dict(years)
