"""Amounts of a settlement in the national fields (docs/specification/national-interface.md, section 4). Pure; fen.

Always ``medfee_sumamt = fund_pay_sumamt + psn_part_amt + hosp_part_amt`` and ``= fulamt + overlmt + preself + inscp``.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from app.nhsa.dictionary import Dictionary
from app.nhsa.rows import SettledDocument
from app.settlement.computing import Computation
from app.settlement.document import decode_document, decode_results
from app.settlement.rows import NewEntry
from app.tiers.explain import sentence
from app.tiers.model import FUND_TIERS, FUNDS, Portions, Scope, Step

SCOPE_FIELDS: Mapping[str, str] = {
    "fulamt_ownpay_amt": "own_expense",
    "overlmt_selfpay": "over_limit",
    "preselfpay_amt": "first_pay",
    "inscp_scp_amt": "in_scope",
}


LARGE_SUMS: Mapping[str, str] = {"330100": "hifob_pay"}
"""The field of a fund that has one of its own among those that stand in the place of serious illness."""
_funds = msgspec.json.Decoder(dict[str, str])


class NationalFigures(Struct, frozen=True):
    """What a settlement, a quote or a reversal comes to, with the steps that explain it; amounts in fen. ``funds``:
    those that the person's insurance has in the place of residents', by tier."""

    scope: Scope
    portions: Portions
    deductible: int
    trace: Sequence[Step]
    funds: Mapping[str, str]

    def fund(self, tier: str) -> str:
        """The fund of a tier."""
        return self.funds.get(tier, FUNDS[tier])

    @property
    def total(self) -> int:
        """The bill's total."""
        return sum(getattr(self.scope, name) for name in Scope.__struct_fields__)

    @property
    def fund_total(self) -> int:
        """What all funds bear."""
        return sum(getattr(self.portions, tier) for tier in FUND_TIERS)


def of_computation(computation: Computation) -> NationalFigures:
    """The figures of what was just computed."""
    outcome = computation.outcome
    funds = computation.inputs.facts.funds
    return NationalFigures(outcome.scope, outcome.portions, outcome.deductible, outcome.trace, funds)


def of_reversal(entry: NewEntry, stored: SettledDocument) -> NationalFigures:
    """The figures of a reversal just written; ``stored`` is the settlement that it takes back."""
    return _of_document(entry.document, entry.deductible, stored.funds)


def of_row(row: SettledDocument) -> NationalFigures:
    """The figures of a stored settlement."""
    return _of_document(row.document, row.deductible, row.funds)


def _of_document(text: str, deductible: int, funds: str) -> NationalFigures:
    document = decode_document(text)
    results = decode_results(document.results)
    return NationalFigures(results.scope, results.portions, deductible, document.trace, _funds.decode(funds))


def amounts(figures: NationalFigures) -> dict[str, object]:
    """The money fields of ``setlinfo``; residents have no personal account."""
    scope, portions = figures.scope, figures.portions
    return {
        "medfee_sumamt": figures.total,
        **{field: getattr(scope, name) for field, name in SCOPE_FIELDS.items()},
        "act_pay_dedc": figures.deductible,
        "crt_dedc": figures.deductible,
        "hifp_pay": portions.basic,
        "pool_prop_selfpay": _basic_rate(figures.trace),
        LARGE_SUMS.get(figures.fund("serious_illness"), "hifmi_pay"): portions.serious_illness,
        "maf_pay": portions.medical_assistance,
        "oth_pay": portions.safety_net + portions.supplement,
        "hosp_part_amt": portions.hospital,
        "psn_part_amt": portions.patient,
        "psn_pay": portions.patient,
        "psn_cash_pay": portions.patient,
        "pdn_cash_pay": portions.patient,
        "cash_payamt": portions.patient,
        "fund_pay_sumamt": figures.fund_total,
    }


def _basic_rate(trace: Sequence[Step]) -> int:
    """The rate that basic insurance paid at, ten-thousandths; 0 where it wasn't a rate."""
    for step in trace:
        rate = step.inputs.get("cut_rate", step.inputs.get("rate"))
        if step.tier == "basic" and isinstance(rate, int):
            return rate
    return 0


def fund_rows(figures: NationalFigures, dictionary: Dictionary) -> list[dict[str, object]]:
    """The rows of ``setldetail``, one per fund, each with the sentences of its steps and what is left under its cap.
    Supplementary insurance has one where the pack has it."""
    rows: list[dict[str, object]] = []
    for tier in FUND_TIERS:
        steps = [step for step in figures.trace if step.tier == tier]
        if tier == "supplement" and not steps and not figures.portions.supplement:
            continue
        rooms = [room for step in steps for room in step.room.values()]
        rows.append(
            {
                "fund_pay_type": figures.fund(tier),
                "fund_pay_type_name": dictionary.named("fund_pay_type", figures.fund(tier)),
                "inscp_scp_amt": figures.scope.in_scope,
                "crt_payb_lmt_amt": min(rooms, default=0),
                "fund_payamt": getattr(figures.portions, tier),
                "setl_proc_info": "；".join(map(sentence, steps)),
            }
        )
    return rows
