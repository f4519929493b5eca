"""Prepayments in a browser: ticked on their list, and moved on together."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.clearing.office import Office
from tests.clearing.test_prepayment_batches import drafted
from tests.finance.conftest import Desk

pytestmark = pytest.mark.thorough


async def test_prepayments_are_ticked_on_their_list(busy_office: Office, desks: Any) -> None:
    """The maker is told why they can't approve; another ticks two of three, sees the sum, approves them at once, sends
    all that the filters find, and records what the bank paid."""
    first, second, third = await drafted(busy_office, "1200.00", "2300.00", "4000.00")
    li: Desk = await desks("li")
    await li.open(f"/finance/prepayments/batch/approve?id={first}")
    await expect(li.page.get_by_text("由您经办，须由另一位经办人批准")).to_be_visible()
    wang: Desk = await desks("wang")
    page = wang.page
    await wang.open("/finance/prepayments?state=draft")
    for one in (first, second):
        await page.get_by_label(f"选中 {one}").check()
    await page.get_by_role("button", name="批量批准").click()
    await expect(page.get_by_text("3,500.00").first).to_be_visible()
    assert await wang.violations() == []
    await page.get_by_role("button", name="确认批准 2 条").click()
    await expect(page.locator("#batch-result h2")).to_have_text("已办理 2 条，未办理 0 条")
    await wang.open("/finance/prepayments?state=approved")
    await page.get_by_label("符合条件的全部").check()
    await page.get_by_role("button", name="批量送银行").click()
    await page.get_by_role("button", name="确认送银行 2 条").click()
    await wang.open(f"/finance/prepayments/batch/pay?id={first}&id={second}")
    await page.get_by_label(f"银行流水号 {first}").fill("YF-1")
    await page.get_by_role("button", name="登记填了流水号的付款").click()
    await expect(page.locator("#batch-result h2")).to_have_text("已办理 1 条，未办理 0 条")
    states = [(await busy_office.get(f"/prepayments/{one}"))["state"] for one in (first, second, third)]
    assert states == ["paid", "sent", "draft"]
    await busy_office.do("li", f"/prepayments/{third}/cancellation", {"reason": "不再需要"})
