"""The floor where it is enforced: orders, and the closing of a year with its exceptions."""

import asyncio
from datetime import date
from fractions import Fraction
from typing import Any

import httpx
import pytest

from app.ledger.proof import CHECKS
from tests.clearing.payout_history import History, following, fresh_area
from tests.clearing.test_payout_rates import FUND, MONTH, OTHER, even_year, rows
from tests.conftest import TokenFactory
from tests.world import World, key

pytestmark = pytest.mark.damages("writes a history of transfers without their bills")

FROZEN = (
    "incurred",
    "deductions",
    "payable",
    "disbursed",
    "cash",
    "offset",
    "year_end_offset",
    "incurred_ratio",
    "required",
)


@pytest.fixture
def history(connection: Any) -> History:
    """An area of its own without anything."""
    return History(connection, fresh_area())


@pytest.fixture
async def two(history: History, token: TokenFactory) -> tuple[dict[str, str], dict[str, str]]:
    """Two finance officers of the area."""
    return await token(scopes=["finance"], area_code=history.area), await token(
        scopes=["finance"], area_code=history.area
    )


async def post(
    client: httpx.AsyncClient, path: str, body: dict[str, Any] | None, who: dict[str, str]
) -> httpx.Response:
    """A keyed POST; without a body none is sent."""
    return await client.post(path, json=body, headers=key() | who)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


# ---------------------------------------------------------------- orders


async def approved(history: History, fund: str, period: str, amount: int) -> str:
    """A statement of one month whose one fund's part is approved."""
    year = int(period[:4])
    await history.post("settlement", fund, "H1", amount, date(year, int(period[5:]), 15))
    number = await history.declare("H1", period, following(period, 5))
    await history.connection.execute(
        "INSERT INTO statement_total VALUES ($1, $2, 'basic', '21', $3, 1, 1, $4)", number, fund, year, amount
    )
    await history.part(number, "H1", fund, year, amount)
    return f"stm_{number}"


async def test_a_deposit_that_pushes_the_projection_below_the_floor_is_refused_with_the_largest(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """Last year tells what is to come: four months at 10 %, seven to come at the pack's 5 %, so 10 % at most for this
    one."""
    await even_year(history, Fraction(0), year=2026)
    await even_year(history, Fraction(1, 10), months=4, year=2027)
    order = {"statement_id": await approved(history, FUND, "2027-05", MONTH), "fund": FUND}
    answer = await post(client, "/v1/disbursements", order | {"deposit_rate": "0.12"}, two[0])
    assert refused(answer) == (409, "payout_floor")
    shown = {name: answer.json()[name] for name in ("largest_deposit_rate", "projected_ratio", "floor")}
    assert shown == {"largest_deposit_rate": "0.1000", "projected_ratio": "0.8483", "floor": "0.8500"}
    assert "0.1000" in answer.json()["detail"]
    accepted = await post(client, "/v1/disbursements", order | {"deposit_rate": "0.1000"}, two[0])
    assert accepted.status_code == 201, accepted.text
    (row,) = await rows(client, year=2027, area_code=history.area, fund=FUND)
    assert (row["projected_ratio"], row["projection"]) == ("0.8500", "last_year")


async def test_a_year_already_below_the_floor_takes_no_deposit_but_is_never_kept_from_paying(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """The largest deposit is then 0, and 0 is accepted."""
    await even_year(history, Fraction(0), year=2026)
    await even_year(history, Fraction(3, 10), months=4, year=2027)
    order = {"statement_id": await approved(history, FUND, "2027-05", MONTH), "fund": FUND}
    answer = await post(client, "/v1/disbursements", order | {"deposit_rate": "0.01"}, two[0])
    assert refused(answer) == (409, "payout_floor")
    assert answer.json()["largest_deposit_rate"] == "0.0000"
    assert (await post(client, "/v1/disbursements", order | {"deposit_rate": "0"}, two[0])).status_code == 201


async def test_without_a_last_year_only_what_such_a_plan_can_reach_counts(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """10 % every month ends at 82.5 %; 7.27 % is the most. A fund without a floor is free up to the bound of all."""
    order = {"statement_id": await approved(history, FUND, "2027-05", MONTH), "fund": FUND}
    answer = await post(client, "/v1/disbursements", order | {"deposit_rate": "0.10"}, two[0])
    assert refused(answer) == (409, "payout_floor")
    assert (answer.json()["largest_deposit_rate"], answer.json()["projected_ratio"]) == ("0.0727", "0.8250")
    assert (await post(client, "/v1/disbursements", order | {"deposit_rate": "0.0727"}, two[0])).status_code == 201
    free = {"statement_id": await approved(history, OTHER, "2027-04", MONTH), "fund": OTHER, "deposit_rate": "0.15"}
    assert (await post(client, "/v1/disbursements", free, two[0])).status_code == 201


async def test_after_the_year_a_deposit_no_longer_moves_its_ratio(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """December's order is made in January: the legal ratio stands already."""
    order = {"statement_id": await approved(history, FUND, "2026-12", MONTH), "fund": FUND, "deposit_rate": "0.15"}
    assert (await post(client, "/v1/disbursements", order, two[0])).status_code == 201


# ---------------------------------------------------------------- closing


async def test_a_year_below_its_floor_is_closed_with_an_exception_signed_by_two(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]], token: TokenFactory
) -> None:
    """The refusal names what is missing; one signature changes nothing, the second lets it pass, and only once."""
    await even_year(history, Fraction(1, 10))
    close, wanted = "/v1/fiscal-years/2019/closing", {"area_code": history.area}
    answer = await post(client, close, wanted, two[0])
    assert refused(answer) == (409, "payout_below_floor")
    (short,) = answer.json()["funds"]
    assert (short["fund"], short["shortfall"]) == (FUND, "360.00")  # 0.85 × 14400 − 11880
    december = max(history.statements)
    assert short["unpaid"][0] == {
        "statement_id": f"stm_{december}",
        "claim_id": None,
        "fund": FUND,
        "hospital_code": "H1",
        "amount": "1200.00",
    }
    assert [one["amount"] for one in short["unpaid"][1:]] == ["120.00"] * 11  # the deposits

    reason = {"area_code": history.area, "fund": FUND, "reason": "财政资金未到位"}
    drafted = await post(client, "/v1/fiscal-years/2019/exceptions", reason, two[0])
    assert (drafted.status_code, drafted.json()["state"]) == (201, "draft")
    approval = f"/v1/exceptions/{drafted.json()['exception_id']}/approval"
    assert refused(await post(client, close, wanted, two[0])) == (409, "payout_below_floor")
    assert refused(await post(client, approval, None, two[0])) == (403, "maker_is_checker")
    signed = await post(client, approval, None, two[1])
    assert (signed.status_code, signed.json()["state"]) == (200, "approved")
    assert refused(await post(client, approval, None, two[1])) == (409, "invalid_move")
    assert refused(await post(client, "/v1/fiscal-years/2019/exceptions", reason, two[1])) == (409, "exception_exists")

    closed = await post(client, close, wanted, two[0])
    assert (closed.status_code, closed.json()["state"], closed.json()["closed_on"]) == (201, "closed", "2027-06-30")
    assert [one["incurred_ratio"] for one in closed.json()["figures"]] == ["0.8250", None, None, None, None]
    assert refused(await post(client, close, wanted, two[1])) == (409, "already_closed")
    assert refused(await post(client, "/v1/fiscal-years/2019/exceptions", reason, two[1])) == (409, "already_closed")

    auditor = await token(scopes=["auditor"], area_code=history.area)
    listed = await client.get("/v1/fiscal-years/2019/closing", headers=auditor)
    assert listed.json()["data"] == [closed.json()]
    found = await client.get("/v1/fiscal-years/2019/exceptions", params={"area_code": history.area}, headers=auditor)
    assert found.json()["data"] == [signed.json()]
    elsewhere = await token(scopes=["auditor"], area_code="532600")
    for path in ("closing", "exceptions"):
        assert (await client.get(f"/v1/fiscal-years/2019/{path}", headers=elsewhere)).json()["data"] == []


async def test_a_closed_years_rates_stay_what_they_were(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """What comes later is paid and shown, and changes none of the legal figures; a county stands for its pooling
    area."""
    await even_year(history, Fraction(1, 20))
    await history.post("prepayment", FUND, "H1", 1_000, date(2019, 12, 30))
    answer = await post(client, "/v1/fiscal-years/2019/closing", {"area_code": history.area[:4] + "27"}, two[0])
    assert (answer.status_code, answer.json()["area_code"]) == (201, history.area)
    stored = answer.json()["figures"]
    before = (await row_of_today(client, history))["final_paid"]
    await history.post("payment", FUND, "H1", 7_000, date(2027, 6, 29), year=2019)
    await history.post("offset", FUND, "H1", 1_000, date(2027, 6, 29), year=2019)
    later = await rows(client, year=2019, area_code=history.area)
    for once, now in zip(stored, later, strict=True):
        assert {name: now[name] for name in FROZEN} == {name: once[name] for name in FROZEN}
    assert Fraction(later[0]["final_paid"]) == Fraction(before) + 80
    month = await history.connection.fetchval("SELECT month_state($1, '2019-12')", history.area)
    assert month == "soft"  # nothing is dated into it any more


async def test_the_ledgers_proof_finds_what_was_dated_into_a_closed_year(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """No route can do it; the check would see it."""
    await even_year(history, Fraction(0))
    assert (await post(client, "/v1/fiscal-years/2019/closing", {"area_code": history.area}, two[0])).status_code == 201
    query = f"SELECT * FROM ({CHECKS['closed_year']}) v WHERE place LIKE '{history.area}%'"
    assert await history.connection.fetch(query) == []
    await history.post("payment_returned", FUND, "H1", 7, date(2019, 12, 31), year=2019)
    assert [tuple(found) for found in await history.connection.fetch(query)] == [
        (f"{history.area} 2019 {FUND} paid", 11 * MONTH, 11 * MONTH - 7)
    ]


async def row_of_today(client: httpx.AsyncClient, history: History) -> dict[str, Any]:
    """The insurance fund's row as of the business day."""
    return (await rows(client, year=2019, area_code=history.area, fund=FUND))[0]


async def test_what_is_settled_after_the_closing_falls_into_the_current_year(
    client: httpx.AsyncClient, connection: Any
) -> None:
    """A bill of the closed year is accepted; its money is of the fiscal year in which it is settled."""
    area = fresh_area()
    world = await World(client).build(area_code=area)
    before = await world.settled(world.bill("1000.00"))
    closed = await post(
        client, "/v1/fiscal-years/2018/exceptions", {"area_code": area, "fund": FUND, "reason": "x"}, {}
    )
    await connection.execute(
        "UPDATE payout_exception SET state = 'approved', approved_by = 'other', approved_on = '2027-06-30' "
        "WHERE exception_id = $1",
        int(closed.json()["exception_id"].removeprefix("exc_")),
    )
    assert (await post(client, "/v1/fiscal-years/2018/closing", {"area_code": area}, {})).status_code == 201
    after = await world.settled(world.bill("1000.00"))
    years = [
        await connection.fetchval(
            "SELECT min(fiscal_year) FROM transfer WHERE settlement_id = $1", int(one["settlement_id"].split("_")[-1])
        )
        for one in (before, after)
    ]
    assert years == [2018, 2027]
    assert (await world.year())["inpatient_count"] == 2


async def test_closing_waits_for_what_is_being_posted(
    client: httpx.AsyncClient, history: History, database_url: str, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """A posting that asked for its fiscal year first is in the figures."""
    await even_year(history, Fraction(0))
    await history.post("payment", FUND, "H1", 1, date(2019, 12, 31), year=2019)
    async with history.connection.transaction():
        assert (
            await history.connection.fetchval("SELECT fiscal_year_of($1, 2019::smallint, '2027-06-30')", history.area)
            == 2019
        )
        await history.post("settlement", FUND, "H1", 50, date(2019, 12, 31))
        closing = asyncio.create_task(
            post(client, "/v1/fiscal-years/2019/closing", {"area_code": history.area}, two[0])
        )
        await asyncio.sleep(0.5)
        assert not closing.done()
    answer = await closing
    assert (answer.status_code, answer.json()["figures"][0]["incurred"]) == (201, "14400.50")


async def test_a_year_that_has_not_ended_or_is_not_yours_is_not_closed(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]], token: TokenFactory
) -> None:
    """Each refusal says why, and nothing is written."""
    wanted = {"area_code": history.area}
    excepted = wanted | {"fund": FUND, "reason": "x"}
    of_fund = await token(scopes=["finance"], area_code=history.area, funds=[OTHER])
    elsewhere = await token(scopes=["finance"], area_code="532600")
    hospital = await token(scopes=["hospital"], hospital_code="H1")
    for who, year, path, body, expected in (
        (two[0], 2027, "closing", wanted, (409, "period_not_ended")),
        (two[0], 2028, "exceptions", excepted, (409, "year_not_begun")),
        (two[0], 2019, "exceptions", excepted | {"fund": OTHER}, (422, "fund_without_floor")),
        (two[0], 2019, "exceptions", excepted | {"reason": None}, (422, "wrong_type")),
        (two[0], 1700, "closing", wanted, (422, "invalid_parameter")),
        (of_fund, 2019, "closing", wanted, (403, "all_funds_needed")),
        (of_fund, 2019, "exceptions", excepted, (404, "not_found")),
        (elsewhere, 2019, "closing", wanted, (404, "not_found")),
        (elsewhere, 2019, "exceptions", excepted, (404, "not_found")),
        (hospital, 2019, "closing", wanted, (403, "forbidden_scope")),
        (hospital, 2019, "exceptions", excepted, (403, "forbidden_scope")),
    ):
        answer = await post(client, f"/v1/fiscal-years/{year}/{path}", body, who)
        assert refused(answer) == expected, (year, path)
    assert refused(await post(client, "/v1/exceptions/exc_999999/approval", None, two[0])) == (404, "not_found")
    assert (
        await history.connection.fetchval("SELECT count(*) FROM fiscal_year_closing WHERE area_code = $1", history.area)
        == 0
    )
    assert (
        await history.connection.fetchval("SELECT count(*) FROM payout_exception WHERE area_code = $1", history.area)
        == 0
    )


async def test_an_empty_year_is_closed(
    client: httpx.AsyncClient, history: History, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    """Nothing owed is nothing unpaid."""
    answer = await post(client, "/v1/fiscal-years/2020/closing", {"area_code": history.area}, two[0])
    assert (answer.status_code, answer.json()["figures"][0]["payable"]) == (201, "0.00")
