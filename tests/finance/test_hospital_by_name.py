"""Forms take a hospital by its name as well as by its code, offer those that exist, and say when none matches."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clearing.office import Office, office
from tests.finance.test_mended import HIDDEN, form_of
from tests.people import browser, person

PREPAYMENTS = "/finance/prepayments"
NONE_OR_SEVERAL = "没有找到这家定点医疗机构，或有几家名称相近"


@pytest.fixture(scope="module")
async def registered(database_server: str) -> AsyncIterator[Office]:
    """An office with four hospitals, all named 医院 and their code."""
    async with office(database_server) as opened:
        yield opened


@pytest.fixture
async def officer(registered: Office) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of finance at the pages."""
    async with browser(str(registered.client.base_url)) as visitor:
        await person(registered.client, visitor, scopes=["finance"])
        yield visitor


async def drafted(officer: httpx.AsyncClient, typed: str) -> httpx.Response:
    """What comes of a prepayment to the hospital that somebody typed."""
    page = (await officer.get(PREPAYMENTS)).text
    body = {"hospital_code": typed, "area_code": "530100", "fund": "390100", "year": "2018", "amount": "10"}
    form = dict(HIDDEN.findall(page.split(f'method="post" action="{PREPAYMENTS}"')[1]))
    return await officer.post(PREPAYMENTS, data=form | body)


async def test_a_prepayment_takes_a_name_a_part_of_it_or_a_code(registered: Office, officer: httpx.AsyncClient) -> None:
    """The whole name, the part of it that only one has, and the code are the same hospital."""
    code = registered.world.township
    for typed in (f"医院{code}", f" 院{code}", code):
        answer = await drafted(officer, typed)
        assert answer.status_code == 303, answer.text
    made = (await registered.get("/prepayments", hospital_code=code))["data"]
    assert [one["hospital_code"] for one in made] == [code] * 3


@pytest.mark.parametrize("typed", ["医院", "不存在的医院", "%", "H-none"])
async def test_none_or_several_is_said_and_what_was_typed_stays(officer: httpx.AsyncClient, typed: str) -> None:
    """A part that several names have isn't guessed at; the form comes back as it was filled in."""
    answer = await drafted(officer, typed)
    assert answer.status_code == 422
    assert NONE_OR_SEVERAL in answer.text
    assert f'value="{typed}"' in answer.text


async def test_a_list_offers_the_hospitals_that_a_filter_may_mean(
    registered: Office, officer: httpx.AsyncClient
) -> None:
    """Where several have what was typed in their names each is a link that keeps the other filters; where none has, the
    page says so; one name is that hospital, in the file of the list too."""
    code = registered.world.township
    made = await registered.settled("1000.00", "2018-05-10", hospital_code=code)
    for path in ("/finance/settlements", "/finance/orders", "/finance/statements"):
        page = (await officer.get(f"{path}?hospital_code=医院&page=2")).text
        assert "有几家定点医疗机构与“医院”相符，请选择" in page
        assert f'<a href="{path}?hospital_code={code}">医院{code}</a>' in page
        assert "没有定点医疗机构与“不存在”相符" in (await officer.get(f"{path}?hospital_code=不存在")).text
        for typed in (code, f"院{code}"):
            assert "相符" not in (await officer.get(f"{path}?hospital_code={typed}")).text
    page = (await officer.get("/finance/orders?hospital_code=医院&state=draft")).text
    assert f'href="/finance/orders?hospital_code={code}&amp;state=draft"' in page
    file = await officer.get(f"/finance/exports/settlements?format=csv&from=2018年5月1日&hospital_code=院{code}")
    assert f"{made['settlement_id']},结算" in file.text


async def test_areas_show_their_names(registered: Office, officer: httpx.AsyncClient) -> None:
    """Where an area is registered its name stands for its code, and beside it where one is chosen; else the code does.
    The heading over hospitals' names doesn't say code."""
    await registered.settled("1000.00", "2018-05-10")
    page = (await officer.get("/finance/waiting")).text
    assert '<option value="530100" selected>530100</option>' in page
    await registered.world.put("/v1/areas/530100", {"name": "昆明市"})
    await registered.at("2018-06-05")
    statement = await registered.declared("2018-05")
    page = (await officer.get("/finance/statements")).text
    assert '<span title="530100">昆明市</span>' in page
    assert "医疗机构编码" not in page.split("<thead")[1]
    assert "统筹区 昆明市" in (await officer.get(f"/finance/statements/{statement['statement_id']}")).text
    page = (await officer.get("/finance/waiting")).text
    assert '<option value="530100" selected>530100 昆明市</option>' in page


async def test_forms_offer_the_hospitals_that_exist(registered: Office, officer: httpx.AsyncClient) -> None:
    """Code and name stand behind the field of each form that asks for a hospital."""
    code = registered.world.township
    async with browser(str(registered.client.base_url)) as administrator:
        await person(registered.client, administrator, scopes=["admin"])
        for visitor, path, field in (
            (officer, PREPAYMENTS, "new-hospital"),
            (officer, "/finance/deposits", "new-hospital"),
            (administrator, "/finance/imports/hospital-codes", "import-hospital"),
            (administrator, "/finance/users", "user-hospital"),
            (administrator, "/finance/users", "token-hospital"),
        ):
            page = (await visitor.get(path)).text
            offered = page.split(f'<datalist id="{field}-offered">')[1].split("</datalist>")[0]
            assert f'<option value="{code}">医院{code}</option>' in offered, path
            assert f'list="{field}-offered"' in page


async def test_a_login_is_given_to_a_hospital_by_its_name(registered: Office) -> None:
    """An administrator types the hospital's name; the login has its code. One that isn't there is refused."""
    code = registered.world.township
    async with browser(str(registered.client.base_url)) as administrator:
        await person(registered.client, administrator, scopes=["admin"])
        page = (await administrator.get("/finance/users")).text
        body = {"password": "a password for once", "scope_hospital": "1"}
        for name, typed, status in (("desk-1", f"医院{code}", 303), ("desk-2", "不存在的医院", 422)):
            page = (await administrator.get("/finance/users")).text
            form = form_of(page, "/finance/users") | body | {"name": name, "hospital_code": typed}
            assert (await administrator.post("/finance/users", data=form)).status_code == status
        users = (await administrator.get("/finance/users")).text
        assert f"<td>desk-1</td><td>医疗机构</td><td>{code}" in users
        assert "desk-2" not in users
