"""A step of the explanation in English: what kind of rule it is, and every number that went into it by name. Pure.

The sentence of a step is Chinese (``explain.py``), and the one from which a reader can redo it. This is for readers of
the English pages: the same numbers, named, without the sentence's grammar.
"""

from collections.abc import Mapping
from typing import Final

from app.basics.money import percent_text, yuan
from app.basics.names import ITEM_KIND_NAMES, PORTION_NAMES, SCOPE_NAMES
from app.tiers.explain import RATES
from app.tiers.inputs import Given, Input
from app.tiers.model import FUND_TIERS, Step

KIND_NAMES: Final[Mapping[str, str]] = {
    "scope": "cost in scope",
    "patient": "what is left for the patient",
    "paid_by_patient": "paid by the patient before",
    "reversal": "reversal of the whole settlement",
    "share": "a share above the deductible",
    "bands": "bands over the year's own cost",
    "bracket": "the rate of the bracket, for the whole",
    "floor": "topped up to a share",
    "own_cap": "own spending of the year above a cap",
    "lump_sum": "a fixed sum",
    "package": "a price for the whole stay",
    "fixed_payment": "at most a fixed sum",
    "out_of_catalogue": "own expense above a share, borne by the hospital",
    "disease_price": "cost above the disease's price, borne by the hospital",
    "ended": "ended",
}
REASONS: Final[Mapping[str, str]] = {
    "no_rate": "no such benefit for the class: pays 0.00",
    "no_cap": "no cap: pays 0.00",
    "referral_missing": "the referral is missing: pays 0.00",
    "not_exceeded": "nothing exceeds the sum: pays 0.00",
    "paid_this_stay": "paid for this stay before: pays 0.00",
    "paid_this_year": "paid in this year before: pays 0.00",
    "paid_last_year": "paid for last year's part of the stay: pays 0.00",
    "class_not_covered": "the class isn't covered: pays 0.00",
    "ended": "the rule has ended: pays 0.00",
}
INPUT_NAMES: Final[Mapping[str, str]] = {
    **SCOPE_NAMES["en"],
    **{tier: PORTION_NAMES["en"][tier] for tier in FUND_TIERS},
    "history": "year so far",
    "history_is": "which is",
    "bound": "the bound",
    "shared_sum": "both together",
    "shared_left": "left for both",
    "shared_wanted": "alone it would pay",
    "shared_first": "the first one's part",
    "total": "total",
    "hospital": "borne by the hospital",
    "paid": "now borne by the patient",
    "cap_year": "limit of the year",
    "room_cap_year": "left of the year's limit",
    "cap_also": "second limit",
    "room_cap_also": "left of the second limit",
    "cap_also_2": "third limit",
    "room_cap_also_2": "left of the third limit",
    "cap_also_3": "fourth limit",
    "room_cap_also_3": "left of the fourth limit",
    "base_left": "at most the base",
    "round_to": "rounded to",
    "rounding": "rounded",
    "room_cap_stay": "limit of the stay",
    "room_ceiling": "left under the ceiling",
    "ceiling_base": "base of the ceiling",
    "ceiling_base_name": "which is",
    "ceiling_rate": "rate of the ceiling",
    "ceiling_paid": "paid under the ceiling",
    "unpaid": "what nobody pays yet",
    "income": "income per head",
    "share_rate": "share",
    "share_of": "of",
    "share_least": "at least",
    "share_most": "at most",
    "admission": "number of the admission",
    "admission_at": "counted in",
    "admission_last": "sum of the one before",
    "admission_less": "less for each",
    "admission_least": "at least",
    "admission_over": "times",
    "base": "base",
    "base_name": "which is",
    "base_cap": "counted at most",
    "items": "kinds of items",
    "deductible": "deductible",
    "deductible_full": "deductible in full",
    "deductible_before": "paid of it before",
    "stay_paid_before": "paid for last year's part of the stay",
    "rate": "rate",
    "cut": "cut for the missing referral",
    "cut_rate": "rate after the cut",
    "reduction": "less for the cut",
    "base_before": "year before this bill",
    "base_after": "year with this bill",
    "bands": "bands",
    "uncapped": "before limits",
    "lower": "from",
    "upper": "up to",
    "target": "target",
    "paid_before": "paid by others before",
    "own": "own spending of this bill",
    "own_before": "own spending of the year before",
    "cap": "cap",
    "sum": "sum",
    "adjustment": "surplus for the hospital",
    "price": "price of the disease",
}
UNNAMED: Final = frozenset({"reason", "history_title", "share_of_title"})
"""Inputs that an English line leaves out: titles are the pack's own words."""
ROOM_NAMES: Final[Mapping[str, str]] = {
    "cap_year": "left of the year's limit",
    "cap_also": "left of the second limit",
    "cap_also_2": "left of the third limit",
    "cap_also_3": "left of the fourth limit",
    "cap_stay": "left of the stay's limit",
    "ceiling": "left under the ceiling",
    "own_cap": "left up to the cap of own spending",
}
_WORDS: Final[Mapping[str, str]] = {
    "total": "total cost",
    "in_catalogue": "cost in the catalogue",
    "in_scope": "cost in scope",
    "out_of_scope": "cost out of scope",
    "out_of_catalogue": "cost out of the catalogue",
    "total_less_hospital": "total less what the hospital bears",
    "remaining_total": "remaining cost",
    "remaining_in_catalogue": "remaining cost in the catalogue",
    "remaining_in_scope": "remaining cost in scope",
    "remaining_out_of_scope": "remaining cost out of scope",
    "remaining_out_of_catalogue": "remaining cost out of the catalogue",
    "above": "above",
    "at_least": "at least",
    "up_to": "not above",
    "below": "below",
    "half_up": "half up",
    "jiao": "0.10",
    "yuan": "1.00",
    "fen": "0.01",
    "hospital": "the same hospital",
    "level": "hospitals of the level",
    "year": "the year",
}
_ITEM_KINDS: Final = {ITEM_KIND_NAMES["zh"][kind]: name for kind, name in ITEM_KIND_NAMES["en"].items()}
COUNTS: Final = frozenset({"admission", "admission_over"})
_ENDS: Final = ("room_", "cap_", "ceiling", "unpaid", "base_left", "shared", "round", "uncapped")
_PLACES: Final = {name: (name.startswith(_ENDS), place) for place, name in enumerate(INPUT_NAMES)}
"""Where an input stands in a line: what is computed with first, the limits of it last."""


def line_of(step: Step) -> str:
    """The numbers of a step in English, with what it comes to."""
    reason = step.inputs.get("reason")
    if isinstance(reason, str):
        return REASONS.get(reason, "pays 0.00")
    ordered = dict(sorted(step.inputs.items(), key=lambda one: _PLACES.get(one[0], (True, 0))))
    given = Given.of(ordered)
    if step.kind in ("scope", "patient"):
        less = "".join(f" − {INPUT_NAMES[name]} {yuan(value)}" for name, value in given.items() if name != "total")
        return f"total {yuan(given['total'])}{less} = {yuan(step.amount)}"
    parts = [
        f"{INPUT_NAMES.get(name, name)} {_shown(name, value)}" for name, value in ordered.items() if name not in UNNAMED
    ]
    return f"{'; '.join(parts)} → {yuan(step.amount)}"


def _shown(name: str, value: Input) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(
            f"{'above' if upper is None else f'to {yuan(upper)}'} {percent_text(rate or 0)}" for upper, rate in value
        )
    if isinstance(value, str):
        return ", ".join(_WORDS.get(word, _ITEM_KINDS.get(word, word)) for word in value.split("、"))
    if name in COUNTS:
        return str(value)
    return percent_text(value) if name in RATES else yuan(value)
