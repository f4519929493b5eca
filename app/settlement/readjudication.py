"""Readjudication: a person-year computed again with the identities and the law known now, alone or as one of many.

It keeps what each settlement knew of hospital, catalogue and area. Only what is different becomes an adjustment. A
run of many person-years (``app/readjudication/``) looks and posts by the same two functions as the single one.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from msgspec import structs

from app.basics.errors import Forbidden
from app.database.engine import HotConnection
from app.registry.paying_area import FoundArea, area_on, policy_in
from app.service.caller import Caller, Keyed, Service
from app.service.idempotency import remember, remembered_body
from app.service.security import require
from app.settlement import entry, store
from app.settlement.answer import ReadjudicationAnswer
from app.settlement.computing import PolicyOf, class_on
from app.settlement.correction import CREATED, Answered, laws_of, observe, read_part, rows_seen, warned, write_all
from app.settlement.document import Inputs, OlderInputs, decode_inputs, encoded
from app.settlement.entry import Entry
from app.settlement.person_year import Recomputed, computed_again
from app.settlement.reading import change_of
from app.settlement.rows import PersonYear, Standing, YearPart
from app.tiers.model import Facts


@dataclass(frozen=True, slots=True)
class YearAgain:
    """A person-year as it stands, and its settlements that come out otherwise now, in the order of settling."""

    found: PersonYear
    changed: Sequence[Recomputed]


async def readjudicate(
    service: Service, caller: Caller, person_id: str, year: int, *, reason: str, keyed: Keyed | None
) -> Answered:
    """Compute a person-year again; without a key nothing is written. Forbidden when it changes what the caller doesn't
    reach."""
    require(caller.principal, "finance")
    async with service.database.hot() as connection:
        found = await read_part(service, connection, caller, keyed, YearPart(person_id=person_id, year=year))
        if keyed is not None and found.body is not None:
            return Answered(remembered_body(service, caller, keyed, b64decode(found.body)), True)
        again = await looked_at(service, connection, found)
        answer = ReadjudicationAnswer(
            person_id=person_id,
            benefit_year=year,
            dry_run=keyed is None,
            changes=[change_of(item) for item in again.changed],
        )
        entries: list[Entry] = []
        if keyed is not None:
            entries = await posted(service, connection, caller, again, reason=reason)
            answer.adjustments = await rows_seen(connection, caller, entries)
        body = encoded(answer)
        if keyed is not None:
            await remember(service, connection, caller, keyed, CREATED, body)
    observe(entries)
    return Answered(body)


async def looked_at(service: Service, connection: HotConnection, found: PersonYear) -> YearAgain:
    """A person-year that was read, computed again. Writes nothing. Forbidden when something changes that the caller
    doesn't reach."""
    policy_of = await laws_of(service, connection, found)
    areas = await _areas(connection, found)
    revised = _as_known_now(service, found, policy_of, areas)
    again = computed_again(found.standing, found.stays, entry.years_before(found), policy_of, revised)
    changed = [item for item in again if item.changed]
    if any(not item.reached for item in changed):
        raise Forbidden("forbidden")
    return YearAgain(found, changed)


async def posted(
    service: Service, connection: HotConnection, caller: Caller, again: YearAgain, *, reason: str
) -> list[Entry]:
    """Write the adjustments of a person-year that was read under the person's lock, and take it off the worklist, with
    the years that a split stay links it to."""
    found = again.found
    entries: list[Entry] = []
    for item in again.changed:
        entries.append(entry.adjustment(found, item, reason, entries, caused_by=None, own=False))
    entries = warned(found, entries)
    await write_all(service, connection, caller, found, entries)
    for year in {found.benefit_year, *found.years}:
        await store.off_worklist(connection, found.person_id, year)
    return entries


async def _areas(connection: HotConnection, found: PersonYear) -> dict[tuple[str, date], FoundArea]:
    """What the records say now of the areas, on the policy days, of a year's settlements."""
    wanted = set()
    for item in found.standing:
        if item.document is not None:
            inputs = decode_inputs(item.document)
            wanted |= {(part.facts.area_code, part.policy_day) for part in (inputs, inputs.older) if part is not None}
    return {(code, day): await area_on(connection, code, day) for code, day in wanted}


def _as_known_now(
    service: Service, found: PersonYear, policy_of: PolicyOf, areas: Mapping[tuple[str, date], FoundArea]
) -> Callable[[Standing, Inputs], Inputs]:
    """What readjudication changes of a settlement's inputs: class on the admission day, law, the area's own figures."""

    def known(part: Inputs | OlderInputs, day: date) -> tuple[str, Facts]:
        area = areas[part.facts.area_code, part.policy_day]
        kind = part.facts.insurance_type
        policy = policy_in(service.book, part.policy_day, part.facts.area_code, area, kind)
        former = policy_of(part.policy_digest, part.policy_day)
        if former.same_law(policy):
            policy = former
        classes = {name for name, since, until in found.identities if since <= day and (until is None or day < until)}
        facts = structs.replace(part.facts, benefit_class=class_on(classes, policy), own_figures=area.figures)
        return policy.pack.digest, facts

    def revised(item: Standing, inputs: Inputs) -> Inputs:
        day, older = inputs.bill.admitted_on, inputs.older
        if older is not None:
            law, facts = known(older, day)
            older = structs.replace(older, policy_digest=law, facts=facts)
        law, facts = known(inputs, day)
        return structs.replace(inputs, policy_digest=law, facts=facts, older=older)

    return revised
