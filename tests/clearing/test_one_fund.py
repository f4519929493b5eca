"""Whoever acts for one fund: what they see of the others, and what they can't do to them."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from tests.clearing.office import Office, office
from tests.world import key

CIVIL = "610100"
BASIC = "390100"
HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with a bill that both the basic fund and medical assistance pay, in May, now June."""
    async with office(database_server) as opened:
        await opened.hire("civil", scopes=["finance"], funds=[CIVIL])
        await opened.hire("both", scopes=["finance"], funds=[CIVIL, BASIC, "390200", "390300", "620101"])
        yield opened


@pytest.fixture(scope="module")
async def bill(desk: Office) -> dict[str, Any]:
    """The bill, settled in May."""
    settled = await desk.settled("8200.00", "2018-05-20")
    assert {one["fund"] for one in settled["payables"]} >= {BASIC, CIVIL}
    await desk.at("2018-06-05")
    return settled


async def test_of_a_settlement_they_see_the_portions_and_what_their_fund_pays(
    desk: Office, bill: dict[str, Any]
) -> None:
    """Portions are on the slip, what the other funds owe isn't theirs: by id, by visit, in the list."""
    visit = f"{bill['hospital_code']}/{bill['visit_id']}/{bill['settle_seq']}"
    for path in (f"/settlements/{bill['settlement_id']}", f"/settlements/by-visit/{visit}"):
        seen = await desk.get(path, "civil")
        assert seen["portions"] == bill["portions"]
        assert [one["fund"] for one in seen["payables"]] == [CIVIL]
    listed = await desk.get("/settlements", "civil", visit_id=bill["visit_id"])
    assert [one["fund"] for one in listed["data"][0]["payables"]] == [CIVIL]


async def test_they_take_back_nothing_that_others_pay(desk: Office, bill: dict[str, Any]) -> None:
    """Neither reversal nor refund, nor a bill in cash: each would post to funds that aren't theirs."""
    path = f"/settlements/{bill['settlement_id']}"
    for who, name, body in (
        ("civil", "reversal", {"reason": "误录"}),
        ("civil", "refunds", {"reason": "退费", "lines": [{"line_no": 1, "quantity": "1"}]}),
    ):
        assert await desk.refused(who, f"{path}/{name}", body) == (403, "all_funds_needed")
    claim = desk.world.bill("5000.00", paid_by="patient")
    assert await desk.refused("civil", "/settlements", claim) == (403, "all_funds_needed")
    assert (await desk.get(path))["status"] == "settled"


async def test_a_statement_is_theirs_only_as_far_as_it_is_of_their_fund(desk: Office, bill: dict[str, Any]) -> None:
    """They see and approve their part; declaring, comparing and taking back concerns every fund."""
    world = desk.world
    wanted = {"hospital_code": world.township, "period": "2018-05"}
    assert await desk.refused("civil", "/clearing/statements", wanted) == (403, "statement_needs_all_funds")
    whole = await desk.declared("2018-05")
    path = f"/clearing/statements/{whole['statement_id']}"
    seen = await desk.get(path, "civil")
    (mine,) = [one for one in whole["funds"] if one["fund"] == CIVIL]
    assert seen["funds"] == [mine]
    assert {one["fund"] for one in (*seen["parts"], *seen["totals"])} == {CIVIL}
    assert seen["amount"] == mine["amount"]
    (listed,) = (await desk.get("/clearing/statements", "civil"))["data"]
    assert listed["amount"] == mine["amount"]
    totals = [{"fund": CIVIL, "count": mine["count"], "amount": mine["amount"]}]
    compared = {"statement_id": whole["statement_id"], "totals": totals}
    assert await desk.refused("civil", "/clearing/reconciliations", compared) == (403, "statement_needs_all_funds")
    assert await desk.refused("civil", f"{path}/withdrawal", {"reason": "x"}) == (403, "statement_needs_all_funds")
    assert await desk.refused("civil", f"{path}/audit") == (403, "statement_needs_all_funds")
    assert await desk.refused("civil", f"{path}/approval", {"funds": [BASIC]}) == (404, "not_found")
    ours = [{name: one[name] for name in ("fund", "count", "amount")} for one in whole["funds"]]
    assert (await desk.do("both", "/clearing/reconciliations", compared | {"totals": ours}))["result"] == "matched"
    assert (await desk.get(path))["state"] == "reconciled"
    await desk.do("both", f"{path}/withdrawal", {"reason": "重报"})
    again = await desk.do("both", "/clearing/statements", wanted)
    path = f"/clearing/statements/{again['statement_id']}"
    approved = await desk.do("civil", f"{path}/approval", {})
    assert [(one["fund"], one["approved_by"]) for one in approved["funds"]] == [(CIVIL, "civil")]
    states = {one["fund"]: one["state"] for one in (await desk.get(path))["parts"]}
    assert (states[CIVIL], states[BASIC]) == ("approved", "declared")
    await desk.hire("insurer", scopes=["finance"], funds=["390300"])
    assert (await desk.get(path, "insurer"))["parts"] == []
    assert await desk.refused("insurer", f"{path}/approval", {}) == (404, "not_found")


async def test_the_page_of_a_statement_offers_what_is_theirs(desk: Office, bill: dict[str, Any]) -> None:
    """Amounts of their fund, the button that approves it; none that compares, ends the audit or takes back."""
    await desk.at("2018-06-20")
    await desk.settled("8200.00", "2018-06-20")
    await desk.at("2018-07-02")
    made = await desk.declared("2018-06")
    page = f"/finance/statements/{made['statement_id']}"
    texts = {}
    for name, funds in (("sun", [CIVIL]), ("zhou", None)):
        async with httpx.AsyncClient(
            verify=False, base_url=str(desk.client.base_url), follow_redirects=True
        ) as browser:
            await logged_in(desk, browser, name, scopes=["finance"], funds=funds)
            texts[name] = (await browser.get(page)).text
            if name == "sun":
                await shows_nothing_of(browser, made, BASIC)
    assert "610100" in texts["sun"]
    assert "390100" not in texts["sun"]
    for step in ("withdraw", "compare", "audit"):
        assert f'action="{page}/{step}"' not in texts["sun"]
        assert f'action="{page}/{step}"' in texts["zhou"]
    assert f'action="{page}/approve"' in texts["sun"]


async def shows_nothing_of(browser: httpx.AsyncClient, statement: dict[str, Any], fund: str) -> None:
    """No page shows what a statement declares of a fund, but the portions of bills that stand on the slip too."""
    (amount,) = [one["amount"] for one in statement["funds"] if one["fund"] == fund]
    shown = f"{int(amount.split('.')[0]):,}.{amount.split('.')[1]}"
    for page in (
        *("", "/waiting", "/statements", f"/statements/{statement['statement_id']}", "/orders", "/reconciliation"),
        *("/audit", "/claims", "/prepayments", "/closings", "/reports?area_code=530100"),
        *(f"/hospitals/{statement['hospital_code']}?year=2018", f"/search?q={statement['statement_id']}"),
    ):
        answer = await browser.get(f"/finance{page}")
        assert answer.status_code == 200, page
        assert shown not in answer.text, page


async def logged_in(desk: Office, browser: httpx.AsyncClient, name: str, **user: Any) -> None:
    """Add a user, log them in, and choose the password that the first login asks for."""
    first, chosen = "first-password-1", "a password of my own"
    added = await desk.send(None, "/users", {"name": name, "password": first} | user)
    assert added.status_code == 201, added.text
    await browser.post("/finance/login", data={"name": name, "password": first} | await form_of(browser, "login"))
    form = await form_of(browser, "password")
    changed = await browser.post("/finance/password", data=form | {"old": first, "new": chosen, "again": chosen})
    assert changed.status_code == 200, changed.text


async def form_of(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return dict(HIDDEN.findall((await browser.get(f"/finance/{page}")).text))


async def test_an_administrator_of_one_fund_or_area_administers_nobody(desk: Office) -> None:
    """Tokens, users and the clock belong to administrators without hospital, area and funds."""
    await desk.hire("victim", scopes=["auditor"])
    answer = await desk.client.post("/v1/tokens", json={"subject": "prey", "scopes": ["auditor"]}, headers=key())
    for who, limits in (("prefect", {"area_code": "530100"}), ("treasurer", {"funds": [BASIC]})):
        await desk.hire(who, scopes=["admin"], **limits)
        for path, body in (
            ("/tokens", {"subject": "x", "scopes": ["admin"]}),
            ("/users", {"name": "xiao", "password": "a long password 1", "scopes": ["admin"]}),
        ):
            assert await desk.refused(who, path, body) == (403, "forbidden_scope")
        revoked = await desk.client.delete(f"/v1/tokens/{answer.json()['token_id']}", headers=desk.tokens[who])
        moved = await desk.client.put("/v1/clock", json={"now": "2019-06-05T10:00:00+08:00"}, headers=desk.tokens[who])
        assert (revoked.status_code, moved.status_code) == (403, 403)
    alive = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (await desk.client.get("/v1/settlements", headers=alive)).status_code == 200
