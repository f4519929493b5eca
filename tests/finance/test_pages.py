"""The finance pages in a real browser: what an officer does all day."""

import os
from collections.abc import Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
from playwright.async_api import Page, expect

from tests.clearing.bank import Booking
from tests.clearing.office import Office
from tests.clearing.test_receipt_closing import received
from tests.finance.conftest import FIRST, NARROW, WIDE, Desk
from tests.finance.test_claims import claim_of
from tests.readjudication.desk import until
from tests.reform.stored import HIGHER, finished
from tests.world import id_number, key

pytestmark = pytest.mark.thorough

PARTS = ("claims", "office", "orders", "settlements", "overview")
SIZES = {"wide": WIDE, "narrow": NARROW}
PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"


async def order_of(office: Office, period: str, fund: str = "390100") -> dict[str, Any]:
    """The order of a month and fund, as the API has it."""
    (found,) = (await office.get("/disbursements", period=period, fund=fund))["data"]
    return dict(found)


async def first_settlement(office: Office) -> str:
    """The id of a settlement that no test corrects, whatever the others have done already."""
    (found,) = (await office.get("/settlements", **{"from": "2018-05-20", "to": "2018-05-20", "limit": 1}))["data"]
    return str(found["settlement_id"])


async def test_from_the_overview_down_to_one_settlement(desks: Any) -> None:
    """Fund, orders with the filter in the address, order, statement, settlement with its waterfall and its proof."""
    desk: Desk = await desks("li")
    page = desk.page
    await expect(page.get_by_role("heading", name="基金拨付总览")).to_be_visible()
    await expect(page.locator("[data-chart=curve] svg")).to_have_count(3)
    await page.get_by_role("link", name="基本医保").first.click()
    await expect(page).to_have_url(f"{desk.url}/finance/orders?fund=390100")
    await page.locator("#filter-period").fill("2018-04")
    await expect(page).to_have_url(f"{desk.url}/finance/orders?period=2018-04&fund=390100")
    await expect(page.locator("#list tbody tr")).to_have_count(1)
    await page.locator("#list tbody a").click()
    await expect(page.get_by_role("heading", name="金额的由来")).to_be_visible()
    await page.locator("dl.facts").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="申报明细")).to_be_visible()
    await page.locator("#list tbody a").first.click()
    await expect(page.locator("[data-chart=waterfall] svg")).to_be_visible()
    await expect(page.locator("[data-chart=waterfall]")).to_contain_text("医疗费总额")
    await expect(page.locator("table.trace")).to_contain_text("起付线")
    await page.get_by_role("link", name="用当时保存的输入重新计算并比对").click()
    await expect(page.locator("#proof")).to_contain_text("✓ 结果一致")


async def test_what_is_shown_is_what_the_api_says(desks: Any, busy_office: Office) -> None:
    """The rate is the API's, rounded down; what is still required is the biggest number of its card."""
    rates = (await busy_office.get("/payout-rates", year="2018"))["data"]
    (basic,) = [row for row in rates if row["fund"] == "390100"]
    desk: Desk = await desks("li")
    card = desk.page.locator(".funds article").first
    digits = basic["incurred_ratio"].replace(".", "")
    await expect(card.locator("dd").first).to_have_text(f"{int(digits[:3])}.{digits[3:]}%")
    whole, rest = basic["required"].split(".")
    await expect(card.locator(".required")).to_contain_text(f"{int(whole):,}.{rest}")


async def test_sorting_goes_back_and_can_be_shared(desks: Any) -> None:
    """A sorted list has its own address: the back button leaves it, somebody else's browser opens it after the
    login."""
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/orders?state=sent")
    await page.locator("#sort-amount").click()
    await expect(page).to_have_url(f"{desk.url}/finance/orders?state=sent&sort=amount")
    await expect(page.locator("th[aria-sort=ascending]")).to_contain_text("金额")
    amounts = await page.locator("#list tbody tr td:nth-child(6)").all_inner_texts()
    values = [float(text.replace(",", "")) for text in amounts]
    assert len(values) > 1
    assert values == sorted(values)
    await page.go_back()
    await expect(page.locator("th[aria-sort=descending]")).to_contain_text("拨付单号")
    other: Desk = await desks(None)
    await other.open("/finance/orders?state=sent&sort=amount")
    await other.page.get_by_label("用户名").fill("shen")
    await expect(other.page).to_have_url(
        f"{desk.url}/finance/login?next=%2Ffinance%2Forders%3Fstate%3Dsent%26sort%3Damount"
    )


async def test_a_payment_takes_two_people(desks: Any, busy_office: Office) -> None:
    """The maker can't approve; the second person does; too much is refused and stays typed; the rest is paid once."""
    order = await order_of(busy_office, "2018-05")
    path = f"/finance/orders/{order['disbursement_id']}"
    li: Desk = await desks("li")
    wang: Desk = await desks("wang")
    await li.open(path)
    await expect(li.page.locator("#next")).to_contain_text("须由另一位经办人批准")
    await expect(li.page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    await wang.open(path)
    await wang.page.get_by_role("button", name="批准", exact=True).click()
    await expect(wang.page.get_by_role("status")).to_have_text("拨付单已批准。")
    await li.open(path)
    await li.page.get_by_role("button", name="送银行").click()
    await _pay(li.page, "99999999.00", "BANK-7001")
    await expect(li.page.get_by_role("alert")).to_contain_text("没有做任何改动")
    await expect(li.page.get_by_label("银行流水号")).to_have_value("BANK-7001")
    await _pay(li.page, order["amount"], "BANK-7001")
    await expect(li.page.get_by_role("status")).to_have_text("付款已登记。")
    paid = await order_of(busy_office, "2018-05")
    assert (paid["state"], paid["paid"], paid["approved_by"]) == ("paid", order["amount"], "wang")
    await busy_office.balanced()


async def _pay(page: Page, amount: str, reference: str) -> None:
    await page.get_by_label("金额", exact=True).fill(amount)
    await page.get_by_label("银行流水号").fill(reference)
    await page.get_by_role("button", name="登记付款").click()


async def test_a_form_sent_twice_acts_once(desks: Any, busy_office: Office) -> None:
    """The same form, repeated by a reload or a second click, changes nothing more and leads to the same page."""
    order = await order_of(busy_office, "2018-04")
    desk: Desk = await desks("li")
    await desk.open(f"/finance/orders/{order['disbursement_id']}")
    form = desk.page.locator("form[action$='/pay']")
    fields = {name: await form.locator(f"[name={name}]").input_value() for name in ("csrf", "key", "amount", "paid_on")}
    for _ in range(2):
        sent = await desk.context.request.post(
            f"{desk.url}/finance/orders/{order['disbursement_id']}/pay", form=fields | {"bank_reference": "BANK-7002"}
        )
        assert sent.ok
    again = await order_of(busy_office, "2018-04")
    assert again["paid"] == order["amount"]


async def test_lists_are_taken_as_files(desks: Any, busy_office: Office) -> None:
    """The workbook holds the page's rows, money as numbers, codes as text, days as days, and the sums; CSV the same."""
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/orders?fund=610100")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="导出 Excel").click()
    book = openpyxl.load_workbook(BytesIO(Path(await (await download.value).path()).read_bytes()))
    title, heads, *rows, sums = book.active.iter_rows(values_only=True)
    expected = (await busy_office.get("/disbursements", fund="610100"))["data"]
    assert "610100" in title[0]
    assert len(expected) > 1
    assert [row[0] for row in rows] == [one["disbursement_id"] for one in expected]
    at = {name: index for index, name in enumerate(heads)}
    assert [f"{row[at['金额']]:.2f}" for row in rows] == [one["amount"] for one in expected]
    assert [row[at["应付日期"]].date().isoformat() for row in rows] == [one["due_on"] for one in expected]
    assert {row[at["基金"]] for row in rows} == {"610100"}
    assert {row[at["基金名称"]] for row in rows} == {"医疗救助"}
    assert sums[at["金额"]] == pytest.approx(sum(float(one["amount"]) for one in expected))
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    content = Path(await (await download.value).path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert f"\n{expected[0]['disbursement_id']}," in content.decode("utf-8-sig")


async def test_the_slip_is_a_pdf(desks: Any, busy_office: Office) -> None:
    """The page's link gives an A4 PDF of the settlement, the same bytes each time."""
    number = await first_settlement(busy_office)
    desk: Desk = await desks("li")
    await desk.open(f"/finance/settlements/{number}")
    address = await desk.page.get_by_role("link", name="结算单 PDF").get_attribute("href")
    first, second = [await desk.context.request.get(desk.url + str(address)) for _ in range(2)]
    content = await first.body()
    assert first.headers["content-type"] == "application/pdf"
    assert content.startswith(b"%PDF-1.7")
    assert content == await second.body()
    assert number.encode() in content
    assert b"MediaBox[0 0 595.27" in content.replace(b"MediaBox [", b"MediaBox[")
    assert BytesIO(content).getbuffer().nbytes < 600_000


async def test_the_language_is_switched_and_stays(desks: Any) -> None:
    """English by the link above, on every page of this browser, and Chinese again."""
    desk: Desk = await desks("li")
    page = desk.page
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", name="Payout overview")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await desk.open("/finance/orders?fund=390100")
    await expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    await page.get_by_role("link", name="中文").click()
    await expect(page).to_have_url(f"{desk.url}/finance/orders?fund=390100")
    await expect(page.get_by_role("heading", name="拨付单", exact=True)).to_be_visible()


async def test_a_page_shows_what_the_role_may_see(desks: Any) -> None:
    """An auditor of one fund sees its orders and no other's, and no step to take."""
    desk: Desk = await desks("shen")
    page = desk.page
    await expect(page.locator(".funds article")).to_have_count(1)
    await desk.open("/finance/orders")
    funds = set(await page.locator("#list tbody tr td:nth-child(4)").all_inner_texts())
    assert funds == {"基本医保"}
    await page.locator("#list tbody a").first.click()
    await expect(page.locator("#next")).to_contain_text("没有您可以执行的操作")


async def test_of_exports_one_sees_ones_own(desks: Any, busy_office: Office) -> None:
    """An officer's list of jobs has the export that they asked for, which leads to its page, and nobody else's."""
    wanted = {"list": "disbursements", "format": "csv"}
    jobs = {who: (await busy_office.do(who, "/exports", wanted))["job_id"] for who in ("li", "wang")}
    for who, other in (("li", "wang"), ("wang", "li")):
        desk: Desk = await desks(who)
        await desk.open("/finance/jobs?sort=job_id")
        found = desk.page.locator("#list")
        await expect(found).to_contain_text("导出")
        await expect(found.get_by_role("link", name=jobs[other], exact=True)).to_have_count(0)
        await found.get_by_role("link", name=jobs[who], exact=True).click()
        await expect(desk.page).to_have_url(f"{desk.url}/finance/exports/jobs/{jobs[who]}")


async def unusable(desk: Desk, page: str, axe_at: Sequence[str]) -> dict[str, list[str]]:
    """What hinders somebody on the page, by its size: what axe finds at some sizes, and what is wider than a window."""
    found = {}
    for name, size in SIZES.items():
        await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        wrong = await desk.violations() if name in axe_at else []
        if (wide := await desk.overflow()) > 0:
            wrong.append(f"{wide} pixels too wide")
        if wrong:
            found[f"{page} {size['width']}"] = wrong
    return found


async def paths_of_a_run(desk: Office) -> tuple[str, ...]:
    """The pages of readjudications, of one whose dry run is done."""
    made = await desk.do("li", "/readjudications", {"reason": "名单晚到", "source": "all", "year": 2018})
    shown = made["readjudication_id"]
    await until(desk, shown, lambda found: found["state"] == "computed")
    path = "/finance/readjudications"
    return path, f"{path}/{shown}", f"{path}/rows?readjudication_id={shown}"


async def paths_of_a_simulation(desk: Office) -> tuple[str, ...]:
    """The pages of simulations, of one that is done."""
    body = {"pack": "yunnan", "reform": HIGHER, "from": "2018-01-01", "to": "2018-12-31", "budget": "1000000.00"}
    shown = (await desk.do("wang", "/simulations", body))["job_id"]
    await finished(desk, shown, "wang")
    return "/finance/simulations", f"/finance/simulations/{shown}"


OFFICE: Final = (
    "/finance/closings",
    "/finance/closings/year?year=2018&area_code=530100",
    "/finance/reports?area_code=530100",
    "/finance/reports/530100/2018-05",
    "/finance/jobs",
    "/finance/lists",
    "/finance/policies",
    "/finance/policies/yunnan?beside=2022-02-01",
    "/finance/password",
    "/finance/second-factor",
    "/finance/help",
)
"""The pages of closings, reports, imports and policies."""


@pytest.fixture(scope="module")
async def every_page(busy_office: Office) -> dict[str, tuple[str, ...]]:
    """The pages, in parts that are walked in some minutes each."""
    number, order = await first_settlement(busy_office), await order_of(busy_office, "2018-04")
    body = {"hospital_code": busy_office.world.township, "area_code": "530100", "fund": "390100"}
    await busy_office.do("li", "/prepayments", body | {"amount": "1000.00", "year": 2018})
    person = (await busy_office.get(f"/settlements/{number}"))["person_id"]
    claim = await claim_of(busy_office)
    receipt = await received(busy_office, [Booking("E1", "7.77", "somebody else's")])
    return {
        "overview": (
            "/finance",
            "/finance/overdue?year=2018",
            "/finance/figures?year=2018&fund=390100",
            "/finance/months?period=2018-05",
            "/finance/waiting",
            "/finance/search",
            "/finance/search?q=滇禾县城关镇",
            f"/finance/persons/{person}",
            f"/finance/hospitals/{busy_office.world.township}?year=2018",
            "/finance/nowhere",
        ),
        "orders": (
            "/finance/orders",
            f"/finance/orders/{order['disbursement_id']}",
            "/finance/orders/dis_999999",
            "/finance/orders/batch/approve?all=1",
            "/finance/orders/batch/pay?all=1&state=sent",
            "/finance/payment-batches",
            "/finance/payment-batches/new?id=dis_1",
            "/finance/bank-receipts?open=1",
            f"/finance/bank-receipts/{receipt['receipt_id']}",
            "/finance/bank-checks",
            "/finance/prepayments",
            "/finance/prepayments/batch/approve?all=1",
            "/finance/prepayments/pre_1",
            "/finance/deposits",
        ),
        "settlements": (
            "/finance/statements",
            "/finance/statements/batch/declare",
            f"/finance/statements/{order['statement_id']}",
            "/finance/settlements",
            f"/finance/settlements/{number}",
            f"/finance/settlements/{number}/reverse",
            f"/finance/settlements/{number}/refund",
            f"/finance/persons/{person}/years/2018/readjudication",
            "/finance/reconciliation",
            "/finance/audit",
        ),
        "claims": (
            "/finance/claims",
            f"/finance/claims/{claim['claim_id']}",
            f"/finance/persons/{claim['person_id']}",
            "/finance/accounts",
            "/finance/balances",
            "/finance/imports",
            "/finance/imports/detail",
            *(await paths_of_a_run(busy_office) + await paths_of_a_simulation(busy_office)),
        ),
        "office": OFFICE,
    }


@pytest.mark.parametrize(
    ("part", "language", "axe_at"),
    [
        *((part, "zh", "wide") for part in PARTS),
        ("overview", "en", "narrow"),
        *(pytest.param(*one, "wide narrow", marks=pytest.mark.soak) for one in product(PARTS, ("zh", "en"))),
    ],
)
async def test_every_page_is_usable_by_everybody(
    desks: Any, every_page: dict[str, tuple[str, ...]], part: str, language: str, axe_at: str
) -> None:
    """At 1440 and at 390 pixels: axe finds nothing, nothing scrolls sideways; in both languages."""
    desk: Desk = await desks("wang")
    await desk.open(f"/finance/language/{language}")
    found: dict[str, Any] = {}
    for path in every_page[part]:
        await desk.open(path)
        found |= await unusable(desk, f"{path} {language}", axe_at.split())
    desk.complaints = [one for one in desk.complaints if "404" not in one]
    assert found == {}


async def test_the_audit_log_is_an_auditors_page(desks: Any) -> None:
    """An auditor reads who did what, in both languages and on a phone; who is none isn't shown the way there."""
    desk: Desk = await desks("shen")
    for language, title in (("zh", "审计日志"), ("en", "Audit log")):
        await desk.open(f"/finance/language/{language}")
        await desk.open("/finance/audit-log?subject=shen")
        assert title in await desk.page.inner_text("h1")
        assert "GET /finance" in await desk.page.inner_text("table")
        for size in (WIDE, NARROW):
            await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
            assert await desk.violations() == []
            assert await desk.overflow() <= 0
    other: Desk = await desks("wang")
    assert await other.page.locator("a[href='/finance/audit-log']").count() == 0


async def test_the_registrys_and_the_administrators_pages(desks: Any, busy_office: Office) -> None:
    """Uploads, a job with its rows and the accounts are usable in both languages and on a phone."""
    everything = {"name": "root", "password": FIRST, "scopes": ["admin"]}
    answer = await busy_office.client.post("/v1/users", json=everything, headers=key())
    assert answer.status_code == 201, answer.text
    content = f"身份证号,人员类别\n{id_number()},低保\n".encode()
    headers = key() | {"Content-Type": "text/csv"}
    job = await busy_office.client.post("/v1/registry/imports?area_code=530127", content=content, headers=headers)
    desk: Desk = await desks("root")
    wrong: dict[str, Any] = {}
    for language in ("zh", "en"):
        await desk.open(f"/finance/language/{language}")
        for path in (
            *(f"/finance/imports/{kind}" for kind in ("poverty-list", "catalogue", "hospital-codes")),
            f"/finance/jobs/{job.json()['job_id']}",
            "/finance/users",
        ):
            await desk.open(path)
            for size in (WIDE, NARROW):
                await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
                if found := [*await desk.violations(), *(["too wide"] if await desk.overflow() > 0 else [])]:
                    wrong[f"{path} {language} {size['width']}"] = found
    assert wrong == {}


async def test_an_id_number_is_whole_for_a_purpose(desks: Any, busy_office: Office) -> None:
    """A person's page masks the id number until somebody of the office says what for, which the audit log keeps."""
    person = (await busy_office.get(f"/settlements/{await first_settlement(busy_office)}"))["person_id"]
    desk: Desk = await desks("wang")
    await desk.open(f"/finance/persons/{person}")
    assert "********" in await desk.page.inner_text(".facts")
    for size in (WIDE, NARROW):
        await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        assert await desk.violations() == []
        assert await desk.overflow() <= 0
    await desk.page.get_by_label("查看用途（记入审计日志）").fill("核对收款人")
    await desk.page.get_by_role("button", name="显示完整号码").click()
    await expect(desk.page.locator(".facts")).not_to_contain_text("********")
    newest, *_ = (await busy_office.get("/audit-log", subject="wang", about=person))["data"]
    assert (newest["operation"], newest["reason"]) == ("GET /finance/persons/{person_id}", "核对收款人")


async def test_one_box_finds_everything(desks: Any, busy_office: Office) -> None:
    """By the key / a number, a visit, a hospital's name, a person lead to their pages; what isn't there is said so."""
    number, order = await first_settlement(busy_office), await order_of(busy_office, "2018-04")
    settled = await busy_office.get(f"/settlements/{number}")
    desk: Desk = await desks("li")
    page = desk.page
    for typed, address in (
        (order["disbursement_id"], f"/finance/orders/{order['disbursement_id']}"),
        (number, f"/finance/settlements/{number}"),
        (settled["visit_id"], f"/finance/settlements/{number}"),
        (settled["person_id"], f"/finance/persons/{settled['person_id']}"),
        ("滇禾县城关镇", f"/finance/hospitals/{busy_office.world.township}"),
    ):
        await desk.open("/finance/orders")
        await page.keyboard.press("/")
        await page.keyboard.type(typed)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(desk.url + address)
    await desk.open("/finance/search?q=nobody")
    await expect(page.locator("#list")).to_contain_text("没有找到“nobody”")


async def test_what_waits_for_me_is_apart_from_what_waits_for_others(desks: Any, busy_office: Office) -> None:
    """A draft by li waits for wang, who sees its count in the menu; li sees that it waits for somebody else. Each
    count is that of the list to which it leads."""
    drafts = (await busy_office.get("/disbursements", state="draft"))["data"]
    statements = (await busy_office.get("/clearing/statements", state="declared"))["data"]
    assert {one["created_by"] for one in drafts} <= {"li"}
    wang: Desk = await desks("wang")
    await wang.open("/finance/waiting")
    await expect(wang.page.locator("nav .badge.count")).to_have_count(1)
    waiting = wang.page.locator("#mine li")
    await expect(waiting.filter(has_text="待批准月度结算申报表（已申报）").locator(".n")).to_have_text(
        str(len(statements))
    )
    li: Desk = await desks("li")
    await li.open("/finance/waiting")
    await expect(li.page.locator("#others li").filter(has_text="待批准月度结算申报表（已申报）")).to_have_count(1)
    await expect(li.page.locator("#mine li").filter(has_text="待批准月度结算申报表（已申报）")).to_have_count(0)
    for line in await wang.page.locator("#mine li").all():
        href, count = await line.locator("a").get_attribute("href"), await line.locator(".n").inner_text()
        if "state=" in str(href):
            await li.open(str(href))
            await expect(li.page.locator("#list h2")).to_have_text(f"共 {count} 条")


async def test_an_unknown_page_keeps_the_menu(desks: Any) -> None:
    """An address that isn't there is a page in the reader's words, with the menu; a filter that can't be read is said
    so."""
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/nowhere")
    await expect(page.get_by_role("navigation", name="主导航")).to_be_visible()
    await expect(page.get_by_text("没有这个页面")).to_be_visible()
    desk.complaints = [one for one in desk.complaints if "404" not in one]
    await desk.open("/finance/orders?state=nothing")
    await expect(page.get_by_role("alert")).to_contain_text("状态")


async def test_the_first_visit_is_light(desks: Any, office_url: str) -> None:
    """Styles and scripts of the overview are sent compressed: less than 400 kB altogether."""
    desk: Desk = await desks("li")
    sizes = []
    desk.page.on("response", lambda response: sizes.append(response))
    await desk.open("/finance")
    await desk.page.wait_for_load_state("networkidle")
    sent = [int(one.headers["content-length"]) for one in sizes if "/static/" in one.url]
    assert len(sent) >= 4
    assert sum(sent) < 400_000


async def test_the_keyboard_is_enough(desks: Any) -> None:
    """The first stop of the tab key leads past the menu; the menu, the filters and the list follow."""
    desk: Desk = await desks("li")
    page = desk.page
    await desk.open("/finance/orders")
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("跳到正文")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_attribute("name", "period")


async def test_the_menu_is_one_row_and_the_rest_a_word_away(desks: Any) -> None:
    """At 1280 pixels the menu of an officer takes one row in both languages; what is rare unfolds by the keyboard and
    folds with Escape. On a phone it unfolds within the menu."""
    desk: Desk = await desks("wang", viewport={"width": 1280, "height": 800})
    page = desk.page
    nav = page.locator(".menu nav")
    for language, more in (("zh", "更多"), ("en", "More")):
        await desk.open(f"/finance/language/{language}")
        await desk.open("/finance/orders")
        tops = await nav.locator("> a:visible, > details").evaluate_all("all => all.map(one => one.offsetTop)")
        assert len(tops) > 10
        assert max(tops) - min(tops) < 10
        await page.get_by_text(more, exact=True).focus()
        await page.keyboard.press("Enter")
        deposits = nav.locator("a[href='/finance/deposits']")
        await expect(deposits).to_be_visible()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Escape")
        await expect(deposits).to_be_hidden()
        await expect(page.locator(":focus")).to_have_text(more)
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await desk.open("/finance/deposits")
    await page.locator("#menu > summary").click()
    await page.locator("#more > summary").click()
    await expect(nav.locator("a[href='/finance/deposits']")).to_have_attribute("aria-current", "page")
    assert await desk.overflow() <= 0
    assert await desk.violations() == []


async def test_pictures_of_the_pages(desks: Any, busy_office: Office, tmp_path: Path) -> None:
    """Overview, orders and one settlement, as the README shows them (``ONESTOP_PICTURES=1`` writes those)."""
    folder = PICTURES if os.environ.get("ONESTOP_PICTURES") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    number = await first_settlement(busy_office)
    desk: Desk = await desks("wang", viewport={"width": 1280, "height": 800})
    for name, path in (("overview", ""), ("orders", "/orders"), ("settlement", f"/settlements/{number}")):
        await desk.open(f"/finance{path}")
        await desk.page.wait_for_timeout(200)
        await desk.page.screenshot(path=folder / f"{name}.png")
        assert (folder / f"{name}.png").stat().st_size > 10_000
