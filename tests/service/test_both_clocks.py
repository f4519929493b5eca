"""What instants with microseconds go through: the manual clock of the other tests stands on whole seconds."""

from datetime import UTC, datetime
from io import BytesIO

import httpx
import openpyxl

from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World, key


async def test_lists_page_and_export_on_either_clock(either_clock: httpx.AsyncClient) -> None:
    """Pages of one row show each settlement once, newest first; the export as CSV and workbook has them all."""
    world = await World(either_clock).build()
    made = [
        (
            await world.settled(
                world.bill(
                    "25.00",
                    admitted_on=f"2018-0{month}-02",
                    discharged_on=f"2018-0{month}-03",
                    lines=[world.line("25.00", day=f"2018-0{month}-02")],
                )
            )
        )["settlement_id"]
        for month in (1, 2, 3)
    ]
    seen, path = [], f"/v1/settlements?person_id={world.person}&limit=1"
    while path:
        page = (await either_clock.get(path)).json()
        seen += [row["settlement_id"] for row in page["data"]]
        cursor = page.get("next_cursor")
        path = f"/v1/settlements?person_id={world.person}&limit=1&cursor={cursor}" if cursor else ""
    assert seen == made[::-1]
    for form in ("csv", "xlsx"):
        file = await either_clock.get(f"/v1/exports/settlements?person_id={world.person}&format={form}")
        assert file.status_code == 200, file.text
        if form == "csv":
            assert all(one in file.text for one in made)
        else:
            rows = openpyxl.load_workbook(BytesIO(file.content)).worksheets[0].iter_rows(values_only=True)
            assert set(made) <= {cell for row in rows for cell in row}


async def test_corrections_replay_and_print_on_either_clock(either_clock: httpx.AsyncClient) -> None:
    """A reversal, the replay, both slips and the look-up by visit take a settlement of any instant."""
    world = await World(either_clock).build()
    bill = world.bill("25.00")
    settled = await world.settled(bill)
    path = f"/v1/settlements/{settled['settlement_id']}"
    replay = (await either_clock.post(f"{path}/replay", headers=key())).json()
    assert (replay["digest_matches"], replay["result_matches"]) == (True, True)
    undone = await either_clock.post(f"{path}/reversal", json={"reason": "录入错误"}, headers=key())
    assert undone.status_code == 201, undone.text
    for one in (path, f"/v1/settlements/{undone.json()['settlement_id']}"):
        for accept in ("text/html", "application/pdf"):
            assert (await either_clock.get(f"{one}/slip", headers={"Accept": accept})).status_code == 200
    found = await either_clock.get(f"/v1/settlements/by-visit/{world.township}/{bill['visit_id']}/1")
    assert found.json()["settled_at"] == settled["settled_at"]


async def test_the_national_interface_on_either_clock(either_clock: httpx.AsyncClient) -> None:
    """Instants are shown to the second, and a settlement of this very moment is within today's totals."""
    hospital = Hospital(await World(either_clock).build())
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    settled = (await hospital.settled(mdtrt_id, "25.00"))["setlinfo"]
    shown = (await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=settled["setl_id"])))["setlinfo"]
    for instant in (settled["setl_time"], shown["setl_time"]):
        assert datetime.strptime(instant, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    day = settled["setl_time"][:10]
    asked = {"insutype": "390", "clr_type": "21", "setl_optins": "530100", "stmt_begndate": day, "stmt_enddate": day}
    sums = {
        "fixmedins_refd_setl_flag": "0",
        "medfee_sumamt": "25.00",
        "fund_pay_sumamt": settled["fund_pay_sumamt"],
        "acct_pay": "0",
    }
    output = await hospital.done("3201", {"data": asked | sums | {"fixmedins_setl_cnt": "1"}})
    assert output["stmtinfo"]["stmt_rslt"] == "0"
