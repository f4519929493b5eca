"""Employees at the national interface: their funds in every answer, and their bills in no total of the residents."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.nhsa.client import filled
from tests.conftest import ADMIN_TOKEN, start_service
from tests.employees import LARGE, POOLED, packs_with_employees
from tests.nhsa.national import Hospital
from tests.world import World


@pytest.fixture
async def hospital(database_url: str, tmp_path: Path) -> AsyncIterator[Hospital]:
    """A hospital whose person is an employee."""
    process, base_url = start_service(database_url, tmp_path, ONESTOP_POLICY_DIR=packs_with_employees(tmp_path))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
        yield Hospital(await World(client).build([], insurance_type="310"))
    process.terminate()
    process.wait(30)


def paid(output: dict[str, Any]) -> dict[str, float]:
    """What each fund pays, by ``setldetail``."""
    return {row["fund_pay_type"]: row["fund_payamt"] for row in output["setldetail"]}


async def test_an_employee_is_settled_from_the_employees_funds(hospital: Hospital) -> None:
    """Entitlement, settlement, what is stored, totals and cancellation name 310100 and 330100, never the residents'."""
    world = hospital.world
    asked = filled("2001", "data", psn_no=world.person, insutype="310", med_type="21", begntime="2018-05-02 08:00:00")
    entitled = (await hospital.done("2001", {"data": asked}))["trtinfo"]
    assert [row["fund_pay_type"] for row in entitled][:2] == [POOLED, LARGE]
    assert {row["trt_enjymnt_flag"] for row in entitled[:2]} == {"1"}
    mdtrt_id = await hospital.admitted("ZY1", insutype="310")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "4000.00"))
    await hospital.discharged(mdtrt_id, insutype="310")
    output = await hospital.settled(mdtrt_id, "4000.00", insutype="310")
    assert paid(output) == {POOLED: 2000, LARGE: 1000, "610100": 0, "640100": 0}
    info = output["setlinfo"]
    assert (info["hifp_pay"], info["hifob_pay"], info["hifmi_pay"]) == (2000, 1000, 0)
    stored = await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    assert paid(stored) == paid(output)
    span = {"setl_optins": "530127", "stmt_begndate": "2027-06-30", "stmt_enddate": "2027-06-30", "clr_type": "21"}
    sums = {"medfee_sumamt": "4000.00", "fund_pay_sumamt": "3000.00", "acct_pay": "0.00", "fixmedins_setl_cnt": "1"}
    nothing = dict.fromkeys(sums, "0")
    for kind, said in (("310", sums), ("390", nothing)):
        row = filled("3201", "data", insutype=kind, **span, **said)
        assert (await hospital.done("3201", {"data": row}))["stmtinfo"]["stmt_rslt"] == "0", kind
    cancelled = await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    assert paid(cancelled) == {POOLED: -2000, LARGE: -1000, "610100": 0, "640100": 0}
