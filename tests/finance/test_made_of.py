"""Every number of the overview leads to what it is made of, and the sums agree to the fen; lists add up."""

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import Locator

from tests.clearing.office import Office
from tests.finance.conftest import Desk

pytestmark = pytest.mark.thorough
LISTS = ("orders", "statements", "claims", "prepayments", "audit", "balances")


def amount(text: str) -> Decimal:
    """A number as a page shows it."""
    return Decimal(re.sub(r"[^0-9.−]", "", text).replace("−", "-"))


async def amounts(places: Locator) -> list[Decimal]:
    """The numbers of several places."""
    return [amount(text) for text in await places.all_inner_texts()]


async def clicked(desk: Desk, overview: str) -> list[tuple[str, Decimal, str]]:
    """Every number of the overview that can be clicked: what it is, how much, and where it leads."""
    await desk.open(overview)
    return [
        (str(await one.get_attribute("data-of")), amount(await one.inner_text()), str(await one.get_attribute("href")))
        for one in await desk.page.locator("a[data-of]").all()
    ]


async def explained(desk: Desk, what: str, href: str) -> Decimal:
    """The sum that the page says, after its rows were added up."""
    page = desk.page
    await desk.open(href)
    if what == "overdue":
        whole = page.locator("#whole")
        if not await whole.count():
            return Decimal(0)
        parts = await amounts(page.locator("#stages tbody td:last-child"))
        rows = await amounts(page.locator("#list tbody td:last-child"))
        assert sum(parts) == sum(rows) == amount(await whole.inner_text()), href
        for stage in await page.locator("#stages tbody a").all():
            assert "stage=" in str(await stage.get_attribute("href"))
        return amount(await whole.inner_text())
    if what == "work":
        if "/finance/orders" in href:  # what is unpaid of orders, by age
            return sum(await amounts(page.locator("dl.ages dd")), Decimal(0))
        foot = page.locator("#list tfoot td.number")
        return amount(await foot.first.inner_text()) if await foot.count() else Decimal(0)
    found = amount(await page.locator(f"#{what}").inner_text())
    if what in ("payable", "disbursed", "due", "deposit"):
        column = ("payable", "disbursed", "due", "deposit").index(what) + 2
        assert sum(await amounts(page.locator(f"#months tbody td:nth-child({column})"))) == found, href
        if await page.locator("#hospitals").count():
            assert sum(await amounts(page.locator(f"#hospitals tbody td:nth-child({column})"))) == found, href
    return found


@pytest.mark.parametrize("who", ["li", "shen"])
async def test_every_number_of_the_overview_leads_to_what_it_is_made_of(
    desks: Any, busy_office: Office, who: str
) -> None:
    """Also for somebody of one fund."""
    await busy_office.at("2018-07-02")
    desk: Desk = await desks(who)
    numbers = await clicked(desk, "/finance?year=2018&area_code=530100")
    assert {what for what, _, _ in numbers} >= {"payable", "disbursed", "due", "deposit", "overdue", "work"}
    assert any(what == "overdue" and found for what, found, _ in numbers)
    for what, found, href in numbers:
        assert await explained(desk, what, href) == found, (what, href)


async def test_overdue_is_split_by_the_step_that_it_waits_for(desks: Any) -> None:
    """April's orders are sent and not paid, May's statement has a part without an order and one with a draft."""
    desk: Desk = await desks("li")
    await desk.open("/finance/overdue?year=2018")
    stages = await desk.page.locator("#stages tbody a").all_inner_texts()
    assert {"未付款", "未生成拨付单", "未送银行"} <= set(stages)
    await desk.page.get_by_role("link", name="未付款").click()
    total = amount(await desk.page.locator("#list tfoot td").last.inner_text())
    assert sum(await amounts(desk.page.locator("#list tbody td:last-child"))) == total
    first = desk.page.locator("#list tbody a").first
    await first.click()
    assert "/finance/orders/dis_" in desk.page.url


async def test_the_sums_of_lists_are_those_of_their_rows(desks: Any) -> None:
    """In each column with a sum; what is cancelled or carried on doesn't count."""
    desk: Desk = await desks("li")
    for name in LISTS:
        await desk.open(f"/finance/{name}")
        foot = desk.page.locator("#list tfoot td, #list tfoot th")
        for place in range(await foot.count()):
            text = await foot.nth(place).inner_text()
            if not re.fullmatch(r"−?[0-9,]+\.[0-9]{2}", text):
                continue
            live = desk.page.locator("#list tbody tr:not(:has(.state-cancelled, .state-carried_forward))")
            rows = await amounts(live.locator(f"td:nth-child({place + 1})"))
            assert sum(rows) == amount(text), (name, place)
