"""What an officer looked for in vain: days of lists and of the year in the calendar, what is overdue of a hospital by
step, words for what a person's year counts and for the law of a settlement."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.clearing.office import Office
from tests.finance.conftest import NARROW, Desk
from tests.finance.test_made_of import amount, amounts
from tests.finance.test_pages import first_settlement
from tests.world import key

pytestmark = pytest.mark.thorough


async def test_what_a_year_has_counted_is_said_in_words(busy_office: Office, desks: Any) -> None:
    """On the page of a person and on that of a settlement, in both languages: no name of a field."""
    number = await first_settlement(busy_office)
    person = (await busy_office.get(f"/settlements/{number}"))["person_id"]
    desk: Desk = await desks("wang")
    for language, words in (("zh", "基本医保已支付"), ("en", "basic paid")):
        await desk.open(f"/finance/language/{language}")
        for path in (f"/finance/persons/{person}", f"/finance/settlements/{number}"):
            await desk.open(path)
            text = await desk.page.inner_text("main")
            assert re.findall(r"\b[a-z]+_[a-z_]+\b", text) == [], path
            assert words in text, path


async def test_a_settlements_law_is_called_by_its_title(busy_office: Office, desks: Any) -> None:
    """The names of files that a pack and its version have are shown when one points at them; English has no titles."""
    desk: Desk = await desks("wang")
    await desk.open(f"/finance/settlements/{await first_settlement(busy_office)}")
    shown = desk.page.locator("#law")
    await expect(shown).to_contain_text("云南省城乡居民医疗费用“一站式”结算 · 四重保障")
    await expect(shown).not_to_contain_text("four-guarantees")
    await expect(shown.locator("[title]")).to_have_attribute("title", "yunnan · four-guarantees")
    await desk.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert await desk.overflow() <= 0


async def test_a_hospital_shows_what_is_overdue_by_step(busy_office: Office, desks: Any) -> None:
    """The steps add up to the list that each leads to, and the figures of a month lead to its statements and list."""
    desk: Desk = await desks("li")
    page, code = desk.page, busy_office.world.township
    await desk.open(f"/finance/hospitals/{code}?year=2018")
    whole = amount(await page.locator("#stages #whole").inner_text())
    assert whole > 0
    assert sum(await amounts(page.locator("#stages tbody td:last-child"))) == whole
    assert sum(await amounts(page.locator("#list tbody [data-of=overdue]"))) == whole
    await expect(page.locator("#list tbody a[data-of=period]").first).to_have_attribute(
        "href", re.compile(f"hospital_code={code}")
    )
    assert await desk.violations() == []
    await page.locator("#stages tbody a").first.click()
    await expect(page.locator("#list tbody tr").first).to_contain_text("滇禾县城关镇卫生院")
    await desk.open(f"/finance/hospitals/{code}?year=2018")
    await page.locator("#stages tfoot a").click()
    assert amount(await page.locator("#whole").inner_text()) == whole


async def test_the_calendar_has_the_year_and_the_days_of_lists(busy_office: Office, desks: Any) -> None:
    """What must be paid until 31 December leads to the overview, which says the same; a list that isn't matched yet has
    its day."""
    query = {"area_code": "530100", "received_on": "2018-06-28"}
    headers = key() | {"Content-Type": "text/csv"}
    await busy_office.client.post("/v1/registry/imports", params=query, content=b"x\n1\n", headers=headers)
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/waiting?area_code=530100")
    row = page.locator("#calendar tbody tr").filter(has_text="达到拨付率要求")
    await expect(row).to_contain_text("2018-12-31")
    missing = amount(await row.locator("td").last.inner_text())
    await expect(page.locator("#calendar tbody tr").filter(has_text="名单比对")).to_contain_text("2018-07-05")
    assert await desk.violations() == []
    await row.get_by_role("link").click()
    assert sum(await amounts(page.locator("a[data-of=required]"))) == missing
