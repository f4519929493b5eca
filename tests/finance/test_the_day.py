"""An officer's day: what a finance office does with the pages, task by task, with the number of its clicks; the five
main ones by the keyboard alone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.clearing.bank import Booking, asked, camt053
from tests.clearing.office import Office, office
from tests.finance.conftest import WIDE, Desk, _bills, _people
from tests.finance.test_claims import claim_of

pytestmark = pytest.mark.thorough
MOST_CLICKS: Final = 7
COUNT: Final = """addEventListener("pointerdown", () => {
  localStorage.setItem("clicks", 1 + Number(localStorage.getItem("clicks") || 0)); }, true)"""
"""Every press of a button of the mouse is one click, wherever it lands."""


@dataclass
class Day:
    """The desks of two officers on one day, and what was done so far."""

    office: Office
    li: Desk
    wang: Desk
    answer: bytes = b""
    """What the bank answers to the file that was given out."""
    clicks: dict[str, int] = field(default_factory=dict)


@pytest.fixture
async def day(database_server: str, browser: Browser) -> AsyncIterator[Day]:
    """2 July 2018: April approved with orders sent, May declared by ``li``, June not declared yet."""
    async with office(database_server, "2018-03-20T10:00:00+08:00") as opened:
        await _people(opened)
        await opened.hire("qian", scopes=["registry"])
        account = {"bank_account": PAYEE}
        path = f"/v1/hospitals/{opened.world.township}"
        asked_for = await opened.client.put(path, json=HOSPITAL | account, headers=opened.tokens["qian"])
        change = asked_for.json()["bank_account_change"]["change_id"]
        await opened.do("li", f"/bank-account-changes/{change}/approval")
        for period, after in (("2018-04", "2018-05"), ("2018-05", "2018-06")):
            await _bills(opened, f"{period}-20")
            await opened.at(f"{after}-05")
            if period == "2018-05":
                await opened.declared(period)
                continue
            statement = await opened.approved(period)
            for fund in statement["funds"]:
                await opened.sent(await opened.ordered(statement, fund["fund"]))
        await _bills(opened, "2018-06-20")
        await opened.at("2018-07-02")
        url = str(opened.client.base_url).rstrip("/")
        desks = []
        for name in ("li", "wang"):
            context = await browser.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
            await context.add_init_script(COUNT)
            desks.append(Desk(context, await context.new_page(), url))
            await desks[-1].log_in(name)
            desks[-1].page.set_default_timeout(10_000)
        yield Day(opened, *desks)
        for one in desks:
            await one.context.close()


HOSPITAL: Final = {"name": "滇禾县城关镇卫生院", "level": 1, "rank": "township", "area_code": "530127"}
PAYEE: Final = {
    "bank_name": "农行滇禾支行",
    "account_name": "滇禾县城关镇卫生院",
    "account_number": "6228480012345678",
}
Task = Callable[[Day], Awaitable[None]]


def nav(page: Page, name: str) -> Locator:
    """An entry of the menu."""
    return page.get_by_role("navigation", name="主导航").get_by_role("link", name=name)


async def done(page: Page, text: str = "") -> None:
    """The page says that the step was taken."""
    await expect(page.get_by_role("status").first).to_contain_text(text)


async def batch(page: Page, menu: str, step: str, confirm: str) -> None:
    """A step of every row that the filters find."""
    await nav(page, menu).click()
    await page.get_by_label("符合条件的全部").check()
    await page.get_by_role("button", name=step, exact=True).click()
    await page.get_by_role("button", name=confirm).click()
    await expect(page.locator("#batch-result h2")).to_contain_text("未办理 0 条")


async def rate(day: Day) -> None:
    await day.li.page.locator("a[data-of=required]").first.click()
    await expect(day.li.page.locator("#required")).to_be_visible()


async def overdue(day: Day) -> None:
    await day.li.page.locator("a[data-of=overdue]:not(:text-is('0.00'))").first.click()
    await day.li.page.locator("#stages a").first.click()
    await expect(day.li.page.locator("#list tbody tr").first).to_be_visible()


async def waiting(day: Day) -> None:
    await nav(day.wang.page, "待办").click()
    await day.wang.page.locator("#mine a").first.click()
    await expect(day.wang.page.locator("#list")).to_be_visible()


async def calendar(day: Day) -> None:
    await nav(day.li.page, "待办").click()
    await day.li.page.locator("#calendar tbody a").first.click()
    await expect(day.li.page.get_by_role("heading").first).to_be_visible()


async def by_hospital(day: Day) -> None:
    await found(day.li.page, "滇禾县城关镇", f"/finance/hospitals/{day.office.world.township}")


async def found(page: Page, typed: str, path: str) -> None:
    """The search box leads to a page."""
    await page.locator("#find").click()
    await page.keyboard.type(typed)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{path}")


async def person(day: Day) -> None:
    one = (await day.office.get("/settlements", limit=1))["data"][0]["person_id"]
    await found(day.li.page, one, f"/finance/persons/{one}")
    await expect(day.li.page.locator("#list tbody tr").first).to_be_visible()


async def declare(day: Day) -> None:
    page = day.li.page
    await nav(page, "月度结算申报表").click()
    await page.get_by_role("link", name="批量申报月份").click()
    await page.get_by_role("button", name="确认申报").click()
    await expect(page.locator("#batch-result h2")).to_contain_text("未办理 0 条")
    assert (await day.office.get("/clearing/statements", period="2018-06"))["data"]


async def compare(day: Day) -> None:
    (one,) = (await day.office.get("/clearing/statements", period="2018-06"))["data"]
    read = await day.office.get(f"/clearing/statements/{one['statement_id']}")
    page = day.wang.page
    await nav(page, "月度结算申报表").click()
    await page.locator("#list tbody").get_by_role("link", name=one["statement_id"], exact=True).click()
    await page.get_by_text("与医疗机构数比对").first.click()
    for fund in read["funds"]:
        await page.locator(f"[name=count_{fund['fund']}]").fill(str(fund["count"]))
        await page.locator(f"[name=amount_{fund['fund']}]").fill(fund["amount"])
    await page.get_by_role("button", name="与医疗机构数比对").click()
    await done(page, "比对完成")


async def deduct(day: Day) -> None:
    (one,) = (await day.office.get("/clearing/statements", period="2018-05"))["data"]
    item = (await day.office.get(f"/clearing/statements/{one['statement_id']}/items"))["data"][0]
    page = day.wang.page
    await nav(page, "月度结算申报表").click()
    await page.locator("#list tbody").get_by_role("link", name=one["statement_id"], exact=True).click()
    await page.get_by_text("提出审核扣款").first.click()
    fields = {"settlement": item["settlement_id"], "amount": "10", "code": "A03", "reason": "超适应症用药"}
    for name, text in fields.items():
        await page.locator(f"#deduct-{name}").fill(text)
    await page.get_by_role("button", name="提出审核扣款").click()
    await done(page, "审核扣款已提出")
    (made,) = (await day.office.get("/clearing/deductions"))["data"]
    await day.office.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")


async def approve_statements(day: Day) -> None:
    await batch(day.wang.page, "月度结算申报表", "批量批准", "确认批准")


async def order(day: Day) -> None:
    (one,) = (await day.office.get("/clearing/statements", period="2018-06"))["data"]
    page = day.li.page
    await nav(page, "月度结算申报表").click()
    await page.locator("#list tbody").get_by_role("link", name=one["statement_id"], exact=True).click()
    await page.get_by_text("生成拨付单").first.click()
    await page.locator("details[open]").get_by_role("button", name="生成拨付单").click()
    await done(page, "拨付单已生成")


async def approve_orders(day: Day) -> None:
    await batch(day.wang.page, "拨付单", "批量批准", "确认批准")


async def send_orders(day: Day) -> None:
    await batch(day.li.page, "拨付单", "批量送银行", "确认送银行")


async def pay(day: Day) -> None:
    one = (await day.office.get("/disbursements", state="sent"))["data"][-1]["disbursement_id"]
    page = day.li.page
    await nav(page, "拨付单").click()
    await page.get_by_label(f"选中 {one}", exact=True).check()
    await page.get_by_role("button", name="批量登记付款").click()
    await page.locator(f"[name=reference_{one}]").fill("ICBC-1")
    await page.get_by_role("button", name="登记填了流水号的付款").click()
    await expect(page.locator("#batch-result h2")).to_contain_text("已办理 1 条")


async def payment_batch(day: Day) -> None:
    page = day.li.page
    await nav(page, "拨付单").click()
    for one in (await day.office.get("/disbursements", state="sent"))["data"][:2]:
        await page.get_by_label(f"选中 {one['disbursement_id']}", exact=True).check()
    await page.get_by_role("button", name="生成付款批次").click()
    for name, text in (("bank_name", "工行"), ("account_name", "医保专户"), ("account_number", "530100001")):
        await page.locator(f"#paying-{name}").fill(text)
    await page.get_by_role("button", name="生成付款批次").click()
    await done(page)


async def bank_file(day: Day) -> None:
    page = day.wang.page
    await nav(page, "付款批次").click()
    await page.locator("#list tbody a").first.click()
    await page.get_by_role("button", name="批准", exact=True).click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="下载 pain.001").click()
    content = Path(await (await download.value).path()).read_bytes()
    answers = [
        Booking(f"E{at}", one.amount, one.reference, one.account) for at, one in enumerate(asked(content), start=1)
    ]
    day.answer = camt053(answers, "2018-07-02")


async def receipt(day: Day) -> None:
    page = day.li.page
    await nav(page, "银行回盘").click()
    await page.locator("#receipt-file").set_input_files(
        {"name": "camt.xml", "mimeType": "application/xml", "buffer": day.answer}
    )
    await page.get_by_role("button", name="上传并入账").click()
    await done(page, "回盘文件已处理")


async def claim(day: Day) -> None:
    made = await claim_of(day.office)
    page = day.wang.page
    await nav(page, "零星报销").click()
    await page.locator("#list tbody").get_by_role("link", name=made["claim_id"], exact=True).click()
    await page.get_by_role("button", name="批准", exact=True).click()
    await done(page, "零星报销单已批准")


async def close(day: Day) -> None:
    page = day.li.page
    await nav(page, "关账").click()
    await page.locator("#month").fill("2018-04")
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="关闭月份").click()
    await done(page, "月份已关闭")


async def report(day: Day) -> None:
    page = day.li.page
    await nav(page, "月报").click()
    await page.locator("tbody a", has_text="2018-05").first.click()
    await page.get_by_role("button", name="报送").click()
    await done(page, "报送")


async def on_paper(day: Day) -> None:
    page = day.li.page
    await nav(page, "拨付单").click()
    async with page.expect_response("**/request.pdf*") as answer:
        await page.get_by_role("link", name="打印拨款申请表").click()
    assert (await answer.value).headers["content-type"] == "application/pdf"


async def months(day: Day) -> None:
    page = day.li.page
    await nav(page, "月度汇总").click()
    await expect(page.locator("#hospitals tbody tr").first).to_be_visible()


TASKS: Final[tuple[tuple[str, str, Task], ...]] = (
    ("拨付率到年底够不够，尚需拨付由什么组成", "li", rate),
    ("逾期卡在哪一步", "li", overdue),
    ("有什么等我办", "wang", waiting),
    ("哪天到期、还缺什么", "li", calendar),
    ("按名称查到医疗机构", "li", by_hospital),
    ("查一个人的年度、账单和余额", "li", person),
    ("为全部医疗机构申报一个月", "li", declare),
    ("与医疗机构的数比对", "wang", compare),
    ("提出审核扣款", "wang", deduct),
    ("批量批准月度结算申报表", "wang", approve_statements),
    ("生成拨付单", "li", order),
    ("批量批准拨付单", "wang", approve_orders),
    ("批量送银行", "li", send_orders),
    ("登记付款", "li", pay),
    ("生成付款批次", "li", payment_batch),
    ("批准付款批次并取得银行文件", "wang", bank_file),
    ("上传银行回盘", "li", receipt),
    ("批准零星报销", "wang", claim),
    ("关闭一个月", "li", close),
    ("报送月报", "li", report),
    ("打印拨款申请表", "li", on_paper),
    ("与上月、上年同月比较", "li", months),
)


async def test_each_task_of_the_day_takes_few_clicks(day: Day) -> None:
    """From the first page to the end of each task; the clicks of each are printed."""
    assert len(TASKS) == 22
    for name, who, task in TASKS:
        desk = day.li if who == "li" else day.wang
        await desk.open("/finance")
        await desk.page.evaluate("localStorage.setItem('clicks', 0)")
        await task(day)
        day.clicks[name] = int(await desk.page.evaluate("localStorage.getItem('clicks')"))
    print("\n".join(f"{clicks:3} {name}" for name, clicks in day.clicks.items()))  # noqa: T201
    print(f"{sum(day.clicks.values()):3} 合计")  # noqa: T201
    assert {name: clicks for name, clicks in day.clicks.items() if clicks > MOST_CLICKS} == {}
    await day.office.balanced()


async def tabbed(page: Page, to: Locator) -> None:
    """Go to an element with the tab key."""
    for _ in range(400):
        if await to.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError("the tab key doesn't come there")


async def pressed(page: Page, to: Locator, key: str = "Enter") -> None:
    """Go to an element with the tab key and press a key there."""
    await tabbed(page, to)
    await page.keyboard.press(key)


async def batch_by_keys(page: Page, menu: str, step: str, confirm: str) -> None:
    """A batch without a mouse."""
    await pressed(page, nav(page, menu))
    await page.wait_for_load_state()
    await pressed(page, page.get_by_label("符合条件的全部"), "Space")
    await pressed(page, page.get_by_role("button", name=step, exact=True))
    await pressed(page, page.get_by_role("button", name=confirm))
    await expect(page.locator("#batch-result h2")).to_contain_text("未办理 0 条")


async def test_the_main_tasks_need_no_mouse(day: Day) -> None:
    """Declaring a month, approving statements, finding and paying an order, sending: by the keyboard alone."""
    li, wang = day.li.page, day.wang.page
    for page in (li, wang):
        await page.evaluate("localStorage.setItem('clicks', 0)")
    await pressed(li, nav(li, "月度结算申报表"))
    await pressed(li, li.get_by_role("link", name="批量申报月份"))
    await pressed(li, li.get_by_role("button", name="确认申报"))
    await expect(li.locator("#batch-result h2")).to_contain_text("未办理 0 条")
    await batch_by_keys(wang, "月度结算申报表", "批量批准", "确认批准")
    (statement,) = (await day.office.get("/clearing/statements", period="2018-06"))["data"]
    made = await day.office.ordered(await day.office.get(f"/clearing/statements/{statement['statement_id']}"))
    await batch_by_keys(wang, "拨付单", "批量批准", "确认批准")
    await batch_by_keys(li, "拨付单", "批量送银行", "确认送银行")
    await li.keyboard.press("/")
    await li.keyboard.type(made["disbursement_id"])
    await li.keyboard.press("Enter")
    await li.wait_for_url(f"**/{made['disbursement_id']}")
    await tabbed(li, li.get_by_label("银行流水号"))
    await li.keyboard.type("ICBC-9")
    await li.keyboard.press("Enter")
    await done(li, "付款已登记")
    assert [await page.evaluate("localStorage.getItem('clicks')") for page in (li, wang)] == ["0", "0"]
