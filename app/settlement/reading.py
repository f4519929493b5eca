"""Settlements read back: a database row, or a computation not yet stored, as an answer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from app.basics.classes import BASE_CLASSES, ClassWords
from app.basics.days import shown_instant
from app.basics.errors import Language
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.money import yuan
from app.settlement.answer import (
    ChangeAnswer,
    ClassesAnswer,
    PolicyAnswer,
    ReceivableAnswer,
    SettlementAnswer,
    YearAnswer,
    YearToDateAnswer,
    shown_lines,
    shown_payables,
    shown_portions,
    shown_scope,
    shown_trace,
    shown_warnings,
    shown_year,
)
from app.settlement.computing import Computation
from app.settlement.document import Document, Results, decode_document, decode_results, decode_reversal, results_of
from app.settlement.entry import line_differences, settlement
from app.settlement.person_year import Recomputed
from app.settlement.rows import EntryColumns, EntryRow, SettledStatus
from app.tiers.comparison import compared
from app.tiers.model import FUND_TIERS, LineScope, Payable, Step
from app.tiers.summary import summarized


def answer_of_row(
    row: EntryRow,
    *,
    detail: bool,
    funds: Collection[str] | None,
    status: SettledStatus | None = None,
    language: Language = "zh",
    classes: Mapping[str, ClassWords] = BASE_CLASSES,
) -> SettlementAnswer:
    """A stored entry as an answer to who may see what these funds owe, None for all.

    ``status`` stands in for the derived one (a replay answers as of then); ``language`` is that of the summary,
    which calls benefit classes as ``classes`` do.
    """
    document = decode_document(row.document)
    results = decode_results(document.results)
    answer = _answer(row, results, funds)
    answer.status = status or row.status
    if detail:
        _explain(answer, results, document.trace, language, classes)
        answer.years = _years(results, funds)
        answer.lines = shown_lines(_lines(row.kind, document))
        answer.receivable = _receivable(row.kind, document, _seen(results.payables, funds))
    if detail and row.kind == "adjustment":
        answer.comparison = list(compared(document.former_trace, document.trace))
    return answer


def answer_of_settling(
    computation: Computation,
    row: EntryColumns,
    *,
    detail: bool = True,
    funds: Collection[str] | None = None,
    language: Language = "zh",
    classes: Mapping[str, ClassWords] = BASE_CLASSES,
) -> SettlementAnswer:
    """A bill just settled as an answer; ``row`` is what was written, the rest as in ``answer_of_row``."""
    outcome = computation.outcome
    results = results_of(outcome)
    answer = _answer(row, results, funds)
    answer.years = _years(results, funds)
    if detail:
        _explain(answer, results, outcome.trace, language, classes)
        answer.lines = shown_lines(outcome.lines)
    return answer


def answer_of_quote(
    computation: Computation,
    *,
    quote_id: str = "",
    expires: datetime | None = None,
    detail: bool = True,
    funds: Collection[str] | None = None,
    language: Language = "zh",
    classes: Mapping[str, ClassWords] = BASE_CLASSES,
) -> SettlementAnswer:
    """A computation as the answer of a quote, ``detail`` and ``funds`` as in ``answer_of_row``. One computed offline
    has no quote id and doesn't expire."""
    row = settlement(computation).row
    answer = answer_of_settling(computation, row, detail=detail, funds=funds, language=language, classes=classes)
    answer.settlement_id, answer.kind, answer.status = None, "quote", "quoted"
    if expires is not None:
        answer.quote_id, answer.expires_at = quote_id, shown_instant(expires)
    return answer


def _seen(payables: Sequence[Payable], funds: Collection[str] | None) -> Sequence[Payable]:
    """What the funds owe, as far as the reader may see it."""
    return payables if funds is None else [one for one in payables if one.fund in funds]


def _answer(row: EntryColumns, results: Results, funds: Collection[str] | None) -> SettlementAnswer:
    """What every answer of an entry has, also in a list."""
    delta = msgspec.json.decode(row.delta, type=dict[str, int])
    before = {key: value - delta.get(key, 0) for key, value in results.after.items()}
    of = row.of_settlement_id
    return SettlementAnswer(
        settlement_id=shown_id(SETTLEMENT, row.settlement_id),
        kind=row.kind,
        status="settled",
        settled_at=shown_instant(row.settled_at),
        benefit_year=row.benefit_year,
        hospital_code=row.hospital_code,
        visit_id=row.visit_id,
        settle_seq=row.settle_seq,
        person_id=row.person_id,
        benefit_class=row.benefit_class,
        medical_type=row.medical_type,
        admitted_on=row.admitted_on.isoformat(),
        discharged_on=row.discharged_on.isoformat(),
        interim=row.interim,
        paid_by=row.paid_by,
        paying_area=row.paying_area,
        out_of_area=row.out_of_area,
        total=yuan(row.total),
        scope=shown_scope(results.scope),
        portions=shown_portions(results.portions),
        fund_total=yuan(sum(getattr(results.portions, tier) for tier in FUND_TIERS)),
        payable_adjustment=yuan(row.payable_adjustment),
        recoverable=row.recoverable,
        payables=shown_payables(_seen(results.payables, funds)),
        year_to_date=YearToDateAnswer(shown_year(before), shown_year(results.after)),
        policy=PolicyAnswer(row.policy_pack, row.policy_version, row.policy_digest, row.assumed),
        warnings=shown_warnings(row.warnings),
        digest=row.digest,
        result_digest=row.result_digest,
        of_settlement_id=None if of is None else shown_id(SETTLEMENT, of),
        reason=row.reason,
    )


def _years(results: Results, funds: Collection[str] | None) -> list[YearAnswer] | UnsetType:
    """The parts of what is split at the turn of the year."""
    if not results.years:
        return UNSET
    return [
        YearAnswer(
            benefit_year=part.benefit_year,
            scope=shown_scope(part.scope),
            portions=shown_portions(part.portions),
            payables=shown_payables(_seen(part.payables, funds)),
            year_to_date=YearToDateAnswer(shown_year(part.before), shown_year(part.after)),
        )
        for part in results.years
    ]


def _explain(
    answer: SettlementAnswer,
    results: Results,
    trace: Sequence[Step],
    language: Language,
    classes: Mapping[str, ClassWords],
) -> None:
    """Add the trace, and to a settlement or quote the summary for the patient."""
    answer.trace = shown_trace(trace)
    if answer.kind == "settlement":
        answer.summary = summarized(
            results.scope,
            results.portions,
            trace,
            benefit_class=answer.benefit_class,
            medical_type=answer.medical_type,
            language=language,
            classes=classes,
        )


def _lines(kind: str, document: Document) -> tuple[LineScope, ...]:
    """The entry's own lines: of an adjustment the differences, so that lines add up to the scope in every entry."""
    return line_differences(document.lines, document.former_lines) if kind == "adjustment" else document.lines


def _receivable(kind: str, document: Document, payables: Sequence[Payable]) -> ReceivableAnswer | UnsetType:
    evidence = decode_reversal(document).evidence if kind == "reversal" else None
    if evidence is None:
        return UNSET
    return ReceivableAnswer(yuan(-sum(payable.amount for payable in payables)), evidence)


def change_of(item: Recomputed) -> ChangeAnswer:
    """What a readjudication changes of a settlement."""
    row = item.row
    return ChangeAnswer(
        settlement_id=shown_id(SETTLEMENT, row.settlement_id),
        hospital_code=row.hospital_code,
        visit_id=row.visit_id,
        settle_seq=row.settle_seq,
        benefit_class=ClassesAnswer(row.benefit_class, item.outcome.benefit_class),
        before=shown_portions(item.former.portions),
        after=shown_portions(item.whole.portions),
        difference=shown_portions(item.difference.portions),
        comparison=list(compared(item.former_document.trace, item.outcome.trace)),
    )
