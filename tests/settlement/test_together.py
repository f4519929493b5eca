"""Several bills in one transaction: each is what it would have been alone, and none is held up or harmed by another."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg
import httpx
import pytest

from app.basics.errors import Conflict, OnestopError, Refused, Unauthorized, Unavailable
from app.config import Settings
from app.database.engine import open_database
from app.policies import shipped_book
from app.service.caller import Caller, Keyed, Service
from app.service.gathering import Gathering, Left
from app.service.idempotency import check_opened
from app.service.security import Principal, derive_keys
from app.service.wire import decode
from app.settlement import settling, store
from app.settlement.bill import BillRequest
from app.settlement.settling import Settled
from app.settlement.together import SettlingAsked, gathering, settle_together
from tests.conftest import TokenFactory, of_app
from tests.faults.ground import until
from tests.world import World, id_number

OWN = {
    "settlement_id",
    "person_id",
    "visit_id",
    "episode",
    "document",
    "digest",
    "result_digest",
    "request_id",
    "recorded_at",
}
"""What two settlements of equal bills of two persons differ in; their documents are compared apart."""
OF_PERSON = ("settlement", "transfer", "person_year", "settled_visit", "idempotency")


@dataclass
class Desk:
    """A world over HTTP, and a service on its database in this process."""

    world: World
    service: Service
    owner: asyncpg.Connection

    def asked(self, bill: dict[str, Any], caller: Caller | None = None, key: str = "") -> SettlingAsked:
        """A bill that is asked for under a new key."""
        keyed = Keyed(key or secrets.token_hex(16), secrets.token_bytes(32))
        request = decode(json.dumps(bill).encode(), BillRequest)
        return SettlingAsked(caller or admin(), request, keyed)

    async def person(self, identities: list[dict[str, Any]] | None = None) -> str:
        """Another person."""
        name = f"P{secrets.token_hex(6)}"
        facts = {"name": "赵某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
        await self.world.put(f"/v1/persons/{name}", facts | {"identities": identities or []})
        return name

    async def together(self, *asked: SettlingAsked, patient: bool = False) -> list[Settled | Exception | Left]:
        """Settle in one transaction."""
        return await settle_together(self.service, asked, patient=patient)

    async def rows(self, table: str, settlement_id: int) -> list[dict[str, Any]]:
        """What one settlement left in a table, without what is its own."""
        where = {
            "person_year": "(person_id, benefit_year) IN (SELECT person_id, benefit_year FROM settlement"
            " WHERE settlement_id = $1)"
        }.get(table, "settlement_id = $1")
        order = "ORDER BY tier" if table == "transfer" else ""
        found = await self.owner.fetch(f"SELECT * FROM {table} WHERE {where} {order}", settlement_id)
        return [
            {name: value for name, value in row.items() if name not in OWN | {"transfer_id", "key", "request_hash"}}
            for row in found
        ]

    async def settled_visits(self, *asked: SettlingAsked) -> int:
        """How many settlements these bills have."""
        visits = [one.bill.visit_id for one in asked]
        return int(await self.owner.fetchval("SELECT count(*) FROM settlement WHERE visit_id = ANY ($1)", visits))


def admin(token_id: int = 0, **principal: Any) -> Caller:
    """Somebody who may settle everywhere, or as said."""
    own: dict[str, Any] = {"subject": "admin", "scopes": frozenset({"admin"}), "hospital_code": None}
    own |= {"area_code": None, "funds": None, "expires_at": None}
    return Caller(Principal(token_id=token_id, **own | principal), f"req-{secrets.token_hex(6)}", "zh")


@pytest.fixture
async def desk(client: httpx.AsyncClient, database_url: str, connection: asyncpg.Connection) -> AsyncIterator[Desk]:
    """A world, and a service in this process beside the one that was asked to make it."""
    database = await open_database(of_app(database_url), Settings())
    service = Service(Settings(settle_together="always"), database, shipped_book(), derive_keys(bytes(32)), True)
    yield Desk(await World(client).build(), service, connection)
    await database.close()


def done(outcome: Settled | Exception | Left) -> Settled:
    """What was settled."""
    assert isinstance(outcome, Settled), outcome
    return outcome


async def test_bills_settled_together_leave_what_each_would_have_left_alone(desk: Desk) -> None:
    """Inpatients and outpatients, poor and not, at three levels: every row is the same but for its own names."""
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    kinds: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
        ([], {"amount": "9000.00"}),
        (poor, {"amount": "25.00"}),
        (poor, {"amount": "180000.00", "hospital_code": desk.world.province}),
        ([], {"amount": "310.50", "medical_type": "11", "admitted_on": "2018-05-02", "discharged_on": "2018-05-02"}),
        (
            poor,
            {"amount": "4200.00", "medical_type": "52", "delivery_mode": "vaginal", "hospital_code": desk.world.county},
        ),
    ]

    async def asked() -> list[SettlingAsked]:
        return [
            desk.asked(desk.world.bill(person_id=await desk.person(identities), **bill)) for identities, bill in kinds
        ]

    posted = 0
    alone = [await settling.settle(desk.service, one.caller, one.bill, one.keyed) for one in await asked()]
    together = [done(one) for one in await desk.together(*await asked())]
    for former, now in zip(alone, together, strict=True):
        for table in OF_PERSON:
            assert await desk.rows(table, former.settlement_id) == await desk.rows(table, now.settlement_id), table
        posted += len(await desk.rows("transfer", now.settlement_id))
        read = "SELECT document->>'results' || (document->>'lines') FROM settlement WHERE settlement_id = $1"
        documents = [await desk.owner.fetchval(read, one.settlement_id) for one in (former, now)]
        assert documents[0] == documents[1]
    assert posted > len(kinds)


async def test_rows_name_the_request_that_asked_for_each(desk: Desk) -> None:
    """Subject, request id and key are those of each request, not those of its neighbour."""
    hired = [admin(subject=f"subject-{number}") for number in range(3)]
    asked = [desk.asked(desk.world.bill("9000.00", person_id=await desk.person()), one) for one in hired]
    for one, outcome in zip(asked, await desk.together(*asked), strict=True):
        own = (one.caller.principal.subject, one.caller.request_id)
        for table in ("settlement", "transfer", "idempotency"):
            read = f"SELECT DISTINCT subject, request_id FROM {table} WHERE settlement_id = $1"
            assert [tuple(row) for row in await desk.owner.fetch(read, done(outcome).settlement_id)] == [own]
        key = await desk.owner.fetchrow(
            "SELECT key, request_hash FROM idempotency WHERE settlement_id = $1", done(outcome).settlement_id
        )
        assert tuple(key) == (one.keyed.key, one.keyed.request_hash)


async def test_bills_of_one_person_in_one_transaction_see_each_other(desk: Desk) -> None:
    """Each begins where the one before it ended; one of the same visit finds it settled."""
    bills = [desk.world.bill("9000.00", hospital_code=desk.world.province) for _ in range(4)]
    twice = desk.world.bill("9000.00", visit_id=bills[0]["visit_id"], hospital_code=desk.world.province)
    outcomes = await desk.together(*(desk.asked(bill) for bill in [*bills, twice]))
    rows = [done(outcome).row for outcome in outcomes[:4]]
    assert [row.entry_no for row in rows if row is not None] == [1, 2, 3, 4]
    computed = [one.computation for one in map(done, outcomes[:4]) if one.computation is not None]
    for former, later in pairwise(computed):
        assert later.found.accumulators == former.outcome.after
    assert isinstance(outcomes[4], Conflict)
    assert outcomes[4].code == "already_settled"


async def test_what_is_too_late_a_wave_is_left(desk: Desk) -> None:
    """A person with very many bills at once doesn't keep the others waiting for all of them."""
    outcomes = await desk.together(*(desk.asked(desk.world.bill()) for _ in range(12)))
    assert [isinstance(one, Settled) for one in outcomes] == [True] * 8 + [False] * 4
    assert set(outcomes[8:]) == {Left.LATER}


async def test_a_refused_bill_ends_with_its_own_error(desk: Desk) -> None:
    """What the engine refuses, somebody nobody knows, a twin and a used key harm no neighbour and write nothing."""
    settled_before = desk.asked(desk.world.bill(person_id=await desk.person()))
    await settling.settle(desk.service, settled_before.caller, settled_before.bill, settled_before.keyed)
    good = desk.asked(desk.world.bill(person_id=await desk.person()))
    unknown = desk.asked(desk.world.bill(person_id="NOBODY" + desk.world.tag))
    unexpected = desk.asked(desk.world.bill(person_id=await desk.person(), expected_patient="1.00"))
    twin = SettlingAsked(good.caller, good.bill, good.keyed)
    cash = desk.asked(desk.world.bill(person_id=await desk.person(), paid_by="patient"))
    outcomes = await desk.together(unknown, good, unexpected, twin, settled_before, cash)
    assert isinstance(outcomes[0], Refused)
    done(outcomes[1])
    assert isinstance(outcomes[2], Conflict)
    assert outcomes[3:] == [Left.ALONE] * 3
    assert await desk.settled_visits(good, unknown, unexpected, cash) == 1


async def test_each_bill_is_held_to_its_own_token(desk: Desk, token: TokenFactory) -> None:
    """A token that ended in the meantime leaves its bill to be refused alone; a row out of its token's reach is refused
    by the database, whatever the service believes. Between the two calls nothing is in reach."""
    headers = await token(scopes=["hospital"], hospital_code=desk.world.township)
    number = await desk.owner.fetchval("SELECT max(token_id) FROM token WHERE hospital_code = $1", desk.world.township)
    own = admin(number, scopes=frozenset({"hospital"}), hospital_code=desk.world.township)
    assert headers
    good = desk.asked(desk.world.bill(person_id=await desk.person()), own)
    neighbour = desk.asked(desk.world.bill(person_id=await desk.person()))
    assert all(isinstance(one, Settled) for one in await desk.together(good, neighbour))
    posing = admin(number)  # the same token, believed to reach everything
    elsewhere = desk.asked(desk.world.bill(person_id=await desk.person(), hospital_code=desk.world.county), posing)
    narrow = admin(hospital_code=desk.world.county, scopes=frozenset({"hospital"}))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.together(elsewhere, desk.asked(desk.world.bill(person_id=await desk.person())))
    async with desk.service.database.hot() as connection:
        one = desk.asked(desk.world.bill(person_id=await desk.person()), admin())
        [facts] = await store.facts_of_several(
            desk.service, connection, [(one.caller, one.bill, one.keyed)], patient=False
        )
        check_opened(facts.state, one.keyed)
        made = settling.prepared(desk.service, one.caller, one.bill, facts)
        assert await connection.fetchval("SELECT count(*) FROM settlement") == 0, "a batch's context sees nothing"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await store.write_several(connection, [(narrow, one.keyed, made.entry)])
    await desk.owner.execute("UPDATE token SET revoked_at = clock_timestamp() WHERE token_id = $1", number)
    ended = desk.asked(desk.world.bill(person_id=await desk.person()), own)
    beside = desk.asked(desk.world.bill(person_id=await desk.person()))
    outcomes = await desk.together(ended, beside)
    assert outcomes[0] is Left.ALONE
    done(outcomes[1])
    with pytest.raises(Unauthorized):
        await gathering(desk.service).done(ended)


async def test_a_locked_person_holds_up_nobody(desk: Desk, database_url: str) -> None:
    """The neighbours are settled at once; the person's own bills, each in turn, as soon as the lock is free."""
    locked, other = desk.world.person, await desk.person()
    bills = gathering(desk.service)
    holder = await asyncpg.connect(database_url)
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT person_lock($1)", locked)
        waiting = [asyncio.create_task(bills.done(desk.asked(desk.world.bill("30.00")))) for _ in range(11)]
        others = [desk.asked(desk.world.bill(person_id=other)) for _ in range(3)]
        async with asyncio.timeout(10):
            settled = await asyncio.gather(*map(bills.done, others))
        assert len({one.settlement_id for one in settled}) == 3
        assert not any(task.done() for task in waiting)
        await held.rollback()
        async with asyncio.timeout(20):
            numbers = [one.row.entry_no for one in await asyncio.gather(*waiting) if one.row is not None]
    finally:
        await holder.close()
    assert sorted(numbers) == list(range(1, 12))


async def test_a_person_who_stays_locked_is_busy(desk: Desk, database_url: str) -> None:
    """Whoever waits longer than the lock may take is told to come again, and the key is free then."""
    settings = Settings(settle_together="always", person_lock_timeout=0.3)
    database = await open_database(of_app(database_url), settings)
    service = Service(settings, database, desk.service.book, desk.service.keys, True)
    one, holder = desk.asked(desk.world.bill()), await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT person_lock($1)", desk.world.person)
            with pytest.raises(Unavailable) as refused:
                await gathering(service).done(one)
        assert refused.value.code == "busy"
        assert (await gathering(service).done(one)).row is not None
    finally:
        await holder.close()
        await database.close()


POISON = """
CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'poison' USING ERRCODE = 'check_violation';
END $$;
CREATE CONSTRAINT TRIGGER poisoned AFTER INSERT ON settlement DEFERRABLE INITIALLY {initially}
  FOR EACH ROW WHEN (NEW.visit_id LIKE 'POISON%') EXECUTE FUNCTION poisoned();
"""


@pytest.mark.parametrize("initially", ["IMMEDIATE", "DEFERRED"])
async def test_a_bill_that_the_database_refuses_fails_alone(desk: Desk, initially: str) -> None:
    """Whether at the row or at the commit: its neighbours are settled once, each, and it leaves nothing."""
    await desk.owner.execute(POISON.format(initially=initially))
    try:
        bills = gathering(desk.service)
        good = [desk.asked(desk.world.bill(person_id=await desk.person())) for _ in range(5)]
        bad = desk.asked(desk.world.bill(person_id=await desk.person(), visit_id=f"POISON{secrets.token_hex(4)}"))
        outcomes = await asyncio.gather(*map(bills.done, [*good[:2], bad, *good[2:]]), return_exceptions=True)
    finally:
        await desk.owner.execute("DROP TRIGGER poisoned ON settlement; DROP FUNCTION poisoned()")
    assert [isinstance(one, Settled) for one in outcomes] == [True, True, False, True, True, True]
    assert await desk.settled_visits(*good, bad) == len(good)
    assert isinstance(outcomes[2], asyncpg.CheckViolationError)


async def test_nobody_is_answered_before_the_commit(desk: Desk) -> None:
    """While the commit waits, nobody has an answer and nobody sees the settlement."""
    await desk.owner.execute(
        """CREATE FUNCTION awaited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
           BEGIN PERFORM pg_advisory_xact_lock_shared(424242); RETURN NULL; END $$;
           CREATE CONSTRAINT TRIGGER awaited AFTER INSERT ON settlement DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.visit_id LIKE 'AWAITED%') EXECUTE FUNCTION awaited();
           SELECT pg_advisory_lock(424242)"""
    )
    try:
        bills = gathering(desk.service)
        asked = [
            desk.asked(desk.world.bill(person_id=await desk.person(), visit_id=f"AWAITED{secrets.token_hex(4)}"))
            for _ in range(4)
        ]
        tasks = [asyncio.create_task(bills.done(one)) for one in asked]

        async def waits_there() -> bool:
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 424242 AND NOT granted"
            return bool(await desk.owner.fetchval(waits))

        await until(waits_there, 20)
        assert not any(task.done() for task in tasks)
        assert await desk.settled_visits(*asked) == 0
        await desk.owner.execute("SELECT pg_advisory_unlock(424242)")
        assert len({one.settlement_id for one in await asyncio.gather(*tasks)}) == 4
    finally:
        await desk.owner.execute(
            "SELECT pg_advisory_unlock_all(); DROP TRIGGER awaited ON settlement; DROP FUNCTION awaited()"
        )
    assert await desk.settled_visits(*asked) == 4


async def test_a_year_that_is_being_closed_is_not_waited_for_together(desk: Desk, database_url: str) -> None:
    """The batch gives up at once, so that nobody waits for an area that isn't theirs."""
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT pg_advisory_xact_lock(lock_key('area_year', '530100'))")
            one = desk.asked(desk.world.bill(person_id=await desk.person()))
            async with asyncio.timeout(10):
                with pytest.raises(OnestopError):
                    await desk.together(one)
    finally:
        await holder.close()
    assert await desk.settled_visits(one) == 0


def test_a_process_gathers_as_it_is_set() -> None:
    """The setting says whether bills are settled together."""
    made = gathering(Service(Settings(), None, shipped_book(), derive_keys(bytes(32)), True))  # type: ignore[arg-type]
    assert isinstance(made, Gathering)
    assert made.company == "auto"
