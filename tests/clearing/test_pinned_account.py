"""A payment to a hospital goes to the account that it was approved for."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office

pytestmark = pytest.mark.thorough

ACCOUNT = {"bank_name": "农业银行", "account_name": "县人民医院", "account_number": "6228480402564890018"}


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with two officers."""
    async with office(database_server) as opened:
        await opened.hire("registrar", scopes=["registry"])
        yield opened
        await opened.balanced()


async def account(desk: Office, wanted: dict[str, str] | None) -> None:
    """The hospital has another account: asked for by the registry, approved by ``wang``."""
    path = f"/v1/hospitals/{desk.world.township}"
    hospital = (await desk.client.get(path)).json()
    body = {name: hospital[name] for name in ("name", "level", "rank", "area_code")} | {"bank_account": wanted}
    put = await desk.client.put(path, json=body, headers=desk.tokens["registrar"])
    assert put.status_code == 200, put.text
    await desk.do("wang", f"/bank-account-changes/{put.json()['bank_account_change']['change_id']}/approval")


async def drafted(desk: Office) -> dict[str, Any]:
    """An order of a month's bill."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-02")
    return await desk.ordered(await desk.approved("2018-05"))


async def stopped(desk: Office, path: str, before: dict[str, Any]) -> None:
    """What is approved isn't sent to another account, until somebody else than its maker has approved it again; nothing
    else of it changes."""
    assert await desk.refused("wang", f"{path}/approval") == (409, "invalid_move")
    await account(desk, ACCOUNT)
    assert await desk.refused("li", f"{path}/sending") == (409, "payee_account_changed")
    assert await desk.refused(before["created_by"], f"{path}/approval") == (403, "maker_is_checker")
    again = await desk.do("wang", f"{path}/approval")
    assert again == before
    await account(desk, None)
    assert await desk.refused("li", f"{path}/sending") == (409, "payee_account_changed")
    await desk.do("wang", f"{path}/approval")
    assert (await desk.do("li", f"{path}/sending"))["state"] == "sent"


async def test_an_order_is_sent_to_the_account_that_it_was_approved_for(desk: Office) -> None:
    """None is pinned too, and a removal stops an order as well."""
    made = await drafted(desk)
    path = f"/disbursements/{made['disbursement_id']}"
    await stopped(desk, path, await desk.do("wang", f"{path}/approval"))


async def test_a_prepayment_is_sent_to_the_account_that_it_was_approved_for(desk: Office) -> None:
    """As an order is."""
    whose = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100"}
    wanted = whose | {"amount": "500.00", "year": 2018}
    made = await desk.do("li", "/prepayments", wanted)
    path = f"/prepayments/{made['prepayment_id']}"
    await stopped(desk, path, await desk.do("wang", f"{path}/approval"))


async def test_what_was_sent_is_paid_though_the_account_changed(desk: Office) -> None:
    """Money at the bank is on its way to the account of the approval; the database too sends it to no other one."""
    made = await drafted(desk)
    path = f"/disbursements/{made['disbursement_id']}"
    await desk.do("wang", f"{path}/approval")
    await account(desk, ACCOUNT)
    owner = await asyncpg.connect(desk.url)
    with pytest.raises(asyncpg.RestrictViolationError, match="account"):
        await owner.execute("UPDATE disbursement SET state = 'sent', sent_by = 'li', sent_on = '2018-06-02'")
    await owner.close()
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    await account(desk, None)
    paid = {"amount": made["amount"], "paid_on": "2018-06-02", "bank_reference": "B1"}
    assert (await desk.do("li", f"{path}/payments", paid))["state"] == "paid"
