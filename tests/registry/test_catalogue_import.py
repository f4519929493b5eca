"""The catalogue from a file: the difference first, then all or nothing; and the codes of bills that it lacks."""

import secrets
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.service.upload import XLSX_TYPE
from tests.conftest import ADMIN_TOKEN, TokenFactory, migrated_database, start_service
from tests.registry.test_poverty_list import csv_file, ended, outcomes, xlsx_file
from tests.world import World, key

pytestmark = pytest.mark.thorough

HEADINGS = (
    "医疗目录编码",
    "项目名称",
    "项目种类",
    "甲乙丙类",
    "先行自付比例",
    "一级限价",
    "限制使用",
    "生效日期",
    "失效日期",
)


def line(code: str, **changes: object) -> tuple[object, ...]:
    """A row of a catalogue file."""
    row = dict(zip(HEADINGS, (code, "某药", "药品", "乙", "0.1", "50", "否", "2018-01-01", ""), strict=True))
    return tuple((row | changes).values())


def fresh() -> str:
    """A code that no other test uses."""
    return f"XI{secrets.token_hex(6).upper()}"


async def proposed(client: httpx.AsyncClient, lines: list[tuple[object, ...]], **query: str) -> dict[str, Any]:
    """The job of a catalogue file when it has been compared."""
    headers = key() | {"Content-Type": "text/csv"}
    content = csv_file(lines, headings=HEADINGS)
    answer = await client.post("/v1/catalogue/imports", params=query, content=content, headers=headers)
    return await ended(client, answer)


async def decide(client: httpx.AsyncClient, job: dict[str, Any], what: str) -> httpx.Response:
    """Accept or cancel."""
    return await client.post(f"/v1/jobs/{job['job_id']}/{what}", headers=key())


async def stored(connection: Any, code: str) -> list[tuple[str, str | None, str]]:
    """The current versions of an item: from, until, class."""
    rows = await connection.fetch(
        """SELECT valid_from::text, valid_until::text, class FROM catalogue_entry
            WHERE item_code = $1 AND superseded_at IS NULL ORDER BY valid_from""",
        code,
    )
    return [tuple(row) for row in rows]


async def test_nothing_is_written_before_the_acceptance(client: httpx.AsyncClient, connection: Any) -> None:
    """Added, changed, ended and unchanged versions are shown; the acceptance writes them and keeps the history."""
    new, changed, later, closed, same, split = (fresh() for _ in range(6))
    first = [line(code) for code in (changed, later, closed, same, split)]
    job = await proposed(client, first)
    assert job["summary"] == {"added": 5}
    assert await stored(connection, same) == []
    assert (await decide(client, job, "acceptance")).json()["state"] == "done"
    assert await stored(connection, same) == [("2018-01-01", None, "B")]
    again = await proposed(client, first)
    assert (again["state"], again["summary"]) == ("proposed", {"unchanged": 5})
    assert (await decide(client, again, "cancellation")).json()["state"] == "cancelled"

    second = [
        line(new, 甲乙丙类="甲", 先行自付比例=""),
        line(changed, 甲乙丙类="03", 先行自付比例=""),
        line(later, 生效日期="2020/1/1"),
        line(closed, 失效日期="2019-01-01"),
        line(same),
        line(split, 失效日期="2021-01-01"),
        line(split, 生效日期="2021-01-01"),
    ]
    job = await proposed(client, second)
    assert [outcome for _, outcome, _ in outcomes(job)] == [
        "added", "changed", "changed", "ended", "unchanged", "ended", "added",
    ]  # fmt: skip
    assert (await decide(client, job, "acceptance")).status_code == 200
    assert await stored(connection, new) == [("2018-01-01", None, "A")]
    assert await stored(connection, changed) == [("2018-01-01", None, "C")]
    assert await stored(connection, later) == [("2018-01-01", "2020-01-01", "B"), ("2020-01-01", None, "B")]
    assert await stored(connection, closed) == [("2018-01-01", "2019-01-01", "B")]
    assert await stored(connection, split) == [("2018-01-01", "2021-01-01", "B"), ("2021-01-01", None, "B")]
    kept = "SELECT count(*) FROM catalogue_entry WHERE item_code = $1 AND superseded_by = 'admin'"
    assert [await connection.fetchval(kept, code) for code in (changed, later, closed, same)] == [1, 1, 1, 0]
    entry = (await client.get(f"/v1/catalogue/{later}?on=2020-06-01")).json()
    assert (entry["first_pay_ratio"], entry["ceilings"], entry["restricted"]) == ("0.1000", {"1": "50.00"}, False)
    assert (await decide(client, job, "acceptance")).json()["code"] == "job_state"


async def test_rows_at_fault_keep_the_whole_file_out(client: httpx.AsyncClient, connection: Any) -> None:
    """Malformed, repeated and conflicting rows are named; while there is one, nothing can be accepted."""
    good, stored_later = fresh(), fresh()
    body = {"name": "某药", "kind": "drug", "class": "C", "first_pay_ratio": "1", "valid_from": "2019-01-01"}
    assert (await client.put(f"/v1/catalogue/{stored_later}", json=body)).status_code == 200
    job = await proposed(
        client,
        [
            line(good),
            line(good),
            line(stored_later),
            line(fresh(), 甲乙丙类="丁"),
            line(fresh(), 甲乙丙类="甲", 先行自付比例="0.2"),
            line(fresh(), 一级限价="很贵"),
            line(fresh(), 生效日期=""),
            line(fresh(), 失效日期="2017-01-01"),
            line("", 项目名称="无码"),
        ],
    )
    assert [(row["outcome"], row["reason"], row["field"]) for row in job["rows"]] == [
        ("added", None, None),
        ("duplicate", "version_repeated", None),
        ("conflicting", "catalogue_overlap", None),
        ("malformed", "not_in_list", "class"),
        ("malformed", "ratio_for_class_a", "first_pay_ratio"),
        ("malformed", "price_format", "ceiling_1"),
        ("malformed", "value_missing", "valid_from"),
        ("malformed", "interval_empty", "valid_until"),
        ("malformed", "value_missing", "item_code"),
    ]
    refused = await decide(client, job, "acceptance")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_has_faults")
    assert await stored(connection, good) == []


async def test_a_gap_of_a_day_between_versions_is_found_before_accepting(client: httpx.AsyncClient) -> None:
    """A version that begins a day after the former one has ended is named, and the file can't be accepted."""
    code = fresh()
    body = {"name": "某药", "kind": "drug", "class": "C", "first_pay_ratio": "1", "valid_from": "2018-01-01"}
    answer = await client.put(f"/v1/catalogue/{code}", json=body | {"valid_until": "2019-01-01"})
    assert answer.status_code == 200
    job = await proposed(client, [line(code, 生效日期="2019-01-02")])
    assert [(row["outcome"], row["reason"]) for row in job["rows"]] == [("conflicting", "catalogue_gap")]
    assert (await decide(client, job, "acceptance")).json()["code"] == "import_has_faults"


async def test_a_difference_that_has_aged_is_not_written(client: httpx.AsyncClient, connection: Any) -> None:
    """When a version was put meanwhile, what was shown is no longer what would be written: 409, and nothing is."""
    code, other = fresh(), fresh()
    job = await proposed(client, [line(code), line(other)])
    body = {"name": "某药", "kind": "drug", "class": "C", "first_pay_ratio": "1", "valid_from": "2018-01-01"}
    assert (await client.put(f"/v1/catalogue/{code}", json=body)).status_code == 200
    refused = await decide(client, job, "acceptance")
    assert (refused.status_code, refused.json()["code"]) == (409, "diff_outdated")
    assert await stored(connection, other) == []


async def test_a_complete_file_ends_what_it_does_not_name(database_server: str, tmp_path: Path) -> None:
    """Items that a complete catalogue lacks are shown behind its rows as ended, and end when it is accepted."""
    url = await migrated_database(database_server)
    process, base_url = start_service(url, tmp_path)
    connection = await asyncpg.connect(url)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    try:
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            first = await proposed(client, [line("GONE"), line("KEPT"), line("PAST", 失效日期="2019-01-01")])
            assert (await decide(client, first, "acceptance")).status_code == 200
            job = await proposed(client, [line("KEPT"), line("NEW")], complete="true", effective_on="2026-01-01")
            assert [(row["row"], row["outcome"], row["reference"]) for row in job["rows"]] == [
                (2, "unchanged", "KEPT"),
                (3, "added", "NEW"),
                (4, "ended", "GONE"),
            ]
            assert await stored(connection, "GONE") == [("2018-01-01", None, "B")]
            assert (await decide(client, job, "acceptance")).status_code == 200
            assert await stored(connection, "GONE") == [("2018-01-01", "2026-01-01", "B")]
            assert await stored(connection, "PAST") == [("2018-01-01", "2019-01-01", "B")]
            lacking = await client.post(
                "/v1/catalogue/imports?complete=true", content=b"x", headers=key() | {"Content-Type": "text/csv"}
            )
            assert lacking.json()["errors"][0]["pointer"] == "/effective_on"
    finally:
        process.terminate()
        process.wait(30)
        await connection.close()


async def test_a_catalogue_of_everybody_is_no_areas(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """A hospital imports none; an area neither sees nor accepts everybody's; workbooks are read as well."""
    content = xlsx_file([line(fresh())], headings=HEADINGS)
    headers = key() | {"Content-Type": XLSX_TYPE}
    ours = await token(scopes=["registry"], area_code="530100")
    hospital = await token(scopes=["registry"], hospital_code=f"H{secrets.token_hex(4)}")
    assert (await client.post("/v1/catalogue/imports", content=content, headers=headers | hospital)).status_code == 404
    job = await ended(client, await client.post("/v1/catalogue/imports", content=content, headers=headers))
    assert job["summary"] == {"added": 1}
    assert (await client.post(f"/v1/jobs/{job['job_id']}/acceptance", headers=key() | ours)).status_code == 404


async def test_unknown_codes_are_ranked_by_money(client: httpx.AsyncClient) -> None:
    """Codes of live bills that no version has are listed, dearest first, until the catalogue has them."""
    world = await World(client).build()
    dear, cheap, taken_back = (f"A{fresh()}" for _ in range(3))
    lines = [
        world.line("900000.00", item_code=cheap, name="便宜"),
        world.line("100000.00", item_code=dear, name="贵", line_no=2),
        world.line("900000.00", item_code=dear, name="贵", line_no=3),
    ]
    await world.settled(world.bill(lines=lines, total="1900000.00"))
    second = await world.settled(world.bill("990000.00", lines=[world.line("990000.00", item_code=taken_back)]))
    reversal = {"reason": "录入错误"}
    done = await client.post(f"/v1/settlements/{second['settlement_id']}/reversal", json=reversal, headers=key())
    assert done.status_code == 201

    async def listed() -> list[tuple[str, str, int]]:
        shown = (await client.get("/v1/catalogue/unknown-codes", params={"limit": 100})).json()["data"]
        return [
            (row["item_code"], row["amount"], row["lines"])
            for row in shown
            if row["item_code"] in (dear, cheap, taken_back)
        ]

    assert await listed() == [(dear, "1000000.00", 2), (cheap, "900000.00", 1)]
    assert (await decide(client, await proposed(client, [line(dear)]), "acceptance")).status_code == 200
    assert await listed() == [(cheap, "900000.00", 1)]
    page = (await client.get("/v1/catalogue/unknown-codes", params={"from": "2001-01-01", "to": "2001-01-02"})).json()
    assert page == {"data": [], "has_more": False, "next_cursor": None}
