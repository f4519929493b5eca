"""Claims of persons in batches: approved, sent and recorded as paid together, and gathered into a payment batch."""

from collections.abc import AsyncIterator

import pytest

from tests.clearing.claims import basic, claims_desk
from tests.clearing.office import Office
from tests.clearing.test_batches import batch, outcomes
from tests.finance.test_mended import form_of
from tests.people import browser, person


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in which ``sun`` settles what persons paid in cash."""
    async with claims_desk(database_server) as opened:
        yield opened


async def test_many_claims_go_their_way_together(desk: Office) -> None:
    """Approved by the filters of their list, sent by their ids, paid by rows; the maker's own approval, a claim that
    isn't there and a second payment are refused row by row."""
    names = [(await basic(desk))[0]["claim_id"] for _ in range(2)]
    of_basic = {"action": "approval", "filter": {"fund": "390100", "state": "draft"}}
    assert outcomes(await batch(desk, "sun", "/claims", of_basic)) == [("refused", "maker_is_checker")] * 2
    assert outcomes(await batch(desk, "wang", "/claims", of_basic)) == [("done", None)] * 2
    sent = await batch(desk, "li", "/claims", {"action": "sending", "ids": [*names, "clm_999999"]})
    assert outcomes(sent) == [("done", None), ("done", None), ("refused", "not_found")]
    rows = [{"id": one, "paid_on": "2018-05-20", "bank_reference": f"C{one}"} for one in names]
    paid = {"action": "payments", "rows": rows}
    assert outcomes(await batch(desk, "li", "/claims", paid)) == [("done", None)] * 2
    again = [row | {"bank_reference": f"D{row['id']}"} for row in rows]
    assert outcomes(await batch(desk, "li", "/claims", paid | {"rows": again})) == [("refused", "invalid_move")] * 2
    assert {(await desk.get(f"/claims/{one}"))["state"] for one in names} == {"paid"}


async def test_claims_are_ticked_on_their_list(desk: Office) -> None:
    """What is ticked is shown with its sum, confirmed once and sent; from the list a payment batch is made of it."""
    (first, path), (second, other) = await basic(desk), await basic(desk)
    for one in (path, other):
        await desk.do("wang", f"{one}/approval")
    async with browser(str(desk.client.base_url)) as officer:
        await person(desk.client, officer, scopes=["finance"])
        page = (await officer.get("/finance/claims")).text
        assert f'form="batch" name="id" value="{first["claim_id"]}"' in page
        assert 'formaction="/finance/payment-batches/new" name="of" value="claims"' in page
        address = f"/finance/claims/batch/send?id={first['claim_id']}&id={second['claim_id']}"
        page = (await officer.get(address)).text
        assert "1,900.00" in page
        form = form_of(page, address.replace("&", "&amp;")) | {"ids": f"{first['claim_id']} {second['claim_id']}"}
        answer = await officer.post(address, data=form)
        assert "已办理 2 条，未办理 0 条" in answer.text, answer.text
        page = (await officer.get(f"/finance/payment-batches/new?id={first['claim_id']}&of=claims")).text
        assert first["claim_id"] in page
        assert second["claim_id"] not in page
        page = (await officer.get("/finance/payment-batches/new?all=1&of=claims&fund=390100")).text
        assert f'name="ids" value="{first["claim_id"]} {second["claim_id"]}"' in page
        assert "1,900.00" in page
        assert "请先在" in (await officer.get("/finance/payment-batches/new?all=1&of=orders")).text
    assert {(await desk.get(one))["state"] for one in (path, other)} == {"sent"}
