"""An inpatient stay by the national interface: the stateful flow, and that it is the same settling as ``/v1``."""

import secrets
from decimal import Decimal

import httpx
import pytest

from tests.national import Hospital
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def visit_id() -> str:
    """A hospital's own number of a visit."""
    return f"ZY{secrets.token_hex(4)}"


async def test_a_stay_settles_to_the_contracts_amounts(hospital: Hospital) -> None:
    """Admission, a line, discharge, quote and settle give the six amounts of the contract's example."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    quoted = await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00"))
    output = await hospital.settled(mdtrt_id, "25.00", msgid="M-settle-1")
    info = output["setlinfo"]
    assert (info["hifp_pay"], info["maf_pay"], info["psn_part_amt"]) == (23.75, 0.88, 0.37)
    assert (info["psn_cash_pay"], info["acct_pay"], info["fund_pay_sumamt"]) == (0.37, 0, 24.63)
    assert info["medins_setl_id"] == "M-settle-1"
    assert info["setl_id"].startswith("set_")
    assert "setl_id" not in quoted["setlinfo"]
    changing = ("setl_id", "medins_setl_id")
    assert {k: v for k, v in info.items() if k not in changing} == {
        k: v for k, v in quoted["setlinfo"].items() if k not in changing
    }
    assert [row["fund_pay_type"] for row in output["setldetail"]] == ["390100", "390200", "610100", "640100"]
    assert output["setldetail"][0]["setl_proc_info"]
    assert Decimal(str(info["medfee_sumamt"])) == sum(
        Decimal(str(info[name])) for name in ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt")
    )
