"""Pages of a sorted list: from either end, from row to row, whatever is equal, missing or added meanwhile."""

import re
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from tests.clearing.office import Office, office
from tests.people import browser, person

ROWS = 130
_JOBS = """
INSERT INTO job (kind, state, options, area_code, due_on, file_digest, done, total, subject, request_id, received_at)
SELECT 'poverty_list', 'done', '{}', '530100', CASE WHEN n % 3 > 0 THEN date '2018-05-01' + n % 4 END, '', 0, n % 5,
       'li', 'pager', timestamptz '2018-05-01T08:00:00+08:00' + n * interval '0.000001 s'
  FROM generate_series(1, $1::integer) n"""
_SORTED = "SELECT 'job_' || job_id FROM job ORDER BY {sort} {way} NULLS LAST, job_id {way}"


@pytest.fixture(scope="module")
async def listed(database_server: str) -> AsyncIterator[Office]:
    """An office with jobs that are equal in much, some without a due day."""
    async with office(database_server) as opened:
        owner = await asyncpg.connect(opened.url)
        await owner.execute(_JOBS, ROWS)
        await owner.close()
        yield opened


@pytest.fixture
async def officer(listed: Office) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the registry at the pages."""
    async with browser(str(listed.client.base_url)) as visitor:
        await person(listed.client, visitor, scopes=["registry"], area_code="530100")
        yield visitor


async def seen(officer: httpx.AsyncClient, sort: str, *steps: str) -> tuple[list[str], str]:
    """The jobs of a page, after these steps of its pager; and which page it says that it is."""
    page = (await officer.get("/finance/jobs", params={"sort": sort})).text
    for step in steps:
        (address,) = re.findall(rf'id="page-{step}" href="([^"]*)"', page)
        answer = await officer.get(address.replace("&amp;", "&"))
        assert answer.status_code == 200, answer.text
        page = answer.text
    (number,) = re.findall(r"<span>(第[^<]*页)</span>", page)
    return re.findall(r'href="/finance/jobs/(job_[0-9]+)"', page), number


@pytest.mark.parametrize("sort", ["job_id", "due_on", "total", "received_at", "state"])
@pytest.mark.parametrize("way", ["asc", "desc"])
async def test_pages_follow_each_other_however_a_list_is_sorted(
    listed: Office, officer: httpx.AsyncClient, sort: str, way: str
) -> None:
    """Forward, back and from the end: every row once, the missing values last, the same pages by every way."""
    owner = await asyncpg.connect(listed.url)
    rows = [row[0] for row in await owner.fetch(_SORTED.format(sort=sort, way=way))]
    await owner.close()
    first, second, third = rows[:50], rows[50:100], rows[100:]
    asked = sort if way == "asc" else f"-{sort}"
    ways = {
        (): first,
        ("next",): second,
        ("next", "next"): third,
        ("last",): third,
        ("last", "previous"): second,
        ("last", "previous", "previous"): first,
        ("next", "next", "previous"): second,
        ("next", "next", "first"): first,
    }
    numbers = {}
    for steps, expected in ways.items():
        found, number = await seen(officer, asked, *steps)
        assert found == expected
        assert numbers.setdefault(tuple(found), number) == number
    assert len(set(numbers.values())) == 3


async def test_a_row_that_is_added_moves_no_page(listed: Office, officer: httpx.AsyncClient) -> None:
    """Behind a page the next one begins where it ended, though a newer job came first meanwhile; a page of another
    order, or one whose rows are gone, is the first."""
    page = (await officer.get("/finance/jobs")).text
    shown = re.findall(r'href="/finance/jobs/(job_[0-9]+)"', page)
    (following,) = re.findall(r'id="page-next" href="([^"]*)"', page)
    owner = await asyncpg.connect(listed.url)
    try:
        await owner.execute(_JOBS, 1)
        behind = (await officer.get(following.replace("&amp;", "&"))).text
        numbers = [int(one.removeprefix("job_")) for one in re.findall(r'href="/finance/jobs/(job_[0-9]+)"', behind)]
        assert max(numbers) == int(shown[-1].removeprefix("job_")) - 1
        other = (await officer.get(following.replace("&amp;", "&") + "&sort=total")).text
        (number,) = re.findall(r"<span>(第[^<]*页)</span>", other)
        assert number == "第 1 / 3 页"
        await owner.execute("DELETE FROM job WHERE job_id <= $1", numbers[0])
        gone = (await officer.get(following.replace("&amp;", "&"))).text
        assert shown[1] in gone
    finally:
        await owner.close()
    assert (await officer.get("/finance/jobs?cursor=made-up")).status_code == 422


async def test_a_place_of_another_list_is_none_of_this_one(listed: Office) -> None:
    """Brought along to a list that can be sorted by a column of the same name, it is the first page there."""
    async with browser(str(listed.client.base_url)) as visitor:
        await person(listed.client, visitor, scopes=["registry", "finance"], area_code="530100")
        page = (await visitor.get("/finance/jobs?sort=state")).text
        (following,) = re.findall(r'id="page-next" href="([^"]*)"', page)
        for other in ("/finance/balances", "/finance/orders", "/finance/payment-batches"):
            answer = await visitor.get(following.replace("&amp;", "&").replace("/finance/jobs", other))
            assert answer.status_code == 200, other
