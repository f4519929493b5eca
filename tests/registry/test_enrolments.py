"""Insurance, area, chronic registrations, family doctors and areas' records by date, and what they mean for a bill."""

import secrets
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.policies import SHIPPED, read_text
from app.registry.dated import Interval, Span, changed_days, holds, overlapping, span_on, stated
from tests.conftest import ADMIN_TOKEN, TokenFactory, migrated_database, start_service
from tests.registry.test_hospitals import faults, put
from tests.world import World, key


def fresh(prefix: str = "P") -> str:
    """A code that no other test uses."""
    return f"{prefix}{secrets.token_hex(6).upper()}"


def person_body(world: World, **changes: Any) -> dict[str, Any]:
    """The world's person as the registry takes it."""
    body = {"name": "李某", "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    return body | {"identities": [{"class": "registered_poor", "from": "2016-01-01"}]} | changes


async def candidates(client: httpx.AsyncClient, person_id: str) -> list[tuple[int, str]]:
    """The person-years on the worklist of a person: year and reason."""
    found: list[tuple[int, str]] = []
    cursor = None
    while True:
        query = {"limit": 100} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get("/v1/registry/readjudication-candidates", params=query)).json()
        found += [(row["year"], row["reason"]) for row in page["data"] if row["person_id"] == person_id]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person, three hospitals and four items of its own."""
    return await World(client).build()


# ---------------------------------------------------------------- insurance and area


async def test_a_bill_needs_insurance_on_the_admission_day(world: World) -> None:
    """Of several periods of insurance one has to cover the admission day, whatever lies between them."""
    periods = [{"from": "2016-01-01", "until": "2018-05-02"}, {"from": "2018-05-03", "until": "2019-01-01"}]
    path = f"/v1/persons/{world.person}"
    shown = await put(world.client, path, person_body(world, insured_periods=list(reversed(periods))))
    assert (shown["insured_from"], shown["insured_until"]) == ("2016-01-01", "2019-01-01")
    assert shown["insured_periods"] == periods
    assert (await world.client.get(path)).json() == shown
    assert faults(await world.settle(world.bill())) == [("/person_id", "not_insured")]
    line = world.line("25.00", day="2018-05-03")
    await world.settled(world.bill(admitted_on="2018-05-03", lines=[line]))
    roundtrip = person_body(
        world, **{name: shown[name] for name in ("insured_from", "insured_until", "insured_periods")}
    )
    assert await put(world.client, path, roundtrip) == shown


async def test_insurance_keeps_what_was_known(world: World, connection: Any) -> None:
    """Correcting the insurance supersedes the former period, and one period is shown as before."""
    path = f"/v1/persons/{world.person}"
    shown = await put(world.client, path, person_body(world, insured_from="2017-01-01"))
    assert "insured_periods" not in shown
    await put(world.client, path, person_body(world, insured_from="2017-01-01"))
    rows = await connection.fetch(
        "SELECT valid_from::text, superseded_by FROM insured_period WHERE person_id = $1 ORDER BY period_id",
        world.person,
    )
    assert [tuple(row) for row in rows] == [(None, "admin"), ("2017-01-01", None)]


async def test_a_person_of_an_earlier_release_keeps_the_former_period(
    client: httpx.AsyncClient, connection: Any
) -> None:
    """Where only the person's row says since when, that becomes a superseded period at the first correction."""
    world = await World(client).build(insured_from="2017-01-01")
    await connection.execute("ALTER TABLE insured_period DISABLE TRIGGER insured_period_history")
    await connection.execute("DELETE FROM insured_period WHERE person_id = $1", world.person)
    await connection.execute("ALTER TABLE insured_period ENABLE TRIGGER insured_period_history")
    await world.settled(world.bill())
    path = f"/v1/persons/{world.person}"
    await put(client, path, person_body(world, insured_from="2017-01-01", name="李某某"))
    assert await connection.fetchval("SELECT count(*) FROM insured_period WHERE person_id = $1", world.person) == 0
    await put(client, path, person_body(world, insured_from="2018-06-01"))
    rows = await connection.fetch(
        "SELECT valid_from::text, superseded_by FROM insured_period WHERE person_id = $1 ORDER BY valid_from",
        world.person,
    )
    assert [tuple(row) for row in rows] == [("2017-01-01", "admin"), ("2018-06-01", None)]


async def test_faults_of_insurance_periods_are_told_at_once(world: World) -> None:
    """Empty and overlapping periods, and days beside them that aren't theirs, stand in one answer."""
    periods = [{"from": "2018-01-01"}, {"from": "2019-01-01", "until": "2019-01-01"}, {"from": "2020-01-01"}]
    wanted = person_body(world, insured_periods=periods, insured_from="2017-01-01")
    assert faults(await world.client.put(f"/v1/persons/{world.person}", json=wanted)) == [
        ("/insured_periods/1/until", "interval_empty"),
        ("/insured_periods/2", "period_overlap"),
        ("/insured_from", "periods_differ"),
    ]


async def test_the_uninsured_poor_are_those_without_a_period_today(world: World) -> None:
    """A registered poor person between two periods of insurance is on the list."""

    async def listed() -> bool:
        query: dict[str, Any] = {"limit": 100}
        while True:
            page = (await world.client.get("/v1/registry/uninsured-poor", params=query)).json()
            if any(row["person_id"] == world.person for row in page["data"]):
                return True
            if page["next_cursor"] is None:
                return False
            query["cursor"] = page["next_cursor"]

    assert not await listed()
    gap = [{"from": "2016-01-01", "until": "2027-01-01"}, {"from": "2028-01-01"}]
    await put(world.client, f"/v1/persons/{world.person}", person_body(world, insured_periods=gap))
    assert await listed()


async def test_the_area_of_the_admission_day_pays(world: World) -> None:
    """Who moved is settled by rules and funds of the admission day's area; without a day the area is corrected."""
    path = f"/v1/persons/{world.person}"
    moved = person_body(world, area_code="532601", area_from="2018-06-01")
    shown = await put(world.client, path, moved)
    assert (shown["area_code"], shown["area_from"]) == ("532601", "2018-06-01")
    assert (await world.client.get(path)).json() == shown
    before = await world.settled(world.bill())
    line = world.line("25.00", day="2018-06-01")
    after = await world.settled(world.bill(admitted_on="2018-06-01", discharged_on="2018-06-02", lines=[line]))
    assert [(one["paying_area"], one["policy"]["pack"]) for one in (before, after)] == [
        ("530100", "yunnan"),
        ("532600", "wenshan"),
    ]
    assert await put(world.client, path, person_body(world, area_code="532601")) == shown
    corrected = await put(world.client, path, person_body(world, area_code="532501"))
    assert (corrected["area_code"], corrected["area_from"]) == ("532501", "2018-06-01")
    assert (await world.settled(world.bill()))["paying_area"] == "530100"


# ---------------------------------------------------------------- the worklist


async def test_a_corrected_person_puts_settled_years_on_the_worklist(world: World) -> None:
    """Identities, insurance and area that change on a settled admission day name the year; nothing else does."""
    path, client = f"/v1/persons/{world.person}", world.client
    await world.settled(world.bill())
    await put(client, path, person_body(world, name="李某某"))
    late = [{"class": "registered_poor", "from": "2016-01-01", "until": "2018-05-03"}]
    await put(client, path, person_body(world, identities=late))
    assert await candidates(client, world.person) == []
    early = [{"class": "registered_poor", "from": "2016-01-01", "until": "2018-05-02"}]
    await put(client, path, person_body(world, identities=early))
    assert await candidates(client, world.person) == [(2018, "identities_corrected")]
    again = {"reason": "身份更正", "dry_run": False}
    done = await client.post(f"{path}/years/2018/readjudication", json=again, headers=key())
    assert done.status_code in (200, 201), done.text
    assert await candidates(client, world.person) == []
    await put(client, path, person_body(world, identities=early, insured_from="2019-01-01"))
    assert await candidates(client, world.person) == [(2018, "insurance_corrected")]


async def test_a_corrected_area_puts_settled_years_on_the_worklist(world: World) -> None:
    """Another area on a settled admission day names the year."""
    await world.settled(world.bill())
    path = f"/v1/persons/{world.person}"
    await put(world.client, path, person_body(world, area_code="532601", area_from="2018-06-01"))
    assert await candidates(world.client, world.person) == []
    await put(world.client, path, person_body(world, area_code="532601", area_from="2018-05-01"))
    assert await candidates(world.client, world.person) == [(2018, "area_corrected")]


async def test_an_exit_outlives_a_put(world: World, connection: Any) -> None:
    """An identity that is said anew, with other evidence or days, has still left the list on the day that was known."""
    await connection.execute("ALTER TABLE identity DISABLE TRIGGER identity_history")
    await connection.execute("UPDATE identity SET exited_on = '2019-06-01' WHERE person_id = $1", world.person)
    await connection.execute("ALTER TABLE identity ENABLE TRIGGER identity_history")
    restated = [{"class": "registered_poor", "from": "2016-02-01", "evidence": "证明"}]
    others = [{"class": "low_income", "from": "2016-02-01"}]
    await put(world.client, f"/v1/persons/{world.person}", person_body(world, identities=restated + others))
    rows = await connection.fetch(
        "SELECT class, exited_on FROM identity WHERE person_id = $1 AND superseded_at IS NULL ORDER BY class",
        world.person,
    )
    assert [tuple(row) for row in rows] == [("low_income", None), ("registered_poor", date(2019, 6, 1))]


# ---------------------------------------------------------------- chronic registrations


async def test_a_registration_is_one_interval_or_several(world: World, token: TokenFactory) -> None:
    """What is put is shown; an empty list withdraws it; a hospital reads and doesn't write."""
    path = f"/v1/persons/{world.person}/chronic-registrations"
    one = await put(world.client, f"{path}/M03900", {"from": "2018-01-01", "until": "2019-01-01"})
    assert one["periods"] == [{"from": "2018-01-01", "until": "2019-01-01"}]
    periods = [{"from": "2020-01-01", "until": None}, {"from": "2018-01-01", "until": "2019-01-01"}]
    two = await put(world.client, f"{path}/M03900", {"periods": periods})
    assert (two["from"], two["until"], two["periods"]) == ("2018-01-01", None, periods[::-1])
    hospital = await token(scopes=["hospital"], hospital_code=world.county)
    assert (await world.client.get(f"{path}/M03900", headers=hospital)).json() == two
    assert (await world.client.get(path)).json()["data"] == [two]
    assert (await world.client.put(f"{path}/M03900", json=two, headers=hospital)).status_code == 403
    elsewhere = await token(scopes=["registry"], area_code="532600")
    body = {"from": "2018-01-01"}
    assert (await world.client.put(f"{path}/M03900", json=body, headers=elsewhere)).status_code == 404
    assert (await world.client.get(path, headers=elsewhere)).status_code == 404
    await put(world.client, f"{path}/M03900", {"periods": []})
    assert (await world.client.get(f"{path}/M03900")).status_code == 404
    refused = await world.client.put(f"{path}/M03900", json={"until": "2018-01-01"})
    assert faults(refused) == [("/from", "missing")]
    differs = {"from": "2017-01-01", "periods": [{"from": "2018-01-01"}]}
    assert faults(await world.client.put(f"{path}/M03900", json=differs)) == [("/from", "periods_differ")]


@pytest.fixture(scope="module")
async def strict(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose pack asks for registrations, on a database of its own."""
    folder = tmp_path_factory.mktemp("strict")
    flag = "- {from: 2017-11-03, value: false, status: assumed"
    text = read_text(SHIPPED / "yunnan.yaml")
    assert text.count(flag) == 1
    (folder / "packs").mkdir()
    (folder / "packs" / "yunnan.yaml").write_text(text.replace(flag, flag.replace("false", "true")), encoding="utf-8")
    url = await migrated_database(database_server)
    process, base_url = start_service(url, folder, ONESTOP_POLICY_DIR=str(folder / "packs"))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    try:
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def chronic(world: World, **changes: Any) -> dict[str, Any]:
    """A visit for high blood pressure."""
    days = {"admitted_on": "2018-05-02", "discharged_on": "2018-05-02", "medical_type": "14", "disease_code": "M03900"}
    return world.bill("1000.00", **days | changes)


async def test_a_pack_may_ask_for_a_registration_on_the_visit_day(strict: httpx.AsyncClient) -> None:
    """Without one quote and settlement are refused; a readjudication keeps what was known when it was settled."""
    world = await World(strict).build()
    for path in ("/v1/quotes", "/v1/settlements"):
        refused = await strict.post(path, json=chronic(world), headers=key())
        assert faults(refused) == [("/disease_code", "disease_not_registered")]
    registration = f"/v1/persons/{world.person}/chronic-registrations/M03900"
    await put(strict, registration, {"from": "2018-05-03"})
    assert faults(await world.settle(chronic(world))) == [("/disease_code", "disease_not_registered")]
    await put(strict, registration, {"from": "2018-05-02", "until": "2018-05-03"})
    assert (await strict.post("/v1/quotes", json=chronic(world))).status_code == 200
    settled = await world.settled(chronic(world))
    await put(strict, registration, {"periods": []})
    again = {"reason": "核对", "dry_run": True}
    year = await strict.post(f"/v1/persons/{world.person}/years/2018/readjudication", json=again, headers=key())
    assert (year.status_code, year.json()["changes"]) == (200, [])
    replay = await strict.post(f"/v1/settlements/{settled['settlement_id']}/replay", headers=key())
    assert (replay.json()["digest_matches"], replay.json()["result_matches"]) == (True, True)


async def test_a_pack_that_asks_for_nothing_settles_without(world: World) -> None:
    """The shipped pack doesn't require a registration."""
    assert (await world.settle(chronic(world))).status_code == 201


# ---------------------------------------------------------------- family doctors


async def test_a_person_has_one_family_doctor_at_a_time(world: World, connection: Any) -> None:
    """Contracts of one person don't overlap; a correction keeps what was known before."""
    first, second = (f"/v1/family-doctor/contracts/{fresh('F')}" for _ in range(2))
    wanted = {"person_id": world.person, "hospital_code": world.township, "from": "2018-01-01"}
    shown = await put(world.client, first, wanted)
    assert shown == wanted | {"contract_id": first.rpartition("/")[2], "until": None}
    later = wanted | {"hospital_code": world.county, "from": "2019-01-01"}
    refused = await world.client.put(second, json=later)
    assert (refused.status_code, refused.json()["code"]) == (409, "contract_overlap")
    await put(world.client, first, wanted | {"until": "2019-01-01"})
    await put(world.client, second, later)
    assert (await world.client.get(first)).json()["until"] == "2019-01-01"
    rows = await connection.fetch(
        "SELECT valid_until::text, superseded_by FROM family_doctor_contract"
        " WHERE contract_id = $1 ORDER BY version_id",
        shown["contract_id"],
    )
    assert [tuple(row) for row in rows] == [(None, "admin"), ("2019-01-01", None)]


async def test_a_contract_names_a_person_and_a_hospital(world: World, token: TokenFactory) -> None:
    """Unknown ones and empty intervals are told; another area neither reads nor writes it."""
    path = f"/v1/family-doctor/contracts/{fresh('F')}"
    unknown = {"person_id": fresh(), "hospital_code": fresh("H"), "from": "2018-01-01"}
    assert faults(await world.client.put(path, json=unknown)) == [
        ("/person_id", "unknown_person"),
        ("/hospital_code", "unknown_hospital"),
    ]
    wanted = {"person_id": world.person, "hospital_code": world.township, "from": "2018-01-01"}
    assert faults(await world.client.put(path, json=wanted | {"until": "2018-01-01"})) == [("/until", "interval_empty")]
    elsewhere = await token(scopes=["registry"], area_code="532600")
    assert (await world.client.put(path, json=wanted, headers=elsewhere)).status_code == 422
    await put(world.client, path, wanted)
    assert (await world.client.get(path, headers=elsewhere)).status_code == 404
    assert (await world.client.get(f"{path}X")).status_code == 404


# ---------------------------------------------------------------- areas


async def test_an_areas_record_says_who_pools_and_which_pack_rules(client: httpx.AsyncClient) -> None:
    """A county that pools its own funds pays itself, by the pack that its record names; a record may be corrected."""
    world = await World(client).build(area_code="539901")
    await put(client, "/v1/areas/539900", {"name": "某州", "pack": "wenshan", "dictionary": "yunnan-2021"})
    path = "/v1/areas/539901"
    shown = await put(client, path, {"name": "某县", "pooling_area": "539901"})
    assert shown == {
        "area_code": "539901",
        "name": "某县",
        "pooling_area": "539901",
        "pack": None,
        "dictionary": None,
        "incomes": [],
    }
    assert (await client.get(path)).json() == shown
    quote = (await client.post("/v1/quotes", json=world.bill())).json()
    settled = await world.settled(world.bill())
    assert {one["paying_area"] for one in (quote, settled)} == {"539901"}
    assert settled["policy"]["pack"] == "wenshan"
    await put(client, "/v1/areas/539900", {"name": "某州", "pack": None, "dictionary": None})
    again = {"reason": "政策配置更正", "dry_run": True}
    year = await client.post(f"/v1/persons/{world.person}/years/2018/readjudication", json=again, headers=key())
    assert len(year.json()["changes"]) == 1


async def test_a_countys_own_income_caps_own_spending(client: httpx.AsyncClient) -> None:
    """The cap on own spending is the county's figure in force on the policy day, named as its source, kept for replays
    and taken up by a readjudication."""
    world = await World(client).build(area_code="539801")
    plain = await world.settled(world.bill("200000.00", lines=[world.line("200000.00", kind="C")]))
    income = {"parameter": "safety_net.own_cap", "amount": "6000.00", "from": "2018-04-01", "document": "某县统计公报"}
    await put(client, "/v1/areas/539801", {"name": "某县", "incomes": [income]})
    room = (await client.get(f"/v1/persons/{world.person}/years/2018")).json()["room"]["compliant_own"]
    other = await World(client).build(area_code="539801")
    settled = await other.settled(other.bill("200000.00", lines=[other.line("200000.00", kind="C")]))
    assert (plain["portions"]["patient"], settled["portions"]["patient"]) == ("9862.00", "6000.00")
    assert room == "0.00"
    basis = [one for step in settled["trace"] for one in step["basis"] if one["document"] == "某县统计公报"]
    assert basis
    assert basis[0]["status"] == "enacted"
    await put(client, "/v1/areas/539801", {"name": "某县", "incomes": []})
    replay = await client.post(f"/v1/settlements/{settled['settlement_id']}/replay", headers=key())
    assert (replay.json()["digest_matches"], replay.json()["result_matches"]) == (True, True)
    again = {"reason": "数字更正", "dry_run": True}
    year = await client.post(f"/v1/persons/{other.person}/years/2018/readjudication", json=again, headers=key())
    assert [one["difference"]["patient"] for one in year.json()["changes"]] == ["3862.00"]


async def test_faults_of_an_area_are_told_at_once(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Unknown packs and parameters, empty and overlapping figures are told at once; another area's record isn't
    ours."""
    figure = {"parameter": "safety_net.own_cap", "amount": "1.00", "document": "x"}
    wanted = {
        "name": "某县",
        "pack": "nowhere",
        "incomes": [
            figure | {"from": "2018-01-01"},
            figure | {"from": "2019-01-01"},
            figure | {"from": "2019-01-01", "until": "2019-01-01", "parameter": "basic.inpatient.rate"},
        ],
    }
    assert faults(await client.put("/v1/areas/530127", json=wanted)) == [
        ("/pack", "pack_unknown"),
        ("/incomes/2/parameter", "parameter_unknown"),
        ("/incomes/2/until", "interval_empty"),
        ("/incomes/1", "period_overlap"),
    ]
    assert faults(await client.put("/v1/areas/5301", json={"name": "x"})) == [("/area_code", "text_format")]
    elsewhere = await token(scopes=["registry"], area_code="532600")
    assert (await client.put("/v1/areas/530127", json={"name": "x"}, headers=elsewhere)).status_code == 404
    assert (await client.get("/v1/areas/530199")).status_code == 404
    grab = {"name": "x", "pooling_area": "530100"}
    assert (await client.put("/v1/areas/532601", json=grab, headers=elsewhere)).status_code == 404


# ---------------------------------------------------------------- pure parts

FIRST = date(2018, 1, 1)
days = st.dates(FIRST, FIRST + timedelta(20))
intervals = st.lists(
    st.tuples(st.none() | days, st.none() | days).filter(lambda one: None in one or one[0] < one[1]), max_size=5
)
SPAN = [FIRST + timedelta(number) for number in range(-1, 23)]


@given(intervals, intervals)
def test_changed_days_are_those_in_one_set_only(before: list[Interval], after: list[Interval]) -> None:
    """A day is changed if and only if it lies in one of the two sets of intervals and not in the other."""
    changed = changed_days(before, after)
    for day in SPAN:
        differs = any(holds(*one, day) for one in before) != any(holds(*one, day) for one in after)
        assert any(holds(*one, day) for one in changed) == differs


@given(intervals)
def test_overlaps_are_named_where_a_day_is_held_twice(given: list[Interval]) -> None:
    """Intervals overlap if and only if some day lies in two of them."""
    twice = any(sum(holds(*one, day) for one in given) > 1 for day in SPAN)
    assert bool(overlapping(given)) == twice


def value_on(spans: list[Span], day: date) -> tuple[int, ...] | None:
    """What holds on a day."""
    span = span_on(spans, day)
    return None if span is None else span.value


@given(st.lists(st.tuples(st.none() | days, st.integers(1, 3)), min_size=1, max_size=6))
def test_what_is_stated_holds_until_the_next_change_known(statements: list[tuple[date | None, int]]) -> None:
    """From its day on a value holds until the next change that was known; every other day stays; spans have no gaps."""
    spans: list[Span] = []
    for since, value in statements:
        before, spans = spans, stated(spans, since, (value,))
        changes = [span.since for span in before if (span.since or date.min) > (since or date.min)]
        for day in SPAN:
            said = holds(since, min(filter(None, changes), default=None), day)
            assert value_on(spans, day) == ((value,) if said else value_on(before, day))
        assert all(one.until == other.since and one.value != other.value for one, other in pairwise(spans))
