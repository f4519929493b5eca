"""What hospitals' systems really send and must be let through at the national interface."""

import asyncpg
import httpx
import pytest

from app.basics.errors import Fault, Refused
from app.nhsa.api import CALL_SERVICE
from app.nhsa.client import filled
from app.nhsa.envelope import error_text
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


async def test_5203_of_a_cancelled_settlement_names_the_cancellation(hospital: Hospital) -> None:
    """A settlement that was taken back shows ``refd_setl_flag`` 1 and the id that took it back."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    setl_id = (await hospital.settled(mdtrt_id, "25.00"))["setlinfo"]["setl_id"]
    asked = hospital.of_visit(mdtrt_id, setl_id=setl_id)
    before = (await hospital.done("5203", asked))["setlinfo"]
    cancelled = (await hospital.done("2305", asked))["setlinfo"]["setl_id"]
    after = (await hospital.done("5203", asked))["setlinfo"]
    assert (before["refd_setl_flag"], before["refd_setl_id"]) == ("0", "")
    assert (after["refd_setl_flag"], after["refd_setl_id"]) == ("1", cancelled)


# ---------------------------------------------------------------- identity


async def test_1101_by_certificate_alone(hospital: Hospital) -> None:
    """With an identity card its number is enough; a name is compared when it is sent, and so are two numbers."""
    card = {"mdtrt_cert_type": "02", "mdtrt_cert_no": hospital.world.id_number}
    output = await hospital.done("1101", {"data": card})
    assert output["baseinfo"]["psn_no"] == hospital.world.person
    await hospital.refused("1101", {"data": card | {"psn_name": "王某"}}, "unknown_person")
    await hospital.refused("1101", {"data": card | {"certno": "530102190001010000"}}, "nhsa_person_differs")
    await hospital.done("2401", hospital.admission(visit_id(), certno=""))


@pytest.mark.parametrize("kind", ["01", "03"])
async def test_cards_and_vouchers_are_not_read_here(hospital: Hospital, kind: str) -> None:
    """A card or an electronic voucher identifies nobody by itself; with ``certno`` beside it the number counts."""
    row = {"mdtrt_cert_type": kind, "mdtrt_cert_no": "A1234567"}
    await hospital.refused("1101", {"data": row}, "nhsa_card_not_served")
    await hospital.done("1101", {"data": row | {"certno": hospital.world.id_number}})


async def test_failed_look_ups_are_limited(hospital: Hospital, connection: asyncpg.Connection) -> None:
    """After sixty failures within an hour nobody is identified any more; they are counted per hospital."""
    wrong = {"mdtrt_cert_type": "02", "mdtrt_cert_no": "530102190001010000"}
    await hospital.refused("1101", {"data": wrong}, "unknown_person")
    await hospital.refused("2401", hospital.admission(visit_id(), certno="530102190001010000"), "nhsa_person_differs")
    code = hospital.sender.hospital_code
    assert await connection.fetchval("SELECT count(*) FROM nhsa_failed_lookup WHERE hospital_code = $1", code) == 2
    await connection.execute(
        "INSERT INTO nhsa_failed_lookup (hospital_code) SELECT $1 FROM generate_series(1, 58)", code
    )
    right = {"mdtrt_cert_type": "02", "mdtrt_cert_no": hospital.world.id_number}
    await hospital.refused("1101", {"data": right}, "nhsa_too_many_failures")
    await hospital.refused("2401", hospital.admission(visit_id()), "nhsa_too_many_failures")
    county = Hospital(hospital.world, hospital.world.county)
    await county.done("1101", {"data": right})
    await connection.execute("UPDATE nhsa_failed_lookup SET failed_at = failed_at - interval '61 minutes'")
    await hospital.done("1101", {"data": right})


async def test_another_insurance_than_the_visits_is_refused(hospital: Hospital) -> None:
    """``insutype`` may be left out of every message of a visit; one that differs is told."""
    mdtrt_id = await hospital.admitted(visit_id())
    row = filled("2402", "dscginfo", mdtrt_id=mdtrt_id, psn_no=hospital.world.person, dscg_way="1")
    row |= {"endtime": "2018-05-12 10:00:00", "insutype": "310"}
    await hospital.refused("2402", {"dscginfo": row}, "nhsa_person_differs")


# ---------------------------------------------------------------- repeating and undoing


async def test_a_replay_of_what_was_withdrawn_names_the_withdrawal(hospital: Hospital) -> None:
    """2402 after 2405, 2401 after 2404 or 2601 and 2201 after 2202 aren't answered as if they still held."""
    number, admission, discharge_no = visit_id(), hospital.admission(visit_id()), visit_id()
    mdtrt_id = (await hospital.done("2401", admission, number))["result"]["mdtrt_id"]
    values = {"mdtrt_id": mdtrt_id, "psn_no": hospital.world.person, "insutype": "390", "dscg_way": "1"}
    leaving = {"dscginfo": filled("2402", "dscginfo", **values, endtime="2018-05-12 10:00:00")}
    await hospital.done("2402", leaving, discharge_no)
    await hospital.done("2402", leaving, discharge_no)
    await hospital.done("2405", hospital.of_visit(mdtrt_id))
    assert "2405" in await hospital.refused("2402", leaving, "nhsa_withdrawn_since", discharge_no)
    await hospital.done("2402", leaving)
    assert "2405" in await hospital.refused("2402", leaving, "nhsa_withdrawn_since", discharge_no)
    await hospital.done("2405", hospital.of_visit(mdtrt_id))
    await hospital.done("2404", hospital.of_visit(mdtrt_id))
    assert "2404" in await hospital.refused("2401", admission, "nhsa_withdrawn_since", number)
    again, undoing = visit_id(), {"psn_no": hospital.world.person, "oinfno": "2401"}
    await hospital.done("2401", admission, again)
    await hospital.done("2601", {"data": undoing | {"omsgid": again}})
    assert "2601" in await hospital.refused("2401", admission, "nhsa_withdrawn_since", again)


async def test_2601_under_another_infno_names_the_right_one(hospital: Hospital) -> None:
    """A msgid that is known under another transaction isn't taken for one that never arrived."""
    number = visit_id()
    await hospital.done("2401", hospital.admission(visit_id()), number)
    undoing = {"psn_no": hospital.world.person, "oinfno": "2304", "omsgid": number}
    assert "2401" in await hospital.refused("2601", {"data": undoing}, "nhsa_msgid_of_other")


async def test_a_refused_messages_msgid_is_free_also_after_2601(hospital: Hospital) -> None:
    """A refused message did arrive: 2601 has nothing to undo, and the msgid may be used for the mended message."""
    number, undoing = visit_id(), {"psn_no": hospital.world.person, "oinfno": "2401"}
    await hospital.refused("2401", hospital.admission(visit_id(), med_type="99"), "not_in_list", number)
    await hospital.done("2601", {"data": undoing | {"omsgid": number}})
    await hospital.done("2401", hospital.admission(visit_id()), number)
    never = visit_id()
    await hospital.done("2601", {"data": undoing | {"omsgid": never}})
    await hospital.refused("2401", hospital.admission(visit_id()), "nhsa_message_undone", never)


async def test_a_line_of_settled_days_is_refused_at_once(hospital: Hospital) -> None:
    """After an interim settlement a line of its days has no bill: 2301 says so, and that 2305 comes first."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "100.00"))
    interim = {"mid_setl_flag": "1", "dscgTime": "2018-05-05 00:00:00"}
    info = (await hospital.settled(mdtrt_id, "100.00", **interim))["setlinfo"]
    late = hospital.line(mdtrt_id, "2", fee_ocur_time="2018-05-05 23:00:00")
    said = await hospital.refused("2301", {"feedetail": [late]}, "nhsa_day_settled")
    assert info["setl_id"] in said
    assert "2305" in said
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "3", fee_ocur_time="2018-05-06 00:00:00"))
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    await hospital.charged(mdtrt_id, late)


# ---------------------------------------------------------------- answers


async def test_what_has_no_ceiling_is_told_as_999999(hospital: Hospital) -> None:
    """``pric_uplmt_amt`` of an item without a ceiling is the standard's 999999, of another one the ceiling."""
    mdtrt_id = await hospital.admitted(visit_id())
    free, bound = await hospital.charged(
        mdtrt_id, hospital.line(mdtrt_id, "1"), hospital.line(mdtrt_id, "2", "10.00", "B")
    )
    assert (free["pric_uplmt_amt"], bound["pric_uplmt_amt"]) == (999999, 50)


async def test_the_price_of_many_decimals_has_its_tolerance(hospital: Hospital) -> None:
    """A price that was divided to four decimals lets the amount differ by what that rounding makes."""
    mdtrt_id = await hospital.admitted(visit_id())
    fits = hospital.line(mdtrt_id, "1", "10000.00", cnt="3000", pric="3.3333")
    await hospital.charged(mdtrt_id, fits)
    wrong = hospital.line(mdtrt_id, "2", "10000.06", cnt="3000", pric="3.3333")
    await hospital.refused("2301", {"feedetail": [wrong]}, "line_amount_mismatch")


def test_err_msg_has_at_most_200_characters() -> None:
    """However many faults there are, and however long the first is, the text fits and says how many are left."""
    for count in (1, 2, 3, 20, 300):
        faults = [Fault(f"/feedetail/{n}/med_list_codg", "not_in_list", {"allowed": "甲" * 150}) for n in range(count)]
        said = error_text(Refused(faults), "2301")
        assert len(said) <= 200, said
        assert "[not_in_list]" in said
        assert (f"另有 {count - 1} 处问题" in said) == (count > 1)


async def test_2203_needs_the_disease_for_chronic_visits_only(hospital: Hospital) -> None:
    """An ordinary outpatient has no disease of the list; type 14 without one is refused."""
    mdtrt_id = await hospital.registered(visit_id())
    about = {"mdtrt_id": mdtrt_id, "psn_no": hospital.world.person, "begntime": "2018-05-02 08:00:00"}
    row = filled("2203", "mdtrtinfo", **about, med_type="14")
    assert "dise_codg" not in row
    assert "dise_codg" in await hospital.refused("2203", {"mdtrtinfo": row}, "missing")


async def test_look_ups_of_institution_codes_catalogue_and_stays(hospital: Hospital) -> None:
    """1201 tells of the hospital itself, 1901 a code list, 1312 the catalogue by pages, 5303 who is still in."""
    (found,) = (await hospital.done("1201", {"medinsinfo": {"fixmedins_type": "1"}}))["medinsinfo"]
    assert (found["fixmedins_code"], found["hosp_lv"]) == (hospital.sender.hospital_code, "8")
    other = {"fixmedins_type": "1", "fixmedins_code": hospital.world.county}
    assert (await hospital.done("1201", {"medinsinfo": other}))["medinsinfo"] == []
    asked = filled("1901", "data", Vali_Flag="1")
    codes = (await hospital.done("1901", {"data": asked | {"type": "CLR_TYPE"}}))["list"]
    assert {"11", "21"} <= {row["value"] for row in codes}
    assert (await hospital.done("1901", {"data": asked | {"type": "unknown"}}))["list"] == []
    item, page = hospital.world.item("B"), {"updt_time": "2018-01-01", "page_num": "1", "page_size": "2"}
    (row,) = await hospital.done("1312", {"data": page | {"hilist_code": item, "query_date": "2018-05-02"}})
    assert (row["hilist_code"], row["chrgitm_lv"], row["begndate"], row["enddate"]) == (item, "02", "2017-01-01", "")
    assert len(await hospital.done("1312", {"data": page | {"hilist_name": "项目"}})) == 2
    assert await hospital.done("1312", {"data": page | {"hilist_code": item, "page_num": "2"}}) == []
    await hospital.refused("1312", {"data": page | {"page_size": "0"}}, "number_out_of_range")
    mdtrt_id = await hospital.admitted(visit_id())
    span = {"psn_no": hospital.world.person, "begntime": "2018-05-01", "endtime": "2018-05-31"}
    for asked in (span, {name: value for name, value in span.items() if name != "psn_no"}):
        assert [row["mdtrt_id"] for row in (await hospital.done("5303", {"data": asked}))["data"]] == [mdtrt_id]
    await hospital.discharged(mdtrt_id)
    assert (await hospital.done("5303", {"data": span}))["data"] == []


async def test_accumulators_have_national_codes(hospital: Hospital) -> None:
    """5206 tells each accumulator under the code that the area's dictionary gives it."""
    await hospital.settled(await hospital.stay(visit_id(), "12000.00"), "12000.00")
    rows = (await hospital.done("5206", {"data": {"psn_no": hospital.world.person, "cum_ym": "201805"}}))["cuminfo"]
    by_code = {row["cum_type_code"]: row["cum"] for row in rows}
    assert by_code["C0000"] == 1
    assert {"Q0000", "F0000", "D390101", "D390201", "D610101", "D640101"} <= set(by_code)
