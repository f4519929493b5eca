"""An inpatient stay by the national interface: the stateful flow, and that it is the same settling as ``/v1``."""

import secrets
from decimal import Decimal

import httpx
import pytest

from tests.nhsa.national import Hospital
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def visit_id() -> str:
    """A hospital's own number of a visit."""
    return f"ZY{secrets.token_hex(4)}"


async def test_a_stay_settles_to_the_contracts_amounts(hospital: Hospital) -> None:
    """Admission, a line, discharge, quote and settle give the six amounts of the example in docs/specification/api.md,
    section 3."""
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


async def test_equal_bills_give_equal_amounts_through_both_doors(hospital: Hospital) -> None:
    """The same bill by /v1 in another world gives the same amounts and result digest as by the national interface."""
    other = await World(hospital.world.client).build()
    by_v1 = await other.settled(other.bill("12000.00", referral="not_required"))
    mdtrt_id = await hospital.stay(visit_id(), "12000.00")
    info = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    read = (await hospital.world.client.get(f"/v1/settlements/{info['setl_id']}")).json()
    for name in ("portions", "scope", "payables", "year_to_date", "trace"):
        assert read[name] == by_v1[name]
    assert read["digest"] != by_v1["digest"]


async def test_lines_come_in_many_calls_and_are_answered_with_their_scope(hospital: Hospital) -> None:
    """Each line is answered with what the catalogue makes of it; the settlement has them all."""
    mdtrt_id = await hospital.admitted(visit_id())
    first = await hospital.charged(
        mdtrt_id, hospital.line(mdtrt_id, "a"), hospital.line(mdtrt_id, "b", "100.00", kind="B", medins_list_codg="Y2")
    )
    assert [row["chrgitm_lv"] for row in first] == ["01", "02"]
    assert (first[0]["inscp_scp_amt"], first[0]["pric_uplmt_amt"]) == (25, 999999)
    assert (first[1]["overlmt_amt"], first[1]["preselfpay_amt"], first[1]["inscp_scp_amt"]) == (50, 5, 45)
    assert (first[1]["pric_uplmt_amt"], first[1]["selfpay_prop"]) == (50, 0.1)
    second = await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "c", "10.00", kind="C"))
    assert (second[0]["fulamt_ownpay_amt"], second[0]["chrgitm_lv"], second[0]["feedetl_sn"]) == (10, "03", "c")
    await hospital.discharged(mdtrt_id)
    info = (await hospital.settled(mdtrt_id, "135.00"))["setlinfo"]
    scope = [info[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")]
    assert scope == [10, 50, 5, 70]


async def test_a_restricted_item_is_in_scope_only_when_the_hospital_approved(hospital: Hospital) -> None:
    """``hosp_appr_flag`` 1 brings a restricted item into scope; 2 takes even an unrestricted one out."""
    mdtrt_id = await hospital.admitted(visit_id())
    rows = await hospital.charged(
        mdtrt_id,
        hospital.line(mdtrt_id, "1", kind="R", hosp_appr_flag="1"),
        hospital.line(mdtrt_id, "2", kind="R", hosp_appr_flag="0"),
        hospital.line(mdtrt_id, "3", kind="A", hosp_appr_flag="2"),
    )
    assert [row["inscp_scp_amt"] for row in rows] == [25, 0, 0]
    assert [row["lmt_used_flag"] for row in rows] == ["1", "1", "0"]


async def test_a_negative_count_takes_back_an_earlier_line(hospital: Hospital) -> None:
    """A refund names the original's serial number; more than there is can't be taken back; the net is settled."""
    mdtrt_id = await hospital.admitted(visit_id())
    line = hospital.line(mdtrt_id, "1", "10.00", cnt="3", det_item_fee_sumamt="30.00")
    back = hospital.line(mdtrt_id, "2", "10.00", cnt="-1", det_item_fee_sumamt="-10.00", init_feedetl_sn="1")
    await hospital.charged(mdtrt_id, line)
    (row,) = await hospital.charged(mdtrt_id, back)
    assert (row["cnt"], row["det_item_fee_sumamt"], row["inscp_scp_amt"]) == (-1, -10, -10)
    more = back | {"feedetl_sn": "3", "cnt": "-3", "det_item_fee_sumamt": "-30.00"}
    words = await hospital.refused("2301", {"feedetail": [more]}, "refund_exceeds_line")
    assert "第 1 条 字段 cnt（数量）" in words
    unknown = back | {"feedetl_sn": "4", "init_feedetl_sn": "9"}
    await hospital.refused("2301", {"feedetail": [unknown]}, "refund_line_unknown")
    await hospital.refused("2302", hospital.of_visit(mdtrt_id, feedetl_sn="1"), "nhsa_line_refunded")
    await hospital.discharged(mdtrt_id)
    assert (await hospital.settled(mdtrt_id, "20.00"))["setlinfo"]["inscp_scp_amt"] == 20


async def test_a_refund_that_spoils_an_earlier_line_is_refused_when_it_comes(hospital: Hospital) -> None:
    """A refund whose amount leaves the original line with a wrong net is told of the refund's row."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "10.00", cnt="3", det_item_fee_sumamt="30.00"))
    back = hospital.line(mdtrt_id, "2", "10.00", cnt="-1", det_item_fee_sumamt="-5.00", init_feedetl_sn="1")
    words = await hospital.refused("2301", {"feedetail": [back]}, "line_amount_mismatch")
    assert "feedetail 第 1 条" in words


async def test_lines_are_withdrawn_one_by_one_or_all(hospital: Hospital) -> None:
    """2302 takes lines by serial number, several at once, or all of them with 0000; a withdrawn number is free
    again."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.charged(mdtrt_id, *(hospital.line(mdtrt_id, str(number)) for number in range(4)))
    one = {"mdtrt_id": mdtrt_id, "psn_no": hospital.world.person}
    await hospital.done("2302", {"data": [one | {"feedetl_sn": "0"}, one | {"feedetl_sn": "1"}]})
    await hospital.refused("2302", {"data": one | {"feedetl_sn": "1"}}, "nhsa_line_unknown")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "7.00"))
    await hospital.done("2302", {"data": one | {"feedetl_sn": "0000"}})
    await hospital.discharged(mdtrt_id)
    await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "0.00"), "nhsa_no_lines")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"det_item_fee_sumamt": "26.00"}, "line_amount_mismatch"),
        ({"cnt": "-1", "det_item_fee_sumamt": "-25.00"}, "negative_quantity"),
        ({"cnt": "0", "det_item_fee_sumamt": "0"}, "quantity_zero"),
        ({"pric": "-25.00", "det_item_fee_sumamt": "-25.00"}, "price_format"),
        ({"fee_ocur_time": "2018-05-01 23:59:59"}, "charged_outside_stay"),
    ],
)
async def test_a_line_that_no_bill_could_have_is_refused_when_it_comes(
    hospital: Hospital, changes: dict[str, str], code: str
) -> None:
    """Amount, sign, count and day of a line are checked at once, and nothing of the call is stored."""
    mdtrt_id = await hospital.admitted(visit_id())
    rows = [hospital.line(mdtrt_id, "1"), hospital.line(mdtrt_id, "2") | changes]
    assert "feedetail 第 2 条" in await hospital.refused("2301", {"feedetail": rows}, code)
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"))


async def test_a_serial_number_is_used_once(hospital: Hospital) -> None:
    """The same serial number twice, in one call or in two, is refused."""
    mdtrt_id = await hospital.admitted(visit_id())
    line = hospital.line(mdtrt_id, "1")
    await hospital.refused("2301", {"feedetail": [line, line]}, "nhsa_serial_repeated")
    await hospital.charged(mdtrt_id, line)
    await hospital.refused("2301", {"feedetail": [line]}, "nhsa_serial_repeated")


async def test_a_call_is_of_one_visit(hospital: Hospital) -> None:
    """Rows of two visits in one call are refused."""
    one, two = await hospital.admitted(visit_id()), await hospital.admitted(visit_id())
    rows = [hospital.line(one, "1"), hospital.line(two, "2")]
    await hospital.refused("2301", {"feedetail": rows}, "nhsa_rows_of_visits")
    await hospital.charged(one, rows[0])
    withdrawn = [hospital.of_visit(one, feedetl_sn="1")["data"], hospital.of_visit(two, feedetl_sn="1")["data"]]
    await hospital.refused("2302", {"data": withdrawn}, "nhsa_rows_of_visits")


async def test_at_most_three_hundred_lines_a_call(hospital: Hospital) -> None:
    """300 lines are taken at once, 301 are not; a stay may have more than that."""
    mdtrt_id = await hospital.admitted(visit_id())
    rows = [hospital.line(mdtrt_id, str(number), "1.00") for number in range(301)]
    assert "最多 300 条" in await hospital.refused("2301", {"feedetail": rows}, "nhsa_too_many_rows")
    assert len(await hospital.charged(mdtrt_id, *rows[:300])) == 300
    await hospital.charged(mdtrt_id, *[row | {"feedetl_sn": f"x{row['feedetl_sn']}"} for row in rows[:300]])
    await hospital.discharged(mdtrt_id)
    assert (await hospital.settled(mdtrt_id, "600.00"))["setlinfo"]["medfee_sumamt"] == 600


async def test_a_cancel_answers_negative_amounts_and_the_stay_can_be_settled_again(hospital: Hospital) -> None:
    """2305 gives a new setl_id with all amounts negative, once; afterwards lines may change and 2304 settles anew."""
    mdtrt_id = await hospital.stay(visit_id())
    info = (await hospital.settled(mdtrt_id, "12000.00"))["setlinfo"]
    more = hospital.line(mdtrt_id, "2", "100.00")
    assert info["setl_id"] in await hospital.refused("2301", {"feedetail": [more]}, "nhsa_visit_settled")
    await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "12000.00"), "nhsa_visit_settled")
    await hospital.refused("2302", hospital.of_visit(mdtrt_id, feedetl_sn="1"), "nhsa_line_settled")
    await hospital.refused("2405", hospital.of_visit(mdtrt_id), "nhsa_visit_settled")
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_settled")
    cancelled = (await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"])))["setlinfo"]
    assert cancelled["setl_id"] != info["setl_id"]
    for name in (
        "medfee_sumamt",
        "hifp_pay",
        "maf_pay",
        "psn_part_amt",
        "fund_pay_sumamt",
        "inscp_scp_amt",
        "act_pay_dedc",
    ):
        assert cancelled[name] == -info[name]
    words = await hospital.refused(
        "2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]), "nhsa_already_cancelled"
    )
    assert cancelled["setl_id"] in words
    await hospital.charged(mdtrt_id, more)
    again = (await hospital.settled(mdtrt_id, "12100.00"))["setlinfo"]
    assert again["setl_id"] not in (info["setl_id"], cancelled["setl_id"])
    read = (await hospital.world.client.get(f"/v1/settlements/{again['setl_id']}")).json()
    assert read["settle_seq"] == 2


async def test_interim_settlements_follow_each_other(hospital: Hospital) -> None:
    """``mid_setl_flag`` 1 settles what was charged until the cut-off day; the final bill starts the day after."""
    mdtrt_id = await hospital.admitted(visit_id())
    late = hospital.line(mdtrt_id, "2", "500.00", fee_ocur_time="20180508093000")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "3000.00"), late)
    first = (await hospital.settled(mdtrt_id, "3000.00", mid_setl_flag="1", dscgTime="2018-05-05"))["setlinfo"]
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_settled")
    await hospital.discharged(mdtrt_id)
    second = (await hospital.settled(mdtrt_id, "500.00"))["setlinfo"]
    assert (first["medfee_sumamt"], second["medfee_sumamt"]) == (3000, 500)
    reads = [(await hospital.world.client.get(f"/v1/settlements/{one['setl_id']}")).json() for one in (first, second)]
    assert [(one["interim"], one["settle_seq"], one["admitted_on"], one["discharged_on"]) for one in reads] == [
        (True, 1, "2018-05-02", "2018-05-05"),
        (False, 2, "2018-05-06", "2018-05-12"),
    ]
    await hospital.refused("2305", hospital.of_visit(mdtrt_id, setl_id=first["setl_id"]), "nhsa_later_settlements")


async def test_a_final_settlement_needs_the_discharge(hospital: Hospital) -> None:
    """A quote is given while the patient lies in; settling for good isn't, unless the day is named."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"))
    await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00"))
    await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "25.00"), "nhsa_not_discharged")
    await hospital.settled(mdtrt_id, "25.00", dscgTime="2018-05-10")


async def test_discharge_and_admission_are_withdrawn_in_their_order(hospital: Hospital) -> None:
    """2405, then 2302 with 0000, then 2404; afterwards the hospital's number can be used again."""
    number = visit_id()
    mdtrt_id = await hospital.stay(number)
    await hospital.refused("2401", hospital.admission(number), "nhsa_visit_exists")
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_discharged_before")
    again = {"mdtrt_id": mdtrt_id, "psn_no": hospital.world.person, "endtime": "2018-05-12", "dscg_way": "1"}
    row = {"dscg_dept_codg": "1", "dscg_dept_name": "1", "insutype": "390"} | again
    await hospital.refused("2402", {"dscginfo": row}, "nhsa_discharged_before")
    await hospital.done("2405", hospital.of_visit(mdtrt_id))
    await hospital.refused("2405", hospital.of_visit(mdtrt_id), "nhsa_not_discharged")
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_has_lines")
    await hospital.done("2302", hospital.of_visit(mdtrt_id, feedetl_sn="0000"))
    await hospital.done("2404", hospital.of_visit(mdtrt_id))
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_unknown")
    assert await hospital.admitted(number) != mdtrt_id


async def test_a_change_of_the_admission_counts_when_settling(hospital: Hospital) -> None:
    """2403 moves the admission day and the medical type; the hospital's number stays."""
    number = visit_id()
    mdtrt_id = await hospital.admitted(number)
    sent = hospital.admission(number)["mdtrtinfo"]
    row = {key: value for key, value in sent.items() if key not in ("ipt_no", "insutype")}
    row |= {"mdtrt_id": mdtrt_id, "ipt_otp_no": number, "begntime": "2018-05-03", "med_type": "2102"}
    await hospital.refused("2403", {"adminfo": row | {"ipt_otp_no": "other"}}, "nhsa_visit_number_fixed")
    await hospital.done("2403", {"adminfo": row})
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", fee_ocur_time="2018-05-03"))
    await hospital.discharged(mdtrt_id)
    info = (await hospital.settled(mdtrt_id, "25.00"))["setlinfo"]
    assert info["med_type"] == "2102"
    assert (await hospital.world.client.get(f"/v1/settlements/{info['setl_id']}")).json()["admitted_on"] == "2018-05-03"


async def test_a_visit_is_settled_by_one_door_only(hospital: Hospital) -> None:
    """What /v1 settled isn't settled again by the national interface, nor the other way round."""
    world, number = hospital.world, visit_id()
    mdtrt_id = await hospital.stay(number, "25.00")
    by_v1 = await world.settled(world.bill(visit_id=number))
    words = await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "25.00"), "nhsa_visit_settled")
    assert by_v1["settlement_id"] in words
    other = visit_id()
    await hospital.settled(await hospital.stay(other, "25.00"), "25.00")
    answer = await world.settle(world.bill(visit_id=other))
    assert answer.json()["code"] == "already_settled"


async def test_the_scope_sent_must_be_ours(hospital: Hospital) -> None:
    """A scope amount in 2304 that isn't ours is named with ours, the first that differs; equal ones settle."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    wrong = {"fulamt_ownpay_amt": "0", "overlmt_selfpay": "1.00", "inscp_scp_amt": "24.00"}
    words = await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "25.00", **wrong), "nhsa_scope_differs")
    assert "overlmt_selfpay" in words
    assert "0.00 元" in words
    right = {"fulamt_ownpay_amt": 0, "overlmt_selfpay": "0.0", "preselfpay_amt": "0", "inscp_scp_amt": 25}
    await hospital.settled(mdtrt_id, "25.00", **right)


async def test_scope_amounts_of_zero_are_not_known(hospital: Hospital) -> None:
    """A settle whose scope amounts are all 0, empty or absent is done: its sender doesn't know them."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    unknown = {"fulamt_ownpay_amt": 0, "overlmt_selfpay": "0.00", "preselfpay_amt": "", "inscp_scp_amt": "0"}
    answer = await hospital.settled(mdtrt_id, "25.00", **unknown)
    assert answer["setlinfo"]["inscp_scp_amt"] == 25


async def test_a_total_that_differs_is_named_by_its_national_field(hospital: Hospital) -> None:
    """A wrong ``medfee_sumamt`` is refused in quote and settle, and told as that field."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    for infno in ("2303", "2304"):
        words = await hospital.refused(infno, hospital.settling(infno, mdtrt_id, "26.00"), "total_mismatch")
        assert "节点 data 字段 medfee_sumamt（医疗费总额）" in words


async def test_lines_that_dont_fit_the_stay_are_named_when_settling(hospital: Hospital) -> None:
    """A line charged after the day of discharge is told by its place among the uploaded lines."""
    mdtrt_id = await hospital.admitted(visit_id())
    late = hospital.line(mdtrt_id, "2", fee_ocur_time="2018-05-20")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"), late)
    await hospital.discharged(mdtrt_id)
    words = await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "50.00"), "charged_outside_stay")
    assert "已上传明细第 2 条" in words
    assert "fee_ocur_time" in words


async def test_childbirth_is_settled_as_such(hospital: Hospital) -> None:
    """2106 and 2107 are childbirths by themselves, 52 by its ``matn_type``; clr_type is that of childbirth."""
    for med_type, matn_type in (("2106", None), ("2107", None), ("52", "3")):
        mdtrt_id = await hospital.admitted(visit_id(), med_type=med_type, matn_type=matn_type)
        await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "1000.00"))
        await hospital.discharged(mdtrt_id)
        assert (await hospital.settled(mdtrt_id, "1000.00"))["setlinfo"]["clr_type"] == "99949"
    mdtrt_id = await hospital.admitted(visit_id(), med_type="52")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "1000.00"))
    words = await hospital.refused("2303", hospital.settling("2303", mdtrt_id, "1000.00"), "delivery_mode_missing")
    assert "就诊登记 字段 matn_type（生育类别）" in words


async def test_a_medical_type_that_isnt_settled_here_is_refused(hospital: Hospital) -> None:
    """A code of the list without a rule here is told when it comes to money."""
    mdtrt_id = await hospital.admitted(visit_id(), med_type="71")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"))
    await hospital.refused("2303", hospital.settling("2303", mdtrt_id, "25.00"), "nhsa_med_type_unsupported")


async def test_a_visit_belongs_to_its_person_and_hospital(hospital: Hospital) -> None:
    """The wrong person, another hospital, the wrong kind of transaction and an unknown visit are refused."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.refused("2404", hospital.of_visit(mdtrt_id, psn_no="P0"), "nhsa_person_differs")
    county = Hospital(hospital.world, hospital.world.county)
    await county.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_unknown")
    await hospital.refused("2202", hospital.of_visit(mdtrt_id, ipt_otp_no="x"), "nhsa_visit_setting")
    await hospital.refused("2404", hospital.of_visit("mdt_0"), "nhsa_visit_unknown")
    await hospital.refused("2404", hospital.of_visit("你"), "nhsa_visit_unknown")


async def test_an_admission_needs_a_known_person_and_a_past_day(hospital: Hospital) -> None:
    """Unknown persons, days to come, and numbers with blanks inside their ends are told with their field."""
    assert "psn_no" in await hospital.refused("2401", hospital.admission(visit_id(), psn_no="P0"), "unknown_person")
    await hospital.refused("2401", hospital.admission(visit_id(), begntime="2031-01-01"), "in_the_future")
    mdtrt_id = await hospital.admitted(visit_id())
    row = {"mdtrt_id": mdtrt_id, "psn_no": hospital.world.person, "insutype": "390", "dscg_way": "1"}
    row |= {"dscg_dept_codg": "1", "dscg_dept_name": "1"}
    await hospital.refused("2402", {"dscginfo": row | {"endtime": "2018-05-01"}}, "discharge_before_admission")
    await hospital.refused("2402", {"dscginfo": row | {"endtime": "2031-05-01"}}, "in_the_future")


async def test_settlements_of_the_wrong_visit_cant_be_cancelled(hospital: Hospital) -> None:
    """A setl_id that isn't this visit's is unknown, whatever it is."""
    one = await hospital.stay(visit_id())
    two = await hospital.stay(visit_id(), "20.00")
    setl_id = (await hospital.settled(one, "12000.00"))["setlinfo"]["setl_id"]
    for wrong in (setl_id, "set_0", "x", "set_99999999999999999999"):
        await hospital.refused("2305", hospital.of_visit(two, setl_id=wrong), "nhsa_settlement_unknown")
