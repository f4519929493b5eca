"""The monthly report over real HTTP: figures, sign-off by two, what is due, the workbook."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from openpyxl import load_workbook

from app.basics.money import yuan
from app.service.upload import XLSX_TYPE
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.world import World, id_number, key

pytestmark = pytest.mark.thorough

AREA = "530100"
MAY, JUNE = "2018-05", "2018-06"


@pytest.fixture
async def late_may_database(database_server: str) -> str:
    """The URL of the service's own database, as its owner."""
    return await migrated_database(database_server)


@pytest.fixture
async def late_may(late_may_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service of its own on 28 May 2018, whose clock the test may move."""
    url = late_may_database
    with tempfile.TemporaryDirectory() as folder:
        environment = {"ONESTOP_CLOCK": "manual:2018-05-28T10:00:00+08:00"}
        process, base = await asyncio.to_thread(start_service, url, Path(folder), **environment)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
        async with httpx.AsyncClient(verify=False, base_url=base, headers=headers, timeout=60) as client:
            yield client
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) == 0


async def officer(client: httpx.AsyncClient, subject: str, **wanted: Any) -> dict[str, str]:
    """The headers of a subject with a token of the area's finance office."""
    body = {"subject": subject, "scopes": ["finance"], "area_code": AREA} | wanted
    answer = await client.post("/v1/tokens", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def neighbour(world: World, person: str, area_code: str, **wanted: Any) -> None:
    """Another person of the world."""
    body = {"name": "张某", "id_number": id_number(), "area_code": area_code, "insurance_type": "390", "identities": []}
    await world.put(f"/v1/persons/{person}", body | wanted)


async def on(client: httpx.AsyncClient, day: str) -> None:
    """Move the clock to a morning."""
    answer = await client.put("/v1/clock", json={"now": f"{day}T10:00:00+08:00"})
    assert answer.status_code == 200, answer.text


async def report(client: httpx.AsyncClient, period: str = MAY, **headers: str) -> dict[str, Any]:
    """The report of a month."""
    query = {"period": period, "area_code": AREA}
    answer = await client.get("/v1/reports/monthly", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def moved(
    client: httpx.AsyncClient, move: str, headers: dict[str, str], period: str = MAY, area_code: str = AREA
) -> httpx.Response:
    """POST a move of the report."""
    path = f"/v1/reports/monthly/{period}/{move}"
    return await client.post(path, json={"area_code": area_code}, headers=key() | headers)


async def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


async def test_enrolment_counts_who_is_insured_on_the_last_day_by_county_and_strongest_class(
    late_may: httpx.AsyncClient,
) -> None:
    """Persons count once, under the class that takes precedence; who moved away, left or came later doesn't count."""
    world = await World(late_may).build(
        identities=[{"class": "registered_poor", "from": "2016-01-01"}, {"class": "destitute", "from": "2018-01-01"}]
    )
    await neighbour(world, "N1", "530102", insured_from="2018-01-01", insured_until="2018-05-31")
    await neighbour(world, "N2", "530102", insured_from="2018-05-31")
    await neighbour(world, "N3", "530102", insured_from="2018-06-01")
    await neighbour(world, "N4", "532601")
    await on(late_may, "2018-06-02")
    enrolment = (await report(late_may))["enrolment"]
    assert enrolment == {
        "day": "2018-05-31",
        "persons": 2,
        "rows": [
            {"area_code": "530102", "benefit_class": "ordinary", "persons": 1},
            {"area_code": "530127", "benefit_class": "destitute", "persons": 1},
        ],
    }


async def test_coverage_shows_the_registered_poor_who_are_not_insured(late_may: httpx.AsyncClient) -> None:
    """Of a county's registered poor the insured and the uninsured are told apart; the share is rounded down."""
    world = await World(late_may).build()
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    await neighbour(world, "N1", "530127", identities=poor)
    await neighbour(world, "N2", "530127", identities=poor, insured_until="2018-05-01")
    await neighbour(world, "N3", "530102", identities=[])
    counted = {"registered_poor": 3, "insured": 2, "not_insured": 1, "share": "0.6666"}
    assert (await report(late_may))["coverage"] == {
        "total": {"area_code": None} | counted,
        "rows": [{"area_code": "530127"} | counted],
    }


async def test_benefits_add_up_over_classes_counties_types_and_funds(late_may: httpx.AsyncClient) -> None:
    """The total is the sum of the bills' amounts, and so is each way to split it; year-to-date has the months
    before."""
    world = await World(late_may).build()
    first = await world.settled(world.bill("900.00"))
    await on(late_may, "2018-06-10")
    other = await world.settled(
        world.bill("100.00", medical_type="11", admitted_on="2018-05-02", discharged_on="2018-05-02")
    )
    june, may = await report(late_may, JUNE), await report(late_may, MAY)
    assert (june["month"]["total"]["bills"], june["year_to_date"]["total"]["bills"]) == (1, 2)
    assert (june["year_to_date"]["total"]["persons"], june["year_to_date"]["total"]["total"]) == (1, "1000.00")
    assert may["month"]["total"]["fund_total"] == first["fund_total"]
    assert [row["medical_type"] for row in june["year_to_date"]["by_medical_type"]] == ["11", "21"]
    assert june["year_to_date"]["by_class"][0]["benefit_class"] == "registered_poor"
    assert june["year_to_date"]["by_area"][0]["area_code"] == "530127"
    assert len(june["year_to_date"]["rows"]) == 2
    funds = {row["fund"]: row["amount"] for row in may["month"]["funds"]}
    assert funds == {row["fund"]: row["amount"] for row in first["payables"]}
    assert june["month"]["total"]["patient"] == other["portions"]["patient"]


COUNTED_ONE_BY_ONE = """
SELECT coalesce({by}, '') AS kind, count(DISTINCT s.person_id) AS persons, sum(s.total)::bigint AS total
  FROM settlement s JOIN person p USING (person_id)
 WHERE s.kind = 'settlement' AND NOT EXISTS (
       SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
 GROUP BY 1 ORDER BY 1"""
PAID_ONE_BY_ONE = """
SELECT t.fund, t.tier, t.clr_type, count(*) AS postings, count(DISTINCT s.person_id) AS persons,
       sum(CASE c.kind WHEN 'payable' THEN t.amount ELSE -t.amount END)::bigint AS amount
  FROM transfer t JOIN account c ON c.account_id = t.credit_account JOIN settlement s USING (settlement_id)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


async def test_persons_and_money_are_those_counted_one_by_one(
    late_may: httpx.AsyncClient, late_may_database: str
) -> None:
    """Who has bills of several types or kinds of place counts once in each, with the sums rolled up or not."""
    world = await World(late_may).build()
    await neighbour(world, "N1", "530102")
    await neighbour(world, "N2", "530102", identities=[{"class": "registered_poor", "from": "2018-01-01"}])
    connection = await asyncpg.connect(late_may_database)
    patients = [(person, type_) for person in (world.person, "N1", "N2") for type_ in ("21", "11")] + [("N1", "11")]
    reversed_, day = "", 1
    for person, medical_type in patients:
        on_day = f"2018-05-{day:02}"
        bill = world.bill("2000.00", medical_type=medical_type, person_id=person, admitted_on=on_day)
        bill["discharged_on"] = on_day
        bill["lines"][0]["charged_at"] = f"{on_day}T09:30:00+08:00"
        reversed_, day = (await world.settled(bill))["settlement_id"], day + 1
        if day == len(patients) // 2:
            await connection.execute("SELECT postings_roll()")
    undone = await late_may.post(f"/v1/settlements/{reversed_}/reversal", json={"reason": "录错"}, headers=key())
    assert undone.status_code == 201, undone.text
    for _ in range(2):
        month = (await report(late_may))["month"]
        for name, by in (("by_class", "benefit_class"), ("by_area", "area_code"), ("by_medical_type", "medical_type")):
            counted = await connection.fetch(COUNTED_ONE_BY_ONE.format(by=f"{'p' if by == 'area_code' else 's'}.{by}"))
            shown = [(row[by], row["persons"], row["total"]) for row in month[name]]
            assert shown == [(row[0], row[1], yuan(row[2])) for row in counted]
        assert (month["total"]["persons"], month["total"]["total"]) == (3, "12000.00")
        paid = [tuple(row.values()) for row in month["funds"]]
        assert paid == [(*row[:5], yuan(row[5])) for row in await connection.fetch(PAID_ONE_BY_ONE)]
        await connection.execute("SELECT postings_roll()")
    await connection.close()


async def test_a_reversal_takes_its_bill_off_the_month_it_was_made_in(late_may: httpx.AsyncClient) -> None:
    """A bill of May reversed in June is one bill less in June, none in the year, and nobody's."""
    world = await World(late_may).build()
    settled = await world.settled(world.bill("900.00"))
    await on(late_may, "2018-06-10")
    reversal = await late_may.post(
        f"/v1/settlements/{settled['settlement_id']}/reversal", json={"reason": "录错"}, headers=key()
    )
    assert reversal.status_code == 201, reversal.text
    june = await report(late_may, JUNE)
    assert [
        june[part]["total"][name] for part in ("month", "year_to_date") for name in ("bills", "persons", "total")
    ] == [
        -1,
        0,
        "-900.00",
        0,
        0,
        "0.00",
    ]
    assert (await report(late_may, MAY))["month"]["total"]["persons"] == 1


async def test_a_report_is_submitted_once_kept_as_it_was_and_signed_off_by_another(late_may: httpx.AsyncClient) -> None:
    """After its submission a report shows what was submitted, whatever is settled or corrected later."""
    world = await World(late_may).build()
    await world.settled(world.bill("900.00"))
    zhang, li = await officer(late_may, "zhang"), await officer(late_may, "li")
    assert await code(await moved(late_may, "submission", zhang)) == (409, "period_not_ended")
    await on(late_may, "2018-06-05")
    assert await code(await moved(late_may, "approval", li)) == (409, "invalid_move")
    submitted = await moved(late_may, "submission", zhang, area_code="530127")
    assert (submitted.status_code, submitted.json()["state"]) == (201, "submitted")
    assert await code(await moved(late_may, "submission", li)) == (409, "already_submitted")
    await neighbour(world, "N1", "530127")
    assert await code(await moved(late_may, "approval", zhang)) == (403, "maker_is_checker")
    await on(late_may, "2018-06-07")
    approved = await moved(late_may, "approval", li)
    assert approved.status_code == 200, approved.text
    assert await code(await moved(late_may, "approval", li)) == (409, "invalid_move")
    shown = await report(late_may)
    assert shown == approved.json()
    assert shown["enrolment"]["persons"] == 1
    moves = ("state", "due_on", "overdue", "submitted_on", "submitted_by", "approved_on", "approved_by")
    assert [shown[name] for name in moves] == [
        "approved",
        "2018-06-25",
        False,
        "2018-06-05",
        "zhang",
        "2018-06-07",
        "li",
    ]


async def test_what_is_due_lists_ended_months_until_they_are_signed_off(late_may: httpx.AsyncClient) -> None:
    """A month is listed once it has ended, is overdue after its due day, also when submitted, and goes with the
    sign-off."""
    world = await World(late_may).build()
    await world.settled(world.bill("900.00"))
    zhang, li = await officer(late_may, "zhang"), await officer(late_may, "li")

    async def due() -> list[tuple[str, str, bool]]:
        answer = await late_may.get("/v1/reports/monthly/due", params={"area_code": AREA}, headers=li)
        assert answer.status_code == 200, answer.text
        return [(row["period"], row["state"], row["overdue"]) for row in answer.json()["data"]]

    assert await due() == []
    await on(late_may, "2018-06-25")
    assert await due() == [(MAY, "draft", False)]
    assert (await moved(late_may, "submission", zhang)).status_code == 201
    await on(late_may, "2018-07-26")
    assert await due() == [(MAY, "submitted", True), (JUNE, "draft", True)]
    assert (await moved(late_may, "approval", li)).status_code == 200
    assert await due() == [(JUNE, "draft", True)]


async def test_a_report_is_for_who_reaches_its_area_and_all_its_funds(late_may: httpx.AsyncClient) -> None:
    """Another area's officer finds nothing, a fund's officer can't answer for the whole, a hospital has no business
    here."""
    world = await World(late_may).build()
    wenshan = await officer(late_may, "wang", area_code="532600")
    insurer = await officer(late_may, "zhao", funds=["390200"])
    hospital = await officer(late_may, "H1", scopes=["hospital"], hospital_code=world.township, area_code=None)
    query = {"period": MAY, "area_code": AREA}
    found = await late_may.get("/v1/reports/monthly", params=query, headers=wenshan)
    assert await code(found) == (404, "not_found")
    due = await late_may.get("/v1/reports/monthly/due", params={"area_code": AREA}, headers=wenshan)
    assert await code(due) == (404, "not_found")
    await on(late_may, "2018-06-05")
    assert await code(await moved(late_may, "submission", wenshan)) == (404, "not_found")
    assert await code(await moved(late_may, "submission", insurer)) == (403, "all_funds_needed")
    assert await code(await moved(late_may, "submission", hospital)) == (403, "forbidden_scope")
    future = await late_may.get("/v1/reports/monthly", params=query | {"period": "2018-07"})
    assert await code(future) == (422, "in_the_future")
    for wrong in ({"period": "2018-13"}, {"area_code": "53010x"}):
        assert (await late_may.get("/v1/reports/monthly", params=query | wrong)).status_code == 422


async def test_the_workbook_has_the_same_figures_typed_and_filtered(late_may: httpx.AsyncClient) -> None:
    """Money and counts are numbers, codes are texts that no spreadsheet takes for a formula, headings filter."""
    world = await World(late_may).build()
    settled = await world.settled(world.bill("900.00"))
    query = {"period": MAY, "area_code": AREA}
    answer = await late_may.get("/v1/reports/monthly", params=query, headers={"Accept": XLSX_TYPE})
    assert answer.headers["content-type"] == XLSX_TYPE
    assert answer.headers["content-disposition"] == 'attachment; filename="rep_530100_2018-05.xlsx"'
    book = load_workbook(io.BytesIO(answer.content))
    sheet = book["本月待遇"]
    headings = [cell.value for cell in sheet[1]]
    total = dict(zip(headings, sheet[2], strict=True))
    assert (total["医疗费总额"].value, total["医疗费总额"].number_format) == (900, "#,##0.00")
    assert f"{total['基金支付总额'].value:.2f}" == settled["fund_total"]
    assert total["结算人次"].value == 1
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", f"A1:S{sheet.max_row}")
    fund = book["本月基金"]["A2"]
    assert (fund.value, fund.data_type, book["本月基金"]["B2"].value) == ("390100", "s", "基本医保")
    assert [cell.value for cell in book["月报"]["B"]][2] == "草稿"
    kinds = {cell.data_type for other in book for row in other for cell in row}
    assert "f" not in kinds
