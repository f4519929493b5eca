"""The second factor before money is approved or sent on pages, over HTTP with real codes."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pyotp
import pytest

from app.finance.attempts import FREE
from tests.clearing.office import Office, office
from tests.people import browser, csrf_in, person
from tests.world import key

pytestmark = pytest.mark.thorough

FACTOR = "/finance/second-factor"


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office that asks for the second factor outside production too."""
    async with office(database_server, ONESTOP_SECOND_FACTOR="on") as opened:
        yield opened


@pytest.fixture
async def visitor(desk: Office) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a finance officer who has just logged in."""
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(browser(str(desk.client.base_url)))
        opened.headers["X-Name"] = await person(desk.client, opened)
        yield opened


async def prove(visitor: httpx.AsyncClient, code: str, wanted: str = "/finance/orders") -> httpx.Response:
    """Send a code."""
    form = (await visitor.get(FACTOR)).text
    return await visitor.post(FACTOR, data={"csrf": csrf_in(form), "code": code, "next": wanted})


async def begun(visitor: httpx.AsyncClient) -> tuple[str, list[str]]:
    """A second factor begun with a first right code; that code, and the recovery codes."""
    page = (await visitor.get(FACTOR)).text
    assert "data:image/svg+xml" in page
    found = re.search(r'class="secret">([A-Z2-7]+)<', page)
    assert found is not None
    first = pyotp.TOTP(found[1]).now()
    codes = re.findall(r"<li><code>([A-Z2-7]{16})</code>", (await prove(visitor, first)).text)
    assert len(set(codes)) == 10
    return first, codes


async def approve(visitor: httpx.AsyncClient, order: dict[str, Any]) -> httpx.Response:
    """Send the form that approves an order."""
    path = f"/finance/orders/{order['disbursement_id']}"
    form = (await visitor.get(path)).text
    fields = {"csrf": csrf_in(form), "key": f"form-{secrets.token_urlsafe(18)}"}
    return await visitor.post(f"{path}/approve", data=fields)


async def state_of(desk: Office, order: dict[str, Any]) -> str:
    """The state of an order."""
    found: str = (await desk.get(f"/disbursements/{order['disbursement_id']}"))["state"]
    return found


async def drafted(desk: Office) -> dict[str, Any]:
    """An order that ``li`` made."""
    await desk.settled("9000.00", "2018-05-03")
    await desk.at("2018-06-04")
    return await desk.ordered(await desk.approved("2018-05"))


async def test_money_is_approved_with_a_second_factor_only(desk: Office, visitor: httpx.AsyncClient) -> None:
    """Without a proof the step leads to the page of the second factor and nothing changes; with one it is taken."""
    order = await drafted(desk)
    path = f"/finance/orders/{order['disbursement_id']}"
    sent = await approve(visitor, order)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{FACTOR}?next={path.replace('/', '%2F')}")
    assert await state_of(desk, order) == "draft"
    await begun(visitor)
    assert (await approve(visitor, order)).headers["location"] == path
    assert await state_of(desk, order) == "approved"


async def test_a_code_is_good_once_and_a_recovery_code_too(desk: Office, visitor: httpx.AsyncClient) -> None:
    """The code of the first proof is refused, a recovery code is taken once, the next page is gone to."""
    first, codes = await begun(visitor)
    assert "验证码不对或已用过" in (await prove(visitor, first)).text
    assert (await prove(visitor, codes[3].lower())).headers["location"] == "/finance/orders"
    assert (await prove(visitor, codes[3])).status_code == 422


async def test_codes_can_not_be_guessed(desk: Office, visitor: httpx.AsyncClient) -> None:
    """After five wrong codes one has to wait."""
    await begun(visitor)
    wrong = [await prove(visitor, f"00000{number}") for number in range(FREE)]
    assert {one.status_code for one in wrong} <= {422, 303}
    assert (await prove(visitor, "000009")).status_code == 429


async def test_a_lost_one_is_reset_by_two_administrators(desk: Office, visitor: httpx.AsyncClient) -> None:
    """The same administrator twice isn't enough; then the user is logged out and begins anew."""
    name = visitor.headers["X-Name"]
    path = f"/users/{name}/second-factor-reset"
    assert await desk.refused(None, path) == (409, "second_factor_unset")
    await begun(visitor)
    for who in ("zhao", "qian"):
        await desk.hire(who, scopes=["admin"])
    assert (await desk.do("zhao", path))["state"] == "pending"
    assert (await desk.do("zhao", path))["state"] == "pending"
    assert (await visitor.get("/finance/orders")).status_code == 200
    assert (await desk.do("qian", path))["state"] == "reset"
    assert (await visitor.get("/finance/orders")).status_code == 303
    assert await desk.refused("li", path) == (403, "forbidden_scope")
    unknown = await desk.client.post("/v1/users/nobody/second-factor-reset", headers=key())
    assert unknown.status_code == 404


async def test_the_two_are_two_people(desk: Office, visitor: httpx.AsyncClient) -> None:
    """An administrator and one whom they let in are one for a reset."""
    await begun(visitor)
    path = f"/users/{visitor.headers['X-Name']}/second-factor-reset"
    await desk.hire("zhao", scopes=["admin"])
    made = await desk.do("zhao", "/tokens", {"subject": "qian", "scopes": ["admin"]})
    desk.tokens["qian"] = {"Authorization": f"Bearer {made['token']}"}
    assert (await desk.do("zhao", path))["state"] == "pending"
    assert await desk.refused("qian", path) == (403, "maker_is_checker")
    assert (await visitor.get("/finance/orders")).status_code == 200


async def test_a_token_is_not_asked(desk: Office) -> None:
    """What programs approve by the API needs no second factor."""
    order = await drafted(desk)
    await desk.sent(order)
    assert await state_of(desk, order) == "sent"
