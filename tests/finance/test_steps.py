"""What two officers do together on the pages beside disbursement, in a real browser."""

from typing import Any

import pytest
from playwright.async_api import Dialog, expect

from tests.clearing.office import Office
from tests.finance.conftest import Desk

pytestmark = pytest.mark.thorough


async def test_a_difference_is_found_and_resolved(desks: Any, busy_office: Office) -> None:
    """The hospital's figures are typed on the statement's page; what differs stands on the list until somebody
    resolves it."""
    (statement,) = (await busy_office.get("/clearing/statements", period="2018-06"))["data"]
    desk: Desk = await desks("wang")
    page = desk.page
    await desk.open(f"/finance/statements/{statement['statement_id']}")
    await page.get_by_text("与医疗机构数比对").first.click()
    await page.get_by_role("button", name="与医疗机构数比对").click()
    await expect(page.get_by_role("alert")).to_contain_text("医疗机构的数字没有填全")
    read = await busy_office.get(f"/clearing/statements/{statement['statement_id']}")
    if not await page.get_by_label("基本医保 笔数").is_visible():
        await page.get_by_text("与医疗机构数比对").first.click()
    for fund in read["funds"]:
        own = fund["fund"] == "390100"
        await page.locator(f"[name=count_{fund['fund']}]").fill(str(fund["count"]))
        await page.locator(f"[name=amount_{fund['fund']}]").fill("1" if own else fund["amount"])
    await page.get_by_role("button", name="与医疗机构数比对").click()
    await expect(page.get_by_role("status")).to_contain_text("比对完成")
    await page.get_by_role("link", name="对账", exact=True).click()
    row = page.locator("#list tbody tr").first
    await expect(row).to_contain_text("1.00")
    await row.locator("summary").click()
    await row.get_by_label("原因").fill("医院按退费后金额上报，已核对")
    await row.get_by_role("button", name="处理").click()
    await expect(page.get_by_role("status")).to_have_text("差异已处理。")
    found = (await busy_office.get("/clearing/differences", statement_id=statement["statement_id"]))["data"]
    assert [one["resolved_by"] for one in found if one["state"] == "resolved"] == ["wang"]


async def test_a_prepayment_is_made_by_one_and_approved_by_another(desks: Any, busy_office: Office) -> None:
    """A wrong amount is refused and what was typed stays; the maker has no button to approve."""
    li: Desk = await desks("li")
    page = li.page
    await li.open("/finance/prepayments")
    await page.get_by_text("新增预付款").click()
    await page.locator("#new-hospital").fill(busy_office.world.township)
    await page.locator("#new-area").fill("530100")
    await page.locator("#new-year").fill("2018")
    await page.locator("#new-amount").fill("12.555")
    await page.get_by_role("button", name="生成预付单").click()
    await expect(page.get_by_role("alert")).to_contain_text("必须有两位小数")
    await expect(page.locator("#new-hospital")).to_have_value(busy_office.world.township)
    await page.locator("#new-amount").fill("２,500")
    await page.get_by_role("button", name="生成预付单").click()
    await expect(page.get_by_role("status")).to_contain_text("须由另一位经办人批准")
    await page.locator("#list tbody a").first.click()
    await expect(page.locator("#next")).to_contain_text("须由另一位经办人批准")
    wang: Desk = await desks("wang")
    await wang.page.goto(page.url)
    await wang.page.get_by_role("button", name="批准", exact=True).click()
    await expect(wang.page.get_by_role("status")).to_have_text("预付款已批准。")


async def test_a_month_is_closed_and_reopened_by_two(desks: Any) -> None:
    """Whoever closed a month isn't offered to reopen it; somebody else is, with a reason."""
    li: Desk = await desks("li")
    await li.open("/finance/closings")
    await li.page.locator("#month").fill("2018-03")
    asked: list[str] = []

    async def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.accept()

    li.page.on("dialog", agree)
    await li.page.get_by_role("button", name="关闭月份").click()
    await expect(li.page.get_by_role("status")).to_have_text("月份已关闭。")
    assert "530100，2018-03" in asked[0]
    await expect(li.page.get_by_text("反结账")).to_have_count(0)
    wang: Desk = await desks("wang")
    await wang.open("/finance/closings")
    await wang.page.get_by_text("反结账").first.click()
    await wang.page.get_by_label("原因", exact=True).first.fill("银行补登一笔付款")
    await wang.page.get_by_role("button", name="反结账").click()
    await expect(wang.page.get_by_role("status")).to_have_text("月份已反结账。")


async def test_a_report_is_submitted_by_one_and_signed_off_by_another(desks: Any, busy_office: Office) -> None:
    """The submitter is told that somebody else signs off."""
    li: Desk = await desks("li")
    await li.open("/finance/reports/530100/2018-04")
    await li.page.get_by_role("button", name="报送").click()
    await expect(li.page.locator("#next")).to_contain_text("须由另一位经办人签发")
    wang: Desk = await desks("wang")
    await wang.open("/finance/reports/530100/2018-04")
    await wang.page.get_by_role("button", name="签发").click()
    await expect(wang.page.get_by_role("status")).to_have_text("月报已签发。")
    report = await busy_office.get("/reports/monthly", period="2018-04", area_code="530100")
    assert (report["submitted_by"], report["approved_by"]) == ("li", "wang")


async def test_two_days_of_a_policy_stand_side_by_side(desks: Any) -> None:
    """What differs between two days is listed in words, each figure with its source and whether it is enacted."""
    desk: Desk = await desks("shen")
    await desk.open("/finance/policies/yunnan?on=2018-05-12&beside=2022-02-01")
    table = desk.page.locator("table.compare")
    await expect(table).to_contain_text("兜底保障补足")
    await expect(table).to_contain_text("已颁布")
    await expect(desk.page.get_by_role("heading", name="变动时间线")).to_be_visible()


async def test_how_a_hospital_signs_is_approved_on_the_page_of_changes(desks: Any, busy_office: Office) -> None:
    """The change is shown with its key id, never its secret; a second officer's approval lets it hold."""
    code = busy_office.world.township
    await busy_office.hire("registrar-of-keys", scopes=["registry"])
    for key_id in ("his-1", "his-2"):
        body = {"profile": "A", "key_id": key_id, "secret": "a-secret-of-the-hospital"}
        who = busy_office.tokens["registrar-of-keys"]
        answer = await busy_office.client.put(f"/v1/hospitals/{code}/gateway", json=body, headers=who)
        assert answer.status_code == 200, answer.text
    li: Desk = await desks("li")
    await li.open("/finance/accounts")
    row = li.page.locator("tr", has_text="his-2")
    await expect(row).to_contain_text("registrar-of-keys")
    assert "a-secret-of-the-hospital" not in await li.page.content()
    await row.get_by_role("button", name="批准").click()
    await expect(li.page.get_by_role("status")).to_contain_text("旧密钥已作废")
    assert (await busy_office.get(f"/hospitals/{code}/gateway"))["key_id"] == "his-2"
