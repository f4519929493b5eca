"""Corrections: what was settled is never changed, further entries take it back or adjust it. One transaction each.

A reversal takes a settlement back whole, a refund takes back part of its bill, a readjudication applies what is known
of person and law now, a recovery reverses what another party is liable for. What was settled later in the person-year
is computed again; its differences are adjustments.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from app.basics.errors import Conflict, Forbidden, Refused
from app.basics.ids import SETTLEMENT, shown_id
from app.database.engine import HotConnection
from app.service import metrics
from app.service.caller import Caller, Keyed, Service
from app.service.idempotency import check_opened, remember, remembered_body
from app.service.security import require
from app.settlement import entry, store
from app.settlement.answer import SettlementAnswer
from app.settlement.bill import core_bill
from app.settlement.computing import PolicyOf
from app.settlement.deducted import fit_deductions
from app.settlement.document import Inputs, decode_inputs, encoded, owed_of
from app.settlement.entry import Entry
from app.settlement.person_year import Recomputed, computed_again, laws_kept
from app.settlement.reading import answer_of_row
from app.settlement.rows import PersonYear, Standing, YearPart
from app.settlement.settling import all_funds, may_claim, within_funds
from app.tiers.episode import later_years, visit_name
from app.tiers.model import FUNDS
from app.tiers.scope import refund_faults


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer's body, and whether it had been given before under the same key."""

    body: bytes
    replayed: bool = False


CREATED: Final = 201
LATER_YEAR_AFFECTED: Final = "later_year_affected"

Plan = Callable[[PersonYear, PolicyOf], list[Entry]]


async def reverse(
    service: Service, caller: Caller, settlement_id: int, *, reason: str, cascade: bool, keyed: Keyed
) -> Answered:
    """Take a settlement back. Conflict when there are later ones in its person-year, unless ``cascade``."""
    require(caller.principal, "hospital", "finance")
    plan = _reversal(caller, settlement_id, reason, None, cascade)
    return await _correct(service, caller, settlement_id, cascade, keyed, plan)


async def reverse_within(
    service: Service, connection: HotConnection, caller: Caller, settlement_id: int, *, reason: str, keyed: Keyed
) -> list[Entry]:
    """``reverse`` without cascade inside a transaction that the caller opened and commits; then call ``observe``.

    Returns the reversal alone; keeps no answer, so the key must not have been used before.
    """
    require(caller.principal, "hospital", "finance")
    plan = _reversal(caller, settlement_id, reason, None, False)
    found = await read_part(service, connection, caller, keyed, YearPart(settlement_id, whole=False))
    entries = warned(found, plan(found, await laws_of(service, connection, found)))
    await write_all(service, connection, caller, found, entries)
    return entries


async def recover(
    service: Service, caller: Caller, settlement_id: int, *, reason: str, evidence: str, cascade: bool, keyed: Keyed
) -> Answered:
    """Reverse a settlement that another party turned out to be liable for; the funds then ask that party."""
    require(caller.principal, "finance")
    plan = _reversal(caller, settlement_id, reason, evidence, cascade)
    return await _correct(service, caller, settlement_id, cascade, keyed, plan)


def _reversal(caller: Caller, settlement_id: int, reason: str, evidence: str | None, cascade: bool) -> Plan:
    def plan(found: PersonYear, policy_of: PolicyOf) -> list[Entry]:
        target, later = _target(caller, found, cascade)
        if evidence is not None and not target.row.recoverable:
            raise Conflict("not_recoverable")
        stays = [stay for stay in found.stays if stay.settlement_id != settlement_id]
        again = computed_again(later, stays, entry.years_before(found), policy_of)
        return _followed([entry.reversal(found, target, reason, evidence=evidence)], found, again, reason)

    return plan


async def refund(
    service: Service,
    caller: Caller,
    settlement_id: int,
    *,
    lines: Sequence[tuple[int, int]],
    reason: str,
    cascade: bool,
    keyed: Keyed,
) -> Answered:
    """Take back quantities (line number, ten-thousandths) of a settled bill; the waterfall runs again."""
    require(caller.principal, "hospital", "finance")

    def plan(found: PersonYear, policy_of: PolicyOf) -> list[Entry]:
        target, later = _target(caller, found, cascade)

        def revised(item: Standing, inputs: Inputs) -> Inputs:
            return _less_refunds(inputs, lines) if item is target else inputs

        again = computed_again([target, *later], found.stays, entry.years_before(found), policy_of, revised)
        return _followed([], found, again, reason)

    return await _correct(service, caller, settlement_id, cascade, keyed, plan)


def _less_refunds(inputs: Inputs, lines: Sequence[tuple[int, int]]) -> Inputs:
    refunds = dict(inputs.refunds)
    faults = refund_faults(core_bill(inputs.bill).lines, refunds, lines)
    if faults:
        raise Refused(faults)
    for line_no, quantity in lines:
        refunds[line_no] = refunds.get(line_no, 0) + quantity
    return structs.replace(inputs, refunds=tuple(sorted(refunds.items())))


async def _correct(
    service: Service, caller: Caller, settlement_id: int, cascade: bool, keyed: Keyed, plan: Plan
) -> Answered:
    """Read under the person's lock, plan, write; answer with the first entry and the adjustments that followed."""
    async with service.database.hot(reserved=True) as connection:
        found = await read_part(service, connection, caller, keyed, YearPart(settlement_id, whole=cascade))
        if keyed is not None and found.body is not None:
            return Answered(remembered_body(service, caller, keyed, b64decode(found.body)), True)
        entries = warned(found, plan(found, await laws_of(service, connection, found)))
        await write_all(service, connection, caller, found, entries)
        first, *others = await rows_seen(connection, caller, entries)
        first.adjustments = others
        body = encoded(first)
        await remember(service, connection, caller, keyed, CREATED, body)
    observe(entries)
    return Answered(body)


def _target(caller: Caller, found: PersonYear, cascade: bool) -> tuple[Standing, list[Standing]]:
    """The settlement to correct and the later ones of its person-year.

    Conflict when it can't be corrected, Forbidden when this caller mustn't.
    """
    if found.kind != "settlement":
        raise Conflict("not_a_settlement")
    target, *later = found.standing
    all_funds(caller, _funds_of(target))
    if target.row.paid_by == "patient":
        may_claim(caller)
    if found.reversed:
        raise Conflict("already_reversed")
    if later and not cascade:
        shown = [shown_id(SETTLEMENT, item.row.settlement_id) for item in later if item.reached]
        raise Conflict("later_settlements_exist", extra={"later": shown, "others": len(later) - len(shown)})
    if caller.principal.scopes.isdisjoint({"finance", "admin"}) and any(
        item.row.hospital_code != target.row.hospital_code for item in later
    ):
        raise Forbidden("cascade_needs_finance")
    return target, later


def _funds_of(target: Standing) -> list[str]:
    """The funds that still pay something of a settlement; none of one that is reversed."""
    if not any(getattr(target.whole.portions, tier) for tier in FUNDS) or target.document is None:
        return [fund for tier, fund in FUNDS.items() if getattr(target.whole.portions, tier)]
    whole = structs.replace(target.whole, payable_adjustment=0)
    return [payable.fund for payable in owed_of(whole, decode_inputs(target.document))]


def _followed(entries: list[Entry], found: PersonYear, again: Iterable[Recomputed], reason: str) -> list[Entry]:
    """The entries with an adjustment for each settlement that changes; the first entry is the cause of the others."""
    for item in again:
        if item.changed:
            cause = entries[0].row if entries else None
            adjusted = entry.adjustment(
                found,
                item,
                reason,
                entries,
                caused_by=None if cause is None else cause.settlement_id,
                own=cause is None or cause.hospital_code == item.row.hospital_code,
            )
            entries.append(adjusted)
    return entries


async def read_part(
    service: Service, connection: HotConnection, caller: Caller, keyed: Keyed | None, of: YearPart
) -> PersonYear:
    found = await store.person_year(service, connection, caller, keyed, of)
    check_opened(found.state, keyed)
    return found


async def laws_of(service: Service, connection: HotConnection, found: PersonYear) -> PolicyOf:
    standing = found.standing[1:] if found.reversed else found.standing  # nothing of it is computed again
    return await store.policies_of(service, connection, laws_kept(standing))


def _relying(found: PersonYear, item: Entry) -> list[int]:
    """The later years that relied on what an entry changes."""
    row = item.row
    if item.at_stake == 0 or row.of_settlement_id is None:
        return []
    return later_years(found.stays, row.of_settlement_id, visit_name(row.hospital_code, row.visit_id), row.benefit_year)


def warned(found: PersonYear, entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with a warning where a later year relied on what they change."""
    return [
        replace(item, row=structs.replace(item.row, warnings=[*item.row.warnings, LATER_YEAR_AFFECTED]))
        if _relying(found, item)
        else item
        for item in entries
    ]


async def write_all(
    service: Service, connection: HotConnection, caller: Caller, found: PersonYear, entries: Sequence[Entry]
) -> None:
    """Write the entries, put the later years that relied on them on the worklist, and give back what they make
    excessive of deductions. Forbidden ``all_funds_needed`` for who may not act on a fund that they post to."""
    within_funds(caller, entries)
    for item in entries:
        await store.write(connection, item)
        for year in _relying(found, item):
            await store.on_worklist(connection, caller, item.row.person_id, year, item.at_stake)
    await fit_deductions(service, connection, caller, entries)


async def rows_seen(connection: HotConnection, caller: Caller, entries: Sequence[Entry]) -> list[SettlementAnswer]:
    """What was written, as far as the caller may see it."""
    rows = await store.read_many(connection, [item.row.settlement_id for item in entries])
    return [answer_of_row(row, detail=True, funds=caller.principal.funds) for row in rows]


def observe(entries: Sequence[Entry]) -> None:
    """Count what was written, after the commit."""
    for item in entries:
        row = item.row
        portions = {tier: getattr(row, tier) for tier in metrics.PORTIONS}
        metrics.observe_settlement(
            kind=row.kind,
            medical_type=row.medical_type,
            paid_by=row.paid_by,
            portions=portions,
            funds={transfer.tier: transfer.fund for transfer in item.posted},
        )
