"""What hospitals' systems really send and must be let through at the national interface."""

import httpx
import pytest

from app.nhsa.api import CALL_SERVICE
from app.nhsa.fields import read_instant
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


@pytest.mark.parametrize("path", [CALL_SERVICE + "/", CALL_SERVICE + "/2401/", "/nhsa/2401/"])
async def test_a_trailing_slash_is_the_same_path(hospital: Hospital, path: str) -> None:
    """Each of the three paths answers with a slash at its end, in JSON that names UTF-8."""
    body = hospital.sender.envelope("2401", hospital.admission(visit_id()))
    answer = await hospital.sender.post(body, path=path)
    assert answer.json()["infcode"] == 0, answer.text
    assert answer.headers["content-type"] == "application/json;charset=utf-8"


@pytest.mark.parametrize("unset", ["0001-01-01T00:00:00", "0001-01-01 00:00:00", "1900-01-01", ""])
async def test_a_date_that_a_library_left_unset_is_absent(hospital: Hospital, unset: str) -> None:
    """An optional day or instant that was never set doesn't count; the discharge without its time stays open."""
    mdtrt_id = await hospital.admitted(visit_id())
    line = hospital.line(mdtrt_id, "1", "25.00")
    await hospital.charged(mdtrt_id, line)
    output = await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00", dscgTime=unset))
    assert output["setlinfo"]["medfee_sumamt"] == 25


def test_24_00_is_the_next_day() -> None:
    """24:00:00 is 0:00 of the next day; 24:00:01 is no time."""
    assert read_instant("2018-05-02 24:00:00") == read_instant("2018-05-03 00:00:00")
    assert read_instant("2018-12-31 24:00") == read_instant("2019-01-01")
    assert read_instant("2018-05-02 24:00:01") is None


async def test_a_refund_line_may_stand_before_its_original(hospital: Hospital) -> None:
    """In one message the order of a refund line and its original doesn't matter; a line isn't its own refund."""
    mdtrt_id = await hospital.admitted(visit_id())
    back = hospital.line(mdtrt_id, "2", "25.00", cnt="-1", det_item_fee_sumamt="-25.00", init_feedetl_sn="1")
    results = await hospital.charged(mdtrt_id, back, hospital.line(mdtrt_id, "1", "25.00"))
    assert [row["det_item_fee_sumamt"] for row in results] == [-25, 25]
    own = hospital.line(mdtrt_id, "3", "25.00", cnt="-1", det_item_fee_sumamt="-25.00", init_feedetl_sn="3")
    await hospital.refused("2301", {"feedetail": [own]}, "refund_line_unknown")


async def test_2206a_and_2207a_are_their_base(hospital: Hospital) -> None:
    """2207A settles as 2207 does, 2207 with the same msgid and input is its replay, and 2601 undoes it as either."""
    mdtrt_id = await hospital.registered(visit_id())
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    await hospital.done("2206A", hospital.settling("2206", mdtrt_id, "25.00"))
    number, wanted = visit_id(), hospital.settling("2207", mdtrt_id, "25.00")
    first = await hospital.send("2207A", wanted, number)
    assert first["infcode"] == 0, first["err_msg"]
    assert await hospital.send("2207", wanted, number) == first
    undoing = {"psn_no": hospital.world.person, "omsgid": number, "oinfno": "2207A"}
    output = await hospital.done("2601", {"data": undoing})
    assert output["result"]["memo"] == "结算已冲正"


async def test_signing_out_answers_in_the_platforms_node(hospital: Hospital) -> None:
    """9002 answers ``signoutoutb`` with an instant, and ``sign_time`` beside it."""
    row = {"opter_no": "op01", "mac": "00-00-00-00-00-00", "ip": "127.0.0.1"}
    sign_no = (await hospital.done("9001", {"signIn": row}))["signinoutb"]["sign_no"]
    output = await hospital.done("9002", {"signOut": {"sign_no": sign_no, "opter_no": "op01"}})
    assert output["signoutoutb"] == output["sign_time"]
    assert len(output["signoutoutb"]["sign_time"]) == len("2018-05-02 08:00:00")


async def test_5203_finds_a_cancellation_by_its_msgid(hospital: Hospital) -> None:
    """The msgid of a 2305 shows the reversal in 5203, as that of a 2304 shows the settlement."""
    mdtrt_id, number = await hospital.stay(visit_id(), "25.00"), visit_id()
    setl_id = (await hospital.settled(mdtrt_id, "25.00"))["setlinfo"]["setl_id"]
    cancelled = await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=setl_id), number)
    found = await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=number))
    assert found["setlinfo"]["setl_id"] == cancelled["setlinfo"]["setl_id"]
    assert found["setlinfo"]["refd_setl_flag"] == "1"
