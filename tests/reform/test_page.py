"""Simulations on the pages: the form with its refusals, the progress, the answer, the files, and whose they are."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clearing.office import Office, office
from tests.people import browser, person
from tests.readjudication.test_page import hidden
from tests.reform.stored import HIGHER
from tests.world import id_number, key

FIELDS = {"pack": "yunnan", "from_on": "2018年5月1日", "to_on": "2018-05-31", "amount_budget": "1,000,000"}


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with seven persons who were settled in May 2018."""
    async with office(database_server) as opened:
        for _ in range(7):
            number = f"P{key()['Idempotency-Key'][:12]}"
            facts = {"name": "李某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
            await opened.world.put(f"/v1/persons/{number}", facts | {"identities": []})
            await opened.settled("5000.00", "2018-05-10", person_id=number)
        yield opened


async def form_of(officer: httpx.AsyncClient, **changes: str) -> dict[str, str]:
    """The page's form, filled in."""
    page = (await officer.get("/finance/simulations")).text
    return FIELDS | {name: hidden(page, name) for name in ("csrf", "key")} | changes


async def done(officer: httpx.AsyncClient, address: str) -> str:
    """The page of a simulation once it is done."""
    for _ in range(600):
        page = (await officer.get(address)).text
        if 'id="total"' in page:
            return page
        assert "hx-get" in page  # it looks again by itself
        await asyncio.sleep(0.1)
    raise AssertionError(page)


async def test_an_officer_simulates_on_the_pages(desk: Office) -> None:
    """A reform with faults comes back with each of them and as it was typed; a good one is simulated, its answer is
    tables, pictures and three files, in both languages; nobody else finds it."""
    url = str(desk.client.base_url)
    async with browser(url) as officer, browser(url) as other:
        await person(desk.client, officer)
        await person(desk.client, other)
        assert "/finance/simulations" in (await officer.get("/finance")).text
        bad = HIGHER.replace("unit: rate", "unit: rats").replace('"0.80"', "0.8")
        refused = await officer.post("/finance/simulations", data=await form_of(officer, reform=bad))
        assert refused.status_code == 422
        assert refused.text.count("reform.yaml:") >= 2
        assert "unit: rats" in refused.text
        typed = HIGHER.replace("\n", "\r\n")
        made = await officer.post("/finance/simulations", data=await form_of(officer, reform=typed))
        assert made.headers["location"] == "/finance/simulations"
        (job,) = set(re.findall(r"/finance/simulations/(job_\d+)", (await officer.get("/finance/simulations")).text))
        page = await done(officer, f"/finance/simulations/{job}")
        assert "7 人，7 张账单" in page
        assert "基本医保" in page
        assert page.count("<svg") >= 6
        assert "0 笔" in page
        assert "预算 1,000,000.00 的剩余" in page
        for form in ("json", "xlsx", "html"):
            file = await officer.get(f"/finance/simulations/{job}/file", params={"format": form})
            assert file.headers["content-disposition"].endswith(f'.{form}"')
        listed = await officer.get(f"/finance/jobs/{job}")
        assert listed.headers["location"] == f"/finance/simulations/{job}"
        for path in (f"/finance/simulations/{job}", f"/finance/simulations/{job}/file"):
            assert (await other.get(path)).status_code == 404
        await officer.get("/finance/language/en")
        page = (await officer.get(f"/finance/simulations/{job}")).text
        assert "7 persons, 7 bills" in page
        assert "Basic insurance" in page or "basic insurance" in page


async def test_who_may_not(desk: Office) -> None:
    """A hospital doesn't find the page, and who acts for one fund is told why there is no form."""
    url = str(desk.client.base_url)
    async with browser(url) as clerk, browser(url) as officer:
        await person(desk.client, clerk, scopes=["hospital"], hospital_code=desk.world.township)
        assert (await clerk.get("/finance/simulations")).status_code == 403
        assert "/finance/simulations" not in (await clerk.get("/finance")).text
        await person(desk.client, officer, scopes=["finance"], funds=["610100"])
        page = (await officer.get("/finance/simulations")).text
        assert "须由不限基金的账号发起" in page
        assert "<textarea" not in page
