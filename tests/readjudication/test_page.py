"""Runs of readjudication on the pages: computed by one officer, approved by another, its rows as a file."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clearing.office import Office, office
from tests.people import browser, person
from tests.readjudication.desk import many_late, until


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with three persons whose list came late."""
    async with office(database_server) as opened:
        await many_late(opened, 3)
        yield opened


def hidden(page: str, name: str) -> str:
    """A hidden field of a page's first form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return found[1]


async def made_on_the_page(desk: Office, maker: httpx.AsyncClient) -> str:
    """A run that somebody has computed by the page's form, which keeps what was typed when it is refused; its id."""
    page = (await maker.get("/finance/readjudications")).text
    form = {name: hidden(page, name) for name in ("csrf", "key")}
    wrong = await maker.post("/finance/readjudications", data=form | {"reason": "名单晚到", "source": "all"})
    assert wrong.status_code == 422
    assert 'value="名单晚到"' in wrong.text
    form["key"] = hidden(wrong.text, "key")
    made = await maker.post("/finance/readjudications", data=form | {"reason": "名单晚到", "source": "worklist"})
    assert made.headers["location"] == "/finance/readjudications"
    (run,) = (await desk.get("/readjudications"))["data"]
    return str(run["readjudication_id"])


async def test_two_officers_do_it_on_the_pages(desk: Office) -> None:
    """One fills in the form and is not offered to approve; the other finds it among what waits, approves it and
    sees it posted; the rows are a page and a file."""
    url = str(desk.client.base_url)
    async with browser(url) as maker, browser(url) as checker:
        await person(desk.client, maker)
        await person(desk.client, checker)
        shown = await made_on_the_page(desk, maker)
        found = await until(desk, shown, lambda one: one["state"] == "computed")
        address = f"/finance/readjudications/{shown}"
        mine = (await maker.get(address)).text
        assert "须由另一人批准" in mine
        assert f"{address}/approve" not in mine
        assert "待批准批量重新核算" in (await checker.get("/finance/waiting")).text
        page = (await checker.get(address)).text
        assert all(one["person_id"] in page for one in found["biggest"])
        form = {name: hidden(page, name) for name in ("csrf", "key")}
        approved = await checker.post(f"{address}/approve", data=form)
        assert approved.headers["location"] == address
        await until(desk, shown, lambda one: one["state"] == "done")
        page = (await checker.get(address)).text
        assert "已入账 3 / 3" in page
        assert "试算完成" in page  # its record
        listed = (await checker.get("/finance/readjudications/rows", params={"readjudication_id": shown})).text
        assert listed.count("已入账</td>") == 3
        assert (await checker.get("/finance/readjudications/rows")).status_code == 404
        file = await checker.get(
            "/finance/exports/readjudication-rows", params={"readjudication_id": shown, "format": "csv"}
        )
        assert file.status_code == 200
        assert all(one["person_id"] in file.text for one in found["biggest"])


async def test_a_page_stops_resumes_and_gives_up(desk: Office) -> None:
    """What can't be done is said on the run's own page; a dry run is given up with its reason."""
    url = str(desk.client.base_url)
    made = await desk.do("li", "/readjudications", {"reason": "名单晚到"})
    address = f"/finance/readjudications/{made['readjudication_id']}"
    await until(desk, made["readjudication_id"], lambda one: one["state"] == "computed")
    async with browser(url) as officer:
        await person(desk.client, officer)
        for step in ("stop", "resume"):
            page = (await officer.get(address)).text
            form = {name: hidden(page, name) for name in ("csrf", "key")}
            refused = await officer.post(f"{address}/{step}", data=form | {"reason": "先核对"})
            assert refused.status_code == 409
            assert "当前状态不允许这一步" in refused.text
        page = (await officer.get(address)).text
        form = {name: hidden(page, name) for name in ("csrf", "key")}
        gone = await officer.post(f"{address}/cancel", data=form | {"reason": "重复"})
        assert gone.headers["location"] == address
        assert "重复" in (await officer.get(address)).text
