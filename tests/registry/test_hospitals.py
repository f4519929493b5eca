"""Hospitals over HTTP: level, rank and area by date, contracts, the bank account, own item codes."""

import secrets
from typing import Any

import httpx
import pytest

from tests.conftest import TokenFactory
from tests.registry.test_poverty_list import ended, outcomes
from tests.world import World, key

ACCOUNT = {"bank_name": "农业银行", "account_name": "县人民医院", "account_number": "6228480402564890018"}


def fresh(prefix: str = "H") -> str:
    """A code that no other test uses."""
    return f"{prefix}{secrets.token_hex(6).upper()}"


def body(**changes: Any) -> dict[str, Any]:
    """A hospital as the registry takes one."""
    return {"name": "县人民医院", "level": 1, "rank": "county", "area_code": "530127"} | changes


async def put(
    client: httpx.AsyncClient, path: str, wanted: dict[str, Any], who: dict[str, str] | None = None
) -> dict[str, Any]:
    """PUT that must succeed."""
    answer = await client.put(path, json=wanted, headers=who)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """The faults of a refusal, by pointer and code."""
    assert answer.status_code == 422, answer.text
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


async def test_a_hospital_is_shown_as_it_was_on_a_day(client: httpx.AsyncClient) -> None:
    """A change holds from its day until the next one that is known, and what held before stays."""
    path = f"/v1/hospitals/{fresh()}"
    await put(client, path, body())
    third = await put(client, path, body(level=3, valid_from="2024-01-01"))
    assert (third["level"], third["valid_from"]) == (3, "2024-01-01")
    second = await put(client, path, body(level=2, valid_from="2020-01-01"))
    assert (second["valid_from"], second["valid_until"]) == ("2020-01-01", "2024-01-01")
    shown = [
        (await client.get(path, params={"on": day})).json()["level"]
        for day in ("2019-12-31", "2020-01-01", "2023-12-31", "2024-01-01")
    ]
    assert shown == [1, 2, 2, 3]
    assert (await client.get(path)).json() == third
    again = await put(client, path, body(level=2, valid_from="2021-01-01"))
    assert again == second


async def test_a_hospital_is_unknown_before_its_first_day(client: httpx.AsyncClient) -> None:
    """A hospital that is registered from a day on neither shows nor settles before that day."""
    world = await World(client).build()
    path = f"/v1/hospitals/{fresh()}"
    await put(client, path, body(valid_from="2018-05-03"))
    assert (await client.get(path, params={"on": "2018-05-02"})).status_code == 404
    code = path.rpartition("/")[2]
    assert faults(await world.settle(world.bill(hospital_code=code))) == [("/hospital_code", "unknown_hospital")]
    line = world.line("25.00", day="2018-05-03")
    assert (
        await world.settle(world.bill(hospital_code=code, admitted_on="2018-05-03", lines=[line]))
    ).status_code == 201


async def test_a_hospitals_history_keeps_what_was_known(client: httpx.AsyncClient, connection: Any) -> None:
    """A correction supersedes the former period by name; the same again writes nothing."""
    code = fresh()
    for _ in range(2):
        await put(client, f"/v1/hospitals/{code}", body())
    await put(client, f"/v1/hospitals/{code}", body(level=2, valid_from="2020-01-01"))
    rows = await connection.fetch(
        """SELECT level, valid_from::text, valid_until::text, superseded_by FROM hospital_period
            WHERE hospital_code = $1 ORDER BY period_id""",
        code,
    )
    assert [tuple(row) for row in rows] == [
        (1, None, None, "admin"),
        (1, None, "2020-01-01", None),
        (2, "2020-01-01", None, None),
    ]


async def test_a_bill_takes_the_level_of_the_admission_day(client: httpx.AsyncClient) -> None:
    """Ceilings and deductibles are those of the level on the admission day; what was settled stays."""
    world = await World(client).build(identities=[])
    hospital = f"/v1/hospitals/{world.township}"
    wanted = {"name": "卫生院", "level": 2, "rank": "county", "area_code": "530127"}
    before = await world.settled(world.bill("1000.00"))
    await put(client, hospital, wanted | {"valid_from": "2018-06-01"})
    admitted = {"admitted_on": "2018-05-31", "discharged_on": "2018-06-02"}
    across = await world.settled(world.bill("1000.00", lines=[world.line("1000.00", day="2018-06-01")], **admitted))
    later = {"admitted_on": "2018-06-01", "discharged_on": "2018-06-02"}
    after = await world.settled(world.bill("1000.00", lines=[world.line("1000.00", day="2018-06-01")], **later))
    assert [one["portions"]["basic"] for one in (before, across, after)] == ["680.00", "680.00", "375.00"]
    replay = await client.post(f"/v1/settlements/{before['settlement_id']}/replay", headers=key())
    assert replay.json()["result_matches"] is True


async def test_a_hospital_settles_while_it_is_contracted(client: httpx.AsyncClient) -> None:
    """Where contract periods are known, one has to cover the admission day; a claim in cash is finance's to judge."""
    world = await World(client).build()
    hospital = body(level=1, rank="township", contracts=[{"from": "2018-05-03", "until": "2019-01-01"}])
    shown = await put(client, f"/v1/hospitals/{world.township}", hospital)
    assert shown["contracts"] == hospital["contracts"]
    for path in ("/v1/quotes", "/v1/settlements"):
        refused = await client.post(path, json=world.bill(), headers=key())
        assert faults(refused) == [("/hospital_code", "hospital_not_contracted")]
    await world.settled(world.bill(paid_by="patient"))
    hospital["contracts"] = [{"from": "2017-01-01", "until": "2018-05-03"}, *hospital["contracts"]]
    await put(client, f"/v1/hospitals/{world.township}", hospital)
    await world.settled(world.bill())
    kept = await put(client, f"/v1/hospitals/{world.township}", body(level=1, rank="township"))
    assert kept["contracts"] == hospital["contracts"]


async def test_contract_periods_at_fault_are_told_at_once(client: httpx.AsyncClient) -> None:
    """Empty and overlapping periods are named by their position."""
    periods = [{"from": "2018-01-01"}, {"from": "2019-01-01", "until": "2019-01-01"}, {"from": "2020-01-01"}]
    answer = await client.put(f"/v1/hospitals/{fresh()}", json=body(contracts=periods))
    assert faults(answer) == [("/contracts/1/until", "interval_empty"), ("/contracts/2", "period_overlap")]


async def test_hospitals_are_listed_by_code(client: httpx.AsyncClient) -> None:
    """The list is paged, restricted to an area's prefix, and shows what holds today."""
    area = f"99{secrets.randbelow(10000):04d}"
    codes = sorted(fresh() for _ in range(3))
    for code in codes:
        await put(client, f"/v1/hospitals/{code}", body(area_code=area))
    await put(client, f"/v1/hospitals/{codes[0]}", body(area_code=area, level=3, valid_from="2027-07-01"))
    first = (await client.get("/v1/hospitals", params={"area_code": area, "limit": 2})).json()
    assert [(one["code"], one["level"]) for one in first["data"]] == [(codes[0], 1), (codes[1], 1)]
    query = {"area_code": area, "limit": 2, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/hospitals", params=query)).json()
    assert ([one["code"] for one in second["data"]], second["has_more"]) == ([codes[2]], False)


async def test_a_bank_account_is_encrypted_and_masked(
    client: httpx.AsyncClient, connection: Any, token: TokenFactory
) -> None:
    """Only the last four characters are answered, to hospital and area; the database holds none of them in the
    clear."""
    code = fresh()
    path = f"/v1/hospitals/{code}"
    shown = await put(client, path, body(bank_account=ACCOUNT))
    assert shown["bank_account"] == ACCOUNT | {"account_number": "***************0018"}
    assert (await put(client, path, body()))["bank_account"] == shown["bank_account"]
    stored = await connection.fetchval("SELECT content FROM hospital_account WHERE hospital_code = $1", code)
    assert ACCOUNT["account_number"].encode() not in stored
    own = await token(scopes=["hospital"], hospital_code=code)
    other = await token(scopes=["hospital"], hospital_code=fresh())
    area = await token(scopes=["finance"], area_code="530100")
    assert (await client.get(path, headers=own)).json()["bank_account"] == shown["bank_account"]
    assert (await client.get(path, headers=area)).json()["bank_account"] == shown["bank_account"]
    assert "bank_account" not in (await client.get(path, headers=other)).json()


async def test_an_own_code_means_an_item_from_a_day_on(client: httpx.AsyncClient) -> None:
    """A mapping holds until the next one that is known; unknown codes and hospitals are 404."""
    code = fresh()
    path = f"/v1/hospitals/{code}/item-codes/Y001"
    assert (await client.put(path, json={"item_code": "X1"})).status_code == 404
    await put(client, f"/v1/hospitals/{code}", body())
    assert (await client.get(path)).status_code == 404
    first = await put(client, path, {"item_code": "X1"})
    assert (first["valid_from"], first["valid_until"]) == (None, None)
    second = await put(client, path, {"item_code": "X2", "valid_from": "2020-01-01"})
    assert (await client.get(path)).json() == second
    assert (await client.get(path, params={"on": "2019-12-31"})).json()["item_code"] == "X1"


@pytest.mark.thorough
async def test_own_codes_come_from_a_file(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Rows are applied together and told apart; the same file again changes nothing; another area's registrar can't."""
    code = fresh()
    await put(client, f"/v1/hospitals/{code}", body())
    await put(client, f"/v1/hospitals/{code}/item-codes/Y1", {"item_code": "X1"})
    content = (
        "院内项目编码,医疗目录编码,生效日期\nY1,X1,\nY1,X2,2020-01-01\nY2,X3,\nY2,X4,\n,X5,\nY3,X6,某日\n".encode()
    )
    query = {"kind": "hospital_codes", "hospital_code": code}
    type_ = {"Content-Type": "text/csv"}

    async def job() -> list[tuple[int, str, str | None]]:
        answer = await client.post("/v1/catalogue/imports", params=query, content=content, headers=key() | type_)
        done = await ended(client, answer)
        assert done["state"] == "done", done
        return outcomes(done)

    faulty = [(5, "duplicate", "version_repeated"), (6, "malformed", "value_missing"), (7, "malformed", "day_invalid")]
    assert await job() == [(2, "unchanged", None), (3, "changed", None), (4, "added", None), *faulty]
    assert await job() == [(2, "unchanged", None), (3, "unchanged", None), (4, "unchanged", None), *faulty]
    path = f"/v1/hospitals/{code}/item-codes/Y1"
    assert (await client.get(path)).json()["item_code"] == "X2"
    assert (await client.get(path, params={"on": "2019-12-31"})).json()["valid_until"] == "2020-01-01"
    elsewhere = await token(scopes=["registry"], area_code="532600")
    headers = key() | type_ | elsewhere
    refused = await client.post("/v1/catalogue/imports", params=query, content=content, headers=headers)
    assert refused.status_code == 404


async def test_own_codes_propose_items_for_unknown_codes(client: httpx.AsyncClient) -> None:
    """Of unknown codes the worklist proposes what the hospital's code for it, or the code as its own, means."""
    world = await World(client).build()
    unknown, own = fresh("U"), fresh("Y")
    mapped = f"/v1/hospitals/{world.township}/item-codes"
    await put(client, f"{mapped}/{own}", {"item_code": "X7"})
    await put(client, f"{mapped}/{unknown}", {"item_code": "X8"})
    first = world.line("800000.00", item_code=f"{unknown}A", hospital_item_code=own)
    second = world.line("800000.00", item_code=unknown, line_no=2)
    third = world.line("800000.00", item_code=f"{unknown}B", line_no=3)
    await world.settled(world.bill(lines=[first, second, third], total="2400000.00"))
    rows = (await client.get("/v1/catalogue/unknown-codes", params={"limit": 100})).json()["data"]
    proposed = {row["item_code"]: row["proposed_item_code"] for row in rows if row["item_code"].startswith(unknown)}
    assert proposed == {unknown: "X8", f"{unknown}A": "X7", f"{unknown}B": None}
