"""After a restoration the page says that the bank has to be looked at, and two people say that it was."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from tests.clearing.office import Office, office
from tests.clearing.test_bank_check import RESTORED
from tests.finance.test_mended import form_of
from tests.people import browser, person

PATH = "/finance/bank-checks"
PENDING = "银行尚未核对，您负责范围内的拨付暂不能送银行。请核对 2018-06-03 以来的银行流水"

WAITS = '<a href="/finance/bank-checks">待批准银行核对</a>'


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 6 June 2018 with an approved order."""
    async with office(database_server) as opened:
        await opened.settled("1000.00", "2018-05-10")
        await opened.at("2018-06-06")
        yield opened


async def entered(visitor: httpx.AsyncClient, until: str) -> httpx.Response:
    """The form of a check, sent."""
    page = (await visitor.get(PATH)).text
    return await visitor.post(PATH, data=form_of(page, PATH) | {"checked_until": until})


async def waits(maker: httpx.AsyncClient, checker: httpx.AsyncClient, of_one_fund: httpx.AsyncClient) -> None:
    """The check waits for whoever reaches what it covers, in the menu too, and for its maker only as somebody else's;
    who is of one fund doesn't see it."""
    mine, others = (await checker.get("/finance/waiting")).text.split('id="others"')
    assert WAITS in mine
    assert WAITS not in others
    assert 'class="badge count"' in mine
    mine, others = (await maker.get("/finance/waiting")).text.split('id="others"')
    assert WAITS in others
    assert WAITS not in mine
    assert WAITS not in (await of_one_fund.get("/finance/waiting")).text


async def test_two_people_check_the_bank_on_its_page(desk: Office) -> None:
    """Without a restoration there is nothing to check. After one sending is refused and the page says since when to
    look; its maker isn't offered the approval, another is, who reaches what it covers; then the order is sent."""
    order = await desk.ordered(await desk.approved("2018-05"))
    await desk.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
    url = str(desk.client.base_url)
    async with browser(url) as maker, browser(url) as checker, browser(url) as of_one_fund, browser(url) as auditor:
        await person(desk.client, maker, scopes=["finance"])
        await person(desk.client, checker, scopes=["finance"])
        await person(desk.client, of_one_fund, scopes=["finance"], funds=["610100"])
        await person(desk.client, auditor, scopes=["auditor"])
        assert "没有从备份恢复过" in (await maker.get(PATH)).text
        owner = await asyncpg.connect(desk.url)
        await owner.execute(RESTORED)
        await owner.close()
        assert PENDING in (await maker.get(PATH)).text
        path = f"/finance/orders/{order['disbursement_id']}"
        send = form_of((await maker.get(path)).text, f"{path}/send")
        refused = await maker.post(f"{path}/send", data=send)
        assert (refused.status_code, "银行尚未核对" in refused.text) == (409, True)
        early = await entered(maker, "2018-06-04")
        assert (early.status_code, "核对截止日早于恢复的日期" in early.text) == (422, True)
        assert 'value="2018-06-04"' in early.text
        assert (await entered(maker, "2018/6/5")).status_code == 303
        (made,) = (await desk.get("/bank-checks", who="li"))["data"]
        step = f"{PATH}/{made['bank_check_id']}/approve"
        for visitor in (maker, of_one_fund, auditor):
            assert step not in (await visitor.get(PATH)).text
        assert "checked-until" not in (await auditor.get(PATH)).text
        await waits(maker, checker, of_one_fund)
        approval = form_of((await checker.get(PATH)).text, step)
        assert (await checker.post(step, data=approval)).status_code == 303
        page = (await maker.get(PATH)).text
        assert WAITS not in (await checker.get("/finance/waiting")).text
        assert ("已经核对，可以送银行" in page, PENDING in page) == (True, False)
        send = form_of((await maker.get(path)).text, f"{path}/send")
        assert (await maker.post(f"{path}/send", data=send)).status_code == 303
    assert (await desk.get(f"/disbursements/{order['disbursement_id']}"))["state"] == "sent"
