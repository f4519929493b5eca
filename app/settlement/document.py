"""The one JSON document of a settlement: its inputs, its results and the trace's numbers. Encoded once, digested as encoded."""

from datetime import date
from hashlib import sha256
from operator import sub
from typing import Final

import msgspec
from msgspec import Raw, Struct, structs

from app.settlement.bill import BillRequest
from app.tiers.model import (
    FUND_TIERS,
    FUNDS,
    CatalogueEntry,
    Episode,
    Facts,
    LineScope,
    Outcome,
    Payable,
    Portions,
    Scope,
    Step,
)

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Whole(Struct, frozen=True):
    """A settlement as it stands, its adjustments added up, fen. ``delta``: by how much it moves the year's accumulators."""

    scope: Scope
    portions: Portions
    payable_adjustment: int
    deductible: int
    delta: dict[str, int]


class Adjusted(Struct, frozen=True):
    """What an adjustment starts from: its settlement's digest and whole before, the year's accumulators before."""

    of: str
    whole: Whole
    year: dict[str, int]


class Inputs(Struct, frozen=True, omit_defaults=True):
    """Everything that the result depends on; ``digest`` is over this.

    ``refunds``: line numbers and the quantities taken back since settling, ten-thousandths of a unit. ``adjusts`` is there in an
    adjustment: its result is the difference between what these inputs give and that.
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


class ReversalInputs(Struct, frozen=True):
    """What a reversal takes back: its settlement's digest, the result digests of it and its adjustments, the year before.

    ``evidence`` names the document for which a recovery was made.
    """

    of: str
    digest: str
    results: tuple[str, ...]
    before: dict[str, int]
    evidence: str | None = None


class Results(Struct, frozen=True):
    """What was computed; ``result_digest`` is over this."""

    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    after: dict[str, int]


class Document(Struct, frozen=True, omit_defaults=True):
    """The stored form; inputs and results are kept as the very bytes that were digested.

    In an adjustment ``lines`` and ``trace`` are those of the bill as it is computed now, and ``former_lines`` and
    ``former_trace`` as it was computed before; the results are differences.
    """

    inputs: Raw
    results: Raw
    lines: tuple[LineScope, ...]
    trace: tuple[Step, ...]
    former_lines: tuple[LineScope, ...] = ()
    former_trace: tuple[Step, ...] = ()


def encoded(value: object) -> bytes:
    """The canonical JSON of a value: struct fields in their order, mappings sorted."""
    return _encoder.encode(value)


def digest(value: bytes) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    return sha256(value).hexdigest()


def results_of(outcome: Outcome) -> Results:
    """The digested part of an outcome."""
    return Results(outcome.scope, outcome.portions, outcome.payables, outcome.after)


def whole_of(outcome: Outcome) -> Whole:
    """What a settlement comes to that stands as an outcome says."""
    before = outcome.before
    delta = {key: value - before.get(key, 0) for key, value in outcome.after.items() if value != before.get(key, 0)}
    return Whole(outcome.scope, outcome.portions, outcome.payable_adjustment, outcome.deductible, delta)


def less(whole: Whole, other: Whole) -> Whole:
    """The difference of two wholes, member by member; equal accumulators are left out of ``delta``."""
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


def results_of_whole(whole: Whole, year: dict[str, int]) -> Results:
    """The results of an entry that moves a year's accumulators by a whole; ``year`` is the year before it."""
    after = dict(year)
    for key, value in whole.delta.items():
        after[key] = after.get(key, 0) + value
    return Results(whole.scope, whole.portions, owed(whole.portions, whole.payable_adjustment), after)


def owed(portions: Portions, adjustment: int) -> tuple[Payable, ...]:
    """What each fund owes by its portion, fen; the adjustment of a package price is the basic fund's."""
    amounts = {tier: getattr(portions, tier) + (adjustment if tier == "basic" else 0) for tier in FUND_TIERS}
    return tuple(Payable(FUNDS[tier], tier, amount) for tier, amount in amounts.items() if amount)


_document: Final = msgspec.json.Decoder(Document)
_inputs: Final = msgspec.json.Decoder(Inputs)
_reversal: Final = msgspec.json.Decoder(ReversalInputs)
_results: Final = msgspec.json.Decoder(Results)


def decode_document(text: str) -> Document:
    """A stored document."""
    return _document.decode(text)


def decode_inputs(raw: Raw) -> Inputs:
    """The inputs of a stored document."""
    return _inputs.decode(raw)


def decode_reversal(raw: Raw) -> ReversalInputs:
    """The inputs of a stored reversal."""
    return _reversal.decode(raw)


def decode_results(raw: Raw) -> Results:
    """The results of a stored document."""
    return _results.decode(raw)
