"""The office's worklists at the bank, in a browser: rows of its answers that match nothing, payments it never made."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.clearing.bank import Booking, camt053
from tests.clearing.office import Office
from tests.clearing.test_payment_batches import at_bank, desk, sent_orders
from tests.clearing.test_receipt_closing import received
from tests.finance.conftest import FIRST, NARROW, Desk, _people
from tests.world import key

__all__ = ["desk"]
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
async def staffed(desk: Office) -> Office:
    """The same office, whose officers have logins."""
    await _people(desk)
    body = {"name": "zhou", "password": FIRST, "scopes": ["auditor"]}
    answer = await desk.client.post("/v1/users", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return desk


@pytest.fixture(scope="module")
def office_url(staffed: Office) -> str:
    """Where this office's pages are."""
    return str(staffed.client.base_url).rstrip("/")


def task(page: Page, side: str, name: str) -> Any:
    """An entry of what waits."""
    return page.locator(f"#{side} li").filter(has_text=name)


async def test_an_unmatched_row_is_closed_on_its_page(staffed: Office, desks: Any) -> None:
    """From what waits to the row, closed with a reason; then it waits no more, and its receipt's page and history say
    who closed it and why. An auditor reads it and is offered no step."""
    (order,) = await sent_orders(staffed, count=1)
    batch, _ = await at_bank(staffed, [order])
    receipt = await received(
        staffed, [Booking("W1", "7.77", "somebody else's"), Booking("W2", "1.00", f"{batch['payment_batch_id']}-1")]
    )
    shown = receipt["receipt_id"]
    wang: Desk = await desks("wang")
    page = wang.page
    await wang.open("/finance/waiting")
    await expect(task(page, "mine", "未匹配的银行回盘").locator(".n")).to_have_text("2")
    await task(page, "mine", "未匹配的银行回盘").get_by_role("link").click()
    rows = page.locator("#list tbody tr")
    await expect(rows).to_have_count(2)
    assert await wang.violations() == []
    row = rows.filter(has_text="7.77")
    await row.locator("summary").click()
    await row.get_by_label("处理说明").fill("他行来款，与拨付无关")
    await row.get_by_role("button", name="登记处理结果").click()
    await expect(page.get_by_role("status").first).to_contain_text("已登记")
    await wang.open("/finance/bank-receipts?open=1")
    await expect(rows).to_have_count(1)
    await page.get_by_role("link", name=shown).click()
    await page.wait_for_url(f"**/finance/bank-receipts/{shown}")
    await expect(page.locator("#rows tbody tr").first).to_contain_text("他行来款，与拨付无关")
    await expect(page.locator("#history")).to_contain_text("wang")
    await expect(page.locator("#history")).to_contain_text("#1 他行来款，与拨付无关")
    assert await wang.violations() == []
    zhou: Desk = await desks("zhou", viewport=NARROW)
    await zhou.open(f"/finance/bank-receipts/{shown}")
    await expect(zhou.page.locator("#rows")).to_contain_text("他行来款，与拨付无关")
    assert await zhou.page.locator("#rows summary").count() == 0
    assert (await zhou.violations(), await zhou.overflow()) == ([], 0)


async def test_an_uploaded_file_shows_its_own_rows(staffed: Office, desks: Any) -> None:
    """The upload ends at the file's page, with its results to download; the same form sent again books nothing."""
    li: Desk = await desks("li")
    page = li.page
    await li.open("/finance/bank-receipts")
    content = camt053([Booking("U1", "3.21", "nobody's"), Booking("U2", "4.32", None)], staffed.day)
    await page.locator("#receipt-file").set_input_files(
        {"name": "camt.xml", "mimeType": "application/xml", "buffer": content}
    )
    await page.get_by_role("button", name="上传并入账").click()
    await page.wait_for_url("**/finance/bank-receipts/rcp_*")
    await expect(page.get_by_role("status").first).to_contain_text("回盘文件已处理")
    await expect(page.locator("#rows tbody tr")).to_have_count(2)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="CSV").click()
    text = Path(await (await started.value).path()).read_text(encoding="utf-8")
    assert ("3.21" in text, "未匹配" in text, "7.77" in text) == (True, True, False)


async def test_a_row_that_was_not_executed_waits_for_a_second_person(staffed: Office, desks: Any) -> None:
    """Whoever asked finds it among what waits for somebody else, the other one among their own; the link leads to the
    batch; once confirmed it waits for nobody."""
    (order,) = await sent_orders(staffed, count=1)
    batch, _ = await at_bank(staffed, [order])
    name, title = batch["payment_batch_id"], "待确认未执行的付款"
    body = {"order_id": order["disbursement_id"], "reason": "银行退票，未入账"}
    await staffed.do("li", f"/payment-batches/{name}/not-executed", body)
    li: Desk = await desks("li")
    await li.open("/finance/waiting")
    await expect(task(li.page, "others", title).locator(".n")).to_have_text("1")
    await expect(task(li.page, "mine", title)).to_have_count(0)
    wang: Desk = await desks("wang")
    page = wang.page
    await wang.open("/finance/waiting")
    await expect(task(page, "mine", title).locator(".n")).to_have_text("1")
    await task(page, "mine", title).get_by_role("link").click()
    await expect(page.locator("#list tbody tr")).to_have_count(1)
    await page.get_by_role("link", name=name).click()
    await page.get_by_text("登记未执行", exact=True).first.click()
    await page.get_by_role("button", name="登记未执行").click()
    await expect(page.get_by_role("status").first).to_contain_text("已登记")
    await wang.open("/finance/waiting")
    await expect(task(page, "mine", title)).to_have_count(0)
