"""After a restoration nothing is sent until two people have said what the bank did meanwhile."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office

RESTORED = """
INSERT INTO restoration (data_until, last_settled_at, restored_on)
VALUES ('2018-06-03T10:00:00+08:00', '2018-05-20T10:00:00+08:00', '2018-06-05')"""


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 6 June 2018 with an approved order, officers of another area and of another fund."""
    async with office(database_server) as opened:
        await opened.hire("elsewhere", scopes=["finance"], area_code="532600")
        await opened.hire("zhao", scopes=["finance"], funds=["610100"])
        await opened.hire("auditor", scopes=["auditor"])
        await opened.settled("1000.00", "2018-05-10")
        await opened.at("2018-06-06")
        yield opened


async def checked(desk: Office, who: str, until: str = "2018-06-05") -> dict[str, Any]:
    """A check that somebody enters."""
    return await desk.do(who, "/bank-checks", {"checked_until": until})


async def recorded_as_of_the_banks_day(desk: Office, path: str) -> None:
    """A payment in the lost days is taken, though it lies before the second sending; one before them isn't."""
    paid = {"amount": "1.00", "bank_reference": "B1"}
    early = await desk.refused("li", f"{path}/payments", paid | {"paid_on": "2018-06-02"})
    assert early == (422, "before_sending")
    assert (await desk.do("li", f"{path}/payments", paid | {"paid_on": "2018-06-04"}))["state"] == "part_paid"
    await desk.balanced()


async def test_nothing_is_sent_until_two_people_checked_the_bank(desk: Office) -> None:
    """Sending is 409, and refused by the database whatever the door, until the check of a person who reaches the order
    is approved by another who does. What the bank paid in the lost days is recorded as of its day. A further
    restoration asks for a check again."""
    order = await desk.ordered(await desk.approved("2018-05"))
    path = f"/disbursements/{order['disbursement_id']}"
    await desk.do("wang", f"{path}/approval")
    assert await desk.get("/bank-checks", who="li") == {
        "pending": False,
        "since": None,
        "data_until": None,
        "last_settled_at": None,
        "restored_on": None,
        "data": [],
    }
    assert await desk.refused("li", "/bank-checks", {"checked_until": "2018-06-05"}) == (409, "bank_check_not_needed")
    owner = await asyncpg.connect(desk.url)
    try:
        await owner.execute(RESTORED)
        assert await desk.refused("li", f"{path}/sending") == (409, "bank_check_pending")
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute("UPDATE disbursement SET state = 'sent', sent_on = '2018-06-06', sent_by = 'li'")
        for until, code in (("2018-06-04", "bank_check_too_early"), ("2018-06-07", "in_the_future")):
            assert await desk.refused("li", "/bank-checks", {"checked_until": until}) == (422, code)
        for who in ("elsewhere", "zhao"):
            await checked(desk, who)
        mine = await checked(desk, "li")
        assert (mine["state"], mine["area_prefix"], mine["funds"]) == ("draft", "", None)
        approval = f"/bank-checks/{mine['bank_check_id']}/approval"
        assert await desk.refused("li", approval) == (403, "maker_is_checker")
        assert await desk.refused("elsewhere", approval) == (404, "not_found")
        assert await desk.refused("hospital", "/bank-checks", {"checked_until": "2018-06-05"}) == (
            403,
            "forbidden_scope",
        )
        assert await desk.refused("li", f"{path}/sending") == (409, "bank_check_pending")
        told = await desk.get("/bank-checks", who="auditor")
        assert (told["pending"], told["since"], told["restored_on"]) == (True, "2018-06-03", "2018-06-05")
        assert (await desk.do("wang", approval))["state"] == "approved"
        assert not (await desk.get("/bank-checks", who="elsewhere"))["pending"]
        assert (await desk.do("li", f"{path}/sending"))["state"] == "sent"
        await recorded_as_of_the_banks_day(desk, path)
        await owner.execute(RESTORED)
        assert (await desk.get("/bank-checks", who="li"))["pending"]
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute("DELETE FROM bank_check")
    finally:
        await owner.close()


async def test_a_check_covers_what_its_makers_reach(desk: Office) -> None:
    """Two people of one fund free what is of that fund and nothing else."""
    await desk.hire("qian", scopes=["finance"], funds=["610100"])
    owner = await asyncpg.connect(desk.url)
    try:
        await owner.execute(RESTORED)
        mine = await checked(desk, "zhao")
        await desk.do("qian", f"/bank-checks/{mine['bank_check_id']}/approval")
        pending = "SELECT bank_check_pending('530100', $1)"
        assert [await owner.fetchval(pending, fund) for fund in ("610100", "390100")] == [False, True]
    finally:
        await owner.close()
    assert (await desk.get("/bank-checks", who="li"))["pending"]
