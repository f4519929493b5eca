"""A settlement as the API shows it (docs/specification/api.md, section 3). Sentences are made here, when read; nothing
is computed."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from app.basics.money import yuan
from app.tiers.comparison import StepChange
from app.tiers.explain import LINE_NOTES, WARNINGS, sentence, shown_inputs
from app.tiers.model import Basis, LineScope, Payable, Portions, Scope, Step

MOST_BASES: Final = 4096
COUNTS: Final = frozenset({"inpatient_count"})


class ScopeAnswer(Struct):
    """The bill's money by catalogue rules, yuan."""

    own_expense: str
    over_limit: str
    first_pay: str
    in_scope: str


class PortionsAnswer(Struct):
    """Who pays what, yuan."""

    basic: str
    serious_illness: str
    supplement: str
    medical_assistance: str
    safety_net: str
    hospital: str
    patient: str


class PayableAnswer(Struct):
    """What a fund owes, yuan."""

    fund: str
    tier: str
    amount: str


class YearToDateAnswer(Struct):
    """The accumulators before and after; money strings, ``inpatient_count`` an integer."""

    before: dict[str, str | int]
    after: dict[str, str | int]


class YearAnswer(Struct):
    """What of a bill that is split at the turn of the year belongs to one benefit year, yuan."""

    benefit_year: int
    scope: ScopeAnswer
    portions: PortionsAnswer
    payables: list[PayableAnswer]
    year_to_date: YearToDateAnswer


class PolicyAnswer(Struct):
    """The rules that were used; ``assumed`` counts the distinct assumed figures among them."""

    pack: str
    version: str
    digest: str
    assumed: int


class BasisAnswer(Struct, frozen=True):
    """Where a figure of a step comes from; ``quote`` is the clause's own wording, where the pack quotes it."""

    document: str
    clause: str
    status: Literal["enacted", "assumed"]
    parameter: str
    quote: str | UnsetType = UNSET


class StepAnswer(Struct):
    """One step of the explanation."""

    step: int
    tier: str
    rule: str
    name: str
    formula: str
    inputs: dict[str, Any]
    amount: str
    room: dict[str, str]
    basis: tuple[BasisAnswer, ...]


class LineAnswer(Struct, rename={"catalogue_class": "class"}):
    """One net line's scope, yuan, with a note why."""

    line_no: int
    catalogue_class: str | None
    own_expense: str
    over_limit: str
    first_pay: str
    in_scope: str
    note: str | None


class WarningAnswer(Struct):
    """Something accepted but worth a look."""

    code: str
    message: str


class ReceivableAnswer(Struct):
    """What the funds ask of the party liable for a recovered settlement, yuan, and the document for it."""

    amount: str
    document: str


class SettlementAnswer(Struct):
    """A quote, settlement, reversal or adjustment. ``summary``, ``trace``, ``lines`` and ``years`` are left out of
    lists; a correction has no ``summary``, which is in the language asked for. Amounts and lines of an adjustment are
    differences, its trace is that of the bill as it is computed now, and ``comparison`` sets it against the former
    one. ``years``: the parts by benefit year, oldest first, of what the law splits at the turn of the year; the other
    amounts are of both, ``benefit_year`` and ``year_to_date`` are the discharge's."""

    settlement_id: str | None
    kind: Literal["quote", "settlement", "reversal", "adjustment"]
    status: Literal["quoted", "settled", "adjusted", "reversed"]
    settled_at: str
    benefit_year: int
    hospital_code: str
    visit_id: str
    settle_seq: int
    person_id: str
    benefit_class: str
    medical_type: str
    admitted_on: str
    discharged_on: str
    interim: bool
    paid_by: Literal["hospital", "patient"]
    paying_area: str
    out_of_area: bool
    total: str
    scope: ScopeAnswer
    portions: PortionsAnswer
    fund_total: str
    payable_adjustment: str
    recoverable: bool
    payables: list[PayableAnswer]
    year_to_date: YearToDateAnswer
    policy: PolicyAnswer
    warnings: list[WarningAnswer]
    digest: str
    result_digest: str
    of_settlement_id: str | None = None
    reason: str | None = None
    summary: list[str] | UnsetType = UNSET
    trace: list[StepAnswer] | UnsetType = UNSET
    lines: list[LineAnswer] | UnsetType = UNSET
    quote_id: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    receivable: ReceivableAnswer | UnsetType = UNSET
    comparison: list[StepChange] | UnsetType = UNSET
    adjustments: list["SettlementAnswer"] | UnsetType = UNSET
    years: list[YearAnswer] | UnsetType = UNSET


class ClassesAnswer(Struct):
    """The benefit class before and after a readjudication."""

    before: str
    after: str


class ChangeAnswer(Struct):
    """What a readjudication changes of a settlement: its portions as they stand, as computed again, the difference;
    yuan."""

    settlement_id: str
    hospital_code: str
    visit_id: str
    settle_seq: int
    benefit_class: ClassesAnswer
    before: PortionsAnswer
    after: PortionsAnswer
    difference: PortionsAnswer
    comparison: list[StepChange]


class ReadjudicationAnswer(Struct):
    """A person-year computed again. ``adjustments`` are what was written; a dry run writes nothing and has none."""

    person_id: str
    benefit_year: int
    dry_run: bool
    changes: list[ChangeAnswer]
    adjustments: list[SettlementAnswer] | UnsetType = UNSET


class ReplayAnswer(Struct):
    """Whether stored inputs still have their digest and give the stored results, and by which engine each was
    computed."""

    settlement_id: str
    digest_matches: bool
    result_matches: bool
    engine_then: str
    engine_now: str


def shown_year(accumulators: Mapping[str, int]) -> dict[str, str | int]:
    """Accumulators as money strings; counts stay integers."""
    return {key: value if key.rpartition(":")[2] in COUNTS else yuan(value) for key, value in accumulators.items()}


def shown_scope(scope: Scope) -> ScopeAnswer:
    """The four scope columns."""
    return ScopeAnswer(yuan(scope.own_expense), yuan(scope.over_limit), yuan(scope.first_pay), yuan(scope.in_scope))


def shown_portions(portions: Portions) -> PortionsAnswer:
    """The portions, that of a fund which the pack hasn't got as 0.00."""
    return PortionsAnswer(
        yuan(portions.basic),
        yuan(portions.serious_illness),
        yuan(portions.supplement),
        yuan(portions.medical_assistance),
        yuan(portions.safety_net),
        yuan(portions.hospital),
        yuan(portions.patient),
    )


def shown_payables(payables: Iterable[Payable]) -> list[PayableAnswer]:
    """What each fund owes."""
    return [PayableAnswer(item.fund, item.tier, yuan(item.amount)) for item in payables]


def shown_trace(trace: Sequence[Step]) -> list[StepAnswer]:
    """The ordered steps with their sentences."""
    return [
        StepAnswer(
            step=number,
            tier=step.tier,
            rule=step.rule,
            name=step.name,
            formula=sentence(step),
            inputs=shown_inputs(step.inputs),
            amount=yuan(step.amount),
            room={key: yuan(value) for key, value in step.room.items()},
            basis=_shown_basis(step.basis, tuple(step.quotes.items())),
        )
        for number, step in enumerate(trace, 1)
    ]


@lru_cache(maxsize=MOST_BASES)
def _shown_basis(basis: tuple[Basis, ...], quotes: tuple[tuple[str, str], ...]) -> tuple[BasisAnswer, ...]:
    """Where a step's figures come from: the same for all bills of a kind."""
    wording = dict(quotes)
    return tuple(
        BasisAnswer(
            document=item.document,
            clause=item.clause,
            status=item.status,  # type: ignore[arg-type]
            parameter=item.parameter,
            quote=wording.get(item.parameter, UNSET),
        )
        for item in basis
    )


def shown_lines(lines: Sequence[LineScope]) -> list[LineAnswer]:
    """Each net line's scope."""
    return [
        LineAnswer(
            line.line_no,
            line.catalogue_class,
            yuan(line.own_expense),
            yuan(line.over_limit),
            yuan(line.first_pay),
            yuan(line.in_scope),
            None if line.note is None else LINE_NOTES[line.note],
        )
        for line in lines
    ]


def shown_warnings(warnings: Sequence[str]) -> list[WarningAnswer]:
    """Things accepted but worth a look."""
    return [WarningAnswer(code, WARNINGS[code]) for code in warnings]
