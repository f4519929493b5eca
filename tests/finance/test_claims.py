"""Claims of persons on the pages, in a real browser: what the office does from the bill paid in cash to the money."""

import secrets
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.clearing.office import Office
from tests.finance.conftest import Desk

pytestmark = pytest.mark.thorough


async def claim_of(office: Office, amount: str = "1000.00") -> dict[str, Any]:
    """The basic fund's claim of a bill that its person paid, settled by the officer ``sun``."""
    if "sun" not in office.tokens:
        await office.hire("sun", scopes=["finance"])
    day = "2018-06-28"
    bill = office.world.bill(amount, paid_by="patient", lines=[office.world.line(amount, day=day)])
    settled = await office.do("sun", "/settlements", bill | {"admitted_on": day, "discharged_on": day})
    found = (await office.get("/claims", settlement_id=settled["settlement_id"], fund="390100"))["data"]
    return dict(found[0])


async def test_a_claim_goes_its_way_on_its_page(desks: Any, busy_office: Office) -> None:
    """Cut, approved, sent, paid, returned and paid again; the list, the menu and the search lead to it; its slip is a
    PDF."""
    claim = await claim_of(busy_office)
    path = f"/finance/claims/{claim['claim_id']}"
    li: Desk = await desks("li")
    page = li.page
    await page.get_by_role("link", name="零星报销", exact=True).first.click()
    await page.locator("#list tbody").get_by_role("link", name=claim["claim_id"], exact=True).click()
    await expect(page).to_have_url(li.url + path)
    await page.get_by_text("提出审核扣款").first.click()
    await _cut(page, "9999.00")
    await expect(page.get_by_role("alert")).to_contain_text("应付余额")
    await expect(page.locator("#deduct-reason")).to_have_value("超适应症用药")
    await _cut(page, "50.00")
    await expect(page.get_by_role("status")).to_have_text("审核扣款已提出。")
    await page.get_by_role("button", name="批准", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("未决的审核扣款")
    await busy_office.hire("registrar", scopes=["registry"], area_code="530100")
    (made,) = (await busy_office.get("/clearing/deductions", claim_id=claim["claim_id"]))["data"]
    await busy_office.do("registrar", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    await li.open(path)
    await page.get_by_role("button", name="批准", exact=True).click()
    await page.get_by_role("button", name="送银行").click()
    await _pay(page, "9,999")
    await expect(page.get_by_role("alert")).to_contain_text("没有做任何改动")
    await _pay(page, claim["amount"].replace("950", "900"))
    await expect(page.get_by_role("status")).to_have_text("付款已登记。")
    await expect(page.get_by_role("heading", name="零星报销单").locator("xpath=..")).to_contain_text("已付清")
    paid = await busy_office.get(f"/claims/{claim['claim_id']}")
    assert (paid["state"], paid["deducted"], paid["paid"]) == ("paid", "50.00", "900.00")
    slip = await page.request.get(f"{li.url}{path}/slip.pdf")
    assert (slip.status, slip.headers["content-type"]) == (200, "application/pdf")
    await li.open(f"/finance/search?q={claim['claim_id']}")
    await expect(page).to_have_url(li.url + path)
    await busy_office.balanced()


async def test_what_is_at_the_bank_is_seen_and_recorded_after_a_reversal(desks: Any, busy_office: Office) -> None:
    """A claim that was sent and then taken back shows what the bank may still pay; what it paid is to be given back."""
    claim = await claim_of(busy_office)
    for move in ("approval", "sending"):
        await busy_office.do("li", f"/claims/{claim['claim_id']}/{move}")
    body = {"reason": "重复报销", "cascade": True}
    await busy_office.do(None, f"/settlements/{claim['settlement_id']}/reversal", body)
    li: Desk = await desks("li")
    await li.open(f"/finance/claims/{claim['claim_id']}")
    sums = li.page.locator(".sums")
    await expect(sums).to_contain_text("已送银行、尚未到账")
    await _pay(li.page, claim["amount"])
    await expect(li.page.get_by_role("status")).to_have_text("付款已登记。")
    await expect(sums).not_to_contain_text("已送银行、尚未到账")
    await expect(sums).to_contain_text("应由个人退回")
    await busy_office.balanced()


async def _cut(page: Page, amount: str) -> None:
    await page.locator("#deduct-amount").fill(amount)
    await page.locator("#deduct-code").fill("A03")
    await page.locator("#deduct-reason").fill("超适应症用药")
    await page.get_by_role("button", name="提出审核扣款").click()


async def _pay(page: Page, amount: str) -> None:
    await page.locator("#pay-amount").fill(amount)
    await page.locator("#pay-reference").fill(f"B{secrets.token_hex(5)}")
    await page.get_by_role("button", name="登记付款").click()


async def test_an_account_changes_by_two_people_and_holds_a_claim_up(desks: Any, busy_office: Office) -> None:
    """Asked for on the page, waiting in the to-do list, approved by another; only its last four characters are shown,
    and the claim that was approved before has to be approved again."""
    claim = await claim_of(busy_office, "800.00")
    await busy_office.do("li", f"/claims/{claim['claim_id']}/approval")
    li: Desk = await desks("li")
    await li.open(f"/finance/persons/{claim['person_id']}")
    await expect(li.page.locator("#claims")).to_contain_text(claim["claim_id"])
    await li.page.locator("#account").get_by_role("link", name="申请变更收款账户").click()
    await expect(li.page.locator("#account-person")).to_have_value(claim["person_id"])
    for field, text in (("bank", "农行滇禾支行"), ("name", "李某"), ("number", "6228480012345678")):
        await li.page.locator(f"#account-{field}").fill(text)
    await li.page.get_by_role("button", name="申请变更收款账户").click()
    await expect(li.page.get_by_role("status")).to_contain_text("须由另一位经办人批准")
    await expect(li.page.locator("#list")).to_contain_text("须由另一位经办人批准")
    await expect(li.page.locator("#list")).to_contain_text("************5678")
    wang: Desk = await desks("wang")
    await wang.open("/finance/waiting")
    await wang.page.get_by_role("link", name="待批准收款账户变更").click()
    await wang.page.get_by_role("button", name="批准", exact=True).click()
    await expect(wang.page.get_by_role("status")).to_have_text("收款账户变更已生效。")
    await wang.open(f"/finance/claims/{claim['claim_id']}")
    await expect(wang.page.locator("#next")).to_contain_text("须由另一位经办人重新批准")
    await expect(wang.page.get_by_role("button", name="送银行")).to_have_count(0)
    await wang.page.get_by_role("button", name="批准", exact=True).click()
    await expect(wang.page.get_by_role("button", name="送银行")).to_be_visible()
    assert "62284800" not in await wang.page.content()


async def test_whoever_settled_is_told_that_another_person_has_to_approve(desks: Any, busy_office: Office) -> None:
    """No button to approve for the maker; a claim that its person owes back offers the repayment."""
    await busy_office.hire("sun", scopes=["finance"]) if "sun" not in busy_office.tokens else None
    claim = await claim_of(busy_office, "600.00")
    for step in ("approval", "sending"):
        await busy_office.do("li", f"/claims/{claim['claim_id']}/{step}")
    paid = {"amount": claim["amount"], "paid_on": "2018-07-02", "bank_reference": f"B{secrets.token_hex(5)}"}
    await busy_office.do("li", f"/claims/{claim['claim_id']}/payments", paid)
    reversal = {"reason": "重复报销", "cascade": True}
    await busy_office.do("sun", f"/settlements/{claim['settlement_id']}/reversal", reversal)
    wang: Desk = await desks("wang")
    await wang.open(f"/finance/claims/{claim['claim_id']}")
    await expect(wang.page.locator("#next")).to_contain_text("登记个人退回的金额")
    await wang.page.locator("#repay-reference").fill(f"R{secrets.token_hex(5)}")
    await wang.page.get_by_role("button", name="登记归还").click()
    await expect(wang.page.get_by_role("status")).to_have_text("个人退回已登记。")
    assert (await busy_office.get(f"/claims/{claim['claim_id']}"))["state"] == "reversed"
