"""Prepayments in batches: approved, sent and recorded as paid together."""

from collections.abc import AsyncIterator

import pytest

from tests.clearing.office import Office, office
from tests.clearing.test_batches import batch, outcomes


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018."""
    async with office(database_server) as opened:
        yield opened


async def drafted(desk: Office, *amounts: str) -> list[str]:
    """Prepayments drafted by ``li``."""
    body = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100", "year": 2018}
    made = [await desk.do("li", "/prepayments", body | {"amount": amount}) for amount in amounts]
    return [one["prepayment_id"] for one in made]


async def test_many_prepayments_go_their_way_together(desk: Office) -> None:
    """Approved by the filters of their list, sent by their ids, paid by rows; the maker's own approval, one that isn't
    there and a second payment are refused row by row."""
    names = await drafted(desk, "1000.00", "2000.00")
    drafts = {"action": "approval", "filter": {"fund": "390100", "year": 2018, "state": "draft"}}
    assert outcomes(await batch(desk, "li", "/prepayments", drafts)) == [("refused", "maker_is_checker")] * 2
    assert outcomes(await batch(desk, "wang", "/prepayments", drafts)) == [("done", None)] * 2
    sent = await batch(desk, "li", "/prepayments", {"action": "sending", "ids": [*names, "pre_999999"]})
    assert outcomes(sent) == [("done", None), ("done", None), ("refused", "not_found")]
    rows = [{"id": one, "paid_on": "2018-05-20", "bank_reference": f"P{one}"} for one in names]
    paid = {"action": "payments", "rows": rows}
    assert outcomes(await batch(desk, "li", "/prepayments", paid)) == [("done", None)] * 2
    again = [row | {"bank_reference": f"Q{row['id']}"} for row in rows]
    refused = outcomes(await batch(desk, "li", "/prepayments", paid | {"rows": again}))
    assert {outcome for outcome, _ in refused} == {"refused"}
    assert {(await desk.get(f"/prepayments/{one}"))["state"] for one in names} == {"paid"}
    await desk.balanced()
