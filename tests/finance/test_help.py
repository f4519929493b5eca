"""The second visit: what columns mean, which of them are shown, filters kept under a name, keys."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from app.finance.texts import TEXTS
from app.finance.texts.help import FIGURES, SHORTCUTS
from app.finance.views import PAGES
from tests.clearing.office import Office, office
from tests.finance.conftest import Desk
from tests.people import browser, person

HIDDEN = re.compile(r'name="(csrf|key)" value="([^"]*)"')


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with an order of May 2018."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        await opened.settled("9000.00", "2018-05-20")
        await opened.at("2018-06-02")
        await opened.ordered(await opened.approved("2018-05"))
        yield opened


def test_every_column_and_figure_explains_itself() -> None:
    """Each column that a list can show, each figure of the overview and each key has its words."""
    columns = {column.path for page in PAGES.values() for column in page.declared.columns}
    wanted = {f"help.column.{path}" for path in columns} | {f"help.figure.{name}" for name in FIGURES}
    assert sorted((wanted | {f"help.key.{name}" for _, name in SHORTCUTS}) - TEXTS.keys()) == []
    spare = {key for key in TEXTS if key.startswith("help.column.")} - wanted
    assert sorted(spare) == []


async def heads(visitor: httpx.AsyncClient, address: str) -> list[str]:
    """The headings of a list, in order."""
    page = (await visitor.get(address)).text
    return re.findall(r'id="sort-(\w+)"', page.split("<thead")[1].split("</thead")[0])


async def test_columns_are_chosen_and_stay_in_the_address(desk: Office) -> None:
    """The boxes of the form lead to an address with the chosen columns in the list's own order, its key first;
    filters stay; a name that is no column is nothing."""
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        ticked = await visitor.get("/finance/orders?state=draft&column=deposit&column=gross&column=nothing")
        assert ticked.headers["location"] == "/finance/orders?state=draft&columns=disbursement_id%2Cgross%2Cdeposit"
        assert await heads(visitor, ticked.headers["location"]) == ["disbursement_id", "gross", "deposit"]
        usual = await heads(visitor, "/finance/orders")
        assert await heads(visitor, "/finance/orders?columns=nothing") == usual
        for address in PAGES:
            every = ",".join(column.path for column in PAGES[address].declared.columns)
            assert (await visitor.get(f"{address}?columns={every}")).status_code in (200, 403), address


async def test_filters_are_kept_under_a_name_for_oneself(desk: Office) -> None:
    """A kept set of filters stands above its list for who kept it, alone; it keeps nothing but filters and looks; of
    the same name the later one; at most twenty; it can be deleted."""
    base = str(desk.client.base_url)
    async with browser(base) as mine, browser(base) as theirs:
        for visitor in (mine, theirs):
            await person(desk.client, visitor, scopes=["finance"])
        first, later = "state=draft&fund=390100", "state=sent&sort=-amount&columns=gross"
        for query in (first, later):
            kept = await _keep(mine, "/finance/orders", query, "早上先看")
            assert kept.status_code == 303, kept.text
        page = (await mine.get("/finance/orders")).text
        (address,) = re.findall(r'href="/finance/orders\?([^"]*)"[^>]*>早上先看<', page)
        assert address.replace("&amp;", "&") == later
        assert "早上先看" not in (await theirs.get("/finance/orders")).text
        assert "早上先看" not in (await mine.get("/finance/statements")).text
        for number in range(19):
            assert (await _keep(mine, "/finance/orders", first, f"第 {number} 组")).status_code == 303
        refused = await _keep(mine, "/finance/orders", first, "再来一组")
        assert refused.status_code == 409
        assert "一个列表最多 20 组" in refused.text
        strange = await _keep(mine, "/finance/orders", "page=7&state=draft", "第 1 组")
        assert "page" not in (await mine.get("/finance/orders")).text.split("第 1 组")[0].rpartition("href=")[2]
        assert strange.status_code == 303
        dropped = await _keep(mine, "/finance/orders", later, "早上先看", "/finance/views/drop")
        assert dropped.status_code == 303
        assert "早上先看" not in (await mine.get("/finance/orders")).text
        assert (await _keep(mine, "//elsewhere.example", first, "x")).status_code == 404


async def _keep(
    visitor: httpx.AsyncClient, page: str, query: str, title: str, action: str = "/finance/views"
) -> httpx.Response:
    hidden = dict(HIDDEN.findall((await visitor.get("/finance/orders?state=draft&fund=610100")).text))
    return await visitor.post(action, data=hidden | {"page": page, "query": query, "title": title})


@pytest.mark.thorough
async def test_single_keys_lead_on(desks: Any) -> None:
    """``?`` opens the help, ``g o`` the orders; in a field they are letters; switched off they do nothing."""
    sitting: Desk = await desks("li")
    page = sitting.page
    await sitting.open("/finance/statements")
    await page.keyboard.press("?")
    await expect(page.get_by_role("heading", name="帮助", exact=True)).to_be_visible()
    assert await sitting.violations() == []
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    await expect(page).to_have_url(f"{sitting.url}/finance/orders")
    await page.keyboard.press("/")
    await page.keyboard.type("?go")
    await expect(page.locator("#find")).to_have_value("?go")
    await expect(page.locator("th a#sort-amount")).to_have_attribute("title", re.compile("审核应付 − 保证金"))
    await sitting.open("/finance/help?keys=off")
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    await expect(page).to_have_url(f"{sitting.url}/finance/help?keys=off")
