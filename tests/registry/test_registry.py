"""The registry over HTTP on PostgreSQL: hospitals, persons and their identities, the catalogue, a person's year."""

import asyncio
import secrets
from collections import Counter
from datetime import date
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.basics.errors import Conflict
from app.config import Settings
from app.database.engine import open_database
from app.policies import shipped_book
from app.registry import service as registry
from app.registry.facts import IdentityEntry, PersonRequest, identity_faults, price_text
from app.service.caller import Caller, Service
from app.service.security import Principal, blind_index, derive_keys
from app.tiers.model import ACCUMULATORS, CLASSES
from tests.conftest import TokenFactory
from tests.world import World, id_number

KUNMING, WENSHAN = "530127", "532601"


def fresh(prefix: str = "P") -> str:
    """A code that no other test uses."""
    return f"{prefix}{secrets.token_hex(6).upper()}"


def person_body(**changes: Any) -> dict[str, Any]:
    """A person as the registry takes one."""
    body = {"name": "张某某", "id_number": id_number(), "area_code": KUNMING, "insurance_type": "390"}
    return body | {"identities": [{"class": "low_income", "from": "2018-01-01"}]} | changes


def hospital_body(**changes: Any) -> dict[str, Any]:
    """A hospital as the registry takes one."""
    return {"name": "县人民医院", "level": 2, "rank": "county", "area_code": KUNMING} | changes


def entry_body(**changes: Any) -> dict[str, Any]:
    """A version of a catalogue entry as the registry takes one."""
    body = {"name": "阿司匹林肠溶片", "kind": "drug", "class": "B", "first_pay_ratio": "0.1", "restricted": False}
    return body | {"ceilings": {"1": "12.5", "3": "0.123456"}, "valid_from": "2018-01-01"} | changes


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """The faults of a refusal, by pointer and code."""
    assert answer.status_code == 422, answer.text
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


# ---------------------------------------------------------------- hospitals


async def test_a_hospital_is_created_replaced_and_read(client: httpx.AsyncClient) -> None:
    """A hospital is created and replaced with 200 and reads back as it was answered."""
    code = fresh("H")
    assert (await client.get(f"/v1/hospitals/{code}")).status_code == 404
    created = await client.put(f"/v1/hospitals/{code}", json=hospital_body())
    assert (created.status_code, created.json()) == (200, {"code": code} | hospital_body())
    replaced = await client.put(f"/v1/hospitals/{code}", json=hospital_body(level=3, rank="province", name="省医院"))
    assert replaced.status_code == 200
    assert (await client.get(f"/v1/hospitals/{code}")).json() == replaced.json()
    assert replaced.json()["level"] == 3


async def test_a_hospital_of_a_wrong_form_is_refused_with_every_fault(client: httpx.AsyncClient) -> None:
    """Level, rank and area of the wrong form are told at once; so is a code with a control character."""
    body = hospital_body(level=4, rank="city", area_code="53", beds=7)
    refused = faults(await client.put(f"/v1/hospitals/{fresh('H')}", json=body))
    assert {pointer for pointer, _ in refused} == {"/level", "/rank", "/area_code", "/beds"}
    assert faults(await client.put(f"/v1/hospitals/{fresh('H')}", json=hospital_body(level="2"))) != []
    assert faults(await client.put("/v1/hospitals/H%00", json=hospital_body())) == [("/code", "text_format")]
    assert (await client.get("/v1/hospitals/H%00")).status_code == 404


async def test_an_area_writes_its_own_hospitals_only(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """A registry token of an area moves no hospital out of it, touches no other area's, and makes none there."""
    ours = await token(scopes=["registry"], area_code="530100")
    code, other = fresh("H"), fresh("H")
    assert (await client.put(f"/v1/hospitals/{code}", json=hospital_body(), headers=ours)).status_code == 200
    away = hospital_body(area_code=WENSHAN)
    assert (await client.put(f"/v1/hospitals/{code}", json=away, headers=ours)).status_code == 404
    assert (await client.put(f"/v1/hospitals/{other}", json=away, headers=ours)).status_code == 404
    assert (await client.put(f"/v1/hospitals/{other}", json=away)).status_code == 200
    assert (await client.put(f"/v1/hospitals/{other}", json=hospital_body(), headers=ours)).status_code == 404
    assert (await client.get(f"/v1/hospitals/{other}", headers=ours)).json()["area_code"] == WENSHAN


# ---------------------------------------------------------------- persons


async def test_a_person_is_shown_with_a_masked_id_number(client: httpx.AsyncClient, connection: Any) -> None:
    """PUT and GET answer the person with the id number masked; the database holds neither name nor id number."""
    person_id, body = fresh(), person_body(insured_from="2017-01-01", insured_until="2030-01-01")
    answer = await client.put(f"/v1/persons/{person_id}", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown == body | {
        "person_id": person_id,
        "id_number": f"{body['id_number'][:6]}********{body['id_number'][-4:]}",
        "identities": [{"class": "low_income", "from": "2018-01-01", "until": None, "evidence": None}],
    }
    assert (await client.get(f"/v1/persons/{person_id}")).json() == shown
    row = await connection.fetchrow("SELECT * FROM person WHERE person_id = $1", person_id)
    stored = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    assert body["id_number"].encode() not in stored
    assert body["name"].encode() not in stored


async def test_a_lower_case_x_is_the_same_id_number(client: httpx.AsyncClient) -> None:
    """An id number that ends in x is the one that ends in X, also for another person."""
    number = next(number for number in iter(id_number, None) if number.endswith("X"))
    path = f"/v1/persons/{fresh()}"
    assert (await client.put(path, json=person_body(id_number=number.lower()))).json()["id_number"].endswith("X")
    assert (await client.put(path, json=person_body(id_number=number))).status_code == 200
    twin = await client.put(f"/v1/persons/{fresh()}", json=person_body(id_number=number.lower()))
    assert (twin.status_code, twin.json()["code"]) == (409, "id_number_in_use")
    assert number not in twin.text


async def test_an_id_number_belongs_to_one_person(client: httpx.AsyncClient) -> None:
    """A person can't take another's id number, neither when registered nor later; a freed one can be taken."""
    first, second = f"/v1/persons/{fresh()}", f"/v1/persons/{fresh()}"
    body, other = person_body(), person_body()
    assert (await client.put(first, json=body)).status_code == 200
    assert (await client.put(second, json=other)).status_code == 200
    taken = await client.put(second, json=other | {"id_number": body["id_number"]})
    assert (taken.status_code, taken.json()["code"]) == (409, "id_number_in_use")
    assert (await client.put(first, json=body | {"id_number": id_number()})).status_code == 200
    assert (await client.put(second, json=other | {"id_number": body["id_number"]})).status_code == 200


async def test_twins_in_flight_get_an_id_number_once(client: httpx.AsyncClient) -> None:
    """Of persons registered at once with one id number exactly one is."""
    body = person_body()
    answers = await asyncio.gather(*(client.put(f"/v1/persons/{fresh()}", json=body) for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 5}


async def test_a_person_id_is_never_an_id_number(client: httpx.AsyncClient) -> None:
    """A person id that is an id number, valid or the one sent, is refused and not found; it isn't echoed."""
    number, body = id_number(), person_body()
    for person_id, sent in ((number, body), ("1" * 18, person_body(id_number="1" * 18))):
        answer = await client.put(f"/v1/persons/{person_id}", json=sent)
        assert faults(answer)[0] == ("/person_id", "person_id_is_id_number")
        assert person_id not in answer.text
        assert (await client.get(f"/v1/persons/{person_id}")).status_code == 404


@pytest.mark.parametrize(
    "number", ["", "53010219900101001", "5301021990010100111", "A" * 18, "53010219900101001x ", "530102199001010012"]
)
async def test_an_id_number_of_a_wrong_form_is_refused(client: httpx.AsyncClient, number: str) -> None:
    """Anything but 17 digits and a digit or X is no id number."""
    answer = await client.put(f"/v1/persons/{fresh()}", json=person_body(id_number=number))
    assert faults(answer) == [("/id_number", "id_number_invalid")]


async def test_all_faults_of_a_person_are_told_at_once(client: httpx.AsyncClient) -> None:
    """Id number, empty intervals and overlaps of one class stand in one answer; classes may overlap one another."""
    body = person_body(
        id_number="1",
        insured_from="2018-01-01",
        insured_until="2018-01-01",
        identities=[
            {"class": "low_income", "from": "2019-01-01", "until": "2019-01-01"},
            {"class": "destitute", "from": "2018-01-01", "until": "2020-01-01"},
            {"class": "registered_poor", "from": "2018-06-01"},
            {"class": "destitute", "from": "2019-12-31", "until": "2021-01-01"},
            {"class": "destitute", "from": "2021-01-01"},
        ],
    )
    assert faults(await client.put(f"/v1/persons/{fresh()}", json=body)) == [
        ("/id_number", "id_number_invalid"),
        ("/insured_until", "interval_empty"),
        ("/identities/0/until", "interval_empty"),
        ("/identities/3", "identity_overlap"),
    ]


async def test_identities_are_corrected_and_keep_their_history(client: httpx.AsyncClient, connection: Any) -> None:
    """What is wanted still stays the same row; what isn't is superseded by name; what is new is added."""
    person_id = fresh()
    path, body = f"/v1/persons/{person_id}", person_body()
    kept = {"class": "low_income", "from": "2018-01-01", "until": "2019-01-01", "evidence": "低保证1号"}
    wrong = {"class": "registered_poor", "from": "2018-01-01"}
    right = {"class": "registered_poor", "from": "2018-03-01"}
    await client.put(path, json=body | {"identities": [wrong, kept]})
    before = await connection.fetch("SELECT * FROM identity WHERE person_id = $1", person_id)
    answer = await client.put(path, json=body | {"identities": [right, kept]})
    assert [item["from"] for item in answer.json()["identities"]] == ["2018-01-01", "2018-03-01"]
    after = await connection.fetch("SELECT * FROM identity WHERE person_id = $1 ORDER BY identity_id", person_id)
    assert len(after) == 3
    states = {(row["class"], row["valid_from"]): (row["superseded_at"] is None, row["superseded_by"]) for row in after}
    assert states == {
        ("low_income", date(2018, 1, 1)): (True, None),
        ("registered_poor", date(2018, 1, 1)): (False, "admin"),
        ("registered_poor", date(2018, 3, 1)): (True, None),
    }
    unchanged = next(row for row in before if row["class"] == "low_income")
    assert unchanged in after
    await client.put(path, json=body | {"identities": []})
    assert (await client.get(path)).json()["identities"] == []


async def test_the_same_person_again_changes_nothing(client: httpx.AsyncClient, connection: Any) -> None:
    """An equal PUT leaves every row as it was, whoever sends it; a changed name is written."""
    person_id, body = fresh(), person_body()
    path = f"/v1/persons/{person_id}"
    rows = "SELECT p.xmin, p.*, i.* FROM person p LEFT JOIN identity i USING (person_id) WHERE person_id = $1"
    await client.put(path, json=body)
    before = await connection.fetch(rows, person_id)
    assert (await client.put(path, json=body)).status_code == 200
    assert await connection.fetch(rows, person_id) == before
    await client.put(path, json=body | {"name": "张某"})
    assert await connection.fetch(rows, person_id) != before
    assert (await client.get(path)).json()["name"] == "张某"


async def test_identities_that_are_not_sent_are_missing(client: httpx.AsyncClient) -> None:
    """A PUT without the list of identities is refused and erases none; an empty list ends them all."""
    path, body = f"/v1/persons/{fresh()}", person_body()
    stored = (await client.put(path, json=body)).json()
    silent = {name: value for name, value in body.items() if name != "identities"}
    assert faults(await client.put(path, json=silent)) == [("/identities", "missing")]
    assert (await client.get(path)).json() == stored
    assert (await client.put(path, json=silent | {"identities": []})).json()["identities"] == []


async def test_one_person_put_at_once_has_each_identity_once(client: httpx.AsyncClient, connection: Any) -> None:
    """Equal PUTs at the same time leave one current row per identity."""
    person_id, body = fresh(), person_body()
    await client.put(f"/v1/persons/{person_id}", json=body | {"identities": []})
    answers = await asyncio.gather(*(client.put(f"/v1/persons/{person_id}", json=body) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert await connection.fetchval("SELECT count(*) FROM identity WHERE person_id = $1", person_id) == 1


async def test_a_person_of_another_area_is_not_found(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """An area neither sees, nor changes, nor takes, nor gives away a person of another area; a province does."""
    ours = await token(scopes=["registry"], area_code=KUNMING)
    province = await token(scopes=["registry"], area_code="530000")
    path, body = f"/v1/persons/{fresh()}", person_body(area_code=WENSHAN)
    assert (await client.put(path, json=body, headers=ours)).status_code == 404
    assert (await client.put(path, json=body, headers=province)).status_code == 200
    assert (await client.get(path, headers=ours)).status_code == 404
    assert (await client.get(f"{path}/years/2018", headers=ours)).status_code == 404
    assert (await client.put(path, json=body | {"area_code": KUNMING}, headers=ours)).status_code == 404
    other, mine = f"/v1/persons/{fresh()}", person_body()
    assert (await client.put(other, json=mine, headers=ours)).status_code == 200
    assert (await client.put(other, json=mine | {"area_code": WENSHAN}, headers=ours)).status_code == 404
    assert (await client.get(other, headers=ours)).json()["area_code"] == KUNMING
    taken = await client.put(other, json=mine | {"id_number": body["id_number"]}, headers=ours)
    assert (taken.status_code, taken.json()["code"]) == (409, "id_number_in_use")


async def test_writing_needs_the_registry_scope(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Only registry tokens write; a policy token reads hospitals and the catalogue but no person."""
    hospital, person, item = fresh("H"), fresh(), fresh("X")
    bodies = {
        f"/v1/hospitals/{hospital}": hospital_body(),
        f"/v1/persons/{person}": person_body(),
        f"/v1/catalogue/{item}": entry_body(),
    }
    others = await token(scopes=["hospital", "finance", "policy", "auditor"])
    policy = await token(scopes=["policy"])
    registrar = await token(scopes=["registry"])
    for path, body in bodies.items():
        refused = await client.put(path, json=body, headers=others)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_scope")
        assert (await client.put(path, json=body, headers=registrar)).status_code == 200
        assert (await client.get(path, headers=others)).status_code == 200
        assert (await client.get(path, headers=policy)).status_code == (403 if "persons" in path else 200)
    assert (await client.get(f"/v1/persons/{person}/years/2018", headers=policy)).status_code == 403


@pytest.mark.parametrize("scope", ["registry", "hospital", "finance", "auditor"])
async def test_a_person_is_read_with_any_reading_scope(
    client: httpx.AsyncClient, token: TokenFactory, scope: str
) -> None:
    """Registry, hospital, finance and auditor tokens read a person and its years."""
    path, headers = f"/v1/persons/{fresh()}", await token(scopes=[scope])
    await client.put(path, json=person_body())
    assert (await client.get(path, headers=headers)).status_code == 200
    assert (await client.get(f"{path}/years/2018", headers=headers)).status_code == 200


async def test_a_hospitals_token_reads_everybody_and_writes_nobody(
    client: httpx.AsyncClient, token: TokenFactory
) -> None:
    """A token bound to a hospital sees every person, but changes no registry facts even with the registry scope."""
    hospital, path, body = fresh("H"), f"/v1/persons/{fresh()}", person_body(area_code=WENSHAN)
    bound = await token(scopes=["hospital", "registry"], hospital_code=hospital)
    await client.put(path, json=body)
    assert (await client.get(path, headers=bound)).status_code == 200
    assert (await client.put(path, json=body, headers=bound)).status_code == 404
    assert (await client.put(f"/v1/hospitals/{hospital}", json=hospital_body(), headers=bound)).status_code == 404
    assert (await client.put(f"/v1/catalogue/{fresh('X')}", json=entry_body(), headers=bound)).status_code == 404


async def test_an_older_keys_person_is_found_and_written_with_the_new_key(database_url: str, connection: Any) -> None:
    """After a change of the secret an id number in use is still found, and the next PUT encrypts the person anew."""
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    settings = Settings()
    database = await open_database(database_url, settings)
    before = Service(settings, database, shipped_book(None), derive_keys(old), False)
    after = Service(settings, database, before.book, derive_keys(new, [old]), False)
    caller = Caller(Principal(0, "li.hua", frozenset({"registry"}), None, None, None, None), "r-1", "en")
    person_id, number = fresh(), id_number()
    wanted = PersonRequest("王某", number, KUNMING, "390", [])
    index = "SELECT id_number_index FROM person WHERE person_id = $1"
    try:
        shown = await registry.put_person(before, caller, person_id, wanted)
        with pytest.raises(Conflict, match="id_number_in_use"):
            await registry.put_person(after, caller, fresh(), wanted)
        assert await registry.read_person(after, caller, person_id) == shown
        assert await registry.put_person(after, caller, person_id, wanted) == shown
        assert await connection.fetchval(index, person_id) == blind_index(after.keys, number)
        assert await registry.read_person(after, caller, person_id) == shown
    finally:
        await database.close()


# ---------------------------------------------------------------- the catalogue


async def test_a_catalogue_entry_is_shown_for_a_day(client: httpx.AsyncClient) -> None:
    """GET gives the version of the day, today's without one, and 404 on a day without a version."""
    item = fresh("X")
    path = f"/v1/catalogue/{item}"
    first = await client.put(path, json=entry_body(valid_until="2019-01-01"))
    assert first.json() == {
        "item_code": item,
        "area_code": None,
        "name": "阿司匹林肠溶片",
        "kind": "drug",
        "class": "B",
        "first_pay_ratio": "0.1000",
        "ceilings": {"1": "12.50", "3": "0.123456"},
        "restricted": False,
        "valid_from": "2018-01-01",
        "valid_until": "2019-01-01",
    }
    assert (await client.get(path, params={"on": "2018-12-31"})).json() == first.json()
    assert (await client.get(path, params={"on": "2019-01-01"})).status_code == 404
    assert (await client.get(path)).status_code == 404
    second = await client.put(path, json=entry_body(valid_from="2019-01-01", ceilings=None, restricted=True))
    assert second.json()["ceilings"] is None
    assert (await client.get(path)).json() == second.json()
    assert (await client.get(path, params={"on": "2018-06-01"})).json() == first.json()
    assert faults(await client.get(path, params={"on": "soon"})) == [("/query/on", "invalid_parameter")]


async def test_a_catalogue_version_is_superseded_by_other_content_only(
    client: httpx.AsyncClient, connection: Any
) -> None:
    """Equal content adds nothing; other content from the same day supersedes, and both rows stay."""
    item = fresh("X")
    path = f"/v1/catalogue/{item}"
    rows = (
        "SELECT first_pay_ratio, superseded_at IS NULL, superseded_by FROM catalogue_entry"
        " WHERE item_code = $1 ORDER BY entry_id"
    )
    for ratio in ("0.1", "0.1000", "0.2", "0.2"):
        assert (await client.put(path, json=entry_body(first_pay_ratio=ratio))).status_code == 200
    assert [tuple(row) for row in await connection.fetch(rows, item)] == [(1000, False, "admin"), (2000, True, None)]
    assert (await client.get(path)).json()["first_pay_ratio"] == "0.2000"


async def test_overlapping_catalogue_versions_are_refused(client: httpx.AsyncClient) -> None:
    """A version that shares a day with another one is 409; ending the older one first makes room."""
    path = f"/v1/catalogue/{fresh('X')}"
    await client.put(path, json=entry_body())
    for body in (entry_body(valid_from="2019-01-01"), entry_body(valid_from="2017-01-01", valid_until="2018-01-02")):
        answer = await client.put(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "catalogue_overlap")
    assert (await client.put(path, json=entry_body(valid_until="2019-01-01"))).status_code == 200
    assert (await client.put(path, json=entry_body(valid_from="2019-01-01"))).status_code == 200
    assert (
        await client.put(path, json=entry_body(valid_from="2017-01-01", valid_until="2018-01-01"))
    ).status_code == 200
    assert (await client.put(path, json=entry_body(valid_until=None))).status_code == 409


async def test_catalogue_versions_put_at_once_never_overlap(client: httpx.AsyncClient) -> None:
    """Of overlapping versions put at the same time exactly one is stored."""
    path = f"/v1/catalogue/{fresh('X')}"
    bodies = [entry_body(valid_from=f"2018-0{month}-01") for month in range(1, 8)]
    answers = await asyncio.gather(*(client.put(path, json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 6}


async def test_a_catalogue_entry_of_wrong_content_is_refused_with_every_fault(client: httpx.AsyncClient) -> None:
    """Class A has no first-pay ratio, an interval has a day, and money is never a number; class C takes any ratio."""
    path = f"/v1/catalogue/{fresh('X')}"
    body = entry_body(valid_until="2018-01-01") | {"class": "A"}
    assert faults(await client.put(path, json=body)) == [
        ("/first_pay_ratio", "ratio_for_class_a"),
        ("/valid_until", "interval_empty"),
    ]
    answer = await client.put(path, json=entry_body(ceilings={"2": 80, "4": "1"}, kind="food"))
    assert set(faults(answer)) == {
        ("/ceilings/2", "money_not_string"),
        ("/ceilings/4", "unknown_field"),
        ("/kind", "not_in_list"),
    }
    assert (await client.put(path, json=entry_body(first_pay_ratio="1") | {"class": "C"})).status_code == 200


# ---------------------------------------------------------------- the year


async def test_a_year_without_bills_is_all_zero(client: httpx.AsyncClient) -> None:
    """Before its first bill a year has accumulators of zero and the whole room; unknown persons and years are 404."""
    path = f"/v1/persons/{fresh()}"
    await client.put(path, json=person_body(identities=[]))
    year = (await client.get(f"{path}/years/2018")).json()
    room = year.pop("room")
    assert year == {name: 0 if name == "inpatient_count" else "0.00" for name in ACCUMULATORS}
    assert room == {
        "basic_paid": "60000.00",
        "outpatient_paid": "400.00",
        "serious_paid": "300000.00",
        "assistance_paid": "100000.00",
        "compliant_own": None,
    }
    for missing in (f"{path}/years/1899", f"{path}/years/2201", f"/v1/persons/{fresh()}/years/2018"):
        assert (await client.get(missing)).status_code == 404


async def test_a_year_shows_what_bills_counted_and_the_room_left(client: httpx.AsyncClient) -> None:
    """After a bill the accumulators are those of its answer, and each room is its cap less what was used."""
    world = await World(client).build()
    settled = await world.settled(world.bill())
    year = await world.year()
    room = year.pop("room")
    assert year == settled["year_to_date"]["after"]
    assert room == {
        "basic_paid": "59976.25",
        "outpatient_paid": "400.00",
        "serious_paid": "450000.00",
        "assistance_paid": "99999.12",
        "compliant_own": "9861.63",
    }


async def test_the_room_is_that_of_the_years_day_and_class(client: httpx.AsyncClient) -> None:
    """A past year shows its last day, the present one today; a class without cap has null, no rules: no room."""
    path = f"/v1/persons/{fresh()}"
    identities = [
        {"class": "low_income", "from": "2018-01-01", "until": "2018-12-31"},
        {"class": "registered_poor", "from": "2018-12-01", "until": "2019-12-31"},
        {"class": "low_income", "from": "2027-06-30", "until": "2027-07-01"},
    ]
    await client.put(path, json=person_body(identities=identities))
    rooms = {year: (await client.get(f"{path}/years/{year}")).json()["room"] for year in (2016, 2018, 2019, 2027, 2028)}
    assert rooms[2016] == {}
    assert rooms[2018]["compliant_own"] == "9862.00"
    assert rooms[2019]["compliant_own"] is None
    assert rooms[2027]["serious_paid"] is None
    assert "compliant_own" not in rooms[2027]
    assert rooms[2028]["serious_paid"] == "300000.00"


# ---------------------------------------------------------------- pure parts

days = st.dates(date(2018, 1, 1), date(2018, 1, 20))
entries = st.lists(st.builds(IdentityEntry, st.sampled_from(CLASSES[:2]), days, st.none() | days), max_size=6)


@given(entries)
def test_overlaps_are_found_exactly_where_a_class_holds_twice_on_a_day(identities: list[IdentityEntry]) -> None:
    """An overlap is a fault if and only if some day has a class twice; empty intervals hold on no day."""

    def held(entry: IdentityEntry, day: int) -> bool:
        return entry.from_.toordinal() <= day < (entry.until or date.max).toordinal()

    span = range(date(2018, 1, 1).toordinal(), date(2018, 1, 22).toordinal())
    twice = any(
        max(Counter(entry.class_ for entry in identities if held(entry, day)).values(), default=0) > 1 for day in span
    )
    found = Counter(fault.code for fault in identity_faults(identities))
    assert (found["identity_overlap"] > 0) == twice
    assert found["interval_empty"] == sum(
        entry.until is not None and entry.until <= entry.from_ for entry in identities
    )


@pytest.mark.parametrize(
    ("millionths", "shown"), [(0, "0.00"), (12_500_000, "12.50"), (123_456, "0.123456"), (10**7, "10.00")]
)
def test_prices_are_shown_with_two_to_six_decimals(millionths: int, shown: str) -> None:
    """A ceiling reads like money, with more decimals only where it has them."""
    assert price_text(millionths) == shown
