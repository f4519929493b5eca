"""The one JSON document of a settlement: inputs, results, the trace's numbers. Encoded once, digested as encoded.

A document carries the number of its form, and every form that was ever written is read here:

- 1 said of an episode only whether the year counted it already (``counted_in_year``), of a reversal not what it took
  back, and its steps gave some figures by other names, or not at all.
- 2 wrote each line of the bill with the names of its members. Neither 1 nor the first documents of form 2 carry a
  number; what they have tells them apart.
- 3 is today's of a bill that is of one year: a line is the list of its members, without the last ones where nothing
  unusual stands there.
- 4 is today's of a bill that is split at the turn of the year: it says besides what is of the older year.
"""

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from operator import attrgetter, sub
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, structs

from app.settlement.bill import BillLine, BillRequest
from app.tiers.episode import moved
from app.tiers.model import (
    FUND_TIERS,
    Approved,
    CatalogueEntry,
    Episode,
    Facts,
    LineScope,
    Outcome,
    Payable,
    Portions,
    Scope,
    SplitYear,
    Step,
)
from app.tiers.split import payables_summed

FORM: Final = 4
PLAIN_FORM: Final = 3
"""Still that of a bill that isn't split."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Whole(Struct, frozen=True, omit_defaults=True):
    """A settlement as it stands with its adjustments, fen. ``delta``: by how much it moves the accumulators of its
    benefit year. ``older``: what of it belongs to the year before, where it is split; the other amounts are of both."""

    scope: Scope
    portions: Portions
    payable_adjustment: int
    deductible: int
    delta: dict[str, int]
    older: "Whole | None" = None

    def deltas(self, benefit_year: int) -> dict[int, dict[str, int]]:
        """By how much it moves the accumulators of each year, its own being ``benefit_year``."""
        own = {benefit_year: self.delta}
        return own if self.older is None else {benefit_year - 1: self.older.delta, **own}


class Adjusted(Struct, frozen=True, omit_defaults=True):
    """What an adjustment starts from: its settlement's digest and whole before, the accumulators before of its year and
    of a split one's older year."""

    of: str
    whole: Whole
    year: dict[str, int]
    older_year: dict[str, int] | None = None


class OlderInputs(Struct, frozen=True):
    """What the older part of a bill that is split at the turn of the year depends on beside the bill: the law of its
    last day, the facts that this law makes of person and hospital, the year before it."""

    policy_digest: str
    policy_day: date
    facts: Facts
    before: dict[str, int]


class Inputs(Struct, frozen=True, omit_defaults=True):
    """Everything that the result depends on; ``digest`` is over what ``encoded_inputs`` makes of this.

    ``refunds``: line numbers and the quantities taken back since settling, ten-thousandths of a unit. Only an
    adjustment has ``adjusts``: its result is the difference between what these inputs give and that. Only a bill that
    is split at the turn of the year has ``older``; its ``episode`` is the older year's.
    """

    policy_digest: str
    policy_day: date
    entries: tuple[CatalogueEntry, ...]
    facts: Facts
    before: dict[str, int]
    episode: Episode
    bill: BillRequest
    refunds: tuple[tuple[int, int], ...] = ()
    adjusts: Adjusted | None = None
    older: OlderInputs | None = None

    @property
    def admission_year(self) -> int:
        """The benefit year whose admissions the bill is one of."""
        return (self if self.older is None else self.older).policy_day.year

    @property
    def laws(self) -> list[str]:
        """The digests of the packs that it is computed under."""
        return [part.policy_digest for part in (self, self.older) if part is not None]


class KeptLine(Struct, frozen=True, array_like=True):
    """A line as a document keeps it, a list: the members of ``BillLine`` in their order, defaults at its end left
    out."""

    line_no: int
    item_code: str
    quantity: str
    unit_price: str
    amount: str
    charged_at: datetime
    name: str | None = None
    hospital_item_code: str | None = None
    approved: Approved = False
    refund_of_line_no: int | None = None


class KeptBill(BillRequest, forbid_unknown_fields=True):
    """A bill as a document keeps it."""

    lines: tuple[KeptLine, ...]  # type: ignore[assignment]


class KeptInputs(Inputs, frozen=True, omit_defaults=True):
    """The inputs of a document of today's form."""

    bill: KeptBill


class ReversalInputs(Struct, frozen=True):
    """What a reversal takes back: a settlement's digest, the result digests of it and its adjustments, the year before.

    ``evidence`` names the document for which a recovery was made, ``older_before`` is a split one's older year before.
    """

    of: str
    digest: str
    results: tuple[str, ...]
    before: dict[str, int]
    evidence: str | None = None
    older_before: dict[str, int] | UnsetType = UNSET


class YearResults(Struct, frozen=True):
    """What of an entry belongs to one benefit year, and the year before and after it."""

    benefit_year: int
    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    before: dict[str, int]
    after: dict[str, int]


class Results(Struct, frozen=True, omit_defaults=True):
    """What was computed; ``result_digest`` is over this. ``years``: its parts, oldest first, of a bill that is split
    at the turn of the year; ``after`` is then the year of the discharge."""

    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    after: dict[str, int]
    years: tuple[YearResults, ...] = ()


class Document(Struct, frozen=True, omit_defaults=True):
    """The stored form; inputs and results are kept as the very bytes that were digested.

    In an adjustment ``lines`` and ``trace`` are those of the bill as it is computed now, and ``former_lines`` and
    ``former_trace`` as it was computed before; the results are differences. ``form`` is 0 where no number was written.
    """

    inputs: Raw
    results: Raw
    lines: tuple[LineScope, ...]
    trace: tuple[Step, ...]
    former_lines: tuple[LineScope, ...] = ()
    former_trace: tuple[Step, ...] = ()
    form: int = 0


class Episode1(Struct, frozen=True):
    """An episode in form 1: the deductible paid in it, fen, and whether the year counts it already."""

    deductible_paid: int
    counted_in_year: bool


class Inputs1(Struct, frozen=True):
    """The inputs of a settlement in form 1."""

    policy_digest: str
    policy_day: date
    entries: tuple[CatalogueEntry, ...]
    facts: Facts
    before: dict[str, int]
    episode: Episode1
    bill: BillRequest


class ReversalInputs1(Struct, frozen=True):
    """The inputs of a reversal in form 1."""

    of: str
    digest: str
    before: dict[str, int]


class _Marks(Struct, frozen=True):
    """What tells the forms without number apart."""

    episode: dict[str, int | bool] | UnsetType = UNSET
    results: tuple[str, ...] | UnsetType = UNSET


def document_of(
    inputs: bytes,
    results: bytes,
    lines: tuple[LineScope, ...],
    trace: tuple[Step, ...],
    *,
    former_lines: tuple[LineScope, ...] = (),
    former_trace: tuple[Step, ...] = (),
    split: bool = False,
) -> Document:
    """A document to be stored, in today's form."""
    form = FORM if split else PLAIN_FORM
    return Document(Raw(inputs), Raw(results), lines, trace, former_lines, former_trace, form)


def encoded(value: object) -> bytes:
    """The canonical JSON of a value: struct fields in their order, mappings sorted."""
    return _encoder.encode(value)


def encoded_inputs(inputs: Inputs) -> bytes:
    """The inputs as a document keeps them."""
    lines = [_kept(line) for line in inputs.bill.lines]
    bill = structs.replace(inputs.bill, lines=lines)
    return encoded(structs.replace(inputs, bill=bill))


_plain: Final = attrgetter(*KeptLine.__struct_fields__[:-2])


def _kept(line: BillLine) -> Sequence[object]:
    """A line as the list that ``KeptLine`` reads."""
    if line.refund_of_line_no is not None:
        return structs.astuple(line)
    plain: Sequence[object] = _plain(line)
    return plain if line.approved is False else [*plain, line.approved]


def digest(value: bytes) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    return sha256(value).hexdigest()


def results_of(outcome: Outcome) -> Results:
    """The digested part of an outcome."""
    years = tuple(
        YearResults(part.benefit_year, part.scope, part.portions, part.payables, part.before, part.after)
        for part in outcome.years
    )
    return Results(outcome.scope, outcome.portions, outcome.payables, outcome.after, years)


def whole_of(outcome: Outcome) -> Whole:
    """What a settlement comes to that stands as an outcome says."""
    older = _whole_of(outcome.years[0]) if outcome.years else None
    return structs.replace(_whole_of(outcome), older=older)


def _whole_of(part: Outcome | SplitYear) -> Whole:
    return Whole(part.scope, part.portions, part.payable_adjustment, part.deductible, moved(part))


def less(whole: Whole, other: Whole) -> Whole:
    """The difference of two wholes, member by member; equal accumulators are left out of ``delta``. It has an older
    part when one of them has."""
    if whole.older is not None or other.older is not None:
        older = less(whole.older or NOTHING, other.older or NOTHING)
        whole, other = (structs.replace(one, older=None) for one in (whole, other))
        return structs.replace(less(whole, other), older=older)
    keys = whole.delta.keys() | other.delta.keys()
    delta = {key: whole.delta.get(key, 0) - other.delta.get(key, 0) for key in keys}
    return Whole(
        Scope(*map(sub, structs.astuple(whole.scope), structs.astuple(other.scope))),
        Portions(*map(sub, structs.astuple(whole.portions), structs.astuple(other.portions))),
        whole.payable_adjustment - other.payable_adjustment,
        whole.deductible - other.deductible,
        {key: value for key, value in delta.items() if value},
    )


NOTHING: Final = Whole(Scope(0, 0, 0, 0), Portions(0, 0, 0, 0, 0, 0), 0, 0, {})


def is_nothing(whole: Whole) -> bool:
    """Whether a difference is none, in no year."""
    return structs.replace(whole, older=None) == NOTHING and (whole.older is None or is_nothing(whole.older))


def results_of_whole(whole: Whole, year: dict[str, int], inputs: Inputs, older_year: dict[str, int]) -> Results:
    """The results of an entry that moves accumulators by a whole; ``year`` is the year before it, ``older_year`` a
    split one's older year, the funds are those of the settlement's ``inputs``."""
    after = _moved(year, whole.delta)
    if whole.older is None or inputs.older is None:
        return Results(whole.scope, whole.portions, owed_of(whole, inputs), after)
    parts = (
        (inputs.older.facts, whole.older, older_year),
        (inputs.facts, less(structs.replace(whole, older=None), structs.replace(whole.older, delta={})), year),
    )
    years = tuple(
        YearResults(
            inputs.policy_day.year + step,
            part.scope,
            part.portions,
            owed(part.portions, part.payable_adjustment, facts),
            before,
            _moved(before, part.delta),
        )
        for step, (facts, part, before) in zip((-1, 0), parts, strict=True)
    )
    return Results(whole.scope, whole.portions, owed_of(whole, inputs), after, years)


def _moved(year: dict[str, int], delta: dict[str, int]) -> dict[str, int]:
    after = dict(year)
    for key, value in delta.items():
        after[key] = after.get(key, 0) + value
    return after


def owed_of(whole: Whole, inputs: Inputs) -> tuple[Payable, ...]:
    """What each fund owes of a settlement with these inputs, of both years where it is split, fen."""
    older = whole.older
    if older is None or inputs.older is None:
        return owed(whole.portions, whole.payable_adjustment, inputs.facts)
    newer = less(structs.replace(whole, older=None), older)
    return payables_summed(
        (
            *owed(older.portions, older.payable_adjustment, inputs.older.facts),
            *owed(newer.portions, newer.payable_adjustment, inputs.facts),
        )
    )


def owed(portions: Portions, adjustment: int, facts: Facts) -> tuple[Payable, ...]:
    """What each fund owes by its portion, fen; the adjustment of a package price is the basic fund's."""
    amounts = {tier: getattr(portions, tier) + (adjustment if tier == "basic" else 0) for tier in FUND_TIERS}
    return tuple(Payable(facts.fund(tier), tier, amount) for tier, amount in amounts.items() if amount)


_document: Final = msgspec.json.Decoder(Document)
_marks: Final = msgspec.json.Decoder(_Marks)
_inputs: Final = msgspec.json.Decoder(KeptInputs)
_inputs2: Final = msgspec.json.Decoder(Inputs)
_inputs1: Final = msgspec.json.Decoder(Inputs1)
_reversal: Final = msgspec.json.Decoder(ReversalInputs)
_reversal1: Final = msgspec.json.Decoder(ReversalInputs1)
_results: Final = msgspec.json.Decoder(Results)


def decode_document(text: str) -> Document:
    """A stored document, its trace in today's words."""
    return in_todays_words(_document.decode(text))


def in_todays_words(document: Document) -> Document:
    """A document whose trace today's sentences can be made of; its inputs and results stay the bytes that they are."""
    if form_of(document) > 1:
        return document
    return structs.replace(document, trace=tuple(map(_step_of_form_1, document.trace)), form=1)


def form_of(document: Document) -> int:
    """The form that a stored document has. ValueError when only a later release knows it."""
    if document.form > FORM:
        raise ValueError(f"a document of form {document.form} can't be read by this release, which knows {FORM}")
    if document.form:
        return document.form
    marks = _marks.decode(document.inputs)
    first = marks.results is UNSET if marks.episode is UNSET else "counted_in_year" in marks.episode
    return 1 if first else 2


def _step_of_form_1(step: Step) -> Step:
    """A step as it is told today. What is left under the yearly cap was kept then, but not the cap."""
    inputs = dict(step.inputs)
    if "room_before" in inputs:
        inputs["room_cap_year"] = inputs.pop("room_before")
    if step.kind == "own_cap":
        inputs["base_name"] = "remaining_total"
    elif step.kind == "fixed_payment":
        inputs["unpaid"] = inputs["total"]
    if isinstance(rate := inputs.get("rate"), int) and isinstance(cut_rate := inputs.get("cut_rate"), int):
        inputs["cut"] = rate - cut_rate
    return structs.replace(step, inputs=inputs)


def decode_inputs(document: Document) -> Inputs:
    """The inputs of a stored settlement or adjustment."""
    form = form_of(document)
    if form > 2:
        return _with_lines(_inputs.decode(document.inputs))
    if form == 2:
        return _inputs2.decode(document.inputs)
    old = _inputs1.decode(document.inputs)
    admission = old.before["inpatient_count"] + (0 if old.episode.counted_in_year else 1)
    episode = Episode(old.episode.deductible_paid, admission=admission)
    return Inputs(old.policy_digest, old.policy_day, old.entries, old.facts, old.before, episode, old.bill)


def _with_lines(kept: KeptInputs) -> Inputs:
    """Kept inputs with the bill's lines by name."""
    members = {name: getattr(kept.bill, name) for name in BillRequest.__struct_fields__}
    bill = BillRequest(**members | {"lines": [BillLine(*structs.astuple(line)) for line in kept.bill.lines]})
    return Inputs(**{name: getattr(kept, name) for name in Inputs.__struct_fields__} | {"bill": bill})


def decode_reversal(document: Document) -> ReversalInputs:
    """The inputs of a stored reversal; form 1 doesn't name the results that it took back."""
    if form_of(document) > 1:
        return _reversal.decode(document.inputs)
    old = _reversal1.decode(document.inputs)
    return ReversalInputs(old.of, old.digest, (), old.before)


def decode_results(raw: Raw) -> Results:
    """The results of a stored document."""
    return _results.decode(raw)
