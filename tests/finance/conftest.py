"""A browser, the machine's own, and a finance office with two months behind it; nothing on any page's console."""

import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.clearing.office import Office, office
from tests.world import id_number, key

AXE = Path(__file__).parent.parent.parent / "assets" / "development" / "axe.min.js"
FIRST = "first-password-1"
CHOSEN = "a password of my own"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The browser that the system has; none is downloaded."""
    if CHROMIUM is None:
        if os.environ.get("ONESTOP_REQUIRE_BROWSER"):
            pytest.fail("no Chromium: apt-get install chromium fonts-noto-cjk")
        pytest.skip("no Chromium on this machine: apt-get install chromium fonts-noto-cjk")
    return {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-gpu"]}


@dataclass
class Desk:
    """Somebody's browser at the pages of an office."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go to a page of the office."""
        await self.page.goto(self.url + path)

    async def log_in(self, name: str) -> None:
        """Log in; the first time the password is changed."""
        await self.open("/finance/login")
        await self._enter(name, CHOSEN)
        if self.page.url.endswith("/finance/login"):
            await self._enter(name, FIRST)
            for label, text in (("原密码", FIRST), ("新密码", CHOSEN), ("再输入一次新密码", CHOSEN)):
                await self.page.get_by_label(label, exact=True).fill(text)
            await self.page.get_by_role("button", name="修改密码").click()
        await self.page.wait_for_url(f"{self.url}/finance")

    async def _enter(self, name: str, password: str) -> None:
        await self.page.get_by_label("用户名").fill(name)
        await self.page.get_by_label("密码").fill(password)
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name="登录").click()

    async def violations(self) -> list[str]:
        """What axe finds wrong with the page, by rule and place."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]

    async def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width


@pytest.fixture
async def desks(browser: Browser, office_url: str) -> AsyncIterator[Any]:
    """Makes desks: ``desk = await desks("li")``. No page may have complained on its console when the test is over."""
    made: list[Desk] = []

    async def sit(name: str | None, **options: Any) -> Desk:
        context = await browser.new_context(**({"viewport": WIDE, "locale": "zh-CN"} | options))
        desk = Desk(context, await context.new_page(), office_url)
        context.on("weberror", lambda error: desk.complaints.append(str(error.error)))
        context.on("console", lambda message: _note(desk, message))
        made.append(desk)
        if name is not None:
            await desk.log_in(name)
        return desk

    yield sit
    for desk in made:
        await desk.context.close()
    assert [complaint for desk in made for complaint in desk.complaints] == []


def _note(desk: Desk, message: Any) -> None:
    """Errors and warnings, but not that a refused form was answered 4xx."""
    refused = re.search(r"status of 4(01|03|09|22)", message.text)
    if message.type in ("error", "warning") and not refused:
        desk.complaints.append(message.text)


@pytest.fixture(scope="session")
async def busy_office(database_server: str) -> AsyncIterator[Office]:
    """An office in July 2018: March to May declared by ``li`` and approved by ``wang``; March paid, April sent and
    late, of May a draft by ``li`` for the basic fund; June declared by ``li``. Users ``li``, ``wang`` (finance) and
    ``shen`` (an auditor of one fund)."""
    async with office(database_server, "2018-03-20T10:00:00+08:00") as opened:
        await _people(opened)
        for period, after in (("2018-03", "2018-04"), ("2018-04", "2018-05"), ("2018-05", "2018-06")):
            await _month(opened, period, after)
        await _bills(opened, "2018-06-20")
        await opened.at("2018-07-02")
        await opened.declared("2018-06")
        yield opened


async def _people(opened: Office) -> None:
    world = opened.world
    name = {"name": "滇禾县城关镇卫生院", "level": 1, "rank": "township", "area_code": "530127"}
    await world.put(f"/v1/hospitals/{world.township}", name)
    for user, roles in (("li", {}), ("wang", {}), ("shen", {"scopes": ["auditor"], "funds": ["390100"]})):
        body = {"name": user, "password": FIRST, "scopes": ["finance"]} | roles
        answer = await opened.client.post("/v1/users", json=body, headers=key())
        assert answer.status_code == 201, answer.text


async def _month(opened: Office, period: str, after: str) -> None:
    """Three bills of a month, its statement, and what became of its orders."""
    await _bills(opened, f"{period}-20")
    await opened.at(f"{after}-05")
    statement = await opened.approved(period)
    for fund in statement["funds"]:
        if period == "2018-05" and fund["fund"] != "390100":
            continue
        order = await opened.ordered(statement, fund["fund"])
        if period != "2018-05":
            order = await opened.sent(order)
        if period == "2018-03":
            await opened.paid(order, f"{after}-05")


async def _bills(opened: Office, day: str) -> None:
    world = opened.world
    await opened.at(day)
    for amount in ("8200.00", "15750.35", "128000.00"):
        person = f"P{secrets.token_hex(4).upper()}"
        registered = {"name": "张永福", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
        poor = {"identities": [{"class": "registered_poor", "from": "2016-01-01"}]}
        await world.put(f"/v1/persons/{person}", registered | poor)
        await opened.settled(amount, day, person_id=person)


@pytest.fixture(scope="session")
def office_url(busy_office: Office) -> str:
    """Where the office's pages are."""
    return str(busy_office.client.base_url).rstrip("/")
