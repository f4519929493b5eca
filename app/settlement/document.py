"""The one JSON document of a settlement: its inputs, its results and the trace's numbers. Encoded once, digested as encoded."""

from datetime import date
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Raw, Struct

from app.settlement.bill import BillRequest
from app.tiers.model import CatalogueEntry, Episode, Facts, LineScope, Outcome, Payable, Portions, Scope, Step

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Inputs(Struct, frozen=True):
    """Everything that the result depends on; ``digest`` is over this."""

    policy_digest: str
    policy_day: date
    entries: tuple[CatalogueEntry, ...]
    facts: Facts
    before: dict[str, int]
    episode: Episode
    bill: BillRequest


class Results(Struct, frozen=True):
    """What was computed; ``result_digest`` is over this."""

    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    after: dict[str, int]


class Document(Struct, frozen=True):
    """The stored form; inputs and results are kept as the very bytes that were digested."""

    inputs: Raw
    results: Raw
    lines: tuple[LineScope, ...]
    trace: tuple[Step, ...]


def encoded(value: object) -> bytes:
    """The canonical JSON of a value: struct fields in their order, mappings sorted."""
    return _encoder.encode(value)


def digest(value: bytes) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    return sha256(value).hexdigest()


def results_of(outcome: Outcome) -> Results:
    """The digested part of an outcome."""
    return Results(outcome.scope, outcome.portions, outcome.payables, outcome.after)


_document: Final = msgspec.json.Decoder(Document)
_inputs: Final = msgspec.json.Decoder(Inputs)
_results: Final = msgspec.json.Decoder(Results)


def decode_document(text: str) -> Document:
    """A stored document."""
    return _document.decode(text)


def decode_inputs(raw: Raw) -> Inputs:
    """The inputs of a stored document."""
    return _inputs.decode(raw)


def decode_results(raw: Raw) -> Results:
    """The results of a stored document."""
    return _results.decode(raw)
