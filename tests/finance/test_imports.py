"""Uploads on the pages: the same jobs as the API's, a result per row, nothing half-written."""

import asyncio
import re
from collections.abc import AsyncIterator
from io import BytesIO

import asyncpg
import httpx
import openpyxl
import pytest

from tests.clearing.office import Office, office
from tests.people import browser, person
from tests.world import id_number

HIDDEN = re.compile(r'name="(csrf|key)" value="([^"]*)"')


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with a month behind it."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        yield opened


async def sent(visitor: httpx.AsyncClient, path: str, content: bytes | str, **fields: str) -> httpx.Response:
    """The form of an upload's page, filled in and sent."""
    hidden = dict(HIDDEN.findall((await visitor.get(path)).text.split("<main")[1]))
    upload = {"file": ("list.csv", content, "text/csv")}
    return await visitor.post(path, data=hidden | fields, files=upload)


async def ended(visitor: httpx.AsyncClient, address: str) -> str:
    """The page of a job that is over."""
    for _ in range(100):
        page = (await visitor.get(address)).text
        if 'hx-trigger="load' not in page:
            return page
        await asyncio.sleep(0.1)
    raise AssertionError("the job doesn't end")


async def test_a_list_is_uploaded_and_answered_row_by_row(desk: Office) -> None:
    """Each row's result stands on the job's page and in its workbook, narrowed by a result where one is chosen; the
    same form again makes no second job; what was typed stays after a refusal."""
    number = id_number()
    person_id = "PIMPORT1"
    body = {"name": "张永福", "id_number": number, "area_code": "530127", "insurance_type": "390", "identities": []}
    await desk.world.put(f"/v1/persons/{person_id}", body)
    rows = f"身份证号,人员类别\n{number},低保对象\n{id_number()},低保对象\n{id_number()},富人\n"
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["registry"])
        path, area = "/finance/imports/poverty-list", "530127"
        refused = await sent(visitor, path, rows, kind="exit", area_code=area, received_on="2019/1/1")
        assert refused.status_code == 422
        assert "2019-01-01" in refused.text
        assert 'value="exit" selected' in refused.text
        hidden = dict(HIDDEN.findall((await visitor.get(path)).text.split("<main")[1]))
        form = hidden | {"kind": "list", "area_code": area, "received_on": "2018/5/20"}
        answers = [
            await visitor.post(path, data=form, files={"file": ("list.csv", rows, "text/csv")}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [303, 303], answers[0].text
        assert answers[0].headers["location"] == answers[1].headers["location"]
        job = answers[0].headers["location"]
        page = await ended(visitor, job)
        assert "共 3 行" in page
        assert [page.count(f"<td>{word}</td>") for word in ("已匹配", "未匹配", "格式错误")] == [1, 1, 1]
        assert person_id in page
        only = (await visitor.get(f"{job}?outcome=malformed")).text
        assert "<td>已匹配</td>" not in only
        found = await visitor.get(f"{job}/file?outcome=malformed")
        sheet = openpyxl.load_workbook(BytesIO(found.content)).active
        assert [row[:2] for row in sheet.iter_rows(min_row=2, values_only=True)] == [(4, "malformed")]
        assert job.rpartition("/")[2] in (await visitor.get("/finance/jobs")).text


async def test_a_broken_file_writes_nothing(desk: Office) -> None:
    """A file without a needed column fails as a whole: the page says why in words, and no identity is written."""
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["registry"])
        before = await _count(desk, "identity")
        answer = await sent(
            visitor, "/finance/imports/poverty-list", "甲,乙\n1,2\n", area_code="530127", received_on="2018-05-20"
        )
        page = await ended(visitor, answer.headers["location"])
        assert "失败" in page
        assert 'role="alert"' in page
        assert await _count(desk, "identity") == before


async def test_a_catalogue_is_proposed_and_then_accepted(desk: Office) -> None:
    """Nothing is written before the acceptance, which is offered on the job's page."""
    rows = "医疗目录编码,项目名称,项目种类,甲乙丙类,生效日期\nXYZ77,阿司匹林,药品,甲,2018-01-01\n"
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["registry"])
        answer = await sent(visitor, "/finance/imports/catalogue", rows, complete="false")
        job = answer.headers["location"]
        page = await ended(visitor, job)
        assert "<td>新增</td>" in page
        assert "接受后一次写入" in page
        assert await _count(desk, "catalogue_entry WHERE item_code = 'XYZ77'") == 0
        hidden = dict(HIDDEN.findall(page.split("/accept")[1]))
        assert (await visitor.post(f"{job}/accept", data=hidden)).headers["location"] == job
        assert await _count(desk, "catalogue_entry WHERE item_code = 'XYZ77'") == 1
        assert "/accept" not in (await visitor.get(job)).text


async def test_own_codes_and_a_detail_file(desk: Office) -> None:
    """A hospital's codes by the registry; a detail file by finance leads to the differences of that comparison."""
    await desk.settled("8000.00", "2018-05-20")
    await desk.at("2018-06-02")
    statement = await desk.declared("2018-05")
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["registry", "finance"])
        rows = f"院内项目编码,医疗目录编码,生效日期\nH-1,{desk.world.item('A')},2018-01-01\n"
        answer = await sent(visitor, "/finance/imports/hospital-codes", rows, hospital_code=desk.world.township)
        assert "<td>新增</td>" in await ended(visitor, answer.headers["location"])
        detail = "结算编号,基金,金额\nstl_99999999,390100,1.00\n"
        path = "/finance/imports/detail"
        refused = await sent(visitor, path, "a,b\n1,2\n", statement_id=statement["statement_id"])
        assert refused.status_code == 422
        assert f'value="{statement["statement_id"]}"' in refused.text
        answer = await sent(visitor, path, detail, statement_id=statement["statement_id"])
        assert answer.status_code == 303, answer.text
        differences = (await visitor.get(answer.headers["location"])).text
        assert "仅医疗机构有" in differences
        assert "仅经办机构有" in differences


async def test_uploads_are_for_who_may(desk: Office) -> None:
    """Finance isn't offered the registry's imports and can't send one; another site's form is refused."""
    async with browser(str(desk.client.base_url)) as visitor:
        await person(desk.client, visitor, scopes=["finance"])
        page = (await visitor.get("/finance/imports")).text
        assert "/finance/imports/detail" in page
        assert "/finance/imports/catalogue" not in page
        assert (await visitor.get("/finance/imports/catalogue")).status_code == 403
        files = {"file": ("a.csv", "a,b\n", "text/csv")}
        foreign = await visitor.post("/finance/imports/detail", data={"key": "form-" + "x" * 24}, files=files)
        assert foreign.status_code == 403


async def _count(desk: Office, what: str) -> int:
    connection = await asyncpg.connect(desk.url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {what}"))
    finally:
        await connection.close()
