"""What only the API did, on pages: deposits released, settlements corrected, person-years computed again, accounts."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clearing.office import Office, office
from tests.conftest import start_service
from tests.employees import POOLED, packs_with_employees
from tests.people import FIRST, browser, log_in, person
from tests.world import World, id_number

HIDDEN = re.compile(r'name="(csrf|key)" value="([^"]*)"')


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with bills of May 2018."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        yield opened


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the page's form with this action."""
    return dict(HIDDEN.findall(page.split(f'method="post" action="{action}"')[1]))


async def sent(visitor: httpx.AsyncClient, page: str, action: str, **fields: str) -> httpx.Response:
    """A form of a page, filled in and sent."""
    return await visitor.post(action, data=hidden((await visitor.get(page)).text, action) | fields)


async def test_a_settlement_is_taken_back_on_its_page(desk: Office) -> None:
    """The confirmation names year, area and amounts; later settlements of the year are named, and the reversal asks for
    their computing again; the form sent twice reverses once."""
    first, second = [await desk.settled(amount, "2018-05-20") for amount in ("9000.00", "20000.00")]
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        path = f"/finance/settlements/{first['settlement_id']}/reverse"
        assert path in (await visitor.get(path.removesuffix("/reverse"))).text
        page = (await visitor.get(path)).text
        (question,) = re.findall(r'data-confirm="([^"]*)"', page)
        assert all(word in question for word in ("2018", "530100", "9,000.00"))
        refused = await sent(visitor, path, path, reason="录错病人")
        assert refused.status_code == 409
        assert second["settlement_id"] in refused.text
        assert 'value="录错病人"' in refused.text
        form = hidden(refused.text, path) | {"reason": "录错病人", "cascade": "1"}
        answers = [await visitor.post(path, data=form) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {303}
        assert answers[0].headers["location"] == answers[1].headers["location"]
        made = answers[0].headers["location"].rpartition("/")[2]
        reversal = await desk.get(f"/settlements/{made}")
        assert (reversal["kind"], reversal["of_settlement_id"]) == ("reversal", first["settlement_id"])
        assert "不能再更正" in (await visitor.get(path)).text
    await desk.balanced()


async def test_an_undeterminable_injury_is_asked_back_on_a_page(desk: Office) -> None:
    """Only a settlement that somebody else may be liable for has the step; without the document nothing is done; with
    it the reversal says from which document the funds are owed what. Who is of a hospital doesn't find the form."""
    injured = await desk.settled("9000.00", "2018-05-20", work_injury="undeterminable")
    ordinary = await desk.settled("5000.00", "2018-05-20")
    async with browser(str(desk.client.base_url)) as visitor, browser(str(desk.client.base_url)) as hospital:
        await person(desk.client, visitor, scopes=["finance"])
        await person(desk.client, hospital, scopes=["hospital"], hospital_code=desk.world.township)
        path = f"/finance/settlements/{injured['settlement_id']}/recover"
        other = f"/finance/settlements/{ordinary['settlement_id']}/recover"
        assert path in (await visitor.get(path.removesuffix("/recover"))).text
        assert other not in (await visitor.get(other.removesuffix("/recover"))).text
        assert path not in (await hospital.get(path.removesuffix("/recover"))).text
        assert (await hospital.get(path)).status_code == 403
        (question,) = re.findall(r'data-confirm="([^"]*)"', (await visitor.get(path)).text)
        assert all(word in question for word in ("2018", "530100", "9,000.00"))
        refused = await sent(visitor, other, other, document="工伤认定书 1 号", reason="工伤", cascade="1")
        assert refused.status_code == 409
        assert (await sent(visitor, path, path, reason="工伤", cascade="1")).status_code == 422
        form = hidden((await visitor.get(path)).text, path)
        form |= {"document": "工伤认定书 1 号", "reason": "工伤", "cascade": "1"}
        answers = [await visitor.post(path, data=form) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303]
        made = await desk.get(f"/settlements/{answers[0].headers['location'].rpartition('/')[2]}")
        assert (made["kind"], made["of_settlement_id"]) == ("reversal", injured["settlement_id"])
        assert made["receivable"] == {"amount": injured["fund_total"], "document": "工伤认定书 1 号"}
    await desk.balanced()


async def test_quantities_are_refunded_on_a_page(desk: Office) -> None:
    """Without a quantity nothing is done; with one the difference is an adjustment of the settlement."""
    bill = await desk.settled("6000.00", "2018-05-20", lines=[desk.world.line("6000.00", day="2018-05-20")])
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        path = f"/finance/settlements/{bill['settlement_id']}/refund"
        assert (await sent(visitor, path, path, reason="退药")).status_code == 422
        line = bill["lines"][0]["line_no"]
        answer = await sent(visitor, path, path, reason="退药", **{f"quantity_{line}": "0.5"})
        assert answer.status_code == 303, answer.text
        found = await desk.get(f"/settlements/{answer.headers['location'].rpartition('/')[2]}")
        assert (found["kind"], found["total"]) == ("adjustment", "-3000.00")


async def test_a_year_is_computed_again_after_a_look(desk: Office) -> None:
    """The page shows what would change and writes nothing; the form writes exactly that, once."""
    person_id = "PAGAIN1"
    body: dict[str, Any] = {
        "name": "李四",
        "id_number": id_number(),
        "area_code": "530127",
        "insurance_type": "390",
        "identities": [],
    }
    await desk.world.put(f"/v1/persons/{person_id}", body)
    await desk.settled("30000.00", "2018-05-20", person_id=person_id)
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        path = f"/finance/persons/{person_id}/years/2018/readjudication"
        assert "没有变化" in (await visitor.get(path)).text
        known = {"identities": [{"class": "destitute", "from": "2018-01-01"}]}
        await desk.world.put(f"/v1/persons/{person_id}", body | known)
        shown = (await visitor.get(path)).text
        assert (await desk.get("/settlements", person_id=person_id))["data"][0]["kind"] == "settlement"
        wanted = await desk.do(
            None, f"/persons/{person_id}/years/2018/readjudication", {"reason": "x", "dry_run": True}
        )
        changed = wanted["changes"][0]["difference"]["medical_assistance"]
        assert f"{float(changed):,.2f}" in shown
        answer = await sent(visitor, path, path, reason="补录特困身份")
        assert answer.status_code == 303, answer.text
        assert "没有变化" in (await visitor.get(path)).text
        (adjustment, _) = (await desk.get("/settlements", person_id=person_id))["data"]
        assert adjustment["portions"]["medical_assistance"] == changed
    await desk.balanced()


async def test_accounts_are_kept_on_a_page(desk: Office) -> None:
    """A user is added, disabled and let in again; a credential's text is shown once; who is no unrestricted
    administrator sees nothing of it."""
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        assert (await visitor.get("/finance/users")).status_code == 403
    async with browser(str(desk.client.base_url)) as admin, browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, admin, scopes=["admin"])
        path = "/finance/users"
        fields = {"name": "zhou-new", "password": FIRST, "scope_finance": "1", "area_code": "530100"}
        refused = await sent(admin, path, path, **fields | {"password": "password1234"})
        assert refused.status_code == 422
        assert 'value="zhou-new"' in refused.text
        assert "password1234" not in refused.text
        assert (await sent(admin, path, path, **fields)).status_code == 303
        assert (await log_in(visitor, "zhou-new", FIRST)).headers["location"] == "/finance/password"
        assert (await sent(admin, path, f"{path}/zhou-new/disable")).status_code == 303
        assert (await log_in(visitor, "zhou-new", FIRST)).status_code == 401
        again = "another first one"
        assert (await sent(admin, path, f"{path}/zhou-new/password", password=again)).status_code == 303
        assert (await log_in(visitor, "zhou-new", again)).status_code == 303
        form = hidden((await admin.get(path)).text, f"{path}/tokens") | {"subject": "his-77", "scope_finance": "1"}
        once, twice = [await admin.post(f"{path}/tokens", data=form) for _ in range(2)]
        (text,) = re.findall(r'<code class="digest">(ost_[^<]+)</code>', once.text)
        who = {"Authorization": f"Bearer {text}"}
        assert (await desk.client.get("/v1/disbursements", headers=who)).status_code == 200
        assert text not in twice.text
        (number,) = re.findall(r"(tok_\d+)，只显示这一次", once.text)
        assert (await sent(admin, path, f"{path}/tokens/{number}/revoke")).status_code == 303
        assert (await desk.client.get("/v1/disbursements", headers=who)).status_code == 401


async def test_a_deposit_is_released_by_two(desk: Office) -> None:
    """Drafted with a share as a percentage, approved by another on a page that asks with year, area, fund and amounts;
    its order pays what was released."""
    await desk.settled("9000.00", "2018-05-20")
    await desk.at("2018-06-02")
    statement = await desk.approved("2018-05")
    order = await desk.ordered(statement, deposit_rate="0.0500")
    order = await desk.paid(await desk.sent(order), "2018-06-02")
    assert order["deposit"] != "0.00"
    await desk.at("2019-02-01")
    async with browser(str(desk.client.base_url)) as maker, browser(str(desk.client.base_url)) as checker:
        for visitor in (maker, checker):
            await person(desk.client, visitor, scopes=["finance"])
        path = "/finance/deposits"
        page = (await maker.get(path)).text
        assert f"{float(order['deposit']):,.2f}" in page.split('id="held"')[1].split("</section>")[0]
        fields = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100", "year": "2018"}
        answer = await sent(maker, path, path, **fields, assessed_ratio="９０％", reason="年度考核 90 分")
        assert answer.status_code == 303, answer.text
        (release,) = (await desk.get("/deposit-releases"))["data"]
        assert release["assessed_ratio"] == "0.9000"
        mine = f"{path}/{release['release_id']}"
        assert "须由另一位" in (await maker.get(mine)).text
        assert f'action="{mine}/approve"' not in (await maker.get(mine)).text
        page = (await checker.get(mine)).text
        (question,) = re.findall(r'data-confirm="([^"]*)"', page)
        assert all(word in question for word in ("530100", "基本医保", "2018", f"{float(release['amount']):,.2f}"))
        assert (await sent(checker, mine, f"{mine}/approve")).status_code == 303
        (release,) = (await desk.get("/deposit-releases"))["data"]
        assert release["state"] == "approved"
        assert release["disbursement_id"] in (await checker.get(mine)).text
        assert 'id="held"' not in (await checker.get(path)).text
    await desk.balanced()


async def test_a_fund_whose_pack_is_gone_still_has_its_money_on_pages(database_server: str, tmp_path: Path) -> None:
    """The deposit that is held of it, its months and its statement are shown, and forms offer the fund, after the
    service started without the pack that named it."""
    async with office(database_server, ONESTOP_POLICY_DIR=packs_with_employees(tmp_path)) as opened:
        await World(opened.client, tag=opened.world.tag, id_number=opened.world.id_number).build(
            [], insurance_type="310"
        )
        await opened.settled("4000.00", "2018-05-10", insurance_type="310")
        await opened.at("2018-06-05")
        statement = await opened.approved("2018-05")
        order = await opened.ordered(statement, POOLED, deposit_rate="0.0500")
        await opened.paid(await opened.sent(order), "2018-06-05")
        await opened.at("2019-02-01")
        process, url = start_service(opened.url, tmp_path / "data", ONESTOP_CLOCK="manual:2019-02-01T10:00:00+08:00")
        try:
            async with browser(url) as visitor:
                await person(opened.client, visitor, scopes=["finance"])
                pages = [
                    (await visitor.get(f"/finance/{path}")).text
                    for path in ("deposits", "months?period=2018-05", f"statements/{statement['statement_id']}")
                ]
        finally:
            process.terminate()
            process.wait(30)
    held = pages[0].split('id="held"')[1].split("</section>")[0]
    assert order["deposit"] == "100.00"
    assert "100.00" in held
    assert all("职工统筹" in page for page in pages)
    for page, field in zip(pages, ("new-fund", "filter-fund"), strict=False):
        assert f'value="{POOLED}"' in page.split(f'id="{field}"')[1].split("</select>")[0]
