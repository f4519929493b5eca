"""People who log in: passwords, lock-out, sessions, forms that nobody else can send."""

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from app.finance.attempts import FREE, MOST_FROM_PLACE
from app.finance.login import safe_next
from tests.clearing.office import Office, office
from tests.conftest import known_hospital
from tests.people import CHOSEN, FIRST, add_user, browser, choose, csrf_in, log_in, person
from tests.world import key


async def test_a_user_is_added_once_and_never_shown_with_his_password(client: httpx.AsyncClient) -> None:
    """The answer has the roles; a second user of the name is refused; only an admin adds users."""
    name = f"user-{secrets.token_hex(4)}"
    added = await add_user(client, name, area_code="530100", funds=["390100"])
    assert added.json() == {
        "name": name,
        "scopes": ["finance"],
        "hospital_code": None,
        "area_code": "530100",
        "funds": ["390100"],
    }
    again = await add_user(client, name)
    assert (again.status_code, again.json()["code"]) == (409, "user_exists")


async def test_adding_users_is_for_admins_of_everything(client: httpx.AsyncClient, token: object) -> None:
    """Neither finance nor an area's admin adds users."""
    for roles in ({"scopes": ["finance"]}, {"scopes": ["admin"], "area_code": "530100"}):
        headers = await token(**roles)  # type: ignore[operator]
        body = {"name": "someone", "password": FIRST, "scopes": ["finance"]}
        answer = await client.post("/v1/users", json=body, headers=headers | key())
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_scope")


async def test_a_short_password_is_refused(client: httpx.AsyncClient) -> None:
    """Twelve characters at least, in the API and in the form."""
    assert (await add_user(client, "short", password="too short")).status_code == 422
    async with browser(str(client.base_url)) as visitor:
        await person(client, visitor)
        assert (await choose(visitor, CHOSEN, "too short")).status_code == 422


async def test_the_first_password_has_to_be_changed(client: httpx.AsyncClient) -> None:
    """Every page leads to the form until the user has chosen a password, twice alike and another than before."""
    name = f"user-{secrets.token_hex(4)}"
    await add_user(client, name)
    async with browser(str(client.base_url)) as visitor:
        await log_in(visitor, name, FIRST)
        assert (await visitor.get("/finance/orders")).headers["location"] == "/finance/password"
        differing = await choose(visitor, FIRST, CHOSEN, CHOSEN + "!")
        assert "两次输入的新密码不一致" in differing.text
        same = await choose(visitor, FIRST, FIRST)
        assert "新密码与原密码相同" in same.text
        wrong = await choose(visitor, "not my password", CHOSEN)
        assert "用户名或密码不对" in wrong.text
        await choose(visitor, FIRST, CHOSEN)
        assert (await visitor.get("/finance/orders")).status_code == 200


async def test_a_new_password_ends_the_other_sessions(client: httpx.AsyncClient) -> None:
    """Whoever was logged in elsewhere with the old password is asked for the new one."""
    async with browser(str(client.base_url)) as here, browser(str(client.base_url)) as elsewhere:
        name = await person(client, here)
        await log_in(elsewhere, name, CHOSEN)
        assert (await elsewhere.get("/finance")).status_code == 200
        await choose(here, CHOSEN, "quite another password")
        assert (await here.get("/finance")).status_code == 200
        assert (await elsewhere.get("/finance")).headers["location"].startswith("/finance/login?next=")


async def test_who_is_not_logged_in_comes_back_after_the_login(client: httpx.AsyncClient) -> None:
    """A link that was shared leads through the login to where it points."""
    async with browser(str(client.base_url)) as visitor:
        name = await person(client, visitor)
        await visitor.post("/finance/logout", data={"csrf": csrf_in((await visitor.get("/finance")).text)})
        asked = await visitor.get("/finance/orders?fund=390100")
        assert asked.headers["location"] == "/finance/login?next=%2Ffinance%2Forders%3Ffund%3D390100"
        came = await log_in(visitor, name, CHOSEN, wanted="/finance/orders?fund=390100")
        assert came.headers["location"] == "/finance/orders?fund=390100"


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example", "//elsewhere.example", "/financeelse", "/finance\\..", "/v1/tokens", None]
)
def test_a_login_leads_nowhere_else(wanted: str | None) -> None:
    """An address that isn't one of our pages is not gone to."""
    assert safe_next(wanted) == "/finance"


async def test_a_session_opens_pages_and_not_the_api(client: httpx.AsyncClient) -> None:
    """The cookie's text is no token; it is for this site, out of reach of scripts, and the pages are not to be kept."""
    async with browser(str(client.base_url)) as visitor:
        name = await person(client, visitor)
        entered = await log_in(visitor, name, CHOSEN)
        (cookie,) = [one for one in entered.headers.get_list("set-cookie") if one.startswith("onestop_session=")]
        assert {"HttpOnly", "SameSite=lax", "Path=/finance"} <= set(cookie.split("; "))
        text = visitor.cookies["onestop_session"]
        api = await visitor.get("/v1/disbursements", headers={"Authorization": f"Bearer {text}"})
        assert api.status_code == 401
        page = await visitor.get("/finance")
        assert page.headers["cache-control"] == "no-store"
        assert "script-src 'self';" in page.headers["content-security-policy"]


async def test_a_cookie_is_for_tls_except_on_this_machine(client: httpx.AsyncClient) -> None:
    """Over plain HTTP to another name the browser is told to send the cookie through TLS only."""
    async with browser(str(client.base_url)) as visitor:
        plain = await visitor.get("/finance/login")
        named = await visitor.get("/finance/login", headers={"Host": "onestop.example"})
        assert "Secure" not in plain.headers["set-cookie"]
        assert "Secure" in named.headers["set-cookie"]


async def test_a_form_from_elsewhere_does_nothing(client: httpx.AsyncClient) -> None:
    """Without the session's token, with somebody else's, or sent by another site: refused."""
    async with browser(str(client.base_url)) as visitor, browser(str(client.base_url)) as other:
        await person(client, visitor)
        await person(client, other)
        mine, theirs = csrf_in((await visitor.get("/finance")).text), csrf_in((await other.get("/finance")).text)
        for fields, headers in (({}, {}), ({"csrf": theirs}, {}), ({"csrf": mine}, {"Sec-Fetch-Site": "cross-site"})):
            refused = await visitor.post("/finance/logout", data=fields, headers=headers)
            assert refused.status_code == 403
            assert "这张表单已经失效" in refused.text
        assert (await visitor.get("/finance")).status_code == 200


async def test_a_login_form_belongs_to_one_browser(client: httpx.AsyncClient) -> None:
    """Nobody can log somebody else's browser in: the form's token needs that browser's cookie."""
    name = f"user-{secrets.token_hex(4)}"
    await add_user(client, name)
    async with browser(str(client.base_url)) as visitor, browser(str(client.base_url)) as other:
        form = csrf_in((await other.get("/finance/login")).text)
        await visitor.get("/finance/login")
        answer = await visitor.post("/finance/login", data={"csrf": form, "name": name, "password": FIRST})
        assert answer.status_code == 403


async def test_a_disabled_user_is_out_at_once(client: httpx.AsyncClient) -> None:
    """Their sessions end, their password opens nothing; a reset lets them in again, with a password to change."""
    async with browser(str(client.base_url)) as visitor:
        name = await person(client, visitor)
        assert (await client.post(f"/v1/users/{name}/disabling", headers=key())).status_code == 200
        assert (await visitor.get("/finance")).status_code == 303
        assert (await log_in(visitor, name, CHOSEN)).status_code == 401
        body = {"password": "another first one"}
        assert (await client.post(f"/v1/users/{name}/password", json=body, headers=key())).status_code == 200
        assert (await log_in(visitor, name, "another first one")).headers["location"] == "/finance/password"


async def test_an_unknown_user_is_not_found(client: httpx.AsyncClient) -> None:
    """Neither reset nor disabled."""
    assert (await client.post("/v1/users/nobody/disabling", headers=key())).status_code == 404
    answer = await client.post("/v1/users/nobody/password", json={"password": FIRST}, headers=key())
    assert answer.status_code == 404


async def test_failures_make_the_place_wait_and_nobody_else(client: httpx.AsyncClient) -> None:
    """After five wrong passwords of a name one has to wait there, an unknown name alike; the right password opens from
    elsewhere, and other names aren't concerned."""
    async with browser(str(client.base_url)) as visitor, browser(str(client.base_url), address="127.0.0.2") as owner:
        name = await person(client, visitor)
        for tried in (name, f"{name}-unknown"):
            answers = [await log_in(visitor, tried, "wrong password") for _ in range(FREE)]
            assert {one.status_code for one in answers} == {401}
            waits = await log_in(visitor, tried, CHOSEN)
            assert waits.status_code == 429
            assert "请稍候再试" in waits.text
        assert (await log_in(owner, name, CHOSEN)).headers["location"] == "/finance"
        other = await person(client, visitor)
        assert (await log_in(visitor, other, CHOSEN)).headers["location"] == "/finance"


async def test_a_password_that_is_tried_first_is_refused(client: httpx.AsyncClient) -> None:
    """A leaked one, a pattern: in the API and in the form."""
    for password in ("password1234", "qwertyuiop12", "123456789012", "iloveyou1234"):
        refused = await add_user(client, "li.hua", password=password)
        assert (refused.status_code, refused.json()["code"]) == (422, "password_common"), password
    async with browser(str(client.base_url)) as visitor:
        await person(client, visitor)
        assert "太常见" in (await choose(visitor, CHOSEN, "password1234")).text


@pytest.fixture
async def own_office(database_server: str) -> AsyncIterator[Office]:
    """A service of its own: failures from one origin would lock the others out."""
    async with office(database_server) as opened:
        yield opened


@pytest.mark.thorough
async def test_many_failures_from_one_place_make_it_wait(own_office: Office) -> None:
    """After fifty wrong logins of whatever names nobody logs in from there for a while, with 429 and how long."""
    await add_user(own_office.client, "li.hua")
    async with browser(str(own_office.client.base_url)) as visitor:
        for number in range(MOST_FROM_PLACE):
            assert (await log_in(visitor, f"nobody-{number}", "wrong password")).status_code == 401
        refused = await log_in(visitor, "li.hua", FIRST)
        assert refused.status_code == 429
        assert "验证失败次数过多" in refused.text


@pytest.mark.parametrize(
    ("roles", "first", "shut"),
    [
        (
            {"scopes": ["registry"]},
            "/finance/waiting",
            {"orders", "statements", "settlements", "closings", "reports", "deposits", "users"},
        ),
        (
            {"scopes": ["policy"]},
            "/finance/policies",
            {"orders", "jobs", "lists", "closings", "reports", "audit", "imports", "users"},
        ),
        (
            {"scopes": ["hospital"], "hospital_code": "H-none"},
            None,
            {"closings", "reports", "jobs", "lists", "policies", "users"},
        ),
        ({"scopes": ["finance"], "area_code": "530300"}, None, {"users"}),
        ({"scopes": ["auditor"]}, None, {"imports", "users"}),
        ({"scopes": ["admin"], "area_code": "530300"}, None, {"users"}),
    ],
)
async def test_each_page_is_for_its_roles(
    client: httpx.AsyncClient, roles: dict[str, object], first: str | None, shut: set[str]
) -> None:
    """The first page of a role is one that it may see; others are refused in words, and none fails."""
    code = roles.get("hospital_code")
    await known_hospital(client, None if code is None else str(code))
    names = (
        "orders statements settlements reconciliation audit prepayments deposits balances closings reports imports "
        "jobs lists policies users"
    )
    async with browser(str(client.base_url)) as visitor:
        await person(client, visitor, **roles)
        home = await visitor.get("/finance")
        assert (home.status_code, home.headers.get("location")) == (200 if first is None else 303, first)
        found = {name: (await visitor.get(f"/finance/{name}")).status_code for name in names.split()}
        assert set(found.values()) <= {200, 403}
        assert {name for name, status in found.items() if status == 403} >= shut
        assert (await visitor.get("/finance/orders/dis_999999999?x=%00")).status_code in (403, 404)
