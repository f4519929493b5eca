"""Faults that officers found on the pages, each with what it is now."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from app.finance.page import PAGE_SENTENCES
from app.service.messages import MESSAGES
from tests.clearing.office import Office, office
from tests.finance.conftest import Desk
from tests.people import browser, person

HIDDEN = re.compile(r'name="(csrf|key)" value="([^"]*)"')
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TECHNICAL = re.compile(r"请求头|Idempotency|JSON|Authorization|游标|请求体|字段|/v1/|multipart|口令")
API_ONLY = frozenset(
    {
        *("clock_backwards", "clock_is_real", "list_running", "unauthorized", "precondition_required"),
        *("idempotency_key_invalid", "idempotency_key_missing", "invalid_utf8", "malformed_json"),
        *("money_not_string", "not_an_object", "not_of_this_action", "pack_unknown"),
        *("nhsa_headers_missing", "nhsa_input_type", "nhsa_signature_wrong", "nhsa_value_type"),
    }
)
"""What no form of the pages can provoke: headers, JSON and the national interface."""


@pytest.fixture(scope="module")
async def late(database_server: str) -> AsyncIterator[Office]:
    """An office in January 2019: of 2018 one order is drafted, one cancelled and drafted again; nothing is paid."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        for number in range(60):
            await opened.settled(f"{4000 + number}.00", "2018-05-20")
        await opened.at("2018-06-02")
        statement = await opened.approved("2018-05")
        order = await opened.ordered(statement)
        await opened.do("li", f"/disbursements/{order['disbursement_id']}/cancellation", {"reason": "写错"})
        await opened.ordered(statement)
        await opened.at("2019-01-05")
        yield opened


@pytest.fixture
async def officer(late: Office) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of finance at the pages."""
    async with browser(str(late.client.base_url)) as visitor:
        await person(late.client, visitor, scopes=["finance"])
        yield visitor


def form_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return dict(HIDDEN.findall(page.split(f'action="{action}"')[1].split("</form>")[0]))


async def test_in_january_the_open_year_comes_first(officer: httpx.AsyncClient) -> None:
    """The overview of January shows the year that isn't closed, not the new and empty one, which can be chosen."""
    page = (await officer.get("/finance")).text
    assert re.findall(r"<option selected>(\d{4})</option>", page) == ["2018"]
    assert 'data-of="required"' in page
    assert "<option selected>2019</option>" in (await officer.get("/finance?year=2019")).text


async def test_a_refused_closing_says_what_is_unpaid(officer: httpx.AsyncClient) -> None:
    """The list names hospital and amount of everything unpaid; year and area stay as they were chosen in both forms."""
    page = (await officer.get("/finance/closings")).text
    assert "<option selected>2018</option>" not in page
    action = "/finance/closings/year"
    asked = (await officer.get(f"{action}?year=2018&area_code=530100")).text
    answer = await officer.post(action, data=form_of(asked, action) | {"year": "2018", "area_code": "530100"})
    assert answer.status_code == 409
    unpaid = answer.text.split('id="unpaid"')[1].split("</section>")[0]
    assert "基本医保" in unpaid
    assert re.search(r"[\d,]+\.\d\d", unpaid)
    assert answer.text.count("<option selected>2018</option>") == 2


async def test_the_closing_of_a_year_names_its_amounts(late: Office, officer: httpx.AsyncClient) -> None:
    """The confirmation names area, year and by fund what is unpaid: what the list of a refused closing adds up to.
    Without a year or an area one is back at the closings; a clerk of one fund sees theirs and can't close."""
    action = "/finance/closings/year"
    page = (await officer.get(f"{action}?year=2018&area_code=530100")).text
    (sure,) = re.findall(rf'action="{action}" data-confirm="([^"]+)"', page)
    assert "统筹区 530100，2018 年度" in sure
    answer = await officer.post(action, data=form_of(page, action) | {"year": "2018", "area_code": "530100"})
    unpaid = answer.text.split('id="unpaid"')[1].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr><td>([^<]+)</td>.*?([\d,]+\.\d\d)</td></tr>", unpaid)
    assert {fund for fund, _ in rows} >= {"基本医保"}
    for fund in {fund for fund, _ in rows}:
        total = sum(Decimal(amount.replace(",", "")) for name, amount in rows if name == fund)
        assert f"{fund} {total:,.2f}" in sure
    for query in ("", "?year=2018", "?year=x&area_code=530100", "?year=2018&area_code=999999"):
        assert (await officer.get(action + query)).headers["location"] == "/finance/closings"
    async with browser(str(late.client.base_url)) as of_one:
        await person(late.client, of_one, scopes=["finance"], funds=["390100"])
        theirs = (await of_one.get(f"{action}?year=2018&area_code=530100")).text
        assert "data-confirm" not in theirs
        assert theirs.split("<tbody>")[1].split("</tbody>")[0].count("<tr>") == 1


async def test_a_signed_report_is_found_again(late: Office, officer: httpx.AsyncClient) -> None:
    """What is signed off leaves the list of what is due and stands on that of what was signed."""
    for who, step in (("li", "submission"), ("wang", "approval")):
        await late.do(who, f"/reports/monthly/2018-06/{step}", {"area_code": "530100"})
    page = (await officer.get("/finance/reports?area_code=530100")).text
    link = "/finance/reports/530100/2018-06"
    assert link in page.split('id="signed"')[1]
    assert link not in page.split('id="signed"')[0]
    assert (await officer.get(link)).status_code == 200


async def test_sums_count_what_lives(late: Office, officer: httpx.AsyncClient) -> None:
    """The sum below the orders leaves out the cancelled one and says so."""
    orders = (await late.get("/disbursements"))["data"]
    assert {one["state"] for one in orders} == {"draft", "cancelled"}
    live = sum(Decimal(one["amount"]) for one in orders if one["state"] not in ("cancelled", "carried_forward"))
    foot = (await officer.get("/finance/orders")).text.split("<tfoot>")[1]
    assert "不含已取消、已结转" in foot
    assert f"{live:,.2f}" in foot


async def test_lists_have_a_first_and_a_last_page(late: Office, officer: httpx.AsyncClient) -> None:
    """The last page is a link away, has the rest of the rows, and leads back to the first."""
    (statement,) = (await late.get("/clearing/statements"))["data"]
    path = f"/finance/statements/{statement['statement_id']}"
    page = (await officer.get(path)).text
    (count,) = re.findall(r"共 (\d+) 条", page)
    (last,) = re.findall(r'id="page-last" href="([^"]+)"', page)
    rest = (await officer.get(last.replace("&amp;", "&"))).text
    pages = -(-int(count) // 50)
    assert pages > 1
    assert f"第 {pages} / {pages} 页" in rest
    assert rest.split('id="list"')[1].split("<tbody>")[1].split("</tbody>")[0].count("<tr>") == int(count) - 50 * (
        pages - 1
    )
    assert re.findall(r'id="page-first" href="([^"]+)"', rest) == [path]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/finance/nowhere"),
        ("GET", "/finance/orders/dis_1/approve"),
        ("POST", "/finance/nowhere"),
        ("POST", "/finance/orders"),
        ("DELETE", "/finance/orders"),
        ("POST", "/finance"),
    ],
)
async def test_an_address_that_is_none_is_a_page(officer: httpx.AsyncClient, method: str, path: str) -> None:
    """Whatever is asked of an address below the pages that isn't one: a page in words, with the menu, never JSON."""
    answer = await officer.request(method, path)
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert 'aria-label="主导航"' in answer.text
    assert "没有这个页面" in answer.text


async def test_a_form_sent_with_other_contents_is_refused_in_words(officer: httpx.AsyncClient) -> None:
    """Nothing of keys and tokens, and the menu stays."""
    page = (await officer.get("/finance/prepayments")).text
    action = "/finance/prepayments"
    form = dict(HIDDEN.findall(page.split(f'method="post" action="{action}"')[1]))
    body = {"hospital_code": "H-none", "area_code": "530100", "fund": "390100", "year": "2019", "amount": "1"}
    empty = await officer.post(action, data=form | body | {"hospital_code": ""})
    assert not TECHNICAL.search(empty.text.split("<main")[1])
    view = {"page": "/finance/orders", "query": "state=draft", "title": "a"}
    first = await officer.post("/finance/views", data=form | view)
    assert first.status_code == 303, first.text
    again = await officer.post("/finance/views", data=form | view | {"title": "b"})
    assert again.status_code == 422
    assert "这次内容不同。请再打开一次" in again.text
    assert 'aria-label="主导航"' in again.text


def test_pages_have_their_own_words_for_what_the_api_says_technically() -> None:
    """Each message that speaks of fields, headers, JSON or passwords of programs has one for pages, but where no form
    can lead to it; and none of those speaks so."""
    technical = {code for code, texts in MESSAGES.items() if TECHNICAL.search(texts[0])}
    assert technical - PAGE_SENTENCES.keys() - API_ONLY == set()


async def test_english_pages_have_english_steps(late: Office, officer: httpx.AsyncClient) -> None:
    """Steps and their numbers are English; only the sources, which are Chinese documents, stay as they are."""
    number = (await late.get("/settlements", limit=1))["data"][0]["settlement_id"]
    await officer.get("/finance/language/en")
    page = (await officer.get(f"/finance/settlements/{number}")).text
    table = page.split('class="table trace"')[1].split("</table>")[0]
    cells = re.findall(r"<t[dh].*?</t[dh]>", table, flags=re.S)
    told = [cell for cell in cells if 'lang="zh-CN"' not in cell]
    assert [cell for cell in told if CHINESE.search(cell)] == []
    assert any("deductible" in cell for cell in told)
    order = (await late.get("/disbursements"))["data"][-1]["disbursement_id"]
    main = (await officer.get(f"/finance/orders/{order}")).text.split("<main")[1]
    for name in ("写错", f"医院{late.world.township}"):
        main = main.replace(name, "")
    assert CHINESE.findall(main) == []


@pytest.mark.thorough
async def test_charts_say_what_they_show(desks: Any) -> None:
    """In December the projection is still a line; no description names a series by number or holds NaN; the figures
    stand in a table beside."""
    sitting: Desk = await desks("li")
    page = sitting.page
    await sitting.open("/finance")
    await expect(page.locator("[data-chart=curve] svg").first).to_be_visible()
    labels = await page.locator("[data-chart], [data-chart] svg").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') || '')"
    )
    assert [label for label in labels if re.search(r"系列|NaN|series", label)] == []
    assert "基本医保" in labels[0]
    december = """() => curve({year: 2018, floor: '0.8500', projected: '0.8700', names: {},
        points: [{day: '2018-11-30', paid: '0.7000', healthy: '0.8000'},
                 {day: '2018-12-10', paid: '0.7500', healthy: '0.8500'}]}).series[2].data"""
    projection = await page.evaluate(december)
    assert [index for index, point in enumerate(projection) if point] == [10, 11]
    assert projection[11]["text"] == "0.8700"


async def test_the_next_of_the_list_is_offered(late: Office, officer: httpx.AsyncClient) -> None:
    """The page of an order, whose step is done, leads to the next one that waits for the same person; what they made
    themselves is offered to nobody but others."""
    (draft,) = (await late.get("/disbursements", state="draft"))["data"]
    other = next(one for one in (await late.get("/disbursements"))["data"] if one["state"] == "cancelled")
    page = (await officer.get(f"/finance/orders/{other['disbursement_id']}")).text
    following = page.split('class="following"')[1].split("</nav>")[0]
    assert f'href="/finance/orders/{draft["disbursement_id"]}"' in following
    assert "待批准" in following
    own = (await officer.get(f"/finance/orders/{draft['disbursement_id']}")).text
    assert 'class="following"' not in own


async def test_settlements_are_paged_from_either_end(late: Office, officer: httpx.AsyncClient) -> None:
    """Sixty settlements are a page of fifty and one of ten; the last page has the oldest fifty; back and forth leads to
    where one was, filters and chosen columns stay."""
    path = "/finance/settlements?from=2018-05-01&columns=settlement_id%2Ctotal"
    first, second = await seen(officer, path), await seen(officer, path, "next")
    known = (await late.get("/settlements", limit=60))["data"]
    assert first + second == [one["settlement_id"] for one in known]
    assert await seen(officer, path, "last") == (first + second)[-50:]
    assert await seen(officer, path, "next", "previous") == first
    assert await seen(officer, path, "last", "previous") == first[:10]
    assert await seen(officer, path, "last", "previous", "next") == (first + second)[10:]
    assert await seen(officer, path, "last", "first") == first
    page = (await officer.get(path)).text
    assert re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", page.split('id="list"')[1]) == ["结算号", "医疗费总额"]
    assert 'id="page-previous"' not in page


async def seen(officer: httpx.AsyncClient, path: str, *steps: str) -> list[str]:
    """The settlements of a page, after these steps of its pager."""
    page = (await officer.get(path)).text
    for step in steps:
        (address,) = re.findall(rf'id="page-{step}" href="([^"]*)"', page)
        assert "columns=settlement_id%2Ctotal" in address
        page = (await officer.get(address.replace("&amp;", "&"))).text
    return re.findall(r'<a href="/finance/settlements/(set_[0-9]+)">', page)


async def test_settlements_keep_filters_under_a_name(officer: httpx.AsyncClient) -> None:
    """What was chosen of the list is offered above it, and forgotten again."""
    query = "from=2018-05-01&columns=settlement_id%2Ctotal"
    page = (await officer.get(f"/finance/settlements?{query}")).text
    kept = form_of(page, "/finance/views") | {"page": "/finance/settlements", "query": query, "title": "五月"}
    answer = await officer.post("/finance/views", data=kept)
    assert answer.headers["location"] == f"/finance/settlements?{query}"
    page = (await officer.get("/finance/settlements")).text
    assert f'href="/finance/settlements?{query.replace("&", "&amp;")}">五月</a>' in page
