"""Payout rates: the arithmetic of docs/specification/clearing.md, section 7, as golden cases, and random histories
against an independent model."""

import random
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest

from app.basics.money import rate_text, yuan
from tests.clearing.payout_history import History, Model, following, fresh_area, prepaid
from tests.conftest import TokenFactory

pytestmark = pytest.mark.damages("writes a history of transfers without their bills")

FUND = "390100"
OTHER = "390200"
MONTH = 120_000  # fen
PLAN_RATE = Fraction(5, 100)  # the shipped pack's
WHOLE = (
    "incurred",
    "deductions",
    "cash",
    "offset",
    "year_end_offset",
    "final_payable",
    "final_paid",
    "deposit",
    "due",
    "overdue",
)


async def rows(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any) -> list[dict[str, Any]]:
    """The answer's rows."""
    answer = await client.get("/v1/payout-rates", params=query, headers=headers or {})
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def row(
    client: httpx.AsyncClient, history: History, as_of: str, year: int = 2019, **query: Any
) -> dict[str, Any]:
    """The row of the insurance fund."""
    return (await rows(client, year=year, as_of=as_of, area_code=history.area, fund=FUND, **query))[0]


@pytest.fixture
def history(connection: Any) -> History:
    """An area of its own without anything."""
    return History(connection, fresh_area())


async def even_year(history: History, rate: Fraction, months: int = 12, year: int = 2019) -> None:
    """Equal months, each declared, ordered and paid in the month after."""
    for month in range(1, months + 1):
        period = f"{year}-{month:02d}"
        await history.post("settlement", FUND, "H1", MONTH, date(year, month, 15))
        number = await history.declare("H1", period, following(period, 5))
        net = await history.order(number, "H1", FUND, year, following(period, 20), rate)
        await history.post("payment", FUND, "H1", net, following(period, 25), year=year, statement=number)


@pytest.mark.parametrize(
    ("rate", "prepayment", "ratio"),
    [
        (Fraction(0), 0, "0.9166"),
        (Fraction(1, 10), 0, "0.8250"),
        (Fraction(1, 20), 0, "0.8708"),
        (Fraction(1, 10), MONTH, "0.9083"),
    ],
)
async def test_an_even_year_paid_one_month_late_ends_where_the_arithmetic_says(
    client: httpx.AsyncClient, history: History, rate: Fraction, prepayment: int, ratio: str
) -> None:
    """11/12 of a year is paid by its end, less the deposit, more what was prepaid; it stands still from then on."""
    await even_year(history, rate)
    if prepayment:
        await history.post("prepayment", FUND, "H1", prepayment, date(2019, 12, 27))
    for as_of in ("2019-12-31", "2020-01-31", "2021-06-30"):
        assert (await row(client, history, as_of))["incurred_ratio"] == ratio
    last = await row(client, history, "2019-12-31")
    paid, owed = Fraction(last["disbursed"]), Fraction(last["payable"])
    assert last["year_end_offset"] == yuan(prepayment)
    assert Fraction(last["required"]) == max(0, Fraction(85, 100) * owed - paid)
    assert (last["floor"], last["statutory"]) == ("0.8500", True)
    later = await row(client, history, "2020-01-31")
    assert Fraction(later["final_ratio"]) == 1 - rate
    assert later["matured_ratio"] == "1.0000"
    assert later["overdue"] == "0.00"


async def test_a_june_that_pays_on_time_is_healthy(client: httpx.AsyncClient, history: History) -> None:
    """In June five of six months are paid: below the floor today, but nothing is overdue and all that matured is
    paid."""
    await even_year(history, Fraction(0), months=5)
    await history.post("settlement", FUND, "H1", MONTH, date(2019, 6, 15))
    june = await row(client, history, "2019-06-30")
    assert (june["incurred_ratio"], june["matured_ratio"], june["overdue"]) == ("0.8333", "1.0000", "0.00")
    assert (june["projection"], june["required"]) == ("known_only", "120.00")
    assert (june["scheduled"], june["expected"]) == ("1140.00", "0.00")


async def test_last_year_tells_what_is_still_to_come(client: httpx.AsyncClient, history: History) -> None:
    """Months not declared yet are expected as last year's, less what is known of them already."""
    await even_year(history, Fraction(0), year=2018)
    await even_year(history, Fraction(0), months=5)
    await history.post("settlement", FUND, "H1", 20_000, date(2019, 6, 15))
    june = await row(client, history, "2019-06-30")
    assert (june["projection"], june["expected"]) == ("last_year", yuan(7 * MONTH - 20_000))
    assert june["scheduled"] == yuan((6 * MONTH) * 95 // 100)
    assert june["projected_ratio"] == "0.8916"  # (5 + 6 × 0.95) / 12


async def test_what_the_bank_returns_is_owed_again(client: httpx.AsyncClient, history: History) -> None:
    """A return takes the payment off, on the bank's day."""
    await even_year(history, Fraction(0))
    number = max(history.statements) - 1
    await history.post("payment_returned", FUND, "H1", MONTH, date(2019, 12, 28), year=2019, statement=number)
    assert (await row(client, history, "2019-12-27"))["incurred_ratio"] == "0.9166"
    last = await row(client, history, "2019-12-31")
    assert (last["incurred_ratio"], last["overdue"], last["required"]) == ("0.8333", "1200.00", "240.00")


async def test_a_december_discharge_settled_in_january_is_of_the_year_but_not_of_its_legal_ratio(
    client: httpx.AsyncClient, history: History
) -> None:
    """What isn't known on 31 December changes the final ratio only."""
    await even_year(history, Fraction(0))
    await history.post("settlement", FUND, "H1", MONTH, date(2020, 1, 3), year=2019)
    later = await row(client, history, "2020-02-10")
    assert (later["payable"], later["incurred_ratio"]) == (yuan(12 * MONTH), "0.9166")
    assert (later["final_payable"], later["final_ratio"]) == (yuan(13 * MONTH), "0.9230")
    assert later["due"] == yuan(12 * MONTH)


async def test_a_deposit_is_not_due_until_it_is_released(client: httpx.AsyncClient, history: History) -> None:
    """Withheld it is neither due nor overdue; released it falls due on its order's day, forfeited it is a deduction."""
    await even_year(history, Fraction(1, 10))
    day = date(2020, 3, 10)
    await history.post("deposit_released", FUND, "H1", 100_000, day, year=2019)
    await history.post("deposit_forfeited", FUND, "H1", 44_000, day, year=2019)
    before, after, late = [await row(client, history, day) for day in ("2020-03-09", "2020-04-25", "2020-04-26")]
    assert (before["deposit"], before["due"], before["overdue"]) == ("1440.00", "12960.00", "0.00")
    assert (after["deposit"], after["due"], after["final_payable"]) == ("0.00", "13960.00", "13960.00")
    assert (after["overdue"], late["overdue"]) == ("0.00", "1000.00")
    assert after["deductions"] == "0.00"  # of 31 December


async def test_a_released_deposit_falls_due_with_its_order_and_is_paid_by_it(
    client: httpx.AsyncClient, history: History
) -> None:
    """Release and payment meet in the release's order, whenever each of them is made."""
    await even_year(history, Fraction(1, 10))
    release = await history.connection.fetchval(
        """INSERT INTO deposit_release (hospital_code, hospital_area, area_code, fund, year, deposit, assessed_ratio,
          amount, reason,
             state, subject, request_id, created_on, approved_by, approved_on)
           VALUES ('H1', '530127', $1, $2, 2019, 144000, 10000, 144000, 'r', 'approved', 's', 'r', '2020-03-01', 'c',
             '2020-03-10')
           RETURNING release_id""",
        history.area, FUND,
    )  # fmt: skip
    order = await history.connection.fetchval(
        """INSERT INTO disbursement (release_id, hospital_code, hospital_area, area_code, fund, fiscal_year, period,
          gross, deposit_rate,
             deposit, offset_amount, carried, amount, state, due_on, created_on, approved_by, subject, request_id)
           VALUES ($1, 'H1', '530127', $2, $3, 2019, '2020-03', 144000, 0, 0, 0, 0, 144000, 'sent', '2020-04-10',
             '2020-03-10', 'c',
                   's', 'r') RETURNING disbursement_id""",
        release, history.area, FUND,
    )  # fmt: skip
    await history.post("deposit_released", FUND, "H1", 144_000, date(2020, 3, 10), year=2019, cause=f"rel_{release}")
    await history.post("payment", FUND, "H1", 100_000, date(2020, 4, 9), year=2019, cause=f"dis_{order}")
    days = ("2020-04-09", "2020-04-10", "2020-04-11", "2020-05-26")
    seen = [await row(client, history, day) for day in days]
    assert [one["due"] for one in seen] == ["12960.00", "14400.00", "14400.00", "14400.00"]
    assert [one["overdue"] for one in seen] == ["0.00", "0.00", "440.00", "440.00"]
    assert [one["disbursed_of_due"] for one in seen] == ["12960.00", "13960.00", "13960.00", "13960.00"]


async def test_what_is_owed_to_persons_and_other_funds_is_not_counted(
    client: httpx.AsyncClient, history: History
) -> None:
    """A claim in cash owes a person, not a hospital; the five funds are always listed."""
    await history.post("settlement", OTHER, "H1", 5_000, date(2019, 3, 1))
    await history.connection.execute(
        "INSERT INTO account (path) VALUES ($1)", f"area:{history.area}/fund:{FUND}/payable/person:P1"
    )
    await history.connection.execute(
        """INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,
          hospital_area,
             clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)
           SELECT 'settlement', d.account_id, c.account_id, 700, $1, $2, 'basic', 'H1', '530127', '21', '2019-03-01',
             '2019-03', 2019,
                  2019, 's', 'r' FROM account d, account c WHERE d.path = $3 AND c.path = $4""",
        history.area, FUND, f"area:{history.area}/fund:{OTHER}/expense",
        f"area:{history.area}/fund:{FUND}/payable/person:P1",
    )  # fmt: skip
    found = await rows(client, year=2019, as_of="2019-12-31", area_code=history.area)
    assert [(one["fund"], one["incurred"], one["floor"], one["required"]) for one in found] == [
        (FUND, "0.00", "0.8500", "0.00"),
        (OTHER, "50.00", None, "0.00"),
        ("620101", "0.00", None, "0.00"),
        ("610100", "0.00", None, "0.00"),
        ("640100", "0.00", None, "0.00"),
    ]
    assert found[0]["incurred_ratio"] is None


# ---------------------------------------------------------------- random histories


async def random_history(history: History, draw: random.Random) -> None:
    """Two years of two hospitals and two funds: late bills, reversals, deductions, prepayments, part payments,
    returns."""
    for year, month in [(2019, month) for month in range(1, 13)] + [(2020, month) for month in range(1, 13)]:
        for hospital in ("H1", "H2"):
            for fund in (FUND, OTHER):
                await random_bills(history, draw, hospital, fund, year, month)
                if draw.random() < 0.1:
                    await history.roll()
            if draw.random() < 0.85:
                await random_statement(history, draw, hospital, f"{year}-{month:02d}")
    for hospital in ("H1", "H2"):
        await history.post("deposit_released", FUND, hospital, draw.randint(1, 900), date(2021, 4, 2), year=2020)


async def random_bills(history: History, draw: random.Random, hospital: str, fund: str, year: int, month: int) -> None:
    for _ in range(draw.randint(0, 3)):
        day = date(year, month, draw.randint(1, 28))
        of = year - 1 if month < 3 and draw.random() < 0.2 else year
        event = draw.choice(["settlement"] * 5 + ["reversal", "family_doctor", "recovery"])
        await history.post(event, fund, hospital, draw.randint(1, 100_000), day, year=of)
    if draw.random() < 0.15:
        await history.post("prepayment", fund, hospital, draw.randint(1, 50_000), date(year, month, 28), year=year)


async def random_statement(history: History, draw: random.Random, hospital: str, period: str) -> None:
    number = await history.declare(hospital, period, following(period, draw.randint(1, 12)))
    parts = {(item.fund, item.year) for item in history.events if item.statement == number}
    for fund, year in sorted(parts):
        of: dict[str, Any] = {"year": year, "statement": number}
        if draw.random() < 0.3:
            await history.post("deduction", fund, hospital, draw.randint(1, 5_000), following(period, 13), **of)
        if draw.random() < 0.1:
            await history.post(
                "deduction_reversed", fund, hospital, draw.randint(1, 900), following(period, 14), year=year
            )
        if draw.random() < 0.1:
            continue
        same = [i for i in history.events if (i.fund, i.hospital, i.year) == (fund, hospital, year)]
        rate = Fraction(draw.choice([0, 5, 10]), 100)
        day = following(period, draw.randint(15, 19))
        net = await history.order(number, hospital, fund, year, day, rate, max(0, sum(map(prepaid, same))))
        amount = draw.choice([net, net, net, net // 2, 0])
        if amount > 0:
            day = following(period, draw.randint(20, 28))
            await history.post("payment", fund, hospital, amount, day, **of)
            if draw.random() < 0.15:
                back = draw.randint(1, amount)
                await history.post(
                    "payment_returned", fund, hospital, back, day + timedelta(days=draw.randint(0, 9)), **of
                )


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(4))
async def test_any_history_on_any_day_is_as_the_model_says(
    client: httpx.AsyncClient, history: History, seed: int
) -> None:
    """Every figure of every fund, and the sums over hospitals and months."""
    draw = random.Random(seed)
    await random_history(history, draw)
    days = [date(2020, 12, 31), date(2021, 1, 1), date(2021, 4, 26)]
    days += [date(2020, 1, 1) + timedelta(days=draw.randint(0, 400)) for _ in range(9)]
    for as_of in days:
        asked = {"year": 2020, "as_of": as_of.isoformat(), "area_code": history.area}
        found = {one["fund"]: one for one in await rows(client, **asked)}
        for fund in (FUND, OTHER):
            wanted = Model(history, fund, 2020, as_of, PLAN_RATE).figures()
            shown = {name: found[fund][name] for name in wanted}
            assert shown == {name: yuan(int(value)) for name, value in wanted.items()}, (seed, as_of, fund)
            paid, owed = wanted["disbursed"] + wanted["scheduled"], wanted["payable"] + wanted["expected"]
            assert owed > 0
            assert paid >= 0
            assert found[fund]["projected_ratio"] == rate_text(paid * 10_000 // owed), (seed, as_of, fund)
        for groups in ("fund,hospital_code", "fund,period", "fund,area_code,hospital_code,period"):
            parts = await rows(client, group_by=groups, **asked)
            for fund in (FUND, OTHER):
                mine = [part for part in parts if part["fund"] == fund]
                for name in WHOLE[: 9 if "period" in groups else 10]:
                    assert sum(Fraction(part[name]) for part in mine) == Fraction(found[fund][name]), (name, groups)


# ---------------------------------------------------------------- who sees what


async def test_a_token_of_some_funds_sees_theirs(
    client: httpx.AsyncClient, history: History, token: TokenFactory
) -> None:
    """Others have no row, not a row of zeros."""
    await history.post("settlement", FUND, "H1", MONTH, date(2019, 3, 1))
    insurer = await token(scopes=["finance"], area_code=history.area, funds=[OTHER])
    found = await rows(client, insurer, year=2019, as_of="2019-12-31")
    assert [(one["fund"], one["incurred"]) for one in found] == [(OTHER, "0.00")]
    assert await rows(client, insurer, year=2019, as_of="2019-12-31", fund=FUND) == []


async def test_an_area_reads_its_own_rate_and_a_hospital_its_own_money(
    client: httpx.AsyncClient, history: History, token: TokenFactory
) -> None:
    """What a neighbour owes the area's hospitals isn't the area's payout."""
    await history.post("settlement", FUND, "H1", MONTH, date(2019, 3, 1))
    here = await token(scopes=["auditor"], area_code=history.area[:4] + "23")
    near = await token(scopes=["auditor"], area_code="530100")  # where H1 lies
    hospital = await token(scopes=["hospital"], hospital_code="H2")
    asked = {"year": 2019, "as_of": "2019-12-31", "fund": FUND, "group_by": "area_code,fund"}
    assert [one["incurred"] for one in await rows(client, here, **asked)] == ["1200.00"]
    assert history.area not in {one["area_code"] for one in await rows(client, near, **asked)}
    assert history.area in {one["area_code"] for one in await rows(client, near, area_code=history.area, **asked)}
    assert await rows(client, hospital, area_code=history.area, **asked) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalid_parameter"),
        ("year=2019&group_by=month", "not_in_list"),
        ("year=2019&group_by=", "not_in_list"),
        ("year=2019&fund=1", "not_in_list"),
        ("year=20190", "invalid_parameter"),
        ("year=2019&as_of=2019-02-30", "invalid_parameter"),
        ("year=2019&area_code=5301", "invalid_parameter"),
    ],
)
async def test_a_wrong_question_is_refused(client: httpx.AsyncClient, query: str, code: str) -> None:
    """Every part of the query is checked."""
    answer = await client.get(f"/v1/payout-rates?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
