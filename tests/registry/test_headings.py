"""What is wrong with a cell of a file is told by the row and the heading that stand in that file."""

from pathlib import Path

import httpx
import pytest

from app.basics.errors import Refused
from app.clearing.detail_file import COLUMNS, read_detail
from app.service.messages import fault_text
from app.service.sheet import SheetRefused, rows
from tests.registry.test_catalogue_import import fresh
from tests.registry.test_poverty_list import ended, imported, person
from tests.world import World, key


async def test_a_catalogues_row_names_the_heading_of_the_file(client: httpx.AsyncClient) -> None:
    """An end that comes too early is told under 结束日期 where the file says 结束日期, not by our name for it."""
    told = []
    for heading in ("失效日期", "结束日期"):
        content = f"医疗目录编码,项目名称,项目种类,甲乙丙类,先行自付比例,生效日期, {heading}*\n"
        content += f"{fresh()},某药,药品,乙,0.1,2018-01-01,2017-06-30\n"
        headers = key() | {"Content-Type": "text/csv", "Accept-Language": "zh"}
        answer = await client.post("/v1/catalogue/imports", content=content.encode(), headers=headers)
        await ended(client, answer)
        path = f"/v1/jobs/{answer.json()['job_id']}"
        (row,) = (await client.get(path, headers={"Accept-Language": "zh"})).json()["rows"]
        assert (row["reason"], row["field"]) == ("interval_empty", "valid_until")
        told.append(row["message"])
    assert told[0].startswith("第 2 行“失效日期*”列：")
    assert told[1].startswith("第 2 行“结束日期*”列：")


async def test_a_poverty_lists_row_names_the_heading_of_the_file(client: httpx.AsyncClient) -> None:
    """A class that nobody knows is told by row and heading, in the reader's language."""
    who = await person(client)
    job = await imported(client, [(who["id_number"], who["name"], "富裕", "")])
    (row,) = job["rows"]
    assert row["message"].startswith("Row 2, column “人员类别”: ")


async def test_an_identity_day_in_the_far_future_is_reported(client: httpx.AsyncClient) -> None:
    """A list says nobody more than a year ahead: that year is a slip, told under its heading; next month is taken."""
    who, other = await person(client), await person(client)
    days = ("2107-07-01", "2027-07-30")
    rows = [(one["id_number"], one["name"], "低保", day) for one, day in zip((who, other), days, strict=True)]
    late, soon = (await imported(client, rows))["rows"]
    assert (late["outcome"], late["reason"], late["field"]) == ("malformed", "day_far_future", "from")
    assert late["message"].startswith("Row 2, column “认定日期”: ")
    assert soon["outcome"] == "matched"


async def test_a_code_list_names_the_heading_of_the_file(client: httpx.AsyncClient) -> None:
    """A hospital's code without an item is told by row and heading."""
    world = await World(client).build()
    query = {"kind": "hospital_codes", "hospital_code": world.township}
    content = "院内编码,国家编码\nY1,\n".encode()
    headers = key() | {"Content-Type": "text/csv"}
    job = await ended(
        client, await client.post("/v1/catalogue/imports", params=query, content=content, headers=headers)
    )
    (row,) = job["rows"]
    assert row["message"].startswith("Row 2, column “国家编码”: "), row


async def test_a_row_without_a_column_in_the_file_is_told_by_our_name(client: httpx.AsyncClient) -> None:
    """What the file has no column for can only be told by the name that the template gives it."""
    content = f"医疗目录编码,项目名称,项目种类,甲乙丙类,生效日期\n{fresh()},某药,药品,乙,2018-01-01\n"
    headers = key() | {"Content-Type": "text/csv"}
    job = await ended(client, await client.post("/v1/catalogue/imports", content=content.encode(), headers=headers))
    (row,) = job["rows"]
    assert (row["reason"], row["field"]) == ("value_missing", "first_pay_ratio")
    assert row["message"].startswith("Row 2, column “first_pay_ratio”: ")


def test_a_detail_files_cell_names_the_heading_of_the_file(tmp_path: Path) -> None:
    """An amount that can't be read is told by its row and the file's own heading."""
    path = tmp_path / "detail.csv"
    path.write_text("结算单号,基金,应付金额\nset_1,390100,很多\n,390100,1.00\n", encoding="utf-8")
    with pytest.raises(Refused) as refused:
        read_detail(path, "/file", funds=None)
    first, second = (fault_text(fault, "zh") for fault in refused.value.faults)
    assert first.startswith("第 2 行“应付金额”列：金额无法识别。")
    assert second.startswith("第 3 行“结算单号”列：单元格是空的。")


def test_a_column_that_is_there_twice_is_told_as_the_file_heads_it(tmp_path: Path) -> None:
    """Of two headings of one column the second is named."""
    path = tmp_path / "detail.csv"
    path.write_text("结算单号,基金,金额,应付金额\nset_1,390100,1.00,1.00\n", encoding="utf-8")
    with pytest.raises(SheetRefused) as refused:
        list(rows(path, COLUMNS))
    assert refused.value.faults[0].values == {"column": "应付金额"}
