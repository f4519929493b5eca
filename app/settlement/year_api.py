"""A person-year as it stands: what its bills have counted so far, and the room that is left under each yearly cap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from msgspec import defstruct
from sqlalchemy import select
from starlette.responses import Response

from app.basics.days import FIRST_YEAR, LAST_YEAR, shanghai_day
from app.basics.errors import NotFound, Refused
from app.basics.money import yuan
from app.registry.facts import benefit_class
from app.registry.paying_area import area_on, policy_in
from app.registry.service import identities_of, person_read, raw_connection
from app.service import clock
from app.service.caller import Caller, Service
from app.service.http import answer, caller_of, open_request, service_of
from app.service.openapi import gives
from app.service.security import PERSON_READERS, require
from app.settlement.answer import COUNTS, shown_year
from app.settlement.tables import person_year
from app.tiers.model import ACCUMULATORS, RESIDENTS, empty_year
from app.tiers.pack import Rule
from app.tiers.policy import Policy
from app.tiers.units import ByAdmission, ShareOf
from app.tiers.waterfall import of_type

InsuranceType = Literal["390", "310"]
router = APIRouter(prefix="/v1", tags=["registry"])


PersonYearAnswer: Final = defstruct(
    "PersonYearAnswer",
    [*((name, int if name in COUNTS else str) for name in ACCUMULATORS), ("room", dict[str, str | None])],
    namespace={
        "__doc__": "A person-year's accumulators, and the room that is left under each yearly cap (null: no cap)."
    },
)


@router.get("/persons/{person_id}/years/{year}", responses=gives(200, PersonYearAnswer))
async def get_person_year(
    request: Request, person_id: str, year: int, insurance_type: InsuranceType = RESIDENTS
) -> Response:
    """What the year has counted so far, and ``room``: what is left under each yearly cap, null where there is no cap.
    The caps are those of today within the year, of the last day of a past year, of the first day of a future one."""
    caller, service = await _reader(request)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NotFound("not_found")
    return answer(await read_year(service, caller, person_id, year, insurance_type))


async def _reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *PERSON_READERS)
    return caller, service_of(request)


async def read_year(
    service: Service, caller: Caller, person_id: str, year: int, insurance_type: str = RESIDENTS
) -> dict[str, Any]:
    """A person-year's accumulators, the pack's own with them, and ``room``. NotFound for a person out of reach.

    Accumulators are 0 before the first bill. The rules are those of the person's area as it is now; where they have a
    gap there is no room to show.
    """
    wanted_year = select(person_year.c.accumulators).where(
        person_year.c.person_id == person_id, person_year.c.benefit_year == year
    )
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await person_read(service, connection, caller, person_id)
        identities = await identities_of(connection, person_id)
        stored = (await connection.execute(wanted_year)).scalar_one_or_none()
        today = shanghai_day(await clock.now(connection, manual=service.manual_clock))
        day = day_of_year(year, today)
        area = await area_on(await raw_connection(connection), row["area_code"], day)
    accumulators = of_type(empty_year() | (stored or {}), insurance_type)[1]
    try:
        policy = policy_in(service.book, day, row["area_code"], area, insurance_type).with_own(area.figures)
    except Refused:
        return shown_year(accumulators) | {"room": {}}
    accumulators |= {name: 0 for name in policy.version.accumulators if name not in accumulators}
    class_ = benefit_class(identities, day, policy.version.precedence)
    return shown_year(accumulators) | {"room": room(policy, class_, accumulators, insurance_type)}


@dataclass(frozen=True, slots=True)
class _Cap:
    """A yearly cap in fen (None: there is none) and the accumulator that it limits."""

    counter: str
    most: int | None


def room(
    policy: Policy, class_: str, year: Mapping[str, int], insurance_type: str = RESIDENTS
) -> dict[str, str | None]:
    """What is left under each yearly cap of a policy, yuan by accumulator; None: no cap for this class.

    Of several caps on one accumulator the tightest counts. A cap that depends on more than the class and the facts of
    an everyday bill, and a rule that doesn't cover the class, are left out; own spending is then simply not capped.
    """
    facts = {
        "class": class_,
        "level": "1",
        "rank": "county",
        "delivery_mode": "",
        "place": "county",
        "referral": "compliant",
        "admission": "1",
        "admission_at_hospital": "1",
        "admission_at_level": "1",
        "insurance_type": insurance_type,
        "retirement": "not_retired",
    }
    left: dict[str, int | None] = {}
    for rule in policy.rules:
        cap = _cap(policy, rule, facts)
        if cap is None:
            continue
        known = left.setdefault(cap.counter, None)
        if cap.most is not None:
            mine = max(0, cap.most - year.get(cap.counter, 0))
            left[cap.counter] = mine if known is None else min(known, mine)
    return {counter: None if amount is None else yuan(amount) for counter, amount in left.items()}


def _cap(policy: Policy, rule: Rule, facts: Mapping[str, str]) -> _Cap | None:
    own = rule.kind == "own_cap"
    name = rule.parameters.get("cap" if own else "cap_year")
    counter = rule.options.get("own_of_year", "compliant_own") if own else rule.options.get("counts_paid")
    if name is None or counter is None or not policy.covers(name, facts):
        return None
    classes = rule.parameters.get("classes")
    if classes is not None and facts["class"] not in (policy.figure(classes, facts).value or ()):
        return _Cap(counter, None) if own else None
    most = policy.figure(name, facts).value
    return None if isinstance(most, ShareOf | ByAdmission) else _Cap(counter, most)


def day_of_year(year: int, today: date) -> date:
    """The day whose rules show a year: today within it, the last day of a past one, the first of a future one."""
    if year == today.year:
        return today
    return date(year, 12, 31) if year < today.year else date(year, 1, 1)
