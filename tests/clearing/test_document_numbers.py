"""The office's own document numbers of orders and payment batches: given until the bank has them, found by a part."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from app.basics.text import document_form
from tests.clearing.office import Office, office
from tests.clearing.test_payment_batches import PAYEE, PAYING
from tests.finance.test_mended import form_of
from tests.people import browser, person

NUMBER = "滇医保拨〔2018〕4号"


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in July 2018 whose hospital has an account; of May and June orders are drafted."""
    async with office(database_server) as opened:
        await opened.hire("qian", scopes=["registry"])
        await opened.hire("zhao", scopes=["finance"], funds=["610100"])
        path = f"/v1/hospitals/{opened.world.township}"
        hospital = {"name": "城关镇卫生院", "level": 1, "rank": "township", "area_code": "530127"}
        asked = await opened.client.put(path, json=hospital | {"bank_account": PAYEE}, headers=opened.tokens["qian"])
        await opened.do("li", f"/bank-account-changes/{asked.json()['bank_account_change']['change_id']}/approval")
        for period, after in (("2018-05", "2018-06"), ("2018-06", "2018-07")):
            await opened.settled("800.00", f"{period}-{'20' if period == '2018-05' else '05'}")
            await opened.at(f"{after}-05")
            await opened.ordered(await opened.approved(period))
        yield opened


async def drafts(desk: Office) -> list[str]:
    """The drafted orders, oldest first."""
    found = (await desk.get("/disbursements", state="draft"))["data"]
    return [one["disbursement_id"] for one in reversed(found)]


@pytest.mark.parametrize(
    "typed", ["滇医保拨 [2018] 4号", "滇医保拨（２０１８）４号", "滇医保拨【2018】4 号", "\u3000滇医保拨{2018}4号"]
)
def test_a_document_number_has_one_form(typed: str) -> None:
    """Blanks, widths and kinds of brackets make no other number."""
    assert document_form(typed) == NUMBER


async def test_a_number_is_given_until_the_bank_has_it(desk: Office) -> None:
    """Draft and approved orders and batches take a number and lose it again, with who and when, and each change is
    written down; once sent it stays, in the database too. It is found by a part of it, and stands in files."""
    first, second = await drafts(desk)
    path = f"/disbursements/{first}"
    given = await desk.do("li", f"{path}/document-number", {"document_number": "滇医保拨[2018]３号"})
    assert (given["document_number"], given["numbered_by"], given["numbered_on"]) == (
        "滇医保拨〔2018〕3号",
        "li",
        "2018-07-05",
    )
    assert (await desk.do("wang", f"{path}/document-number", {"document_number": None}))["document_number"] is None
    await desk.do("wang", f"{path}/approval")
    approved = await desk.do("wang", f"{path}/document-number", {"document_number": NUMBER})
    assert (approved["document_number"], approved["numbered_by"]) == (NUMBER, "wang")
    for body, code in (
        ({}, "required"),
        ({"document_number": ""}, "too_short"),
        ({"document_number": " "}, "text_format"),
    ):
        assert (await desk.refused("li", f"{path}/document-number", body))[0] == 422, code
    assert await desk.refused("zhao", f"{path}/document-number", {"document_number": "x"}) == (404, "not_found")
    await desk.do("li", f"{path}/sending")
    late = await desk.refused("li", f"{path}/document-number", {"document_number": "x"})
    assert late == (409, "invalid_move")

    await desk.sent({"disbursement_id": second})
    batch = await desk.do("li", "/payment-batches", {"order_ids": [first, second], "paying_account": PAYING})
    assert batch["document_number"] is None
    path = f"/payment-batches/{batch['payment_batch_id']}"
    await desk.do("li", f"{path}/document-number", {"document_number": "滇医保付〔2018〕9号"})
    approved = await desk.do("wang", f"{path}/approval")
    assert approved["document_number"] == "滇医保付〔2018〕9号"
    assert (await desk.client.get(f"/v1{path}/file", headers=desk.tokens["li"])).status_code == 200
    late = await desk.refused("li", f"{path}/document-number", {"document_number": "x"})
    assert late == (409, "invalid_move")

    for typed, found in (("(2018)4", [first]), ("滇医保拨", [first]), ("〔2018〕5", []), ("%", [])):
        rows = (await desk.get("/disbursements", document_number=typed))["data"]
        assert [one["disbursement_id"] for one in rows] == found, typed
    (row,) = (await desk.get("/payment-batches", "li", document_number="付[2018]"))["data"]
    assert (row["payment_batch_id"], row["numbered_by"]) == (batch["payment_batch_id"], "li")
    file = await desk.client.get("/v1/exports/disbursements", params={"format": "csv"}, headers=desk.tokens["li"])
    assert NUMBER in file.text
    await kept_by_the_database(desk)


async def kept_by_the_database(desk: Office) -> None:
    """What was sent keeps its number, whoever writes; the moves are in the record."""
    owner = await asyncpg.connect(desk.url)
    try:
        for table in ("disbursement", "payment_batch"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await owner.execute(f"UPDATE {table} SET document_number = 'x' WHERE document_number IS NOT NULL")
        moves = await owner.fetch(
            "SELECT subject, reason FROM clearing_event WHERE move = 'numbered' ORDER BY event_id"
        )
    finally:
        await owner.close()
    assert [tuple(one) for one in moves] == [
        ("li", "滇医保拨〔2018〕3号"),
        ("wang", None),
        ("wang", NUMBER),
        ("li", "滇医保付〔2018〕9号"),
    ]


async def test_the_pages_give_and_find_numbers(desk: Office) -> None:
    """The order's page takes the number, shows who gave it and prints it; the box finds it; what was typed wrong stays;
    once sent there is no form. A payment batch's page does the same, and prints the request for its money."""
    period = desk.day[:7]
    await desk.settled("900.00", desk.day)
    await desk.at("2018-08-02")
    order = (await desk.ordered(await desk.approved(period)))["disbursement_id"]
    async with browser(str(desk.client.base_url)) as officer:
        name = await person(desk.client, officer, scopes=["finance"])
        path = f"/finance/orders/{order}"
        await numbered(officer, path, "滇医保拨（2018）12号")
        page = (await officer.get(path)).text
        assert "滇医保拨〔2018〕12号" in page
        assert f"{name} 2018-08-02 登记" in page
        assert "登记文号" in page.split("办理记录")[-1]
        wrong = await officer.post(
            f"{path}/number", data=form_of(page, f"{path}/number") | {"document_number": "a" * 61}
        )
        assert (wrong.status_code, f'value="{"a" * 61}"' in wrong.text) == (422, True)
        paper = await officer.get(f"{path}/order.pdf")
        assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
        found = await officer.get("/finance/search", params={"q": "拨[2018]12"})
        assert found.headers["location"] == path
        assert order in (await officer.get("/finance/orders?document_number=[2018]12")).text
        await desk.sent({"disbursement_id": order})
        assert f'action="{path}/number"' not in (await officer.get(path)).text

        batch = await desk.do("li", "/payment-batches", {"order_ids": [order], "paying_account": PAYING})
        path = f"/finance/payment-batches/{batch['payment_batch_id']}"
        await numbered(officer, path, "滇医保付[2018]13号")
        assert "滇医保付〔2018〕13号" in (await officer.get(path)).text
        assert "滇医保付〔2018〕13号" in (await officer.get("/finance/payment-batches")).text
        request = await officer.get(f"{path}/request.pdf")
        assert (request.status_code, request.content[:5]) == (200, b"%PDF-")
        found = await officer.get("/finance/search", params={"q": "2018〕1"})
        assert (order in found.text, batch["payment_batch_id"] in found.text) == (True, True)


async def numbered(officer: httpx.AsyncClient, path: str, number: str) -> None:
    """Type a number on a page."""
    form = form_of((await officer.get(path)).text, f"{path}/number") | {"document_number": number}
    answer = await officer.post(f"{path}/number", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
