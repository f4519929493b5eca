"""Paper, files and forms for people, in a real browser: what is printed, what is chosen, what is never lost."""

import csv
import io
from typing import Any

import pytest
from playwright.async_api import expect

from tests.clearing.office import Office
from tests.finance.conftest import NARROW, Desk
from tests.finance.test_pages import first_settlement, order_of

pytestmark = pytest.mark.thorough


async def test_an_order_and_a_request_for_money_are_printed(desks: Any, busy_office: Office) -> None:
    """The order as PDF, and the request for what the filters find."""
    order = await order_of(busy_office, "2018-04")
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open(f"/finance/orders/{order['disbursement_id']}")
    address = await page.get_by_role("link", name="打印拨付单").get_attribute("href")
    answer = await page.request.get(f"{desk.url}{address}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert order["disbursement_id"].encode() in await answer.body()
    asked = await page.request.get(f"{desk.url}/finance/orders/request.pdf?fund=390100&state=sent")
    assert (asked.status, (await asked.body())[:5]) == (200, b"%PDF-")
    other: Desk = await desks("shen")  # of the basic fund
    foreign = await order_of(busy_office, "2018-04", "610100")
    refused = await other.page.request.get(f"{desk.url}/finance/orders/{foreign['disbursement_id']}/order.pdf")
    assert refused.status == 404


async def test_columns_of_a_file_are_chosen_on_the_page(desks: Any) -> None:
    """Unticked columns are left out; names stand beside codes."""
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/orders?fund=390100")
    await page.get_by_text("选择导出的列").click()
    boxes = page.locator(".choose input[type=checkbox]")
    for at in range(await boxes.count()):
        keep = await boxes.nth(at).get_attribute("value") in ("disbursement_id", "hospital_code", "amount", "state")
        await boxes.nth(at).set_checked(keep)
    async with page.expect_download() as download:
        await page.locator(".choose button[value=csv]").click()
    content = (await (await download.value).path()).read_bytes().decode("utf-8-sig")
    title, heads, first, *_ = csv.reader(io.StringIO(content))
    assert "基金 390100 基本医保" in title[0]
    assert heads == ["拨付单号", "状态", "医疗机构编码", "医疗机构", "金额"]
    assert first[1] in ("草稿", "已批准", "已送银行", "已付清")
    assert first[3] == "滇禾县城关镇卫生院"


async def test_a_settlement_shows_its_lines_and_for_a_purpose_its_patient(desks: Any, busy_office: Office) -> None:
    """Each line with code, day, quantity and price; the name once one says what for, which the audit log keeps; on a
    phone the basis folds."""
    number = await first_settlement(busy_office)
    settled = await busy_office.get(f"/settlements/{number}")
    desk: Desk = await desks("wang")
    page = desk.page
    await desk.open(f"/finance/settlements/{number}")
    assert len(settled["lines"]) == await page.locator("#lines tbody tr").count()
    heads = await page.locator("#lines thead th").all_inner_texts()
    assert heads[:7] == ["行号", "项目名称", "项目编码", "费用日期", "数量", "单价", "金额"]
    cells = await page.locator("#lines tbody tr").first.locator("td").all_inner_texts()
    assert cells[3].startswith("2018-")
    assert "–" not in cells[2:7]
    assert await page.locator("#person-name").count() == 0
    await page.get_by_text("显示姓名").first.click()
    await page.get_by_label("查看用途（记入审计日志）").fill("核对收款人")
    await page.get_by_role("button", name="显示姓名").click()
    patient = await busy_office.get(f"/persons/{settled['person_id']}")
    await expect(page.locator("#person-name")).to_have_text(patient["name"])
    newest = (await busy_office.get("/audit-log", subject="wang", about=settled["person_id"]))["data"][0]
    assert (newest["operation"], newest["reason"]) == ("GET /finance/settlements/{settlement_id}", "核对收款人")
    folded = page.locator("details.fold").first
    await expect(folded).to_have_attribute("open", "")
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await expect(folded).not_to_have_attribute("open", "")
    await folded.locator("summary").first.click()
    await expect(folded.locator(".badge").first).to_be_visible()


async def test_what_was_typed_outlives_the_session(desks: Any, busy_office: Office) -> None:
    """The session ends while a form is filled in: log in, and the form is there as it was; another user doesn't get
    it."""
    desk: Desk = await desks("li")
    page = desk.page

    async def typed_when_the_session_ends() -> None:
        await desk.open("/finance/prepayments")
        await page.get_by_text("新增预付款").click()
        fields = {"hospital": busy_office.world.township, "area": "530100", "year": "2018", "amount": "１,500"}
        for name, text in fields.items():
            await page.locator(f"#new-{name}").fill(text)
        elsewhere: Desk = await desks(None)
        await elsewhere.context.add_cookies(await desk.context.cookies())  # type: ignore[arg-type]
        await elsewhere.open("/finance/prepayments")
        await elsewhere.page.get_by_role("button", name="退出").click()
        await page.get_by_role("button", name="生成预付单").click()
        await expect(page.get_by_role("alert")).to_contain_text("填写的内容会保留")

    await typed_when_the_session_ends()
    await page.get_by_label("用户名").fill("li")
    await page.get_by_label("密码").fill("a password of my own")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("alert")).to_contain_text("请核对后再提交一次")
    await expect(page.locator("#new-amount")).to_have_value("１,500")
    await page.get_by_role("button", name="生成预付单").click()
    await expect(page.get_by_role("status")).to_contain_text("须由另一位经办人批准")
    await typed_when_the_session_ends()
    await page.get_by_label("用户名").fill("wang")
    await page.get_by_label("密码").fill("a password of my own")
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_url(f"{desk.url}/finance")
