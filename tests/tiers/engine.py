"""The engine behind the oracle's interface: plain dictionaries in, plain dictionaries of fen out."""

import json
from datetime import date
from functools import cache
from typing import Any

import msgspec

from app.basics.areas import pooling_area
from app.basics.errors import Refused
from app.basics.money import rate, scaled
from app.policies import shipped_book
from app.service.wire import decode
from app.settlement.bill import BillRequest, core_bill
from app.tiers.model import CatalogueEntry, Episode, Facts, Outcome
from app.tiers.policy import PolicyBook
from app.tiers.waterfall import compute


@cache
def book() -> PolicyBook:
    """The shipped packs, loaded once."""
    return shipped_book()


def outcome_of(
    bill: dict[str, Any],
    person: dict[str, Any],
    hospital: dict[str, Any],
    catalogue: dict[str, Any],
    acc: dict[str, int],
    episode_deductible_paid: int,
    episode_is_new_in_year: bool,
) -> Outcome:
    """One bill through the wire's decoder and the engine. Raises app.basics.errors.Refused."""
    request = decode(json.dumps(bill).encode(), BillRequest)
    policy = book().on(request.discharged_on, person["area_code"])
    own_class = next(
        (name for name in policy.version.precedence if name in classes_on(person, request.admitted_on)), "ordinary"
    )
    facts = Facts(
        person_id=person["person_id"],
        area_code=person["area_code"],
        benefit_class=own_class,  # type: ignore[arg-type]
        hospital_code=hospital["code"],
        hospital_level=hospital["level"],
        hospital_rank=hospital["rank"],
        hospital_area_code=hospital["area_code"],
    )
    admission = acc["inpatient_count"] + (1 if episode_is_new_in_year else 0)
    episode = Episode(episode_deductible_paid, admission=admission)
    entries = {code: [entry(code, version) for version in versions] for code, versions in catalogue.items()}
    return compute(core_bill(request), entries, facts, acc, episode, policy).outcome


def settle(bill: dict[str, Any], person: dict[str, Any], *rest: Any, **named: Any) -> dict[str, Any]:
    """What the oracle answers too, from ``outcome_of`` the same inputs. Raises app.basics.errors.Refused."""
    outcome = outcome_of(bill, person, *rest, **named)
    return {
        "benefit_class": outcome.benefit_class,
        "benefit_year": outcome.benefit_year,
        "paying_area": pooling_area(person["area_code"]),
        "scope": msgspec.structs.asdict(outcome.scope),
        "portions": _portions(outcome),
        "payable_adjustment": outcome.payable_adjustment,
        "recoverable": outcome.recoverable,
        "reduction": outcome.reduction,
        "deductible": outcome.deductible,
        "lines": [
            {
                "line_no": line.line_no,
                "own_expense": line.own_expense,
                "over_limit": line.over_limit,
                "first_pay": line.first_pay,
                "in_scope": line.in_scope,
            }
            for line in outcome.lines
        ],
        "after": outcome.after,
    }


def classes_on(person: dict[str, Any], day: date) -> set[str]:
    """The classes whose interval holds the day."""
    text = day.isoformat()
    return {
        item["class"]
        for item in person["identities"]
        if item["from"] <= text and (item.get("until") is None or text < item["until"])
    }


def entry(code: str, version: dict[str, Any]) -> CatalogueEntry:
    """A catalogue version of the oracle's form as the engine's."""
    ceilings = version.get("ceilings") or {}
    until = version.get("valid_until")
    return CatalogueEntry(
        code,
        version["class"],
        rate(version["first_pay_ratio"]),
        tuple(scaled(ceilings[level], 6) if ceilings.get(level) else None for level in "123"),  # type: ignore[arg-type]
        version["restricted"],
        date.fromisoformat(version["valid_from"]),
        None if until is None else date.fromisoformat(until),
    )


def refusal(error: Refused) -> str:
    """The code that the engine refused with."""
    return error.code


def _portions(outcome: Outcome) -> dict[str, int]:
    """The six portions of Yunnan's packs, which have no supplementary insurance."""
    portions = msgspec.structs.asdict(outcome.portions)
    assert portions.pop("supplement") == 0
    return portions
