"""Bills of several requests settled in one transaction, each as if it were alone: read together, computed one by one,
written together, committed once. Nobody is answered before the commit.

Bills of one person, or of one visit, go in waves: the second is read when the first is written, in the same
transaction, so it sees it. What isn't plain (a replay, an ended token, a key in use, a bill that is paid by the
patient) is left to be settled alone, where it gets the answer that it would have got. What the engine refuses ends with
that error and writes nothing. If the database refuses one, all are rolled back and settled alone
(``service/gathering.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.database.engine import HotConnection
from app.service.caller import Caller, Keyed, OpenState, Service
from app.service.gathering import Gathering, Left, SharedWork
from app.service.idempotency import check_opened
from app.settlement import settling, store
from app.settlement.bill import BillRequest
from app.settlement.rows import BillFacts
from app.settlement.settling import ReadyToWrite, Settled

MOST_WAVES: Final = 8
"""How many waves one transaction has: whoever is in its first waits for its last."""


@dataclass(frozen=True, slots=True)
class SettlingAsked:
    """A bill that somebody asks to settle, under a key."""

    caller: Caller
    bill: BillRequest
    keyed: Keyed


Outcome = Settled | Exception | Left


def gathering(service: Service) -> Gathering[SettlingAsked, Settled]:
    """What settles the bills of a process: ``done()`` is ``settling.settle()``, with others where there are."""

    async def alone(asked: SettlingAsked) -> Settled:
        return await settling.settle(service, asked.caller, asked.bill, asked.keyed)

    async def together(asked: Sequence[SettlingAsked], patient: bool) -> Sequence[Outcome]:
        return await settle_together(service, asked, patient=patient)

    work = SharedWork(alone, together, lambda asked: asked.bill.person_id)
    return Gathering(work, service.settings.settle_together, service.settings.pool_timeout)


async def settle_together(service: Service, asked: Sequence[SettlingAsked], *, patient: bool) -> list[Outcome]:
    """Settle bills in one transaction; what became of each, in their order, once it is committed. ``patient``: wait for
    a person whom somebody else has locked, instead of leaving the bill for later."""
    ended: dict[int, Outcome] = {}
    waves = _waves(asked, ended)
    if waves:
        async with service.database.hot(reserved=True) as connection:
            for wave in waves:
                bills = [asked[place] for place in wave]
                outcomes = await _settle_wave(service, connection, bills, patient=patient)
                ended |= zip(wave, outcomes, strict=True)
    for outcome in ended.values():
        if isinstance(outcome, Settled):
            settling.observe_settled(outcome)
    return [ended[place] for place in range(len(asked))]


def _waves(asked: Sequence[SettlingAsked], ended: dict[int, Outcome]) -> list[list[int]]:
    """The places of bills that are read and written at once, no person and no visit twice in one. A second request
    under one key, which has to find the first one's answer, is left; so is what would be in too late a wave."""
    waves: list[list[int]] = []
    last: dict[object, int] = {}
    keys: set[tuple[str, str]] = set()
    for place, one in enumerate(asked):
        bill, key = one.bill, (one.caller.principal.subject, one.keyed.key)
        if key in keys or not settling.is_plain(one.caller, bill):
            ended[place] = Left.ALONE
            continue
        names = (bill.person_id, (bill.hospital_code, bill.visit_id, bill.settle_seq))
        number = max(last.get(name, -1) for name in names) + 1
        if number >= MOST_WAVES:
            ended[place] = Left.LATER
            continue
        keys.add(key)
        last |= dict.fromkeys(names, number)
        if number == len(waves):
            waves.append([])
        waves[number].append(place)
    return waves


async def _settle_wave(
    service: Service, connection: HotConnection, asked: Sequence[SettlingAsked], *, patient: bool
) -> list[Outcome]:
    found = await store.facts_of_several(
        service, connection, [(one.caller, one.bill, one.keyed) for one in asked], patient=patient
    )
    outcomes: list[Outcome] = []
    written: list[tuple[SettlingAsked, ReadyToWrite]] = []
    for one, facts in zip(asked, found, strict=True):
        outcome = _prepared(service, one, facts)
        if isinstance(outcome, ReadyToWrite):
            written.append((one, outcome))
            outcomes.append(outcome.settled)
        else:
            outcomes.append(outcome)
    if written:
        await store.write_several(connection, [(one.caller, one.keyed, made.entry) for one, made in written])
    return outcomes


def _prepared(service: Service, one: SettlingAsked, found: BillFacts) -> ReadyToWrite | Exception | Left:
    """The settlement to write of one bill; its own error stays its own."""
    if found.state == OpenState.BUSY:
        return Left.LATER
    if found.state != OpenState.NEW:
        return Left.ALONE
    check_opened(found.state, one.keyed)
    try:
        return settling.prepared(service, one.caller, one.bill, found)
    except Exception as error:
        return error
