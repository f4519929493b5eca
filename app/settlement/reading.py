"""Settlements read back: a database row, or a computation not yet stored, as an answer."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

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
from app.settlement.document import Document, Results, decode_document, decode_results, decode_reversal
from app.settlement.entry import line_differences
from app.settlement.person_year import Recomputed
from app.tiers.comparison import compared
from app.tiers.model import FUND_TIERS, LineScope
from app.tiers.summary import summarized


def answer_of_row(row: Any, *, detail: bool, status: str | None = None, language: Language = "zh") -> SettlementAnswer:
    """A stored row as an answer. ``status`` overrides the derived one (a replay answers as of then); ``language`` is that of
    the summary, which is made from what is stored."""
    document = decode_document(row["document"])
    results = decode_results(document.results)
    delta = msgspec.json.decode(row["delta"], type=dict[str, int])
    before = {key: value - delta.get(key, 0) for key, value in results.after.items()}
    of = row["of_settlement_id"]
    answer = SettlementAnswer(
        settlement_id=shown_id(SETTLEMENT, row["settlement_id"]),
        kind=row["kind"],
        status=status or row["status"],  # type: ignore[arg-type]
        settled_at=shown_instant(row["settled_at"]),
        benefit_year=row["benefit_year"],
        hospital_code=row["hospital_code"],
        visit_id=row["visit_id"],
        settle_seq=row["settle_seq"],
        person_id=row["person_id"],
        benefit_class=row["benefit_class"],
        medical_type=row["medical_type"],
        admitted_on=row["admitted_on"].isoformat(),
        discharged_on=row["discharged_on"].isoformat(),
        interim=row["interim"],
        paid_by=row["paid_by"],
        paying_area=row["paying_area"],
        out_of_area=row["out_of_area"],
        total=yuan(row["total"]),
        scope=shown_scope(results.scope),
        portions=shown_portions(results.portions),
        fund_total=yuan(sum(row[tier] for tier in FUND_TIERS)),
        payable_adjustment=yuan(row["payable_adjustment"]),
        recoverable=row["recoverable"],
        payables=shown_payables(results.payables),
        year_to_date=YearToDateAnswer(shown_year(before), shown_year(results.after)),
        policy=PolicyAnswer(row["policy_pack"], row["policy_version"], row["policy_digest"], row["assumed"]),
        warnings=shown_warnings(row["warnings"]),
        digest=row["digest"],
        result_digest=row["result_digest"],
        of_settlement_id=None if of is None else shown_id(SETTLEMENT, of),
        reason=row["reason"],
    )
    if detail:
        answer.trace = shown_trace(document.trace)
        answer.lines = shown_lines(_lines(row["kind"], document))
        answer.receivable = _receivable(row["kind"], document, results)
    if detail and row["kind"] == "settlement":
        answer.summary = summarized(
            results.scope,
            results.portions,
            document.trace,
            benefit_class=row["benefit_class"],
            medical_type=row["medical_type"],
            language=language,
        )
    if detail and row["kind"] == "adjustment":
        answer.comparison = list(compared(document.former_trace, document.trace))
    return answer


def _lines(kind: str, document: Document) -> tuple[LineScope, ...]:
    """The entry's own lines: of an adjustment the differences, so that lines add up to the scope in every entry."""
    return line_differences(document.lines, document.former_lines) if kind == "adjustment" else document.lines


def _receivable(kind: str, document: Document, results: Results) -> ReceivableAnswer | UnsetType:
    evidence = decode_reversal(document).evidence if kind == "reversal" else None
    if evidence is None:
        return UNSET
    return ReceivableAnswer(yuan(-sum(payable.amount for payable in results.payables)), evidence)


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


def answer_of_computation(
    computation: Computation, *, quote_id: str | None, expires: datetime | None, language: Language = "zh"
) -> SettlementAnswer:
    """A computation as the answer of a quote, or (without a quote id) of the settlement that stored it."""
    bill, found, outcome = computation.bill, computation.found, computation.outcome
    answer = SettlementAnswer(
        settlement_id=None if quote_id is not None else shown_id(SETTLEMENT, found.settlement_id or 0),
        kind="settlement" if quote_id is None else "quote",
        status="settled" if quote_id is None else "quoted",
        settled_at=shown_instant(computation.now),
        benefit_year=outcome.benefit_year,
        hospital_code=bill.hospital_code,
        visit_id=bill.visit_id,
        settle_seq=bill.settle_seq,
        person_id=bill.person_id,
        benefit_class=outcome.benefit_class,
        medical_type=bill.medical_type,
        admitted_on=bill.admitted_on.isoformat(),
        discharged_on=bill.discharged_on.isoformat(),
        interim=bill.interim,
        paid_by=bill.paid_by,
        paying_area=computation.paying_area,
        out_of_area=outcome.out_of_area,
        total=yuan(outcome.total),
        scope=shown_scope(outcome.scope),
        portions=shown_portions(outcome.portions),
        fund_total=yuan(outcome.fund_total),
        payable_adjustment=yuan(outcome.payable_adjustment),
        recoverable=outcome.recoverable,
        payables=shown_payables(outcome.payables),
        year_to_date=YearToDateAnswer(shown_year(outcome.before), shown_year(outcome.after)),
        policy=PolicyAnswer(outcome.policy.pack, outcome.policy.version, outcome.policy.digest, outcome.policy.assumed),
        warnings=shown_warnings(computation.warnings),
        digest=computation.digest,
        result_digest=computation.result_digest,
        summary=summarized(
            outcome.scope,
            outcome.portions,
            outcome.trace,
            benefit_class=outcome.benefit_class,
            medical_type=bill.medical_type,
            language=language,
        ),
        trace=shown_trace(outcome.trace),
        lines=shown_lines(outcome.lines),
    )
    if quote_id is not None and expires is not None:
        answer.quote_id, answer.expires_at = quote_id, shown_instant(expires)
    return answer
